use everstep_agents::Kind;
use serde_json::{Value, json};

use crate::loopback::{Loopback, Reply};
use crate::peer::{Peer, model_at, options, output, research_payload};

const TRUE_QUOTE: &str = "The round-trip efficiency of iron-air batteries is about 45 percent.";

async fn model_that_says(content: String) -> Loopback {
    Loopback::start(move |_, _| {
        Reply::Json(json!({"choices": [{"message": {"role": "assistant", "content": content}}]}))
    })
    .await
}

async fn with_model(kind: Kind, model: &Loopback, payload: Value) -> Value {
    let mut options = options(kind);
    options.model = model_at(&format!("{}/v1", model.url));
    let peer = Peer::start(options).await;
    output(&peer.work("m", payload).await).clone()
}

async fn computed(kind: Kind, payload: Value) -> Value {
    let peer = Peer::of(kind).await;
    output(&peer.work("m", payload).await).clone()
}

#[tokio::test]
async fn the_model_picks_findings_and_invented_quotations_are_dropped() {
    let content = json!({"summary": "Iron-air is lossy.", "key_findings": [
        {"finding": "Iron-air loses more than half.", "quote": TRUE_QUOTE},
        {"finding": "Iron-air lasts for ever.", "quote": "Iron-air batteries last for 90 years."},
    ]});
    let mut model = model_that_says(format!("```json\n{content}\n```")).await;
    let findings = with_model(Kind::Researcher, &model, research_payload()).await;
    assert_eq!(findings["key_findings"].as_array().unwrap().len(), 1);
    assert_eq!(
        findings["key_findings"][0]["finding"],
        "Iron-air loses more than half."
    );
    assert_eq!(
        findings["key_findings"][0]["quote"]["path"],
        "04-iron-air.md"
    );
    assert_eq!(findings["sources_cited"], json!(["04-iron-air.md"]));
    assert_eq!(
        findings["metadata"]["llm"],
        json!({"model": "test-model", "used": true, "dropped": 1})
    );
    let seen = model.next().await;
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(seen.headers["authorization"], "Bearer test-key");
    assert_eq!(seen.body["model"], "test-model");
}

#[tokio::test]
async fn nonsense_and_failure_leave_the_computed_result() {
    let expected = computed(Kind::Researcher, research_payload()).await;
    let replies: Vec<fn() -> Reply> = vec![
        || Reply::Status(500),
        || Reply::Json(json!({"choices": []})),
        || Reply::Json(json!({"choices": [{"message": {"content": "I would rather not."}}]})),
        || Reply::Json(json!({"choices": [{"message": {"content": "{\"summary\": 3}"}}]})),
        || {
            Reply::Json(json!({"choices": [{"message": {"content":
            "{\"summary\": \"s\", \"key_findings\": [{\"finding\": \"f\", \"quote\": \"In no source at all.\"}]}"}}]}))
        },
    ];
    for reply in replies {
        let model = Loopback::start(move |_, _| reply()).await;
        let mut findings = with_model(Kind::Researcher, &model, research_payload()).await;
        let note = findings["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("llm")
            .unwrap();
        assert_eq!(note["used"], false);
        assert!(!note["reason"].as_str().unwrap().is_empty());
        assert_eq!(findings, expected);
    }
}

#[tokio::test]
async fn the_model_phrases_insights_and_sections_only_within_the_evidence() {
    let findings = computed(Kind::Researcher, research_payload()).await;
    let payload = json!({"research_data": findings});
    let plain = computed(Kind::Analyst, payload.clone()).await;
    let content = json!({"summary": "A summary in other words.", "insights": [
        {"place": 0, "insight": format!("As a source says: “{TRUE_QUOTE}”")},
        {"place": 1, "insight": "Somebody says “this is a sentence that nobody wrote”."},
        {"place": 99, "insight": "Nowhere."},
    ]});
    let model = model_that_says(content.to_string()).await;
    let analysis = with_model(Kind::Analyst, &model, payload).await;
    assert_eq!(analysis["summary"], "A summary in other words.");
    assert!(
        analysis["key_insights"][0]["insight"]
            .as_str()
            .unwrap()
            .starts_with("As a source says")
    );
    assert_eq!(analysis["key_insights"][1], plain["key_insights"][1]);
    assert_eq!(analysis["contradictions"], plain["contradictions"]);
    assert_eq!(analysis["metadata"]["llm"]["dropped"], 2);

    let payload = json!({"analysis": plain});
    let plain_report = computed(Kind::Writer, payload.clone()).await;
    let sections = &plain_report["report"]["json"]["content"]["sections"];
    let place = sections
        .as_array()
        .unwrap()
        .iter()
        .position(|section| section["id"] == "contradictions")
        .unwrap();
    let marks: Vec<String> = sections[place]["paragraphs"][0]["citations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| format!("[{n}]"))
        .collect();
    let prose = format!(
        "Two sources differ on the efficiency of iron-air batteries {}.",
        marks.join(" ")
    );
    let content = json!({"sections": [
        {"place": place, "text": prose}, {"place": 0, "text": "All is well [999]."},
    ]});
    let model = model_that_says(content.to_string()).await;
    let report = with_model(Kind::Writer, &model, payload).await;
    let written = &report["report"]["json"]["content"]["sections"];
    assert_eq!(written[place]["paragraphs"][0]["text"], prose);
    assert_eq!(written[0], sections[0]);
    assert_eq!(report["metadata"]["llm"]["dropped"], 1);
}
