use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Reading;
use super::themes::{FoundTheme, subject_at};
use crate::language::similarity;
use crate::research::{Findings, round};

/// Figures this close to each other agree, as a part of the larger one.
const AGREEMENT_MAX: f64 = 0.10;
/// Figures at least this far apart contradict each other; between the two bounds nothing is said.
const CONTRADICTION_MIN: f64 = 0.15;
/// Least likeness of the sentences in which two figures stand, so that like is compared with like.
const FIGURE_LIKENESS_MIN: f64 = 0.25;
/// Least likeness of two statements of which one denies.
const DENIAL_LIKENESS_MIN: f64 = 0.55;
/// Comparing statements is quadratic in their number.
const STATEMENTS_MAX: usize = 400;

const DENIALS: [&str; 8] = [
    "not", "no", "never", "cannot", "without", "neither", "none", "nor",
];

/// A figure with its subject and the number of the sentence that states it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claim {
    pub subject: String,
    pub aspect: String,
    pub unit: String,
    pub value: f64,
    pub value_to: f64,
    /// The figure as it stands in the sentence.
    pub text: String,
    pub evidence: usize,
    pub source: String,
}

/// Two sources say the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agreement {
    pub description: String,
    pub confidence: f64,
    pub explanation: String,
    pub evidence: Vec<usize>,
}

/// Two sources cannot both be right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contradiction {
    /// `figure` or `statement`.
    pub kind: String,
    pub subject: String,
    pub aspect: String,
    pub description: String,
    pub confidence: f64,
    pub explanation: String,
    pub evidence: Vec<usize>,
}

