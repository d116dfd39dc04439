use serde::Deserialize;
use serde_json::json;

use super::Client;
use crate::corpus::Corpus;
use crate::language;
use crate::research::{Finding, Findings};

const ROLE: &str = "You are a careful researcher. You are given a topic and numbered sentences from sources. Answer one JSON \
    object {\"summary\": string, \"key_findings\": [{\"finding\": string, \"quote\": string}]}. Each quote must be one of the \
    given sentences, copied word for word. Say nothing that the sentences do not say.";

#[derive(Deserialize)]
struct Answer {
    summary: String,
    key_findings: Vec<AnsweredFinding>,
}

#[derive(Deserialize)]
struct AnsweredFinding {
    finding: String,
    quote: String,
}

/// Lets the model pick and phrase the key findings. Findings whose quotation is in no source are dropped; when none is left,
/// the computed ones stay.
pub(crate) async fn refine(model: &Client, corpus: &Corpus, findings: &mut Findings) {
    let outcome = try_refine(model, corpus, findings).await;
    model.note_into(&mut findings.metadata, &outcome);
}

async fn try_refine(
    model: &Client,
    corpus: &Corpus,
    findings: &mut Findings,
) -> Result<usize, String> {
    if findings.key_findings.is_empty() {
        return Err("there is nothing to ask about".to_owned());
    }
    let sentences: Vec<_> = findings
        .key_findings
        .iter()
        .map(|finding| json!({"sentence": finding.quote.text, "source": finding.quote.path}))
        .collect();
    let question = json!({"topic": findings.topic, "sentences": sentences});
    let answer: Answer = model.ask(ROLE, &question).await?;
    let answered = answer.key_findings.len();
    let kept: Vec<Finding> = answer
        .key_findings
        .into_iter()
        .filter_map(|item| check(corpus, findings, item))
        .collect();
    if kept.is_empty() {
        return Err(format!("none of its {answered} quotations is in a source"));
    }
    let dropped = answered - kept.len();
    for source in &mut findings.sources {
        source.cited = kept
            .iter()
            .filter(|finding| finding.quote.path == source.path)
            .count();
    }
    findings.sources_cited = findings
        .sources
        .iter()
        .filter(|source| source.cited > 0)
        .map(|source| source.path.clone())
        .collect();
    findings.key_findings = kept;
    if language::count_words(&answer.summary) > 0 {
        findings.executive_summary = answer.summary;
    }
    Ok(dropped)
}

/// Only sources that were read for this request count, so the quotation has to be in one of those.
fn check(corpus: &Corpus, findings: &Findings, item: AnsweredFinding) -> Option<Finding> {
    let read = |path: &str| findings.sources.iter().any(|source| source.path == path);
    let quote = corpus
        .documents
        .iter()
        .filter(|document| read(&document.path))
        .find_map(|document| document.find(&item.quote))?;
    let is_sentence = language::count_words(&quote.text) >= 4;
    let relevance = findings
        .key_findings
        .iter()
        .find(|finding| finding.quote == quote)
        .map_or(0.5, |finding| finding.relevance);
    is_sentence.then_some(Finding {
        finding: item.finding,
        quote,
        relevance,
    })
}
