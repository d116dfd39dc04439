use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Client, quoted_passages};
use crate::analyse::Analysis;
use crate::language;
use crate::write::{Report, Section};

const ROLE: &str = "You are a careful writer. You are given the sections of a report and its numbered citations. Answer one JSON \
    object {\"sections\": [{\"place\": integer, \"text\": string}]} with flowing prose for the sections that you improve (places \
    are counted from 0). Keep every statement and its citation marks such as [3]; add no statement and no other mark. Put nothing \
    between quotation marks that is not copied word for word from a citation. Do not write more words than the section has.";

static MARK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\[(\d+)\]").expect("the pattern is constant and a test compiles it")
});

#[derive(Deserialize)]
struct Answer {
    sections: Vec<AnsweredSection>,
}

#[derive(Deserialize)]
struct AnsweredSection {
    place: usize,
    text: String,
}

/// Lets the model turn sections into prose, and answers what the output says about its part.
pub(crate) async fn refine(
    model: &Client,
    analysis: &Analysis,
    report: &mut Report,
) -> Map<String, Value> {
    let outcome = try_refine(model, analysis, report).await;
    let mut metadata = Map::new();
    model.note_into(&mut metadata, &outcome);
    metadata
}

async fn try_refine(
    model: &Client,
    analysis: &Analysis,
    report: &mut Report,
) -> Result<usize, String> {
    if report.sections.is_empty() {
        return Err("there is nothing to ask about".to_owned());
    }
    let citations: Vec<_> = report
        .citations
        .iter()
        .map(|citation| json!({"n": citation.n, "sentence": citation.quote.text}))
        .collect();
    let question = json!({
        "topic": analysis.topic, "sections": report.sections, "citations": citations,
    });
    let answer: Answer = model.ask(ROLE, &question).await?;
    let answered = answer.sections.len();
    let mut kept = 0;
    for item in answer.sections {
        let is_honest = report
            .sections
            .get(item.place)
            .is_some_and(|section| keeps_to(section, &item.text, report));
        if let (true, Some(section)) = (is_honest, report.sections.get_mut(item.place)) {
            section.set_prose(item.text);
            kept += 1;
        }
    }
    if kept == 0 {
        return Err(format!(
            "none of its {answered} sections keeps to the citations"
        ));
    }
    report.count_words();
    Ok(answered - kept)
}

/// The same citations, no invented quotation, not longer than half as much again.
fn keeps_to(section: &Section, text: &str, report: &Report) -> bool {
    let mut marks: Vec<usize> = MARK
        .captures_iter(text)
        .filter_map(|captures| captures.get(1)?.as_str().parse().ok())
        .collect();
    let mut expected: Vec<usize> = section
        .paragraphs
        .iter()
        .flat_map(|paragraph| paragraph.citations.iter().copied())
        .collect();
    for numbers in [&mut marks, &mut expected] {
        numbers.sort_unstable();
        numbers.dedup();
    }
    let words: usize = section
        .paragraphs
        .iter()
        .map(|paragraph| language::count_words(&paragraph.text))
        .sum();
    let quotes_only_sources = quoted_passages(text).iter().all(|passage| {
        report
            .citations
            .iter()
            .any(|citation| citation.quote.text.contains(passage))
    });
    !text.trim().is_empty()
        && marks == expected
        && quotes_only_sources
        && language::count_words(text) <= words + words / 2
}
