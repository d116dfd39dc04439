//! `$now`, `$millis` and `$toMillis`, fed with the scope's time instead of the machine's.

use jsonata_core::evaluator::{EvaluatorError, HostFnResult};
use jsonata_core::value::JValue;

use super::functions::builtin;
use super::guard;

/// `$now([picture [, timezone]])`.
pub(super) fn now(now_ms: u64, args: &[JValue]) -> HostFnResult {
    let mut all = vec![millis(now_ms)];
    for arg in args.iter().take(2) {
        all.push(guard::checked_picture(arg)?);
    }
    builtin("fromMillis", &all)
}

/// `$millis()`.
pub(super) fn millis(now_ms: u64) -> JValue {
    // Exact for the next 285,000 years.
    JValue::Number(now_ms as f64)
}

/// `$toMillis(timestamp [, picture])`. Where the picture names no year, the date that it leaves open is today's.
pub(super) fn to_millis(now_ms: u64, args: &[JValue]) -> HostFnResult {
    let (Some(JValue::String(timestamp)), Some(JValue::String(picture))) =
        (args.first(), args.get(1))
    else {
        return builtin("toMillis", args);
    };
    let components = components(picture);
    let open: Vec<_> = LEADING
        .iter()
        .take_while(|(marks, _)| !marks.iter().any(|mark| components.contains(mark)))
        .collect();
    if open.is_empty() || components.is_empty() {
        return builtin("toMillis", args);
    }
    let missing: String = open.iter().map(|(_, component)| *component).collect();
    let today = builtin(
        "fromMillis",
        &[millis(now_ms), JValue::string(missing.as_str())],
    )?;
    let JValue::String(today) = today else {
        return Err(EvaluatorError::EvaluationError(
            "The time is out of range".to_owned(),
        ));
    };
    builtin(
        "toMillis",
        &[
            JValue::string(format!("{today}{timestamp}")),
            JValue::string(format!("{missing}{picture}")),
        ],
    )
}

/// The components of a date from the longest to the shortest: the ones in front of the first that a picture names are taken from the
/// clock. A day of the year (`d`), a week (`W`, `w`, `X`, `x`) and a day of the week (`F`) stand for a month and a day together.
const LEADING: [(&[char], &str); 3] = [
    (&['Y', 'X', 'x'], "[Y0001]-"),
    (&['M', 'd', 'W', 'w', 'F'], "[M01]-"),
    (&['D'], "[D01] "),
];

/// The letters of the picture's components. `[[` is a bracket in the text, not the beginning of one.
fn components(picture: &str) -> Vec<char> {
    let mut letters = Vec::new();
    let mut chars = picture.chars();
    while let Some(char) = chars.next() {
        // White space inside a component means nothing.
        if char == '['
            && let Some(letter) = chars.by_ref().find(|c| !c.is_whitespace())
            && letter != '['
        {
            letters.push(letter);
        }
    }
    letters
}
