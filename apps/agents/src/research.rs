//! The researcher: finds the sentences of a corpus that bear on a topic, the figures they hold and what is missing.

mod gaps;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::corpus::Corpus;
use crate::document::Quote;
use crate::figures::{self, DataPoint};
use crate::index::{self, SentenceIndex};
use crate::language;
use crate::payload::{Depth, Parameters};

/// What is asked of the researcher.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    pub topic: String,
    pub parameters: Parameters,
}

/// What the researcher answers: the union of the specification's and the README's shape.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    pub topic: String,
    /// The depth that was used.
    pub research_type: String,
    pub summary: String,
    pub executive_summary: String,
    pub key_findings: Vec<Finding>,
    pub sources: Vec<Source>,
    /// Paths of the sources that a key finding quotes.
    pub sources_cited: Vec<String>,
    pub data_points: Vec<DataPoint>,
    pub detailed_analysis: String,
    pub gaps: Vec<Gap>,
    /// The descriptions of `gaps`, as the README's shape has them.
    pub research_gaps: Vec<String>,
    pub recommendations: Vec<String>,
    pub metadata: Map<String, Value>,
}

/// A sentence worth reporting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// The finding in words; without a model it is the quoted sentence.
    pub finding: String,
    pub quote: Quote,
    /// 0 to 1, against the best sentence of the same search.
    pub relevance: f64,
}

/// A document that was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    pub path: String,
    pub title: String,
    pub words: usize,
    pub sentences: usize,
    /// How many key findings quote it.
    pub cited: usize,
}

/// Something that the sources do not answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gap {
    /// `declared`, `topic_word`, `missing_source`, `nothing_found` or `no_figure`.
    pub kind: String,
    pub description: String,
    pub confidence: f64,
    /// How the confidence was computed.
    pub explanation: String,
    /// The sentence that admits the gap, for a declared one.
    pub quote: Option<Quote>,
}

/// Reads `corpus` for `request`.
///
/// # Errors
/// When the full-text library fails.
pub fn research(corpus: &Corpus, request: &Request) -> Result<Findings, index::Error> {
    let parameters = &request.parameters;
    let chosen = choose_documents(corpus, &parameters.sources);
    let index = SentenceIndex::build(corpus, &chosen)?;
    let hits = search(&index, &request.topic, parameters.depth)?;
    let picked = pick(&index, &hits, parameters.findings_max());
    let key_findings = findings(corpus, &index, &picked);
    let gaps = gaps::find(corpus, &index, request, &hits)?;
    let sources = sources(corpus, &index, &chosen, &key_findings);
    let data_points = data_points(corpus, &index, &hits);
    let limit = parameters.word_limit.unwrap_or(usize::MAX);
    let executive_summary = executive_summary(&key_findings, limit.min(150));
    let mut findings = Findings {
        topic: request.topic.clone(),
        research_type: parameters.depth.name().to_owned(),
        summary: summary(&sources, &key_findings, &data_points, &gaps),
        detailed_analysis: detailed_analysis(&key_findings, limit),
        executive_summary,
        sources_cited: cited_paths(&sources),
        recommendations: gaps::recommend(&gaps),
        research_gaps: gaps.iter().map(|gap| gap.description.clone()).collect(),
        key_findings,
        data_points,
        sources,
        gaps,
        metadata: Map::new(),
    };
    findings.metadata = metadata(corpus, &index, &findings);
    Ok(findings)
}

/// Documents that `wanted` names by path or title; all of them when nothing is wanted.
fn choose_documents(corpus: &Corpus, wanted: &[String]) -> Vec<usize> {
    (0..corpus.documents.len())
        .filter(|&place| {
            wanted.is_empty()
                || corpus
                    .documents
                    .get(place)
                    .is_some_and(|document| wanted.iter().any(|name| gaps::names(document, name)))
        })
        .collect()
}

#[derive(Debug, Clone, Copy)]
struct Picked {
    sentence: usize,
    relevance: f64,
}

