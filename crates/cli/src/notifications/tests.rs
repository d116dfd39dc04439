//! What is read of `[[notify]]`, and what is refused with which words.

use std::path::PathBuf;

use super::*;

fn read(text: &str) -> Result<Notifications, String> {
    let settings = Settings::parse(PathBuf::from("s.toml"), text).expect("settings");
    Notifications::read(&settings).map_err(|error| error.to_string())
}

/// One sink with this in it.
fn refused(lines: &str) -> String {
    let text = format!("[[notify]]\nname = 'ops'\non = ['execution.failed']\n{lines}\n");
    read(&text).expect_err(lines)
}

#[test]
fn sinks_are_made_with_what_they_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("written");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let text = format!(
        r#"
        [[notify]]
        name = "ops"
        on = ["approval.requested", "execution.*"]
        definition = "research-*"
        to = "webhook"
        url = "https://example.org/hook"
        secret = {{ file = "{}" }}

        [[notify]]
        name = "mail"
        on = ["*"]
        definition = ["a", "b"]
        to = "smtp"
        server = "localhost"
        security = "none"
        from = "everstep@example.org"
        recipients = ["me@example.org"]

        [[notify]]
        name = "log"
        on = ["WorkflowStateChanged"]
        to = "log"
        "#,
        secret.display()
    );
    let all = read(&text).expect("read");
    assert!(matches!(all.sinks["ops"], Sink::Webhook(_)));
    assert!(matches!(all.sinks["mail"], Sink::Mail(_)));
    assert!(matches!(all.sinks["log"], Sink::Log));
    assert_eq!(all.subscribed[0].definitions, ["research-*"]);
    assert_eq!(all.subscribed[1].definitions, ["a", "b"]);
    assert!(all.subscribed[2].definitions.is_empty());
}

#[test]
fn e0190_names_the_sink_and_what_is_wrong_with_it() {
    for (lines, part) in [
        ("to = 'pigeon'", "unknown variant `pigeon`"),
        ("to = 'log'\ncolour = 'red'", "unknown field `colour`"),
        (
            "to = 'webhook'\nurl = 'https://example.org'",
            "missing field `secret`",
        ),
        (
            "to = 'webhook'\nurl = 'ftp://example.org'\nsecret = { env = 'PATH' }",
            "no http or https URL",
        ),
        (
            "to = 'pagerduty'\nrouting_key = { env = 'EVERSTEP_NOT_SET' }",
            "EVERSTEP_NOT_SET is not set",
        ),
        ("to = 'sns'\ntopic = 'alerts'", "alerts is none"),
        (
            "to = 'webhook'\nurl = 'https://example.org'\nsecret = { env = 'PATH' }",
            "its secret is no key",
        ),
    ] {
        let error = refused(lines);
        assert!(error.contains(part), "{lines}\n{error}");
        assert!(
            error.contains("E0190") && error.contains("ops: "),
            "{error}"
        );
    }
}

#[test]
fn a_secret_that_is_written_is_refused_and_not_repeated() {
    let error = refused("to = 'pagerduty'\nrouting_key = 'hush-hush'");
    assert!(error.contains("a secret is named, not written"), "{error}");
    assert!(!error.contains("hush-hush"), "{error}");
}

#[test]
fn invitations_are_for_one_person_each() {
    let sink = |on: &str, lines: &str| {
        let smtp = "to = 'smtp'\nserver = 'localhost'\nsecurity = 'none'\nfrom = 'e@example.org'";
        let to = if lines.contains("to = ") { "" } else { smtp };
        read(&format!(
            "[[notify]]\nname = 'ops'\non = {on}\n{to}\n{lines}\n"
        ))
    };
    let good = sink("['approval.invited']", "domains = ['example.org']").expect("a sink");
    assert!(matches!(&good.sinks["ops"], Sink::Mail(mail) if mail.is_personal()));
    for (on, lines, part) in [
        ("['approval.invited']", "to = 'log'", "for one person each"),
        (
            "['approval.invited']",
            "recipients = ['all@example.org']",
            "smtp without recipients",
        ),
        (
            "['approval.invited']",
            "recipients = ['all@example.org']\ndomains = ['example.org']",
            "a link of somebody else",
        ),
        (
            "['approval.invited', 'approval.decided']",
            "domains = ['example.org']",
            "a sink of its own",
        ),
        (
            "['approval.*']",
            "domains = ['example.org']",
            "other events have recipients",
        ),
        ("['approval.*']", "", "nobody who is told"),
    ] {
        let error = sink(on, lines).expect_err(lines);
        assert!(error.contains(part), "{on} {lines}\n{error}");
    }
}

#[test]
fn an_event_that_will_never_happen_is_refused() {
    let text = "[[notify]]\nname = 'ops'\non = ['execution.fialed']\nto = 'log'\n";
    let error = read(text).expect_err("a slip");
    assert!(
        error.contains("there is no event execution.fialed; there are execution.started,"),
        "{error}"
    );
    let text = "[[notify]]\nname = 'ops'\non = []\nto = 'log'\n";
    assert!(
        read(text)
            .expect_err("nothing")
            .contains("on names no event")
    );
    let twice = "[[notify]]\nname = 'ops'\non = ['*']\nto = 'log'\n".repeat(2);
    assert!(
        read(&twice)
            .expect_err("twice")
            .contains("another sink has this name")
    );
}
