use std::path::Path;

use everstep_agents::Kind;
use serde_json::{Value, json};

use crate::peer::{Peer, output, research_payload};

const FEEDBACK: &str =
    "Shorter, please; add a section on safety and focus on iron-air. Use British spelling.";

struct Chain {
    findings: Value,
    analysis: Value,
    report: Value,
}

async fn run(feedback: &str, parameters: Value) -> Chain {
    let topic = everstep_agents::corpus::TOPIC;
    let researcher = Peer::of(Kind::Researcher).await;
    let findings = output(&researcher.work("r", research_payload()).await).clone();
    let analyst = Peer::of(Kind::Analyst).await;
    let payload = json!({"task": "analyze", "research_data": findings, "topic": topic, "workflow_id": "wf-1"});
    let analysis = output(&analyst.work("a", payload).await).clone();
    let writer = Peer::of(Kind::Writer).await;
    let payload = json!({
        "task": "write_report", "analysis": analysis, "feedback": feedback, "topic": topic,
        "parameters": parameters, "workflow_id": "wf-1",
    });
    let report = output(&writer.work("w", payload).await).clone();
    Chain {
        findings,
        analysis,
        report,
    }
}

fn texts<'a>(value: &'a Value, member: &str) -> Vec<&'a str> {
    let items = value.as_array().unwrap().iter();
    items.map(|item| item[member].as_str().unwrap()).collect()
}

/// The bytes at `file_span` are the sentence up to white space; a sentence without one is in a file whose markup interrupts it.
fn assert_in_source(quote: &Value) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let raw = std::fs::read_to_string(corpus.join(quote["path"].as_str().unwrap())).unwrap();
    let sentence = quote["text"].as_str().unwrap();
    let collapse = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match quote["file_span"].as_array() {
        Some(span) => {
            let place = |at: usize| span[at].as_u64().unwrap() as usize;
            assert_eq!(collapse(&raw[place(0)..place(1)]), sentence);
        }
        None => {
            let without_tags = raw
                .replace("<em>", "")
                .replace("</em>", "")
                .replace("&amp;", "&");
            assert!(collapse(&without_tags).contains(sentence), "{sentence}");
        }
    }
}

#[tokio::test]
async fn the_planted_contradiction_and_the_planted_gap_are_found_and_reported() {
    let chain = run("", json!({})).await;
    let contradictions = texts(&chain.analysis["contradictions"], "description");
    assert_eq!(contradictions.len(), 1, "{contradictions:?}");
    assert!(contradictions[0].contains("efficiency of iron-air batteries"));
    assert!(contradictions[0].contains("45 percent") && contradictions[0].contains("70 percent"));
    let gaps = texts(&chain.analysis["gaps"], "description");
    let planted = "No source gives a figure for the lifetime of iron-air batteries";
    assert!(gaps.iter().any(|gap| gap.starts_with(planted)), "{gaps:?}");
    assert!(
        gaps.iter()
            .any(|gap| gap.contains("no operator has published a measurement"))
    );
    let markdown = chain.report["report"]["markdown"]["content"]
        .as_str()
        .unwrap();
    assert!(markdown.contains(contradictions[0]) && markdown.contains(planted));
    for score in [
        "data_completeness",
        "source_reliability",
        "finding_consistency",
        "overall",
    ] {
        let figure = chain.analysis["confidence_scores"][score].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&figure));
        assert!(chain.analysis["confidence_scores"]["explanations"][score].is_string());
    }
}