/// Searches for the topic; above basic depth a second search adds the words that the first one's best sentences share.
fn search(
    index: &SentenceIndex,
    topic: &str,
    depth: Depth,
) -> Result<Vec<index::Hit>, index::Error> {
    let mut stems: Vec<(String, f32)> = Vec::new();
    for stem in language::stems(topic) {
        if !stems.iter().any(|(known, _)| *known == stem) {
            stems.push((stem, 1.0));
        }
    }
    let all = index.sentences.len();
    let first = index.search(&stems, all)?;
    let (read, words, weight) = match depth {
        Depth::Basic => return Ok(first),
        Depth::Comprehensive => (20, 12, 0.3),
        Depth::Deep => (60, 40, 0.4),
    };
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for hit in first.iter().take(read) {
        let Some(sentence) = index.sentences.get(hit.sentence) else {
            continue;
        };
        for stem in &sentence.stems {
            if !stems.iter().any(|(known, _)| known == stem) {
                *counts.entry(stem).or_default() += 1;
            }
        }
    }
    let mut counts: Vec<(&str, usize)> =
        counts.into_iter().filter(|(_, count)| *count > 1).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let added: Vec<(String, f32)> = counts
        .into_iter()
        .take(words)
        .map(|(stem, _)| (stem.to_owned(), weight))
        .collect();
    stems.extend(added);
    index.search(&stems, all)
}

/// Takes the best sentences. A sentence with a figure counts a little more, and each further sentence of the same source
/// a little less, so that one talkative source does not drown the others; a near repeat within a source is left out.
fn pick(index: &SentenceIndex, hits: &[index::Hit], limit: usize) -> Vec<Picked> {
    const FIGURE_BONUS: f64 = 1.25;
    const REPEAT_DAMPING: f64 = 0.93;
    const NEAR_REPEAT: f64 = 0.85;
    let rarity = language::rarity(
        index
            .sentences
            .iter()
            .map(|sentence| sentence.stems.as_slice()),
    );
    let mut open: Vec<(usize, f64)> = hits
        .iter()
        .filter_map(|hit| {
            let sentence = index.sentences.get(hit.sentence)?;
            let bonus = if figures::figures(&sentence.text).is_empty() {
                1.0
            } else {
                FIGURE_BONUS
            };
            Some((hit.sentence, f64::from(hit.score) * bonus))
        })
        .collect();
    let mut taken_of: HashMap<usize, i32> = HashMap::new();
    let mut picked: Vec<(usize, f64)> = Vec::new();
    while picked.len() < limit {
        let damped = |(sentence, score): &(usize, f64)| {
            let document = index
                .sentences
                .get(*sentence)
                .map(|sentence| sentence.document);
            let taken = document
                .and_then(|document| taken_of.get(&document))
                .copied();
            score * REPEAT_DAMPING.powi(taken.unwrap_or(0))
        };
        let best = open
            .iter()
            .enumerate()
            .max_by(|(a_place, a), (b_place, b)| {
                damped(a).total_cmp(&damped(b)).then(b_place.cmp(a_place))
            })
            .map(|(place, _)| place);
        let Some(best) = best else { break };
        let (place, score) = open.remove(best);
        let Some(sentence) = index.sentences.get(place) else {
            continue;
        };
        let repeats = picked.iter().any(|(other, _)| {
            index.sentences.get(*other).is_some_and(|other| {
                other.document == sentence.document
                    && language::similarity(&other.stems, &sentence.stems, &rarity) > NEAR_REPEAT
            })
        });
        if !repeats {
            *taken_of.entry(sentence.document).or_default() += 1;
            picked.push((place, score));
        }
    }
    let best = picked.iter().map(|(_, score)| *score).fold(0.0, f64::max);
    picked
        .into_iter()
        .map(|(sentence, score)| Picked {
            sentence,
            relevance: if best > 0.0 { round(score / best) } else { 0.0 },
        })
        .collect()
}

fn quote(corpus: &Corpus, index: &SentenceIndex, place: usize) -> Option<Quote> {
    let sentence = index.sentences.get(place)?;
    let document = corpus.documents.get(sentence.document)?;
    document.quote(sentence.range.start, sentence.range.end)
}

