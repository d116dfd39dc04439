use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Agreement, Claim, Contradiction, Reading, Theme};
use crate::language;
use crate::research::{Gap, round};

const INSIGHTS_MAX: usize = 12;
/// Kinds of figures are compared over subjects once there are this many.
const SUBJECTS_MIN: usize = 3;

/// Stems of words that announce trouble.
const RISKS: [&str; 14] = [
    "risk", "fire", "leak", "danger", "hazard", "fail", "failur", "refus", "delay", "shortag",
    "weak", "toxic", "doubl", "tripl",
];

/// What the evidence says about one theme.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Insight {
    pub insight: String,
    pub explanation: String,
    pub confidence: f64,
    pub theme: String,
    /// Numbers of the sentences that carry it, the central one first.
    pub evidence: Vec<usize>,
}

/// A regularity over several sentences.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pattern {
    /// `temporal`, `quantitative` or `research_gaps`.
    #[serde(rename = "type")]
    pub kind: String,
    pub description: String,
    pub confidence: f64,
    pub evidence: Vec<usize>,
}

/// What to do next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recommendation {
    /// `high`, `medium` or `low`.
    pub priority: String,
    pub category: String,
    pub action: String,
    pub rationale: String,
}

/// Strengths and so on of the evidence, not of its subject.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Swot {
    pub strengths: Vec<String>,
    pub weaknesses: Vec<String>,
    pub opportunities: Vec<String>,
    pub threats: Vec<String>,
}

