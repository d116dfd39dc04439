use serde_json::Value;

use super::feedback::{Outcome, Request};
use super::{Citation, Paragraph, Report, Section, revise};
use crate::analyse::Analysis;
use crate::language;

/// A paragraph whose citations are still numbers of [`Analysis::evidence`], with how much it matters (higher is kept longer).
pub(super) struct DraftParagraph {
    pub text: String,
    pub evidence: Vec<usize>,
    pub weight: f64,
}

pub(super) struct DraftSection {
    pub id: &'static str,
    pub heading: String,
    pub paragraphs: Vec<DraftParagraph>,
}

/// Sections in the order in which they are shown, cut to the length that is asked for.
pub(super) struct Draft(Vec<DraftSection>);

/// Words of a report when nobody asks for another length.
const WORDS_DEFAULT: usize = 1_200;

/// Builds the sections, applies the requests one after the other, then cuts.
pub(super) fn draft(
    analysis: &Analysis,
    requests: &[Request],
    word_limit: Option<usize>,
) -> (Draft, Vec<Outcome>) {
    let mut sections = sections(analysis);
    let before: usize = sections.iter().map(words).sum();
    let words_max = words_max(before, requests, word_limit);
    let mut outcomes: Vec<Outcome> = requests
        .iter()
        .map(|request| revise::apply(request, analysis, &mut sections))
        .collect();
    cut(&mut sections, words_max);
    let after: usize = sections.iter().map(words).sum();
    for (request, outcome) in requests.iter().zip(&mut outcomes) {
        if matches!(request, Request::Shorter { .. } | Request::AtMost { .. }) {
            outcome.note = format!(
                "The body has {after} words (at most {words_max} were allowed); unrevised it would have {before}."
            );
        }
    }
    (Draft(sections), outcomes)
}

/// “Shorter” is measured against what would have been written; a stated limit is never exceeded.
fn words_max(unrevised: usize, requests: &[Request], word_limit: Option<usize>) -> usize {
    let base = word_limit.unwrap_or(WORDS_DEFAULT);
    let wished = requests.iter().fold(base, |words, request| match request {
        Request::Shorter { .. } => words.min(unrevised) * 6 / 10,
        Request::Longer { .. } if word_limit.is_none() => words * 16 / 10,
        _ => words,
    });
    let stated = requests.iter().filter_map(|request| match request {
        Request::AtMost { words, .. } => Some(*words),
        _ => None,
    });
    stated.fold(wished, usize::min)
}

/// Replaces numbers of the evidence by citation numbers in the order of use.
pub(super) fn number(draft: Draft, analysis: &Analysis) -> Report {
    let mut report = Report::default();
    for section in draft.0 {
        let mut paragraphs = Vec::new();
        for paragraph in section.paragraphs {
            let mut citations = Vec::new();
            for n in paragraph.evidence {
                let Some(evidence) = analysis.evidence.iter().find(|evidence| evidence.n == n)
                else {
                    continue;
                };
                let known = report
                    .citations
                    .iter()
                    .find(|citation| citation.quote == evidence.quote)
                    .map(|citation| citation.n);
                let number = known.unwrap_or_else(|| {
                    let number = report.citations.len() + 1;
                    report.citations.push(Citation {
                        n: number,
                        quote: evidence.quote.clone(),
                    });
                    number
                });
                if !citations.contains(&number) {
                    citations.push(number);
                }
            }
            paragraphs.push(Paragraph {
                text: paragraph.text,
                citations,
            });
        }
        report.sections.push(Section {
            id: section.id.to_owned(),
            heading: section.heading,
            paragraphs,
        });
    }
    report
}

