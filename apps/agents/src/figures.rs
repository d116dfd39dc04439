//! Figures in a sentence: a number or a range with its unit, and what it is a figure of.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};

use crate::document::Quote;
use crate::language;

/// One figure and the sentence that states it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataPoint {
    /// The lower end of a range, or the figure itself.
    pub value: f64,
    /// The upper end; equal to `value` for a single figure.
    pub value_to: f64,
    /// `%`, `$ per kilowatt-hour`, or the stem of the word behind the number.
    pub unit: String,
    /// What kind of figure it is, one of [`ASPECTS`] or `other`.
    pub aspect: String,
    /// The figure as it stands in the sentence.
    pub text: String,
    /// Byte offset of the figure in the quoted sentence.
    pub offset: usize,
    pub quote: Quote,
}

/// What figures are asked about, each with the stems that announce it.
pub const ASPECTS: [(&str, &[&str]); 8] = [
    (
        "cost",
        &["cost", "price", "capit", "invest", "tariff", "fee"],
    ),
    ("efficiency", &["effici", "yield", "return", "loss"]),
    (
        "lifetime",
        &[
            "lifetim", "life", "lifespan", "wear", "durabl", "degrad", "cycl", "age",
        ],
    ),
    ("duration", &["durat"]),
    (
        "lead time",
        &["permit", "queue", "delay", "connect", "approv", "construct"],
    ),
    (
        "environment",
        &["leak", "emiss", "recycl", "wast", "carbon", "pollut"],
    ),
    (
        "safety",
        &["fire", "safeti", "hazard", "accid", "distanc", "injuri"],
    ),
    ("share", &["share", "hold", "market", "half"]),
];

static FIGURE: LazyLock<Regex> = LazyLock::new(|| {
    const NUMBER: &str = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?";
    let pattern = format!(
        r"(?P<currency>[$€£])?\s?\b(?P<low>{NUMBER})(?:\s?(?:to|–|-|and)\s?[$€£]?(?P<high>{NUMBER}))?(?:\s(?P<scale>thousand|million|billion|trillion)\b)?(?:\s(?P<per>per\s[A-Za-z-]+)|\s?(?P<unit>%|°C|[A-Za-z][A-Za-z-]*))?"
    );
    Regex::new(&pattern).expect("the pattern is constant and a test compiles it")
});

/// The figures of one sentence. A number without a unit or currency is no figure, nor is a calendar year.
pub fn figures(sentence: &str) -> Vec<DataPoint> {
    let announced = announced_aspects(sentence);
    FIGURE
        .captures_iter(sentence)
        .filter_map(|captures| figure(sentence, &captures, &announced))
        .collect()
}

fn figure(
    sentence: &str,
    captures: &Captures<'_>,
    announced: &[(&'static str, Range<usize>)],
) -> Option<DataPoint> {
    let low = captures.name("low")?;
    let currency = captures.name("currency").map(|found| found.as_str());
    let word = captures.name("unit").map(|found| found.as_str());
    let is_year = currency.is_none()
        && word != Some("%")
        && low.len() == 4
        && (low.as_str().starts_with("19") || low.as_str().starts_with("20"));
    if is_year {
        return None;
    }
    let per = captures.name("per").map(|found| found.as_str());
    let unit = unit_of(currency, word, per)?;
    let scale = match captures.name("scale").map(|found| found.as_str()) {
        Some("thousand") => 1e3,
        Some("million") => 1e6,
        Some("billion") => 1e9,
        Some("trillion") => 1e12,
        _ => 1.0,
    };
    let parse = |text: &str| text.replace(',', "").parse::<f64>().ok();
    let value = parse(low.as_str())? * scale;
    let joined_by_and = captures
        .name("high")
        .and_then(|high| sentence.get(low.end()..high.start()))
        .is_some_and(|between| between.contains("and"));
    let after_between = sentence
        .get(..low.start())
        .is_some_and(|before| before.trim_end().ends_with("between"));
    let high = captures
        .name("high")
        .filter(|_| !joined_by_and || after_between)
        .and_then(|high| parse(high.as_str()));
    let value_to = high.map_or(value, |high| high * scale);
    let place = captures.get(0)?;
    Some(DataPoint {
        value: value.min(value_to),
        value_to: value.max(value_to),
        aspect: aspect_of(&unit, low.start(), announced),
        unit,
        text: place.as_str().trim().to_owned(),
        offset: low.start(),
        quote: Quote::default(),
    })
}

fn unit_of(currency: Option<&str>, word: Option<&str>, per: Option<&str>) -> Option<String> {
    if let Some(currency) = currency {
        return Some(per.map_or_else(
            || currency.to_owned(),
            |basis| format!("{currency} {basis}"),
        ));
    }
    let unit = match (word, per) {
        (Some("%" | "percent"), _) | (None, Some("per cent")) => "%".to_owned(),
        (Some("°C"), _) => "degre".to_owned(),
        (Some(word), _) => language::stems(word).join("-"),
        (None, _) => return None,
    };
    (!unit.is_empty()).then_some(unit)
}

fn announced_aspects(sentence: &str) -> Vec<(&'static str, Range<usize>)> {
    language::stems_with_places(sentence)
        .into_iter()
        .filter_map(|(stem, place)| {
            ASPECTS
                .iter()
                .find(|(_, announcing)| announcing.contains(&stem.as_str()))
                .map(|(aspect, _)| (*aspect, place))
        })
        .collect()
}

/// Money is cost and hours are duration; otherwise the nearest announcing word decides, and one that stands before the
/// number is preferred, because English names the quantity first.
fn aspect_of(unit: &str, offset: usize, announced: &[(&'static str, Range<usize>)]) -> String {
    if unit.starts_with(['$', '€', '£']) {
        return "cost".to_owned();
    }
    if unit == "hour" {
        return "duration".to_owned();
    }
    announced
        .iter()
        .filter(|(aspect, _)| fits(aspect, unit))
        .min_by_key(|(_, place)| {
            if place.end <= offset {
                offset - place.end
            } else {
                place.start.saturating_sub(offset) * 3
            }
        })
        .map_or("other", |(aspect, _)| *aspect)
        .to_owned()
}

/// Whether a figure in this unit can be a figure of this kind.
fn fits(aspect: &str, unit: &str) -> bool {
    let is_time = ["year", "month", "week", "day", "hour", "minut", "decad"].contains(&unit);
    match aspect {
        "cost" | "efficiency" | "share" => unit == "%",
        "lifetime" => is_time || unit == "cycl" || unit == "%",
        "lead time" | "duration" => is_time,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
