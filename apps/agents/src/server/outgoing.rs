//! Outgoing calls, repeated while the failure looks temporary.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};

/// An address has to be http or https: nothing else makes sense to call, and `file:` would be dangerous.
pub(super) fn is_callable(url: &str) -> bool {
    reqwest::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Why a call did not succeed.
pub(super) struct Failure {
    pub text: String,
    /// Whether the other side has understood and refused, so that asking again later is no use.
    pub is_refusal: bool,
}

/// Sends the request, again after each of `pauses`, until it succeeds or fails for good.
///
/// # Errors
/// The last failure in words, without the address, because an address may hold a secret.
pub(super) async fn send(
    pauses: &[Duration],
    request: impl Fn() -> RequestBuilder,
) -> Result<Response, Failure> {
    let mut pauses = pauses.iter();
    loop {
        let failure = match request().send().await {
            Ok(answer) if answer.status().is_success() => return Ok(answer),
            Ok(answer) => {
                let status = answer.status();
                let text = format!("answered {status}");
                if !is_temporary(status) {
                    return Err(Failure {
                        text,
                        is_refusal: true,
                    });
                }
                text
            }
            Err(reason) => describe(reason),
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => {
                return Err(Failure {
                    text: failure,
                    is_refusal: false,
                });
            }
        }
    }
}

fn is_temporary(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        )
}

/// The error and its causes; the library's own text stops at the first.
pub(super) fn describe(reason: reqwest::Error) -> String {
    let reason = reason.without_url();
    let mut text = reason.to_string();
    let mut cause = std::error::Error::source(&reason);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
