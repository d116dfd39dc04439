//! What AWS's SDK tells of a call, which the results of integrations carry: the answer's headers and the request's id.

use everstep_core::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// An answer as if it had come over HTTP.
pub(super) struct Answered {
    status: u16,
    request_id: String,
    /// In the order in which AWS's results have them.
    headers: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SdkHttpMetadata {
    all_http_headers: Map<String, Value>,
    http_headers: Map<String, Value>,
    http_status_code: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SdkResponseMetadata {
    request_id: String,
}

impl Answered {
    pub(super) fn new(
        status: u16,
        request_id: String,
        headers: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            status,
            request_id,
            headers,
        }
    }

    pub(super) fn metadata(mut self) -> (SdkHttpMetadata, SdkResponseMetadata) {
        let headers = self.headers.iter();
        let all = headers.map(|(name, value)| ((*name).to_owned(), vec![&**value].into()));
        let all_http_headers = all.collect();
        self.headers
            .sort_by_cached_key(|(name, _)| name.to_ascii_lowercase());
        let sorted = self.headers.into_iter();
        let http = SdkHttpMetadata {
            all_http_headers,
            http_headers: sorted
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
            http_status_code: self.status,
        };
        let response = SdkResponseMetadata {
            request_id: self.request_id,
        };
        (http, response)
    }
}

/// The date as HTTP writes it.
pub(super) fn http_date(at: Timestamp) -> String {
    let moment = i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stand_in_both_forms() {
        let headers = vec![("x-b", "1".to_owned()), ("Connection", "2".to_owned())];
        let (http, response) = Answered::new(200, "r".to_owned(), headers).metadata();
        let text = serde_json::to_string(&(http, response)).expect("JSON");
        assert_eq!(
            text,
            r#"[{"AllHttpHeaders":{"x-b":["1"],"Connection":["2"]},"HttpHeaders":{"Connection":"2","x-b":"1"},"HttpStatusCode":200},{"RequestId":"r"}]"#
        );
    }

    #[test]
    fn dates_are_those_of_http() {
        let at = Timestamp(1_795_276_800_000);
        assert_eq!(http_date(at), "Sat, 21 Nov 2026 16:00:00 GMT");
    }
}
