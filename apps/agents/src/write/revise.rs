//! What the writer does with each request of the reviewer.

use super::compose::{DraftParagraph, DraftSection, paragraph, section};
use super::feedback::{Outcome, Request};
use crate::analyse::Analysis;
use crate::language;

/// Does what the request asks, as far as the evidence allows, and says what became of it.
pub(super) fn apply(
    request: &Request,
    analysis: &Analysis,
    sections: &mut Vec<DraftSection>,
) -> Outcome {
    let (status, note) = match request {
        // The lengths are known only after the cut; the caller completes the note.
        Request::Shorter { .. } | Request::AtMost { .. } => ("done", String::new()),
        Request::Longer { .. } => add_detail(analysis, sections),
        Request::Add { about, .. } => add(about, analysis, sections),
        Request::Focus { about, .. } => focus(about, analysis, sections),
        Request::Remove { about, .. } => remove(about, sections),
        Request::Other { text } => related(text, analysis),
    };
    Outcome {
        request: request.text().to_owned(),
        status: status.to_owned(),
        note,
    }
}

/// Evidence that speaks about `about`, best first: every sentence that shares at least half of its content words.
fn evidence_on(about: &str, analysis: &Analysis) -> Vec<usize> {
    let wanted = language::stems(about);
    let mut found: Vec<(usize, usize)> = analysis
        .evidence
        .iter()
        .filter_map(|evidence| {
            let stems = language::stems(&evidence.quote.text);
            let shared = wanted.iter().filter(|stem| stems.contains(stem)).count();
            (shared > 0 && shared * 2 >= wanted.len()).then_some((evidence.n, shared))
        })
        .collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    found.into_iter().map(|(n, _)| n).collect()
}

fn quoted(n: usize, analysis: &Analysis, weight: f64) -> Option<DraftParagraph> {
    let evidence = analysis.evidence.iter().find(|evidence| evidence.n == n)?;
    Some(DraftParagraph {
        text: evidence.quote.text.clone(),
        evidence: vec![n],
        weight,
    })
}

/// What a reviewer asked for outweighs everything else when the report is cut.
const REQUESTED: f64 = 2.0;

fn add(
    about: &str,
    analysis: &Analysis,
    sections: &mut Vec<DraftSection>,
) -> (&'static str, String) {
    const SENTENCES_MAX: usize = 8;
    let found = evidence_on(about, analysis);
    let heading = capitalise(about);
    if found.is_empty() {
        let text = format!("The sources that were read say nothing on {about}.");
        sections.push(section(
            "added",
            &heading,
            vec![paragraph(&text, &[], REQUESTED)],
        ));
        return (
            "partly",
            format!(
                "A section was added, but no quoted sentence of the analysis speaks about {about}."
            ),
        );
    }
    let paragraphs: Vec<DraftParagraph> = found
        .iter()
        .take(SENTENCES_MAX)
        .enumerate()
        .filter_map(|(place, n)| quoted(*n, analysis, REQUESTED - place as f64 * 0.05))
        .collect();
    let note = format!(
        "A section with {} quoted sentences was added.",
        paragraphs.len()
    );
    let place = sections
        .iter()
        .position(|section| section.id == "gaps" || section.id == "recommendations")
        .unwrap_or(sections.len());
    sections.insert(place, section("added", &heading, paragraphs));
    ("done", note)
}

/// Puts what speaks about `about` first, as a section of its own, and lets everything else yield to it.
fn focus(
    about: &str,
    analysis: &Analysis,
    sections: &mut Vec<DraftSection>,
) -> (&'static str, String) {
    let found = evidence_on(about, analysis);
    if found.is_empty() {
        return (
            "not_done",
            format!("No quoted sentence of the analysis speaks about {about}."),
        );
    }
    let wanted = language::stems(about);
    for paragraph in sections
        .iter_mut()
        .flat_map(|section| &mut section.paragraphs)
    {
        let stems = language::stems(&paragraph.text);
        if wanted.iter().any(|stem| stems.contains(stem)) {
            paragraph.weight += 0.5;
        } else {
            paragraph.weight *= 0.6;
        }
    }
    for section in sections.iter_mut() {
        section
            .paragraphs
            .sort_by(|a, b| b.weight.total_cmp(&a.weight));
    }
    let paragraphs: Vec<DraftParagraph> = found
        .iter()
        .take(6)
        .enumerate()
        .filter_map(|(place, n)| quoted(*n, analysis, REQUESTED - place as f64 * 0.05))
        .collect();
    let note = format!(
        "The report opens with {} quoted sentences on {about}, and other passages yield to it.",
        paragraphs.len()
    );
    let heading = format!("In focus: {about}");
    sections.insert(0, section("focus", &heading, paragraphs));
    ("done", note)
}

fn remove(about: &str, sections: &mut Vec<DraftSection>) -> (&'static str, String) {
    let wanted = language::stems(about);
    let speaks = |text: &str| {
        let stems = language::stems(text);
        !wanted.is_empty() && wanted.iter().all(|stem| stems.contains(stem))
    };
    let headings = sections.len();
    sections.retain(|section| !speaks(&section.heading));
    let mut removed = 0;
    for section in sections.iter_mut() {
        let before = section.paragraphs.len();
        section
            .paragraphs
            .retain(|paragraph| !speaks(&paragraph.text));
        removed += before - section.paragraphs.len();
    }
    let removed_sections = headings - sections.len();
    sections.retain(|section| !section.paragraphs.is_empty());
    if removed + removed_sections == 0 {
        return (
            "not_done",
            format!("Nothing in the report speaks about {about}."),
        );
    }
    (
        "done",
        format!("{removed_sections} sections and {removed} passages were left out."),
    )
}

/// Every quoted sentence that the report does not use yet.
fn add_detail(analysis: &Analysis, sections: &mut Vec<DraftSection>) -> (&'static str, String) {
    let used: Vec<usize> = sections
        .iter()
        .flat_map(|section| &section.paragraphs)
        .flat_map(|paragraph| paragraph.evidence.clone())
        .collect();
    let paragraphs: Vec<DraftParagraph> = analysis
        .evidence
        .iter()
        .filter(|evidence| !used.contains(&evidence.n))
        .filter_map(|evidence| quoted(evidence.n, analysis, 0.3))
        .collect();
    if paragraphs.is_empty() {
        return (
            "not_done",
            "Everything that the analysis quotes is in the report already.".to_owned(),
        );
    }
    let note = format!(
        "{} further quoted sentences were offered, as far as the length allows.",
        paragraphs.len()
    );
    sections.push(section("detail", "Further detail", paragraphs));
    ("done", note)
}

fn related(text: &str, analysis: &Analysis) -> (&'static str, String) {
    let count = evidence_on(text, analysis).len();
    let note = if count == 0 {
        "The writer could not turn this into a change, and the evidence holds nothing on it; a person has to decide."
            .to_owned()
    } else {
        format!(
            "The writer could not turn this into a change by itself; {count} quoted sentences bear on it."
        )
    };
    ("not_done", note)
}

fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
