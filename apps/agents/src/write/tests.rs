use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::analyse::analyse;
use crate::corpus::Corpus;
use crate::research;

fn analysis() -> Analysis {
    let topic = crate::corpus::TOPIC.to_owned();
    let request = research::Request {
        topic,
        ..research::Request::default()
    };
    analyse(
        &research::research(&Corpus::shipped(), &request).unwrap(),
        "",
    )
}

fn report(feedback: &str) -> Report {
    write(&analysis(), feedback, "", &Parameters::default())
}

fn text_of(report: &Report) -> String {
    let paragraphs = report
        .sections
        .iter()
        .flat_map(|section| &section.paragraphs);
    paragraphs
        .map(|paragraph| format!("{}\n", paragraph.text))
        .collect()
}

fn shape(request: &Request) -> Value {
    match request {
        Request::Shorter { .. } => json!(["shorter", ""]),
        Request::Longer { .. } => json!(["longer", ""]),
        Request::AtMost { words, .. } => json!(["at_most", words.to_string()]),
        Request::Add { about, .. } => json!(["add", about]),
        Request::Focus { about, .. } => json!(["focus", about]),
        Request::Remove { about, .. } => json!(["remove", about]),
        Request::Other { .. } => json!(["other", ""]),
    }
}

#[test]
fn feedback_is_read_as_the_cases_say() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("feedback.json")).unwrap();
    for case in cases {
        let requests = feedback::read(case["feedback"].as_str().unwrap());
        let shapes: Vec<Value> = requests.iter().map(shape).collect();
        assert_eq!(json!(shapes), case["requests"], "{}", case["feedback"]);
    }
}

#[test]
fn a_stated_limit_holds_whatever_else_is_asked() {
    for (feedback, limit) in [
        ("At most 60 words.", 60),
        (
            "At most 100 words, add a section on safety. More detail, please.",
            100,
        ),
    ] {
        let report = report(feedback);
        assert!(
            report.words <= limit && report.words > 0,
            "{feedback}: {}",
            report.words
        );
    }
    let parameters = Parameters {
        word_limit: Some(80),
        ..Parameters::default()
    };
    assert!(write(&analysis(), "More detail", "", &parameters).words <= 80);
}

#[test]
fn what_is_removed_is_gone_and_what_is_unknown_is_admitted() {
    let report = report(
        "Remove recommendations. Drop hydrogen. Add a section on embroidery. Focus on knitting.",
    );
    assert!(
        report
            .sections
            .iter()
            .all(|section| section.id != "recommendations")
    );
    let text = text_of(&report);
    assert!(!text.to_lowercase().contains("hydrogen"), "{text}");
    assert!(text.contains("The sources that were read say nothing on embroidery."));
    let statuses: Vec<&str> = report
        .revision_notes
        .iter()
        .map(|note| note.status.as_str())
        .collect();
    assert_eq!(statuses, ["done", "done", "partly", "not_done"]);
}

#[test]
fn more_detail_adds_sentences_that_the_report_did_not_quote() {
    let (plain, detailed) = (report(""), report("More detail, please."));
    assert!(detailed.citations.len() > plain.citations.len() && detailed.words > plain.words);
}

#[test]
fn citations_are_numbered_in_the_order_of_use_and_all_are_used() {
    let report = report("Focus on hydrogen");
    let mut used: Vec<usize> = Vec::new();
    for n in report
        .sections
        .iter()
        .flat_map(|section| &section.paragraphs)
        .flat_map(|paragraph| &paragraph.citations)
    {
        if !used.contains(n) {
            used.push(*n);
        }
    }
    assert_eq!(used, (1..=report.citations.len()).collect::<Vec<_>>());
    let markdown = report.markdown();
    assert!(used.iter().all(|n| markdown.contains(&format!("[{n}]"))));
}

#[test]
fn an_analysis_of_another_shape_still_becomes_a_report() {
    for odd in [
        json!("Only a text."),
        json!(null),
        json!({"summary": "A summary.", "key_insights": "none"}),
        json!({"summary": "A summary.", "key_insights": [{"insight": "One insight.", "confidence": 0.5}], "statistics": {"a": 1}}),
    ] {
        let report = write(
            &Analysis::read(&odd),
            "Shorter",
            "topic",
            &Parameters::default(),
        );
        assert_eq!(report.title, "topic");
        assert!(report.citations.is_empty());
        assert!(report.markdown().starts_with("# topic"));
    }
}

proptest! {
    #[test]
    fn any_feedback_is_answered_request_by_request(feedback in "(add|focus on|remove|shorter|and|,|;|\\.| |words|\\d|[a-z]{1,6}){0,20}|.{0,80}") {
        let requests = feedback::read(&feedback);
        let report = write(&Analysis::default(), &feedback, "t", &Parameters::default());
        prop_assert_eq!(report.revision_notes.len(), requests.len());
    }
}
