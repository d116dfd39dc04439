//! The analyst: themes, agreements, contradictions and gaps in what the researcher found, each with a confidence that
//! says how it was computed.

mod conflicts;
mod gaps;
mod insights;
mod intake;
mod scores;
mod themes;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use conflicts::{Agreement, Claim, Contradiction};
pub use insights::{Insight, Pattern, Recommendation, Swot};
pub use scores::Scores;
pub use themes::Theme;

use crate::document::Quote;
use crate::language;
use crate::payload;
use crate::research::{Findings, Gap};

/// A quoted sentence with the number by which the rest of the analysis names it; numbers start at 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    pub n: usize,
    pub quote: Quote,
}

/// What the analyst answers: the shape of the specification, and the evidence that the writer cites.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Analysis {
    pub topic: String,
    pub metadata: Map<String, Value>,
    pub summary: String,
    pub key_insights: Vec<Insight>,
    pub themes: Vec<Theme>,
    pub patterns_identified: Vec<Pattern>,
    pub agreements: Vec<Agreement>,
    pub contradictions: Vec<Contradiction>,
    pub gaps: Vec<Gap>,
    pub confidence_scores: Scores,
    pub recommendations: Vec<Recommendation>,
    pub statistics: Map<String, Value>,
    pub detailed_analysis: Swot,
    /// One row per figure whose subject is known.
    pub figures: Vec<Claim>,
    pub evidence: Vec<Evidence>,
}

/// How many of the recurring phrases are reported.
const THEMES_MAX: usize = 16;

/// What is known of one quoted sentence while the analysis runs.
struct Reading<'a> {
    evidence: &'a Evidence,
    stems: Vec<String>,
}

/// Analyses `findings`; `topic` may be empty, then the findings' own topic is used.
pub fn analyse(findings: &Findings, topic: &str) -> Analysis {
    let evidence = gather(findings);
    let readings: Vec<Reading<'_>> = evidence
        .iter()
        .map(|evidence| Reading {
            evidence,
            stems: language::content_stems(&evidence.quote.text),
        })
        .collect();
    let rarity = language::rarity(readings.iter().map(|reading| reading.stems.as_slice()));
    let found = themes::find(&readings);
    let figures = conflicts::claims(findings, &readings, &found);
    let (agreements, contradictions) = conflicts::find(&readings, &figures, &rarity);
    let matrix = gaps::Matrix::new(&figures);
    let mut gaps = findings.gaps.clone();
    gaps.extend(matrix.gaps());
    let scores = scores::compute(&matrix, &figures, &agreements, &contradictions);
    let topic = if topic.is_empty() {
        &findings.topic
    } else {
        topic
    };
    let themes: Vec<Theme> = found
        .into_iter()
        .map(|found| found.theme)
        .take(THEMES_MAX)
        .collect();
    let mut analysis = Analysis {
        topic: topic.to_owned(),
        key_insights: insights::insights(&readings, &themes, &figures, &contradictions, &rarity),
        patterns_identified: insights::patterns(&figures, &gaps),
        recommendations: insights::recommendations(&contradictions, &gaps),
        detailed_analysis: insights::swot(&readings, &agreements, &contradictions, &gaps),
        statistics: statistics(findings, &evidence, &figures),
        confidence_scores: scores,
        metadata: Map::new(),
        summary: String::new(),
        themes,
        agreements,
        contradictions,
        gaps,
        figures,
        evidence: Vec::new(),
    };
    analysis.summary = summary(&analysis, findings);
    analysis.evidence = evidence;
    analysis
        .metadata
        .insert("method".into(), json!("frequencies and figures"));
    analysis
}

impl Findings {
    /// Reads research data of any shape that has been seen: this crate's, the README's with plain sentences, or a text.
    pub fn read(value: &Value) -> Self {
        intake::findings(&payload::whole_numbers(value.clone()))
    }
}

/// Each quoted sentence once, in the order of the findings.
fn gather(findings: &Findings) -> Vec<Evidence> {
    let quotes = findings
        .key_findings
        .iter()
        .map(|finding| &finding.quote)
        .chain(findings.data_points.iter().map(|point| &point.quote))
        .chain(findings.gaps.iter().filter_map(|gap| gap.quote.as_ref()));
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for quote in quotes {
        if quote.text.is_empty() || quote.path.is_empty() || !seen.insert((&quote.path, quote.span))
        {
            continue;
        }
        evidence.push(Evidence {
            n: evidence.len() + 1,
            quote: quote.clone(),
        });
    }
    evidence
}

fn statistics(findings: &Findings, evidence: &[Evidence], figures: &[Claim]) -> Map<String, Value> {
    let mut paths: Vec<&str> = evidence
        .iter()
        .map(|item| item.quote.path.as_str())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let mut statistics = Map::new();
    statistics.insert("sources_read".into(), json!(findings.sources.len()));
    statistics.insert("sources_quoted".into(), json!(paths.len()));
    statistics.insert("sentences".into(), json!(evidence.len()));
    statistics.insert("figures".into(), json!(findings.data_points.len()));
    statistics.insert("figures_with_subject".into(), json!(figures.len()));
    statistics
}

fn summary(analysis: &Analysis, findings: &Findings) -> String {
    let names: Vec<&str> = analysis
        .themes
        .iter()
        .take(4)
        .map(|theme| theme.theme.as_str())
        .collect();
    let about = if names.is_empty() {
        "no theme recurs".to_owned()
    } else {
        format!("the recurring themes are {}", names.join(", "))
    };
    format!(
        "{}: in {} quoted sentences of {} sources, {about}. The sources agree on {} points, contradict each other on {} and leave {} gaps. Overall confidence {:.2}.",
        analysis.topic,
        analysis
            .statistics
            .get("sentences")
            .and_then(Value::as_u64)
            .unwrap_or(0),
        findings.sources.len(),
        analysis.agreements.len(),
        analysis.contradictions.len(),
        analysis.gaps.len(),
        analysis.confidence_scores.overall
    )
}

#[cfg(test)]
mod tests;