/// The figures whose subject is known.
pub(super) fn claims(
    findings: &Findings,
    readings: &[Reading<'_>],
    themes: &[FoundTheme],
) -> Vec<Claim> {
    let numbers: HashMap<(&str, [usize; 2]), usize> = readings
        .iter()
        .map(|reading| {
            let quote = &reading.evidence.quote;
            ((quote.path.as_str(), quote.span), reading.evidence.n)
        })
        .collect();
    findings
        .data_points
        .iter()
        .filter_map(|point| {
            let quote = &point.quote;
            Some(Claim {
                subject: subject_at(&quote.text, point.offset, themes)?.to_owned(),
                evidence: *numbers.get(&(quote.path.as_str(), quote.span))?,
                aspect: point.aspect.clone(),
                unit: point.unit.clone(),
                value: point.value,
                value_to: point.value_to,
                text: point.text.clone(),
                source: quote.path.clone(),
            })
        })
        .collect()
}

/// Compares figures of the same subject, kind and unit, and statements that are alike but for a denial.
pub(super) fn find(
    readings: &[Reading<'_>],
    claims: &[Claim],
    rarity: &HashMap<String, f64>,
) -> (Vec<Agreement>, Vec<Contradiction>) {
    let mut agreements: Vec<Agreement> = Vec::new();
    let mut contradictions: Vec<Contradiction> = Vec::new();
    for (place, a) in claims.iter().enumerate() {
        for b in claims.iter().skip(place + 1) {
            let comparable = a.subject == b.subject
                && a.aspect == b.aspect
                && a.unit == b.unit
                && a.source != b.source
                && a.aspect != "other";
            if !comparable {
                continue;
            }
            let likeness = likeness(readings, a.evidence, b.evidence, rarity);
            if likeness < FIGURE_LIKENESS_MIN {
                continue;
            }
            let apart = apart(a, b);
            if apart <= AGREEMENT_MAX {
                agreements.push(agreement(a, b, apart, likeness));
            } else if apart >= CONTRADICTION_MIN {
                contradictions.push(contradiction(a, b, apart, likeness));
            }
        }
    }
    contradictions.extend(denials(readings, rarity));
    agreements.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    contradictions.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    agreements.dedup_by(|a, b| a.evidence == b.evidence && a.description == b.description);
    (agreements, contradictions)
}

/// Distance of two ranges as a part of the largest figure; 0 when they overlap.
fn apart(a: &Claim, b: &Claim) -> f64 {
    let (low, high) = if a.value <= b.value { (a, b) } else { (b, a) };
    let largest = low.value_to.abs().max(high.value_to.abs());
    if largest > 0.0 {
        ((high.value - low.value_to) / largest).max(0.0)
    } else {
        0.0
    }
}

fn likeness(readings: &[Reading<'_>], a: usize, b: usize, rarity: &HashMap<String, f64>) -> f64 {
    let stems = |n: usize| {
        readings
            .get(n.wrapping_sub(1))
            .map(|reading| reading.stems.as_slice())
    };
    match (stems(a), stems(b)) {
        (Some(a), Some(b)) => similarity(a, b, rarity),
        _ => 0.0,
    }
}

fn agreement(a: &Claim, b: &Claim, apart: f64, likeness: f64) -> Agreement {
    Agreement {
        description: format!(
            "{} and {} give close figures for the {} of {}: {} and {}.",
            a.source, b.source, a.aspect, a.subject, a.text, b.text
        ),
        confidence: round(0.5 * likeness + 0.5 * (1.0 - apart / AGREEMENT_MAX)),
        explanation: format!(
            "half from the likeness of the two sentences ({likeness:.2}), half from how close the figures are ({:.0} % apart)",
            apart * 100.0
        ),
        evidence: vec![a.evidence, b.evidence],
    }
}

fn contradiction(a: &Claim, b: &Claim, apart: f64, likeness: f64) -> Contradiction {
    Contradiction {
        kind: "figure".to_owned(),
        subject: a.subject.clone(),
        aspect: a.aspect.clone(),
        description: format!(
            "The sources disagree on the {} of {}: {} says {}, {} says {}.",
            a.aspect, a.subject, a.source, a.text, b.source, b.text
        ),
        confidence: round(0.5 * likeness + 0.5 * (apart / 0.5).min(1.0)),
        explanation: format!(
            "half from the likeness of the two sentences ({likeness:.2}), half from the distance of the figures ({:.0} % of the larger one, 50 % counts fully)",
            apart * 100.0
        ),
        evidence: vec![a.evidence, b.evidence],
    }
}

fn denials(readings: &[Reading<'_>], rarity: &HashMap<String, f64>) -> Vec<Contradiction> {
    let readings = readings.get(..STATEMENTS_MAX).unwrap_or(readings);
    let denies: Vec<bool> = readings
        .iter()
        .map(|reading| denies(&reading.evidence.quote.text))
        .collect();
    let mut found = Vec::new();
    for (place, (a, a_denies)) in readings.iter().zip(&denies).enumerate() {
        for (b, b_denies) in readings.iter().zip(&denies).skip(place + 1) {
            let (left, right) = (&a.evidence.quote, &b.evidence.quote);
            if a_denies == b_denies || left.path == right.path {
                continue;
            }
            let likeness = similarity(&a.stems, &b.stems, rarity);
            if likeness >= DENIAL_LIKENESS_MIN {
                found.push(Contradiction {
                    kind: "statement".to_owned(),
                    subject: String::new(),
                    aspect: String::new(),
                    description: format!(
                        "{} and {} say opposite things: “{}” and “{}”",
                        left.path, right.path, left.text, right.text
                    ),
                    confidence: round(likeness * 0.8),
                    explanation: format!(
                        "likeness of the two sentences ({likeness:.2}), of which one denies, less a fifth because a denial can concern a side clause"
                    ),
                    evidence: vec![a.evidence.n, b.evidence.n],
                });
            }
        }
    }
    found
}

/// An odd number of denying words denies.
fn denies(text: &str) -> bool {
    let lower = text.to_lowercase();
    let count = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’'))
        .filter(|word| DENIALS.contains(word) || word.ends_with("n't") || word.ends_with("n’t"))
        .count();
    count % 2 == 1
}
