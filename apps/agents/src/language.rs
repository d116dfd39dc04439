//! The little English that the agents know: sentences, words, stems, and which words carry no content.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use tantivy::tokenizer::{
    Language, LowerCaser, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer, TokenStream,
};

const SENTENCE_WORDS_MIN: usize = 4;
/// A line without a full stop is a heading unless it is this long.
const UNFINISHED_WORDS_MIN: usize = 8;

/// Words after which a full stop does not end a sentence.
const ABBREVIATIONS: [&str; 19] = [
    "e.g", "i.e", "etc", "dr", "mr", "mrs", "ms", "prof", "vs", "approx", "fig", "al", "cf", "st",
    "jr", "sr", "inc", "ltd", "ca",
];

/// Words that carry no content of their own, in lower case.
const STOP_WORDS: &str = "a about above after again all almost also although always am among an and another any are as at \
    be because been before being below between both but by can cannot could did do does doing done down during each either \
    else even ever every few for from further get gets give given gives go goes had has have having he hence her here him \
    his how however i if in instead into is it its itself just least less like made make makes many may me might more \
    most much must my near need needs neither never no nor not now of off often on once one only or other our out over own \
    part per put quite rather roughly same say says see seen several shall she should since so some something still such \
    take takes than that the their them then there therefore these they this those though through thus to together too \
    two three up upon us use used uses using usually very was way we well were what when where wherever whether which while \
    who whole whose why will with within without would yet you your";

static ANALYZER: LazyLock<TextAnalyzer> = LazyLock::new(|| {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(LowerCaser)
        .filter(StopWordFilter::remove(
            STOP_WORDS.split_whitespace().map(str::to_owned),
        ))
        .filter(Stemmer::new(Language::English))
        .build()
});

/// The analyzer that the full-text index shares with the rest of the agents.
pub fn analyzer() -> TextAnalyzer {
    ANALYZER.clone()
}

/// Stems of the content words of `text`, in order, with their byte ranges.
pub fn stems_with_places(text: &str) -> Vec<(String, Range<usize>)> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut stems = Vec::new();
    while let Some(token) = stream.next() {
        stems.push((token.text.clone(), token.offset_from..token.offset_to));
    }
    stems
}

/// Stems of the content words of `text`, in order.
pub fn stems(text: &str) -> Vec<String> {
    stems_with_places(text)
        .into_iter()
        .map(|(stem, _)| stem)
        .collect()
}

/// Stems without those that are figures.
pub fn content_stems(text: &str) -> Vec<String> {
    stems(text)
        .into_iter()
        .filter(|stem| !stem.starts_with(|first: char| first.is_ascii_digit()))
        .collect()
}

/// Number of words as a reader would count them.
pub fn count_words(text: &str) -> usize {
    text.split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .count()
}

/// How much rarer than usual each stem is over `texts`: `ln(1 + texts / texts with the stem)`.
pub fn rarity<'a>(texts: impl IntoIterator<Item = &'a [String]>) -> HashMap<String, f64> {
    let mut seen: HashMap<String, f64> = HashMap::new();
    let mut count = 0.0;
    for text in texts {
        count += 1.0;
        let mut unique: Vec<&String> = text.iter().collect();
        unique.sort();
        unique.dedup();
        for stem in unique {
            *seen.entry(stem.clone()).or_default() += 1.0;
        }
    }
    for weight in seen.values_mut() {
        *weight = (1.0_f64 + count / *weight).ln();
    }
    seen
}

/// Weight that `a` and `b` share, as a part of the weight that they have together; 0 to 1.
pub fn similarity(a: &[String], b: &[String], rarity: &HashMap<String, f64>) -> f64 {
    let weight = |stem: &String| rarity.get(stem).copied().unwrap_or(1.0);
    let mut all: Vec<&String> = a.iter().chain(b).collect();
    all.sort();
    all.dedup();
    let (mut shared, mut total) = (0.0, 0.0);
    for stem in all {
        total += weight(stem);
        if a.contains(stem) && b.contains(stem) {
            shared += weight(stem);
        }
    }
    if total > 0.0 { shared / total } else { 0.0 }
}

/// Byte ranges of the sentences of a plain text with one paragraph per line. Headings are no sentences.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut line_start = 0;
    for line in text.split('\n') {
        for range in sentences_of_line(line) {
            ranges.push(line_start + range.start..line_start + range.end);
        }
        line_start += line.len() + 1;
    }
    ranges
}

fn sentences_of_line(line: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    let places: Vec<(usize, char)> = line.char_indices().collect();
    let mut at = 0;
    while let Some(&(place, mark)) = places.get(at) {
        at += 1;
        if !matches!(mark, '.' | '!' | '?') {
            continue;
        }
        let mut end = place + mark.len_utf8();
        let mut after = at;
        while let Some(&(place, closing)) = places.get(after) {
            if !matches!(
                closing,
                '"' | '\'' | ')' | ']' | '”' | '’' | '.' | '!' | '?'
            ) {
                break;
            }
            end = place + closing.len_utf8();
            after += 1;
        }
        let tail = line.get(end..).unwrap_or_default();
        if ends_sentence(line.get(start..place).unwrap_or_default(), tail) {
            push_sentence(line, start..end, true, &mut ranges);
            start = end + (tail.len() - tail.trim_start().len());
            at = after;
        }
    }
    push_sentence(line, start..line.len(), false, &mut ranges);
    ranges
}

/// Whether a mark between `before` and `after` ends a sentence.
fn ends_sentence(before: &str, after: &str) -> bool {
    if after.is_empty() {
        return true;
    }
    if !after.starts_with(char::is_whitespace) {
        return false;
    }
    let next = after.trim_start().chars().next();
    if next.is_some_and(char::is_lowercase) {
        return false;
    }
    let last = before
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default();
    let last = last.trim_start_matches(['(', '[', '"', '“']);
    if last.eq_ignore_ascii_case("no") && next.is_some_and(|next| next.is_ascii_digit()) {
        return false;
    }
    let is_initial = last.chars().count() == 1 && last.chars().all(char::is_uppercase);
    !is_initial && !ABBREVIATIONS.contains(&last.to_lowercase().as_str())
}

fn push_sentence(line: &str, range: Range<usize>, finished: bool, out: &mut Vec<Range<usize>>) {
    let words = count_words(line.get(range.clone()).unwrap_or_default());
    let enough = if finished {
        SENTENCE_WORDS_MIN
    } else {
        UNFINISHED_WORDS_MIN
    };
    if words >= enough {
        out.push(range);
    }
}

#[cfg(test)]
mod tests;