#[tokio::test]
async fn every_quotation_stands_word_for_word_in_its_source() {
    let chain = run(FEEDBACK, json!({})).await;
    let citations = chain.report["report"]["json"]["content"]["citations"]
        .as_array()
        .unwrap();
    assert!(citations.len() > 10);
    for citation in citations {
        assert_in_source(&citation["quote"]);
    }
    for finding in chain.findings["key_findings"].as_array().unwrap() {
        assert_in_source(&finding["quote"]);
    }
    for evidence in chain.analysis["evidence"].as_array().unwrap() {
        assert_in_source(&evidence["quote"]);
    }
    let markdown = chain.report["report"]["markdown"]["content"]
        .as_str()
        .unwrap();
    for citation in citations {
        assert!(markdown.contains(citation["quote"]["text"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn the_writer_says_what_it_did_with_each_request() {
    let plain = run("", json!({})).await;
    let revised = run(FEEDBACK, json!({})).await;
    let words = |chain: &Chain| {
        chain.report["report"]["json"]["content"]["words"]
            .as_u64()
            .unwrap()
    };
    assert!(
        words(&revised) * 10 <= words(&plain) * 6,
        "{} {}",
        words(&revised),
        words(&plain)
    );
    let content = &revised.report["report"]["json"]["content"];
    let headings = texts(&content["sections"], "heading");
    assert_eq!(headings[0], "In focus: iron-air");
    assert!(headings.contains(&"Safety"), "{headings:?}");
    let notes = content["revision_notes"].as_array().unwrap();
    let statuses: Vec<&str> = notes
        .iter()
        .map(|note| note["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["done", "done", "done", "not_done"]);
    let markdown = revised.report["report"]["markdown"]["content"]
        .as_str()
        .unwrap();
    assert!(markdown.contains("## Revision notes") && markdown.contains("Use British spelling"));
    assert!(
        !plain.report["report"]["markdown"]["content"]
            .as_str()
            .unwrap()
            .contains("Revision notes")
    );
}

#[tokio::test]
async fn outputs_have_the_members_of_both_documented_shapes() {
    let chain = run("", json!({"word_limit": 120})).await;
    let has = |value: &Value, names: &[&str]| {
        for name in names {
            assert!(value.get(name).is_some(), "{name} is missing");
        }
    };
    has(
        &chain.findings,
        &[
            "topic",
            "research_type",
            "summary",
            "executive_summary",
            "key_findings",
            "sources",
            "sources_cited",
            "data_points",
            "detailed_analysis",
            "gaps",
            "research_gaps",
            "recommendations",
            "metadata",
        ],
    );
    has(
        &chain.analysis,
        &[
            "metadata",
            "summary",
            "key_insights",
            "patterns_identified",
            "confidence_scores",
            "recommendations",
            "statistics",
            "detailed_analysis",
        ],
    );
    has(
        &chain.analysis["detailed_analysis"],
        &["strengths", "weaknesses", "opportunities", "threats"],
    );
    has(
        &chain.analysis["key_insights"][0],
        &["insight", "explanation", "confidence"],
    );
    has(
        &chain.report,
        &["status", "workflow_id", "report", "summary"],
    );
    has(
        &chain.report["report"],
        &["json", "markdown", "title", "generated_at"],
    );
    assert_eq!(chain.report["workflow_id"], "wf-1");
    assert!(chain.report["summary"].as_str().unwrap().chars().count() <= 500);
    assert!(
        chain.report["report"]["json"]["content"]["words"]
            .as_u64()
            .unwrap()
            <= 120
    );
}

#[tokio::test]
async fn the_researcher_reads_a_folder_and_honours_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(
        folder.path().join("a.txt"),
        "A note on tides\n\nThe tide in the harbour rises by 4 metres twice a day.\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("sub/b.md"),
        "# Harbour\n\nThe harbour is open to the north and has *two* piers.\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("c.pdf"),
        "The harbour in a format that is not read.",
    )
    .unwrap();
    let mut options = crate::peer::options(Kind::Researcher);
    options.sources = Some(folder.path().to_owned());
    let peer = Peer::start(options).await;
    let ask = |id: &'static str, parameters: Value| {
        let payload = json!({"topic": "harbour zeppelin", "parameters": parameters});
        let peer = &peer;
        async move { output(&peer.work(id, payload).await).clone() }
    };
    let all = ask("all", json!({"depth": "deep"})).await;
    assert_eq!(all["sources"].as_array().unwrap().len(), 2);
    assert_eq!(all["key_findings"].as_array().unwrap().len(), 2);
    assert!(
        all["research_gaps"][0]
            .as_str()
            .unwrap()
            .contains("zeppelin")
    );
    let one = ask("one", json!({"max_results": 1})).await;
    assert_eq!(one["key_findings"].as_array().unwrap().len(), 1);
    let chosen = ask("chosen", json!({"sources": ["b.md", "absent.txt"]})).await;
    assert_eq!(chosen["sources_cited"], json!(["sub/b.md"]));
    assert!(chosen["research_gaps"].to_string().contains("absent.txt"));
    let short = ask("short", json!({"word_limit": 11})).await;
    let words = short["detailed_analysis"]
        .as_str()
        .unwrap()
        .split_whitespace()
        .count();
    assert!((1..=15).contains(&words), "{short}");
    // The next task sees what has changed in the folder since.
    std::fs::write(
        folder.path().join("d.txt"),
        "A third text says that the harbour is deep.",
    )
    .unwrap();
    let more = ask("more", json!({})).await;
    assert_eq!(more["sources"].as_array().unwrap().len(), 3);
}