fn sections(analysis: &Analysis) -> Vec<DraftSection> {
    let insights = analysis.key_insights.iter().map(|insight| DraftParagraph {
        text: insight.insight.clone(),
        evidence: insight.evidence.iter().take(1).copied().collect(),
        weight: 0.5 + insight.confidence * 0.4,
    });
    let patterns = analysis
        .patterns_identified
        .iter()
        .filter(|pattern| pattern.kind != "research_gaps")
        .map(|pattern| {
            paragraph(
                &pattern.description,
                &pattern.evidence,
                0.4 + pattern.confidence * 0.3,
            )
        });
    let contradictions = analysis
        .contradictions
        .iter()
        .map(|item| paragraph(&item.description, &item.evidence, 0.9));
    let agreements = analysis.agreements.iter().map(|item| {
        paragraph(
            &item.description,
            &item.evidence,
            0.2 + item.confidence * 0.3,
        )
    });
    let gaps = analysis.gaps.iter().map(|gap| DraftParagraph {
        text: gap.description.clone(),
        evidence: gap
            .quote
            .as_ref()
            .and_then(|quote| analysis.evidence.iter().find(|item| item.quote == *quote))
            .map(|item| item.n)
            .into_iter()
            .collect(),
        weight: 0.4 + gap.confidence * 0.45,
    });
    let recommendations = analysis.recommendations.iter().map(|item| DraftParagraph {
        text: format!(
            "{} ({} priority) {}",
            item.action, item.priority, item.rationale
        ),
        evidence: Vec::new(),
        weight: if item.priority == "high" { 0.6 } else { 0.1 },
    });
    let all = [
        section("findings", "Key findings", insights.collect()),
        section("figures", "Figures compared", patterns.collect()),
        section(
            "contradictions",
            "Where the sources disagree",
            contradictions.collect(),
        ),
        section(
            "agreements",
            "Where the sources agree",
            agreements.collect(),
        ),
        section("gaps", "What the sources leave open", gaps.collect()),
        section(
            "recommendations",
            "Recommendations",
            recommendations.collect(),
        ),
    ];
    all.into_iter()
        .filter(|section| !section.paragraphs.is_empty())
        .collect()
}

pub(super) fn section(
    id: &'static str,
    heading: &str,
    paragraphs: Vec<DraftParagraph>,
) -> DraftSection {
    DraftSection {
        id,
        heading: heading.to_owned(),
        paragraphs,
    }
}

pub(super) fn paragraph(text: &str, evidence: &[usize], weight: f64) -> DraftParagraph {
    DraftParagraph {
        text: text.to_owned(),
        evidence: evidence.to_vec(),
        weight,
    }
}

fn words(section: &DraftSection) -> usize {
    section
        .paragraphs
        .iter()
        .map(|paragraph| language::count_words(&paragraph.text))
        .sum()
}

/// Takes out the least weighty paragraphs until the limit holds.
fn cut(sections: &mut Vec<DraftSection>, words_max: usize) {
    let mut total: usize = sections.iter().map(words).sum();
    while total > words_max {
        let lightest = sections
            .iter()
            .enumerate()
            .flat_map(|(s, section)| {
                section
                    .paragraphs
                    .iter()
                    .enumerate()
                    .map(move |(p, paragraph)| (s, p, paragraph.weight))
            })
            .min_by(|a, b| a.2.total_cmp(&b.2).then(b.0.cmp(&a.0)).then(b.1.cmp(&a.1)));
        let Some((s, p, _)) = lightest else { break };
        let Some(section) = sections.get_mut(s) else {
            break;
        };
        let gone = section.paragraphs.remove(p);
        total -= language::count_words(&gone.text);
        if section.paragraphs.is_empty() {
            sections.remove(s);
        }
    }
}

/// Reads what fits of an analysis written by another program.
pub(super) fn intake(value: &Value) -> Analysis {
    if let Ok(analysis) = serde_json::from_value::<Analysis>(value.clone()) {
        return analysis;
    }
    let text = match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ Value::Object(_)) => return intake(&inner),
            _ => text.clone(),
        },
        Value::Object(members) => {
            // One member of a foreign shape must not cost the others: take them one by one.
            let mut kept = serde_json::Map::new();
            for (name, member) in members {
                let alone =
                    Value::Object(serde_json::Map::from_iter([(name.clone(), member.clone())]));
                if serde_json::from_value::<Analysis>(alone).is_ok() {
                    kept.insert(name.clone(), member.clone());
                }
            }
            return serde_json::from_value(Value::Object(kept)).unwrap_or_default();
        }
        other => other.to_string(),
    };
    Analysis {
        summary: text,
        ..Analysis::default()
    }
}
