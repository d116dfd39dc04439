//! A line that a program tells.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Stand;
use crate::a2a::reading::shortened;
use crate::task::{Progress, Question};

const WORDS_CHARS_MAX: usize = 4096;

#[derive(Deserialize)]
struct Line {
    progress: Option<Value>,
    question: Option<Value>,
    result: Option<Box<RawValue>>,
    error: Option<Value>,
}

/// What a line says; nothing, if it is no line of the protocol: programs print.
pub(super) fn read(line: &[u8]) -> Option<Stand> {
    let line: Line = serde_json::from_slice(line).ok()?;
    if let Some(result) = line.result {
        return Some(Stand::Done(Bytes::from(result.get().to_owned())));
    }
    if let Some(error) = line.error.filter(|error| !error.is_null()) {
        return Some(Stand::Failed(words(&error)));
    }
    if let Some(question) = line.question {
        let data = (!question.is_string()).then(|| Bytes::from(question.to_string()));
        return Some(Stand::Asking(Question {
            id: None,
            text: words(&question),
            data,
        }));
    }
    let progress = line.progress?;
    let percent = progress.get("percent").and_then(Value::as_f64);
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    let message = match &progress {
        Value::Object(members) => members.get("message").map(words),
        other => Some(words(other)),
    };
    Some(Stand::Working(Progress {
        message,
        // Within its bounds by the filter.
        percent: percent.map(|percent| percent as u8),
    }))
}

/// A text as it is; of an object its message.
fn words(value: &Value) -> String {
    let text = value.as_str();
    let inner = ["message", "text", "prompt"];
    let inner = inner.iter().find_map(|name| value.get(name)?.as_str());
    let text = text
        .or(inner)
        .map_or_else(|| value.to_string(), str::to_owned);
    shortened(&text, WORDS_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_from_what_a_program_prints() {
        for print in ["", "hello", "[1]", "{}", "{\"log\": 1}", "{\"result\""] {
            assert!(read(print.as_bytes()).is_none(), "{print}");
        }
        let done = read(br#"{"result": {"a": 1.0}}"#);
        assert!(matches!(done, Some(Stand::Done(text)) if &*text == b"{\"a\": 1.0}"));
        let failed = read(br#"{"error": {"message": "no"}}"#);
        assert!(matches!(failed, Some(Stand::Failed(text)) if text == "no"));
        let asked = read(br#"{"question": {"text": "which?", "options": ["a"]}}"#);
        assert!(
            matches!(asked, Some(Stand::Asking(question)) if question.text == "which?" && question.data.is_some())
        );
        let half = read(br#"{"progress": {"percent": 50, "message": "half"}}"#);
        let expected = Progress {
            message: Some("half".to_owned()),
            percent: Some(50),
        };
        assert!(matches!(half, Some(Stand::Working(progress)) if progress == expected));
        let far = read(br#"{"progress": {"percent": 500}}"#);
        assert!(matches!(far, Some(Stand::Working(progress)) if progress == Progress::default()));
    }
}
