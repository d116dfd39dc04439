//! The register is read strictly, and a suite cannot end badly without being counted as failed.

use super::*;
use crate::shell::Ended;

#[test]
fn rows_are_read() {
    let suites = parse(
        r#"suites = [
          { name = "wire", command = "python -m pytest tests/wire", needs = ["python", "server"], server_args = "--clock skip" },
          { name = "afl", command = "xtask conformance afl", wants = "../shared/conformance/afl", seconds = 60 },
        ]"#,
    )
    .unwrap();
    assert_eq!(
        suites,
        [
            Suite {
                name: "wire".into(),
                command: ["python", "-m", "pytest", "tests/wire"]
                    .map(String::from)
                    .into(),
                needs: vec![Need::Python, Need::Server],
                server_args: ["--clock", "skip"].map(String::from).into(),
                wants: None,
                limit: LIMIT,
                alone: false,
            },
            Suite {
                name: "afl".into(),
                command: ["xtask", "conformance", "afl"].map(String::from).into(),
                needs: vec![],
                server_args: vec![],
                wants: Some("../shared/conformance/afl".into()),
                limit: Duration::from_secs(60),
                alone: false,
            },
        ]
    );
}

#[test]
fn mistakes_in_the_register_are_refused() {
    let cases = [
        ("suites = 3", "`suites` is a list"),
        ("suites = [{ command = \"x\" }]", "a row has a name"),
        ("suites = [{ name = \"a\" }]", "a row has a command"),
        (
            "suites = [{ name = \"a\", command = \" \" }]",
            "the command is empty",
        ),
        (
            "suites = [{ name = \"a\", command = \"x\", need = [] }]",
            "unknown key \"need\"",
        ),
        (
            "suites = [{ name = \"a\", command = \"x\", needs = [\"ruby\"] }]",
            "a need is python",
        ),
        (
            "suites = [{ name = \"a\", command = \"x\", seconds = \"1\" }]",
            "whole number",
        ),
        (
            "suites = [{ name = \"a\", command = \"x\" }, { name = \"a\", command = \"y\" }]",
            "two rows are named",
        ),
    ];
    for (text, expect) in cases {
        let error = format!("{:#}", parse(text).unwrap_err());
        assert!(error.contains(expect), "{text}: {error}");
    }
}

#[test]
fn the_projects_own_register_is_valid() {
    let text = include_str!("../../../tests/suites.toml");
    assert!(!parse(text).unwrap().is_empty());
}

fn suite(command: &str) -> Suite {
    Suite {
        name: "s".into(),
        command: ["sh", "-c", command].map(String::from).into(),
        needs: vec![],
        server_args: vec![],
        wants: None,
        limit: Duration::from_secs(20),
        alone: false,
    }
}

#[test]
fn endings_are_judged() {
    let ended = |success, timed_out, text: &str| Ended {
        success,
        code: Some(i32::from(!success)),
        timed_out,
        text: text.into(),
        elapsed: Duration::ZERO,
    };
    let suite = suite("");
    let cases = [
        (ended(true, false, "3 passed in 1s"), Counts::new(3, 0, 0)),
        (
            ended(false, false, "1 failed, 2 passed in 1s"),
            Counts::new(2, 1, 0),
        ),
        (ended(false, false, "3 passed in 1s"), Counts::new(3, 1, 0)),
        (ended(true, false, "all well"), Counts::new(0, 1, 0)),
        (
            ended(true, false, "0 passed, 0 failed"),
            Counts::new(0, 1, 0),
        ),
        (ended(false, true, "3 passed in 1s"), Counts::new(3, 1, 0)),
    ];
    for (ended, expect) in cases {
        assert_eq!(judge(&suite, &ended).0, expect, "{ended:?}");
    }
}

#[test]
fn a_suite_receives_the_binary_and_is_counted() {
    let root = crate::root::TemporaryFolder::new("suite").unwrap();
    let command = r#"echo "SKIPPED $EVERSTEP_BIN: why"; echo 2 passed, 0 failed, 1 skipped"#;
    let outcome = run(
        root.path(),
        &suite(command),
        Path::new("/bin/everstep"),
        &[],
    )
    .unwrap();
    let Outcome::Ran { counts, skips, .. } = outcome else {
        panic!("it ran: {outcome:?}");
    };
    assert_eq!(counts, Counts::new(2, 0, 1));
    assert_eq!(skips, [(1, "/bin/everstep: why".to_owned())]);
}

#[test]
fn material_that_is_absent_is_a_skip_with_its_reason() {
    let root = crate::root::TemporaryFolder::new("suite").unwrap();
    let mut suite = suite("echo 1 passed");
    suite.wants = Some("../no-such-folder".into());
    let outcome = run(root.path(), &suite, Path::new("x"), &[]).unwrap();
    assert!(
        matches!(&outcome, Outcome::Skipped(reason) if reason == "../no-such-folder is not here"),
        "{outcome:?}"
    );
}
