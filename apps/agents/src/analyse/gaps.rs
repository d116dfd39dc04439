use std::collections::{BTreeMap, BTreeSet};

use super::Claim;
use crate::research::{Gap, round};

/// A kind of figure has to be known for this many subjects before its absence elsewhere means anything.
const SUBJECTS_MIN: usize = 3;
/// A subject has to have this many kinds of figures before it counts as one that is described by figures.
const ASPECTS_MIN: usize = 2;

/// Which kinds of figures are known for which subjects.
pub(super) struct Matrix {
    subjects: BTreeMap<String, BTreeSet<String>>,
    aspects: BTreeMap<String, usize>,
}

impl Matrix {
    pub(super) fn new(claims: &[Claim]) -> Self {
        let mut subjects: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for claim in claims.iter().filter(|claim| claim.aspect != "other") {
            subjects
                .entry(claim.subject.clone())
                .or_default()
                .insert(claim.aspect.clone());
        }
        subjects.retain(|_, aspects| aspects.len() >= ASPECTS_MIN);
        let mut aspects: BTreeMap<String, usize> = BTreeMap::new();
        for aspect in subjects.values().flatten() {
            *aspects.entry(aspect.clone()).or_default() += 1;
        }
        // Known for at least half of the subjects: below that its absence is the rule and no gap.
        let half = subjects.len().div_ceil(2).max(SUBJECTS_MIN);
        aspects.retain(|_, count| *count >= half);
        Self { subjects, aspects }
    }

    /// Known cells of the matrix and all of its cells.
    pub(super) fn filled(&self) -> (usize, usize) {
        let known = self
            .subjects
            .values()
            .flatten()
            .filter(|aspect| self.aspects.contains_key(*aspect))
            .count();
        (known, self.subjects.len() * self.aspects.len())
    }

    /// Cells that are empty although most other subjects have a figure there.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (subject, known) in &self.subjects {
            for (aspect, count) in &self.aspects {
                if known.contains(aspect) {
                    continue;
                }
                let others = self.subjects.len() - 1;
                gaps.push(Gap {
                    kind: "no_figure".to_owned(),
                    description: format!(
                        "No source gives a figure for the {aspect} of {subject}, although one is given for {count} of {others} comparable subjects."
                    ),
                    confidence: round(*count as f64 / others.max(1) as f64),
                    explanation: "the part of the comparable subjects that do have such a figure"
                        .to_owned(),
                    quote: None,
                });
            }
        }
        gaps.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        gaps
    }
}
