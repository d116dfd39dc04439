use serde_json::{Value, json};

use super::*;
use crate::corpus::Corpus;
use crate::document::Format;
use crate::payload::{Depth, Parameters};
use crate::research::{Request, research};

/// Each case is a handful of sources and what the analyst has to find in them, and nothing else.
#[test]
fn sources_are_analysed_as_the_cases_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/analyse/cases");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let analysis = analyse_sources(case["sources"].as_object().unwrap());
        let found: Vec<&str> = analysis
            .contradictions
            .iter()
            .map(|item| item.description.as_str())
            .collect();
        assert_eq!(json!(found), case["contradictions"], "{}", path.display());
        assert_eq!(
            json!(analysis.agreements.len()),
            case["agreements"],
            "{}",
            path.display()
        );
        let gaps: Vec<&str> = analysis
            .gaps
            .iter()
            .map(|gap| gap.description.as_str())
            .collect();
        let expected = case.get("gaps").cloned().unwrap_or_else(|| json!([]));
        assert_eq!(json!(gaps), expected, "{}", path.display());
        count += 1;
    }
    assert!(count >= 6);
}

fn analyse_sources(sources: &Map<String, Value>) -> Analysis {
    let mut corpus = Corpus::default();
    let mut topic = String::new();
    for (path, text) in sources {
        let text = text.as_str().unwrap();
        topic.push_str(text);
        corpus.add(path, Format::of(path).unwrap(), text.to_owned());
    }
    let parameters = Parameters {
        depth: Depth::Deep,
        ..Parameters::default()
    };
    let topic = topic.replace(['.', '$', ','], " ");
    let findings = research(&corpus, &Request { topic, parameters }).unwrap();
    analyse(&findings, "test")
}

#[test]
fn evidence_is_numbered_and_everything_refers_to_it() {
    let corpus = Corpus::shipped();
    let topic = crate::corpus::TOPIC.to_owned();
    let findings = research(
        &corpus,
        &Request {
            topic,
            ..Request::default()
        },
    )
    .unwrap();
    let analysis = analyse(&findings, "");
    let numbers: Vec<usize> = analysis.evidence.iter().map(|item| item.n).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    let used = analysis.key_insights.iter().flat_map(|item| &item.evidence);
    let used = used.chain(
        analysis
            .contradictions
            .iter()
            .flat_map(|item| &item.evidence),
    );
    let used = used.chain(analysis.themes.iter().flat_map(|item| &item.evidence));
    for n in used {
        assert!(numbers.contains(n));
    }
    // The wire does not change it.
    let wire = serde_json::to_value(&analysis).unwrap();
    assert_eq!(Analysis::read(&wire), analysis);
    let wire = serde_json::to_value(&findings).unwrap();
    assert_eq!(Findings::read(&wire), findings);
    assert_eq!(
        Findings::read(&in_doubles(wire)),
        findings,
        "numbers as protobuf sends them"
    );
}

#[test]
fn research_data_of_other_shapes_is_taken_as_far_as_it_goes() {
    let readme = json!({
        "topic": "t", "key_findings": ["The first finding is plain.", {"finding": "The second one is not."}],
        "research_gaps": ["Nothing on wear."], "sources": ["a.pdf"], "summary": 3, "data_points": ["40 %"],
    });
    let findings = Findings::read(&readme);
    assert_eq!(findings.key_findings.len(), 2);
    assert_eq!(findings.sources[0].path, "a.pdf");
    assert_eq!(findings.research_gaps, ["Nothing on wear."]);
    for odd in [
        readme,
        json!("A text. It has two sentences here."),
        json!(["A finding in a list."]),
        json!(null),
        json!(7),
        json!({}),
    ] {
        let analysis = analyse(&Findings::read(&odd), "topic");
        assert!(analysis.evidence.is_empty() && analysis.contradictions.is_empty());
        assert!(!analysis.summary.is_empty());
        assert!((analysis.confidence_scores.finding_consistency - 0.5).abs() < 1e-9);
    }
    assert_eq!(
        Findings::read(&json!("A text. It has two sentences here."))
            .key_findings
            .len(),
        1
    );
}

fn in_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => items.into_iter().map(in_doubles).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, in_doubles(member)))
            .collect(),
        other => other,
    }
}