/// For each theme the sentence that shares most with the theme's other sentences.
pub(super) fn insights(
    readings: &[Reading<'_>],
    themes: &[Theme],
    claims: &[Claim],
    contradictions: &[Contradiction],
    rarity: &HashMap<String, f64>,
) -> Vec<Insight> {
    let mut used: Vec<usize> = Vec::new();
    let mut insights = Vec::new();
    for theme in themes {
        let members: Vec<&Reading<'_>> = theme
            .evidence
            .iter()
            .filter_map(|n| readings.get(n.wrapping_sub(1)))
            .collect();
        let mut ranked: Vec<(&Reading<'_>, f64)> = members
            .iter()
            .map(|reading| (*reading, centrality(reading, &members, rarity)))
            .collect();
        ranked.sort_by(|a, b| {
            b.1.total_cmp(&a.1)
                .then(a.0.evidence.n.cmp(&b.0.evidence.n))
        });
        let order: Vec<usize> = ranked
            .iter()
            .map(|(reading, _)| reading.evidence.n)
            .collect();
        let Some(central) = ranked
            .iter()
            .map(|(reading, _)| *reading)
            .find(|reading| !used.contains(&reading.evidence.n))
        else {
            continue;
        };
        let n = central.evidence.n;
        used.push(n);
        let disputed = contradictions
            .iter()
            .any(|contradiction| contradiction.evidence.contains(&n));
        let figures = claims
            .iter()
            .filter(|claim| claim.subject == theme.theme)
            .count();
        insights.push(insight(theme, central, order, disputed, figures));
        if insights.len() == INSIGHTS_MAX {
            break;
        }
    }
    insights
}

fn insight(
    theme: &Theme,
    central: &Reading<'_>,
    order: Vec<usize>,
    disputed: bool,
    figures: usize,
) -> Insight {
    // Each further independent source halves the doubt; a dispute halves the confidence.
    let support = 1.0 - 0.5_f64.powi(i32::try_from(theme.sources.min(4)).unwrap_or(4));
    let confidence = if disputed { support / 2.0 } else { support };
    let n = central.evidence.n;
    let mut evidence = vec![n];
    evidence.extend(order.into_iter().filter(|other| *other != n).take(4));
    Insight {
        insight: central.evidence.quote.text.clone(),
        explanation: format!(
            "“{}” stands in {} quoted sentences of {} sources, with {figures} figures; this sentence shares most with the others. Confidence 1 − 0.5^sources, at most four of them{}.",
            theme.theme,
            theme.sentences,
            theme.sources,
            if disputed {
                ", halved because another source disputes it"
            } else {
                ""
            }
        ),
        confidence: round(confidence),
        theme: theme.theme.clone(),
        evidence,
    }
}

fn centrality(
    reading: &Reading<'_>,
    members: &[&Reading<'_>],
    rarity: &HashMap<String, f64>,
) -> f64 {
    members
        .iter()
        .filter(|other| other.evidence.n != reading.evidence.n)
        .map(|other| language::similarity(&reading.stems, &other.stems, rarity))
        .sum()
}

/// The span of each kind of figure over its subjects, and the gaps as a whole.
pub(super) fn patterns(claims: &[Claim], gaps: &[Gap]) -> Vec<Pattern> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Claim>> = BTreeMap::new();
    for claim in claims.iter().filter(|claim| claim.aspect != "other") {
        groups
            .entry((&claim.aspect, &claim.unit))
            .or_default()
            .push(claim);
    }
    let mut patterns: Vec<Pattern> = groups
        .into_iter()
        .filter_map(|((aspect, unit), claims)| span(aspect, unit, &claims))
        .collect();
    if let Some(first) = gaps.first() {
        patterns.push(Pattern {
            kind: "research_gaps".to_owned(),
            description: format!(
                "{} questions stay open; the first: {}",
                gaps.len(),
                first.description
            ),
            confidence: round(
                gaps.iter().map(|gap| gap.confidence).sum::<f64>() / gaps.len() as f64,
            ),
            evidence: Vec::new(),
        });
    }
    patterns
}

fn span(aspect: &str, unit: &str, claims: &[&Claim]) -> Option<Pattern> {
    let mut subjects: Vec<&str> = claims.iter().map(|claim| claim.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    if subjects.len() < SUBJECTS_MIN {
        return None;
    }
    let low = claims.iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
    let high = claims
        .iter()
        .max_by(|a, b| a.value_to.total_cmp(&b.value_to))?;
    let is_time = ["year", "month", "week", "day", "hour", "minut"].contains(&unit);
    Some(Pattern {
        kind: if is_time { "temporal" } else { "quantitative" }.to_owned(),
        description: format!(
            "Over {} subjects the {aspect} ranges from {} ({}) to {} ({}).",
            subjects.len(),
            low.text,
            low.subject,
            high.text,
            high.subject
        ),
        confidence: round(
            1.0 - 0.5_f64.powi(i32::try_from(claims.len()).unwrap_or(i32::MAX).min(6)),
        ),
        evidence: vec![low.evidence, high.evidence],
    })
}

pub(super) fn recommendations(
    contradictions: &[Contradiction],
    gaps: &[Gap],
) -> Vec<Recommendation> {
    let settle = contradictions.iter().map(|contradiction| Recommendation {
        priority: "high".to_owned(),
        category: "contradiction".to_owned(),
        action: if contradiction.subject.is_empty() {
            "Find out which of the two statements holds.".to_owned()
        } else {
            format!(
                "Find an independent measurement of the {} of {} before relying on either figure.",
                contradiction.aspect, contradiction.subject
            )
        },
        rationale: contradiction.description.clone(),
    });
    let fill = gaps.iter().map(|gap| Recommendation {
        priority: if gap.confidence >= 0.75 {
            "medium"
        } else {
            "low"
        }
        .to_owned(),
        category: "gap".to_owned(),
        action: "Look for a source that closes this gap.".to_owned(),
        rationale: gap.description.clone(),
    });
    settle.chain(fill).collect()
}

pub(super) fn swot(
    readings: &[Reading<'_>],
    agreements: &[Agreement],
    contradictions: &[Contradiction],
    gaps: &[Gap],
) -> Swot {
    let threats = readings
        .iter()
        .filter(|reading| {
            reading
                .stems
                .iter()
                .any(|stem| RISKS.contains(&stem.as_str()))
        })
        .map(|reading| reading.evidence.quote.text.clone())
        .take(8)
        .collect();
    Swot {
        strengths: agreements
            .iter()
            .map(|item| item.description.clone())
            .take(8)
            .collect(),
        weaknesses: contradictions
            .iter()
            .map(|item| item.description.clone())
            .take(8)
            .collect(),
        opportunities: gaps
            .iter()
            .map(|gap| format!("Closing this gap would add most: {}", gap.description))
            .take(8)
            .collect(),
        threats,
    }
}
