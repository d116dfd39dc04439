use super::*;
use crate::document::Format;

fn corpus(texts: &[(&str, &str)]) -> Corpus {
    let mut corpus = Corpus::default();
    for (path, text) in texts {
        corpus.add(path, Format::of(path).unwrap(), (*text).to_owned());
    }
    corpus
}

fn ask(corpus: &Corpus, topic: &str, parameters: Parameters) -> Findings {
    let topic = topic.to_owned();
    research(corpus, &Request { topic, parameters }).unwrap()
}

#[test]
fn the_shipped_corpus_answers_its_topic_from_every_source() {
    let corpus = Corpus::shipped();
    assert!((8..=12).contains(&corpus.documents.len()));
    let findings = ask(&corpus, crate::corpus::TOPIC, Parameters::default());
    assert_eq!(findings.sources_cited.len(), corpus.documents.len());
    for finding in &findings.key_findings {
        let document = corpus
            .documents
            .iter()
            .find(|document| document.path == finding.quote.path)
            .unwrap();
        let [start, end] = finding.quote.span;
        assert_eq!(&document.text[start..end], finding.quote.text);
        assert!((0.0..=1.0).contains(&finding.relevance));
    }
    let again = ask(&corpus, crate::corpus::TOPIC, Parameters::default());
    assert_eq!(findings, again, "the same question has the same answer");
}

#[test]
fn depth_widens_the_answer() {
    let corpus = Corpus::shipped();
    let count = |depth| {
        let parameters = Parameters {
            depth,
            ..Parameters::default()
        };
        ask(&corpus, "iron-air batteries", parameters)
            .key_findings
            .len()
    };
    let (basic, comprehensive, deep) = (
        count(Depth::Basic),
        count(Depth::Comprehensive),
        count(Depth::Deep),
    );
    assert!(
        basic < comprehensive && comprehensive < deep,
        "{basic} {comprehensive} {deep}"
    );
}

#[test]
fn a_topic_that_nobody_mentions_is_a_gap_and_no_invention() {
    let findings = ask(
        &Corpus::shipped(),
        "medieval embroidery",
        Parameters::default(),
    );
    assert!(findings.key_findings.is_empty() && findings.data_points.is_empty());
    assert_eq!(findings.gaps[0].kind, "nothing_found");
    let nothing = ask(&Corpus::default(), "anything at all", Parameters::default());
    assert_eq!(nothing.gaps[0].kind, "nothing_found");
}

#[test]
fn words_of_the_topic_that_are_missing_are_named_one_by_one() {
    let findings = ask(
        &Corpus::shipped(),
        "hydrogen caverns on Mars",
        Parameters::default(),
    );
    let missing: Vec<&str> = findings
        .gaps
        .iter()
        .filter(|gap| gap.kind == "topic_word")
        .map(|gap| gap.description.as_str())
        .collect();
    assert_eq!(missing, ["No source mentions “Mars”, a word of the topic."]);
}

#[test]
fn admissions_are_found_whatever_words_they_use() {
    for text in [
        "The wear of the harbour crane is not yet known.",
        "It remains unclear how deep the harbour is.",
        "No study has followed the harbour for a year.",
        "The harbour has not been measured since the flood.",
        "How the harbour silts up is an open question.",
    ] {
        let findings = ask(
            &corpus(&[("a.txt", text)]),
            "harbour",
            Parameters::default(),
        );
        assert_eq!(findings.gaps.len(), 1, "{text}");
        assert_eq!(findings.gaps[0].quote.as_ref().unwrap().text, text);
    }
    let plain = ask(
        &corpus(&[("a.txt", "The harbour is deep and well known.")]),
        "harbour",
        Parameters::default(),
    );
    assert!(plain.gaps.is_empty());
}

#[test]
fn one_talkative_source_does_not_drown_the_others() {
    let talk: String = (0..40)
        .map(|n| format!("The harbour has crane number {n} on its long quay. "))
        .collect();
    let corpus = corpus(&[
        ("a.txt", &talk),
        (
            "b.txt",
            "A harbour in the north has piers and also some sheds.",
        ),
    ]);
    let parameters = Parameters {
        max_results: Some(8),
        ..Parameters::default()
    };
    let findings = ask(&corpus, "harbour", parameters);
    assert!(findings.sources_cited.contains(&"b.txt".to_owned()));
}
