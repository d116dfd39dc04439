//! How a function's answer becomes a task's result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_core::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::answer::Answer;
use crate::services::Fault;
use crate::services::metadata::{Answered, SdkHttpMetadata, SdkResponseMetadata, http_date};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    #[serde(skip_serializing_if = "Option::is_none")]
    executed_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_result: Option<String>,
    payload: Box<RawValue>,
    sdk_http_metadata: SdkHttpMetadata,
    sdk_response_metadata: SdkResponseMetadata,
    status_code: u16,
}

/// The function's result as it was written; what is not JSON is a string.
pub(super) fn plain(result: Bytes) -> Result<Bytes, Fault> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&result) {
        Ok(_) => Ok(result),
        Err(_) => Ok(json(&result)?.get().to_owned().into()),
    }
}

/// Lambda's answer with the result in it.
pub(super) fn envelope(answer: Answer, with_tail: bool, now: Timestamp) -> Result<Bytes, Fault> {
    let tail = with_tail.then(|| STANDARD.encode(&answer.log_tail));
    let mut headers = Vec::with_capacity(9);
    headers.extend(tail.clone().map(|tail| ("X-Amz-Log-Result", tail)));
    headers.extend([
        ("X-Amz-Executed-Version", answer.version.clone()),
        ("x-amzn-Remapped-Content-Length", "0".to_owned()),
        ("Connection", "keep-alive".to_owned()),
        ("x-amzn-RequestId", answer.request_id.clone()),
        ("Content-Length", answer.result.len().to_string()),
        ("Date", http_date(now)),
    ]);
    headers.extend([
        ("X-Amzn-Trace-Id", answer.trace),
        ("Content-Type", "application/json".to_owned()),
    ]);
    let answered = Answered::new(200, answer.request_id, headers);
    let (sdk_http_metadata, sdk_response_metadata) = answered.metadata();
    written(&Envelope {
        executed_version: Some(answer.version),
        log_result: tail,
        payload: json(&compact(&answer.result))?,
        sdk_http_metadata,
        sdk_response_metadata,
        status_code: 200,
    })
}

/// Lambda's answer to a call that it does not wait for.
pub(super) fn accepted(
    status_code: u16,
    request_id: String,
    now: Timestamp,
) -> Result<Bytes, Fault> {
    let headers = vec![
        ("x-amzn-Remapped-Content-Length", "0".to_owned()),
        ("Connection", "keep-alive".to_owned()),
        ("x-amzn-RequestId", request_id.clone()),
        ("Content-Length", "0".to_owned()),
        ("Date", http_date(now)),
    ];
    let (sdk_http_metadata, sdk_response_metadata) =
        Answered::new(status_code, request_id, headers).metadata();
    written(&Envelope {
        executed_version: None,
        log_result: None,
        payload: json(b"")?,
        sdk_http_metadata,
        sdk_response_metadata,
        status_code,
    })
}

/// An error of the function as `lambda:invoke` tells it: the service has read the document and written it again.
pub(super) fn reread(fault: Fault) -> Fault {
    let cause = fault
        .cause
        .as_deref()
        .map(|cause| compact(cause.as_bytes()));
    Fault {
        cause: cause.map(|cause| String::from_utf8_lossy(&cause).into_owned()),
        ..fault
    }
}

/// JSON text without white space between its parts, as the service writes what it has read; what is no JSON stays.
pub(super) fn compact(text: &[u8]) -> Bytes {
    if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err() {
        return Bytes::copy_from_slice(text);
    }
    let (mut in_string, mut is_escaped) = (false, false);
    let kept = text.iter().copied().filter(|byte| {
        let keeps = in_string || !byte.is_ascii_whitespace();
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
        keeps
    });
    kept.collect()
}

fn json(bytes: &[u8]) -> Result<Box<RawValue>, Fault> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    to_raw_value(&String::from_utf8_lossy(bytes)).map_err(|error| Fault::runtime(error.to_string()))
}

fn written(envelope: &Envelope) -> Result<Bytes, Fault> {
    let text = serde_json::to_vec(envelope).map_err(|error| Fault::runtime(error.to_string()))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(result: &'static str, trace: &str) -> Answer {
        Answer {
            result: Bytes::from_static(result.as_bytes()),
            version: "$LATEST".to_owned(),
            request_id: "r".to_owned(),
            trace: trace.to_owned(),
            log_tail: Bytes::from_static(b"END"),
        }
    }

    #[test]
    fn a_result_keeps_its_text_and_loses_white_space_in_the_envelope() {
        for (result, inside) in [
            (
                "{\"b\": 1.0, \"a\": 12345678901234567890123}",
                "{\"b\":1.0,\"a\":12345678901234567890123}",
            ),
            ("\"x \\\" y\"", "\"x \\\" y\""),
            ("[ \"a\\\\\" , \" b\" ]\n", "[\"a\\\\\",\" b\"]"),
            ("null", "null"),
            ("0.0", "0.0"),
        ] {
            assert_eq!(
                plain(Bytes::from_static(result.as_bytes())),
                Ok(result.into())
            );
            let envelope = envelope(answer(result, "Root=1"), false, Timestamp(0)).expect("JSON");
            let text = String::from_utf8(envelope.to_vec()).expect("a text");
            assert!(text.contains(&format!("\"Payload\":{inside},")), "{text}");
        }
        let text = plain(Bytes::from_static(b"plain \"text\""));
        assert_eq!(text, Ok(Bytes::from_static(br#""plain \"text\"""#)));
    }

    #[test]
    fn the_envelope_has_the_members_of_lambdas_answer() {
        let envelope = envelope(answer("{}", "Root=1"), true, Timestamp(0)).expect("JSON");
        let value: serde_json::Value = serde_json::from_slice(&envelope).expect("JSON");
        let members: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(
            members,
            [
                "ExecutedVersion",
                "LogResult",
                "Payload",
                "SdkHttpMetadata",
                "SdkResponseMetadata",
                "StatusCode"
            ]
        );
        let headers = &value["SdkHttpMetadata"]["HttpHeaders"];
        assert_eq!(headers["X-Amz-Log-Result"], "RU5E");
        assert_eq!(headers["Content-Length"], "2");
        assert_eq!(headers["X-Amzn-Trace-Id"], "Root=1");
        assert_eq!(value["SdkHttpMetadata"]["HttpStatusCode"], 200);
    }

    #[test]
    fn the_document_of_an_error_is_written_again() {
        let of = |cause: &str| reread(Fault::new("E", cause)).cause;
        let document = r#"{"errorMessage": "a, b: \" c", "stackTrace": []}"#;
        let written = r#"{"errorMessage":"a, b: \" c","stackTrace":[]}"#;
        assert_eq!(of(document).as_deref(), Some(written));
        assert_eq!(of("no JSON: a, b").as_deref(), Some("no JSON: a, b"));
    }

    #[test]
    fn what_is_not_waited_for_is_accepted() {
        let accepted = accepted(202, "r".to_owned(), Timestamp(0)).expect("JSON");
        let value: serde_json::Value = serde_json::from_slice(&accepted).expect("JSON");
        assert_eq!(value["StatusCode"], 202);
        assert_eq!(value["Payload"], "");
        assert_eq!(value.get("ExecutedVersion"), None);
    }
}
