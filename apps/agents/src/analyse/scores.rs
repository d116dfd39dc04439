use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gaps::Matrix;
use super::{Agreement, Claim, Contradiction};
use crate::research::round;

/// Confidence figures, 0 to 1, each with the way it was computed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    pub data_completeness: f64,
    pub source_reliability: f64,
    pub finding_consistency: f64,
    pub overall: f64,
    /// One sentence for each figure above.
    pub explanations: BTreeMap<String, String>,
}

/// Nothing to compare is neither good nor bad.
const NEUTRAL: f64 = 0.5;

pub(super) fn compute(
    matrix: &Matrix,
    claims: &[Claim],
    agreements: &[Agreement],
    contradictions: &[Contradiction],
) -> Scores {
    let (known, cells) = matrix.filled();
    let completeness = ratio(known, cells);
    let confirmed = claims
        .iter()
        .filter(|claim| {
            agreements
                .iter()
                .any(|agreement| agreement.evidence.contains(&claim.evidence))
        })
        .count();
    let disputed = claims
        .iter()
        .filter(|claim| {
            contradictions.iter().any(|contradiction| {
                contradiction.aspect == claim.aspect
                    && contradiction.subject == claim.subject
                    && contradiction.evidence.contains(&claim.evidence)
            })
        })
        .count();
    let undisputed = claims.len() - disputed;
    // A confirmed figure counts fully, one that stands alone half, a disputed one not at all.
    let reliability = if claims.is_empty() {
        NEUTRAL
    } else {
        let confirmed = confirmed.min(undisputed);
        (confirmed as f64 + 0.5 * (undisputed - confirmed) as f64) / claims.len() as f64
    };
    let consistency = ratio(agreements.len(), agreements.len() + contradictions.len());
    let overall = 0.3 * completeness + 0.3 * reliability + 0.4 * consistency;
    let explanations = [
        (
            "data_completeness",
            format!("{known} of {cells} cells of the table subject × kind of figure are known"),
        ),
        (
            "source_reliability",
            format!(
                "of {} figures {confirmed} stand in a sentence that a second source confirms (counted 1) and {disputed} are disputed (counted 0); the rest counts 0.5",
                claims.len()
            ),
        ),
        (
            "finding_consistency",
            format!(
                "{} agreements against {} contradictions",
                agreements.len(),
                contradictions.len()
            ),
        ),
        (
            "overall",
            "0.3 × completeness + 0.3 × reliability + 0.4 × consistency".to_owned(),
        ),
    ];
    Scores {
        data_completeness: round(completeness),
        source_reliability: round(reliability),
        finding_consistency: round(consistency),
        overall: round(overall),
        explanations: explanations
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        NEUTRAL
    } else {
        part as f64 / whole as f64
    }
}