fn findings(corpus: &Corpus, index: &SentenceIndex, picked: &[Picked]) -> Vec<Finding> {
    picked
        .iter()
        .filter_map(|picked| {
            let quote = quote(corpus, index, picked.sentence)?;
            Some(Finding {
                finding: quote.text.clone(),
                quote,
                relevance: picked.relevance,
            })
        })
        .collect()
}

/// Every figure of every source that has at least one hit: contradictions and gaps are only as good as this list is
/// complete, so the limit on findings does not touch it.
fn data_points(corpus: &Corpus, index: &SentenceIndex, hits: &[index::Hit]) -> Vec<DataPoint> {
    const FIGURES_MAX: usize = 2_000;
    let relevant: Vec<usize> = hits
        .iter()
        .filter_map(|hit| index.sentences.get(hit.sentence))
        .map(|sentence| sentence.document)
        .collect();
    let mut points = Vec::new();
    for (place, sentence) in index.sentences.iter().enumerate() {
        if !relevant.contains(&sentence.document) {
            continue;
        }
        let found = figures::figures(&sentence.text);
        if found.is_empty() {
            continue;
        }
        let Some(quote) = quote(corpus, index, place) else {
            continue;
        };
        points.extend(found.into_iter().map(|point| DataPoint {
            quote: quote.clone(),
            ..point
        }));
    }
    points.truncate(FIGURES_MAX);
    points
}

fn sources(
    corpus: &Corpus,
    index: &SentenceIndex,
    chosen: &[usize],
    findings: &[Finding],
) -> Vec<Source> {
    chosen
        .iter()
        .filter_map(|&place| {
            let document = corpus.documents.get(place)?;
            Some(Source {
                path: document.path.clone(),
                title: document.title.clone(),
                words: language::count_words(&document.text),
                sentences: index
                    .sentences
                    .iter()
                    .filter(|sentence| sentence.document == place)
                    .count(),
                cited: findings
                    .iter()
                    .filter(|finding| finding.quote.path == document.path)
                    .count(),
            })
        })
        .collect()
}

fn cited_paths(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.cited > 0)
        .map(|source| source.path.clone())
        .collect()
}

fn summary(sources: &[Source], findings: &[Finding], points: &[DataPoint], gaps: &[Gap]) -> String {
    let cited = cited_paths(sources).len();
    format!(
        "{} sources were read and {cited} of them are quoted: {} key sentences and {} figures. {} gaps were found.",
        sources.len(),
        findings.len(),
        points.len(),
        gaps.len()
    )
}

/// The best sentence of each source in turn, as long as the limit allows.
fn executive_summary(findings: &[Finding], words_max: usize) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut words = 0;
    let mut sentences: Vec<&str> = Vec::new();
    for finding in findings {
        let length = language::count_words(&finding.finding);
        if seen.contains(&finding.quote.path.as_str()) || words + length > words_max {
            continue;
        }
        seen.push(&finding.quote.path);
        words += length;
        sentences.push(&finding.finding);
    }
    sentences.join(" ")
}

/// The findings, gathered by source, one paragraph each.
fn detailed_analysis(findings: &[Finding], words_max: usize) -> String {
    let mut paragraphs: Vec<(&str, String)> = Vec::new();
    let mut words = 0;
    for finding in findings {
        words += language::count_words(&finding.finding);
        if words > words_max {
            break;
        }
        let path = finding.quote.path.as_str();
        match paragraphs.iter_mut().find(|(known, _)| *known == path) {
            Some((_, text)) => {
                text.push(' ');
                text.push_str(&finding.finding);
            }
            None => paragraphs.push((
                path,
                format!("{}: {}", finding.quote.title, finding.finding),
            )),
        }
    }
    paragraphs
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn metadata(corpus: &Corpus, index: &SentenceIndex, findings: &Findings) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("method".into(), json!("full-text search, exact sentences"));
    metadata.insert("sources_read".into(), json!(findings.sources.len()));
    metadata.insert("sentences_read".into(), json!(index.sentences.len()));
    metadata.insert("skipped".into(), json!(corpus.skipped));
    metadata
}

/// Figures shown to people have two decimals.
pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
