use std::sync::LazyLock;

use regex::Regex;

use super::{Gap, Request, quote};
use crate::corpus::Corpus;
use crate::document::Document;
use crate::index::{self, SentenceIndex};
use crate::language;

/// Words with which a text admits that something is not known.
static ADMISSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:remains? (?:unknown|unclear|open|to be (?:seen|measured|shown))|(?:is|are) (?:not (?:yet )?known|unknown|unclear)|no (?:one|operator|study|data|measurement|figure)s? (?:has|have|is|are|exists?|on\b)|(?:has|have) not (?:yet )?been (?:measured|studied|tested|published|reported)|but no (?:figures|data|measurements|numbers)|open question)",
    )
    .expect("the pattern is constant and a test compiles it")
});

/// Whether `name`, given by the user, means this document: by its path, the end of its path, or its title.
pub(super) fn names(document: &Document, name: &str) -> bool {
    let name = name.trim().to_lowercase();
    let path = document.path.to_lowercase();
    !name.is_empty()
        && (path == name
            || path.ends_with(&format!("/{name}"))
            || path.starts_with(&format!("{}/", name.trim_end_matches('/')))
            || document.title.to_lowercase().contains(&name))
}

/// What the sources leave open.
pub(super) fn find(
    corpus: &Corpus,
    index: &SentenceIndex,
    request: &Request,
    hits: &[index::Hit],
) -> Result<Vec<Gap>, index::Error> {
    let mut gaps = Vec::new();
    if hits.is_empty() {
        gaps.push(gap(
            "nothing_found",
            format!(
                "None of the {} sources says anything on “{}”.",
                index_sources(index),
                request.topic
            ),
            1.0,
            "the full-text search had no hit",
        ));
    }
    for name in &request.parameters.sources {
        if !corpus
            .documents
            .iter()
            .any(|document| names(document, name))
        {
            gaps.push(gap(
                "missing_source",
                format!("The requested source “{name}” is not in the folder that was read."),
                1.0,
                "no path or title matches",
            ));
        }
    }
    if !hits.is_empty() {
        topic_words(index, &request.topic, &mut gaps)?;
    }
    admissions(corpus, index, hits, &mut gaps);
    Ok(gaps)
}

fn topic_words(
    index: &SentenceIndex,
    topic: &str,
    gaps: &mut Vec<Gap>,
) -> Result<(), index::Error> {
    for (stem, place) in language::stems_with_places(topic) {
        if index.knows(&stem)? {
            continue;
        }
        let word = topic.get(place).unwrap_or(&stem);
        gaps.push(gap(
            "topic_word",
            format!("No source mentions “{word}”, a word of the topic."),
            0.9,
            "neither a sentence nor a title holds the word or another form of it",
        ));
    }
    Ok(())
}

/// Sentences of the sources that were found relevant and that admit ignorance themselves.
fn admissions(corpus: &Corpus, index: &SentenceIndex, hits: &[index::Hit], gaps: &mut Vec<Gap>) {
    let relevant: Vec<usize> = hits
        .iter()
        .filter_map(|hit| index.sentences.get(hit.sentence))
        .map(|sentence| sentence.document)
        .collect();
    for (place, sentence) in index.sentences.iter().enumerate() {
        if !relevant.contains(&sentence.document) || !ADMISSION.is_match(&sentence.text) {
            continue;
        }
        let Some(quote) = quote(corpus, index, place) else {
            continue;
        };
        gaps.push(Gap {
            quote: Some(quote.clone()),
            ..gap(
                "declared",
                format!("“{}” leaves open: {}", quote.title, quote.text),
                0.8,
                "the source says so itself",
            )
        });
    }
}

/// What the researcher advises about its own gaps.
pub(super) fn recommend(gaps: &[Gap]) -> Vec<String> {
    gaps.iter()
        .map(|gap| match gap.kind.as_str() {
            "missing_source" | "nothing_found" => {
                format!("Add sources to the folder. {}", gap.description)
            }
            "declared" => format!("Look for a newer measurement. {}", gap.description),
            _ => format!("Look for a further source. {}", gap.description),
        })
        .collect()
}

fn gap(kind: &str, description: String, confidence: f64, explanation: &str) -> Gap {
    Gap {
        kind: kind.to_owned(),
        description,
        confidence,
        explanation: explanation.to_owned(),
        quote: None,
    }
}

fn index_sources(index: &SentenceIndex) -> usize {
    let mut documents: Vec<usize> = index
        .sentences
        .iter()
        .map(|sentence| sentence.document)
        .collect();
    documents.dedup();
    documents.len()
}
