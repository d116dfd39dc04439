use serde_json::json;

use super::*;
use crate::settings::Role;

fn question(made: &Value, link: Option<&str>, review: &Review) -> Question {
    let settings = Settings::read(Role::Workflow, |name| {
        let value = match name {
            "APPROVAL_APPROVERS" => "ann,group:board",
            "APPROVAL_TIMEOUT_HOURS" => "24",
            "CALLBACK_API_URL" => "http://here",
            "POLL_SECONDS" | "APPROVAL_QUORUM" | "APPROVAL_REMINDERS" | "APPROVAL_LINKS" => {
                return None;
            }
            "RESEARCH_SERVICES" => "everstep",
            _ => "x",
        };
        Some(value.to_owned())
    });
    let settings = settings.expect("settings");
    let record = Record::new("w-1", "tidal\npower", json!({}), "arn", "now");
    Question::new(&settings, &record, made, link, review)
}

fn review() -> Review {
    Review {
        round: 1,
        made: Made::Analysis,
        callback: "cb-secret".to_owned(),
        previous: None,
    }
}

#[test]
fn people_are_asked_what_the_record_and_the_settings_say() {
    let analysis = json!({ "summary": "all is well", "insights": [1, 2] });
    let asked = question(&analysis, None, &review()).body;
    assert_eq!(asked["title"], "Go on to the report on tidal power?");
    assert_eq!(asked["summary"], "all is well");
    assert_eq!(asked["approvers"], json!(["ann", "group:board"]));
    assert_eq!(
        (&asked["expires_in"], &asked["quorum"]),
        (&json!(86_400), &json!(1))
    );
    let details = &asked["details"];
    assert_eq!(
        (&details["workflow_id"], &details["analysis"]),
        (&json!("w-1"), &analysis)
    );
    assert_eq!(details["callback_url"], "http://here/approve/w-1");
    let digest = hex_digest(Sha256::digest(content_bytes(&analysis)).as_slice());
    assert_eq!(details["analysis_sha256"], digest);
    assert!(asked.get("previous").is_none() && asked.get("links").is_none());
}

#[test]
fn what_is_long_is_linked_and_known_by_its_digest() {
    let text = Value::from("é".repeat(SHOWN_BYTES_MAX));
    let asked = question(&text, Some("http://here/a"), &review()).body;
    assert!(asked["details"].get("analysis").is_none());
    assert_eq!(asked["artifacts"][0]["url"], "http://here/a");
    assert!(
        asked.to_string().len() < 32 * 1024,
        "a notice has room for all of it"
    );
}

#[test]
fn a_question_has_one_name_in_every_run_and_another_in_the_next_round() {
    let name = |link, review: &Review| question(&Value::Null, link, review).name;
    let first = name(None, &review());
    assert_eq!(first, name(Some("http://signed/again"), &review()));
    assert!(first.len() <= 64 && !first.contains("secret"), "{first}");
    let second = Review {
        round: 2,
        made: Made::Report,
        callback: "cb2-secret".to_owned(),
        previous: Some("a-1".to_owned()),
    };
    assert_ne!(first, name(None, &second));
    let asked = question(&Value::Null, None, &second).body;
    assert_eq!(
        (&asked["previous"], &asked["summary"]),
        (&json!("a-1"), &json!("No summary available"))
    );
    assert_eq!(asked["title"], "Publish the report on tidal power?");
}

#[test]
fn a_title_is_one_line_that_fits() {
    let line = title(Made::Report, &"ü".repeat(500));
    assert_eq!(line.chars().count(), TITLE_LETTERS_MAX);
    assert!(line.ends_with("…?"), "{line}");
}
