//! A source document: what was in the file, and the plain text that was read out of it.
//!
//! Every quotation made by the agents points into [`Document::text`], and wherever the sentence also stands in the
//! file itself (which inline markup can prevent) into the file, so that a reader can check it with a text editor.

mod html;
mod markdown;

use serde::{Deserialize, Serialize};

/// How a file is turned into plain text; chosen by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Text,
    Markdown,
    Html,
}

impl Format {
    /// The format for a file name, or nothing when the ending is not one that the agents read.
    pub fn of(path: &str) -> Option<Self> {
        let (_, ending) = path.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "txt" | "text" => Some(Self::Text),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

/// One readable source.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Path relative to the folder that was read, with forward slashes.
    pub path: String,
    pub title: String,
    pub format: Format,
    /// Plain text, one paragraph or heading per line, white space within a line collapsed to single spaces.
    pub text: String,
    /// The file as it was read.
    pub raw: String,
}

impl Document {
    /// Reads the plain text and the title out of `raw`.
    pub fn parse(path: &str, format: Format, raw: String) -> Self {
        let (title, text) = match format {
            Format::Text => (None, join_wrapped_lines(&raw)),
            Format::Markdown => markdown::read(&raw),
            Format::Html => html::read(&raw),
        };
        let title = title
            .or_else(|| text.lines().next().map(str::to_owned))
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| path.to_owned());
        Self {
            path: path.to_owned(),
            title,
            format,
            text,
            raw,
        }
    }

    /// A quotation of `start..end` in the plain text; nothing when the range is no text range of this document.
    pub fn quote(&self, start: usize, end: usize) -> Option<Quote> {
        let text = self.text.get(start..end)?.to_owned();
        let file_span = locate(&self.raw, &text);
        Some(Quote {
            text,
            path: self.path.clone(),
            title: self.title.clone(),
            span: [start, end],
            file_span,
        })
    }

    /// Finds `sentence` word for word in this document.
    pub fn find(&self, sentence: &str) -> Option<Quote> {
        let sentence = collapse(sentence);
        if sentence.is_empty() {
            return None;
        }
        let start = self.text.find(&sentence)?;
        self.quote(start, start + sentence.len())
    }
}

/// An exact sentence of a source and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quote {
    pub text: String,
    pub path: String,
    pub title: String,
    /// Byte range in [`Document::text`].
    pub span: [usize; 2],
    /// Byte range in the file, equal to `text` up to white space; absent when markup interrupts the sentence.
    pub file_span: Option<[usize; 2]>,
}

/// Paragraphs of a plain text file are separated by blank lines; line ends within one are only wrapping.
fn join_wrapped_lines(raw: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for line in raw.lines() {
        let line = collapse(line);
        if line.is_empty() {
            open = false;
            continue;
        }
        match lines.last_mut() {
            Some(paragraph) if open => {
                paragraph.push(' ');
                paragraph.push_str(&line);
            }
            _ => lines.push(line),
        }
        open = true;
    }
    lines.join("\n")
}

/// Collapses every run of white space to one space and trims both ends.
pub(crate) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Finds `sentence` in `raw`, where any white space in `raw` may stand for one space.
fn locate(raw: &str, sentence: &str) -> Option<[usize; 2]> {
    let mut words = sentence.split(' ');
    let first = words.next().filter(|word| !word.is_empty())?;
    let rest: Vec<&str> = words.collect();
    raw.match_indices(first).find_map(|(start, _)| {
        let mut end = start + first.len();
        for word in &rest {
            let tail = raw.get(end..)?;
            let trimmed = tail.trim_start();
            if trimmed.len() == tail.len() || !trimmed.starts_with(word) {
                return None;
            }
            end += tail.len() - trimmed.len() + word.len();
        }
        Some([start, end])
    })
}

#[cfg(test)]
mod tests;
