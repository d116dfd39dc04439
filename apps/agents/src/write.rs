//! The writer: a report in Markdown and as JSON, whose every quotation is a sentence of a source, and which says what it
//! did with each request of the reviewer.

mod compose;
mod feedback;
mod markdown;
mod revise;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use feedback::{Outcome, Request};

use crate::analyse::Analysis;
use crate::document::Quote;
use crate::payload::{Parameters, whole_numbers};

const SUMMARY_CHARACTERS_MAX: usize = 500;

/// A sentence of a source that the report quotes; numbers start at 1 in the order of first use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Citation {
    pub n: usize,
    pub quote: Quote,
}

/// One thing that the report says, with the citations it rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paragraph {
    pub text: String,
    pub citations: Vec<usize>,
}

/// A part of the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Section {
    /// Stable name, for programs.
    pub id: String,
    pub heading: String,
    pub paragraphs: Vec<Paragraph>,
}

impl Section {
    /// Replaces the paragraphs by one of prose that carries the same citations.
    pub(crate) fn set_prose(&mut self, text: String) {
        let mut citations: Vec<usize> = Vec::new();
        for n in self
            .paragraphs
            .iter()
            .flat_map(|paragraph| &paragraph.citations)
        {
            if !citations.contains(n) {
                citations.push(*n);
            }
        }
        self.paragraphs = vec![Paragraph { text, citations }];
    }
}

/// The report before it is laid out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    pub title: String,
    pub topic: String,
    /// At most 500 characters.
    pub summary: String,
    pub sections: Vec<Section>,
    /// What was asked by the reviewer and what was done about it.
    pub revision_notes: Vec<Outcome>,
    pub citations: Vec<Citation>,
    pub words: usize,
    pub confidence: f64,
}

impl Report {
    /// The report as Markdown, with the quoted sentences as numbered sources at the end.
    pub fn markdown(&self) -> String {
        markdown::lay_out(self)
    }

    /// Brings [`Report::words`] up to date.
    pub(crate) fn count_words(&mut self) {
        self.words = self
            .sections
            .iter()
            .flat_map(|section| &section.paragraphs)
            .map(|paragraph| crate::language::count_words(&paragraph.text))
            .sum();
    }
}

/// Writes the report on `topic` (the analysis' own when empty), honouring `feedback` and `parameters`.
pub fn write(analysis: &Analysis, feedback: &str, topic: &str, parameters: &Parameters) -> Report {
    let topic = if topic.is_empty() {
        &analysis.topic
    } else {
        topic
    };
    let requests = feedback::read(feedback);
    let (draft, outcomes) = compose::draft(analysis, &requests, parameters.word_limit);
    let mut report = compose::number(draft, analysis);
    report.title = title(topic);
    topic.clone_into(&mut report.topic);
    report.summary = summary(analysis, topic);
    report.confidence = analysis.confidence_scores.overall;
    report.revision_notes = outcomes;
    report.count_words();
    report
}

impl Analysis {
    /// Reads an analysis of any shape that has been seen: this crate's, or an object of which only some members fit, or a text.
    pub fn read(value: &Value) -> Self {
        compose::intake(&whole_numbers(value.clone()))
    }
}

fn title(topic: &str) -> String {
    let topic = topic.trim();
    if topic.is_empty() {
        "Research report".to_owned()
    } else {
        topic.to_owned()
    }
}

fn summary(analysis: &Analysis, topic: &str) -> String {
    let text = if analysis.summary.is_empty() {
        format!("Report on {topic}.")
    } else {
        analysis.summary.clone()
    };
    let mut end = text.len().min(SUMMARY_CHARACTERS_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
