use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Reading;
use crate::figures::ASPECTS;
use crate::language;

/// More are found than reported, because a rare phrase can still be the subject of figures.
const FOUND_MAX: usize = 80;
const STEMS_MAX: usize = 4;
const SENTENCES_MIN: usize = 3;
/// Farthest that a subject may stand from its figure, in bytes.
const REACH_BYTES: usize = 160;

/// A phrase that recurs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Theme {
    pub theme: String,
    /// How many quoted sentences hold it.
    pub sentences: usize,
    /// In how many sources these sentences stand.
    pub sources: usize,
    /// Numbers of the sentences.
    pub evidence: Vec<usize>,
}

/// A theme with what is needed to find it again in a sentence.
pub(super) struct FoundTheme {
    pub theme: Theme,
    stems: Vec<String>,
    /// Whether figures can be *about* it: a phrase of several words that names no quantity and no mere kind.
    pub is_subject: bool,
}

#[derive(Default)]
struct Candidate {
    sentences: BTreeSet<usize>,
    sources: BTreeSet<String>,
    surfaces: BTreeMap<String, usize>,
}

/// Phrases of up to four content words that stand in at least three sentences.
pub(super) fn find(readings: &[Reading<'_>]) -> Vec<FoundTheme> {
    let mut candidates: BTreeMap<Vec<String>, Candidate> = BTreeMap::new();
    for reading in readings {
        let quote = &reading.evidence.quote;
        for (stems, place) in phrases(&quote.text) {
            let candidate = candidates.entry(stems).or_default();
            candidate.sentences.insert(reading.evidence.n);
            candidate.sources.insert(quote.path.clone());
            let surface = quote.text.get(place).unwrap_or_default().to_lowercase();
            *candidate.surfaces.entry(surface).or_default() += 1;
        }
    }
    let mut ranked: Vec<(Vec<String>, Candidate)> = candidates
        .into_iter()
        .filter(|(_, candidate)| candidate.sentences.len() >= SENTENCES_MIN)
        .collect();
    ranked = independent(ranked);
    ranked.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.0.cmp(&b.0)));
    let mut chosen: Vec<(Vec<String>, Candidate)> = Vec::new();
    for (stems, candidate) in ranked {
        // A phrase inside another of nearly the same frequency is the same thing; but a single word, such as the name of
        // a kind, never swallows the phrases that tell its kinds apart.
        let is_same = chosen.iter().any(|(other, known)| {
            let (few, many) = (
                candidate.sentences.len().min(known.sentences.len()),
                candidate.sentences.len().max(known.sentences.len()),
            );
            (contains(other, &stems) || other.len() > 1 && contains(&stems, other))
                && few * 10 >= many * 6
        });
        if !is_same && chosen.len() < FOUND_MAX {
            chosen.push((stems, candidate));
        }
    }
    let all: Vec<Vec<String>> = chosen.iter().map(|(stems, _)| stems.clone()).collect();
    chosen
        .into_iter()
        .map(|(stems, candidate)| describe(stems, candidate, &all))
        .collect()
}

/// Leaves out a phrase that hardly ever stands outside one longer phrase.
fn independent(candidates: Vec<(Vec<String>, Candidate)>) -> Vec<(Vec<String>, Candidate)> {
    let counts: Vec<(Vec<String>, usize)> = candidates
        .iter()
        .map(|(stems, candidate)| (stems.clone(), candidate.sentences.len()))
        .collect();
    candidates
        .into_iter()
        .filter(|(stems, candidate)| {
            !counts.iter().any(|(longer, count)| {
                longer.len() > stems.len()
                    && contains(longer, stems)
                    && count * 10 >= candidate.sentences.len() * 9
            })
        })
        .collect()
}

fn describe(stems: Vec<String>, candidate: Candidate, all: &[Vec<String>]) -> FoundTheme {
    let names_quantity = stems.iter().any(|stem| {
        ASPECTS
            .iter()
            .any(|(_, announcing)| announcing.contains(&stem.as_str()))
    });
    let kinds = all
        .iter()
        .filter(|other| other.len() > stems.len() && contains(other, &stems))
        .count();
    let surface = candidate
        .surfaces
        .iter()
        .max_by_key(|(_, count)| **count)
        .map(|(surface, _)| surface.clone())
        .unwrap_or_default();
    FoundTheme {
        is_subject: stems.len() > 1 && !names_quantity && kinds < 2,
        theme: Theme {
            theme: surface,
            sentences: candidate.sentences.len(),
            sources: candidate.sources.len(),
            evidence: candidate.sentences.into_iter().collect(),
        },
        stems,
    }
}

/// Longer phrases say more, and a phrase of several sources is no habit of one author.
fn score((stems, candidate): &(Vec<String>, Candidate)) -> f64 {
    let count = candidate.sentences.len() as f64;
    let length = stems.len() as f64;
    let sources = candidate.sources.len() as f64;
    count * (1.0 + 0.7 * (length - 1.0)) * (1.0 + sources).ln()
}

fn contains(long: &[String], short: &[String]) -> bool {
    !short.is_empty() && long.windows(short.len()).any(|window| window == short)
}

/// Every phrase of neighbouring content words; a stop word, a figure or punctuation ends one, a hyphen never does. A unit
/// (the word after a figure or after “per”) is no phrase.
fn phrases(text: &str) -> Vec<(Vec<String>, Range<usize>)> {
    let words = language::stems_with_places(text);
    let mut phrases = Vec::new();
    for (first, (_, from)) in words.iter().enumerate() {
        let before = text.get(..from.start).unwrap_or_default();
        if before.ends_with('-') || follows_figure(before) || before.ends_with("per ") {
            continue;
        }
        let mut stems: Vec<String> = Vec::new();
        let mut end = from.start;
        for (stem, place) in words.iter().skip(first).take(STEMS_MAX) {
            let between = text.get(end..place.start).unwrap_or_default();
            let is_figure = stem.starts_with(|c: char| c.is_ascii_digit());
            if is_figure || !(stems.is_empty() || matches!(between, " " | "-")) {
                break;
            }
            stems.push(stem.clone());
            end = place.end;
            let goes_on = text.get(end..).is_some_and(|after| after.starts_with('-'));
            if !goes_on && stem.len() > 2 {
                phrases.push((stems.clone(), from.start..end));
            }
        }
    }
    phrases
}

fn follows_figure(before: &str) -> bool {
    before
        .trim_end()
        .ends_with(|c: char| c.is_ascii_digit() || c == '%')
}

/// The subject that the figure at `offset` is about: the nearest one, and rather one before it than one behind.
pub(super) fn subject_at<'a>(
    text: &str,
    offset: usize,
    themes: &'a [FoundTheme],
) -> Option<&'a str> {
    let found = phrases(text);
    themes
        .iter()
        .filter(|theme| theme.is_subject)
        .flat_map(|theme| {
            found
                .iter()
                .filter(|(stems, _)| *stems == theme.stems)
                .map(move |(_, place)| (distance(place, offset), theme))
        })
        .filter(|(distance, _)| *distance <= REACH_BYTES)
        .min_by_key(|(distance, theme)| (*distance, usize::MAX - theme.stems.len()))
        .map(|(_, theme)| theme.theme.theme.as_str())
}

fn distance(place: &Range<usize>, offset: usize) -> usize {
    if place.end <= offset {
        offset - place.end
    } else {
        place.start.saturating_sub(offset) * 2
    }
}
