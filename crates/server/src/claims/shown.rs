//! What a reference leads to, as descriptions of executions show it.

use everstep_engine::claim;
use serde::Serialize;
use serde_json::Value;

use crate::artifacts::{self, link};
use crate::door::Caller;
use crate::http::App;
use crate::rest::time;

/// Long enough to follow, too short to be passed on.
const LINK_SECONDS: u64 = 3_600;

#[derive(Serialize)]
pub(crate) struct Shown {
    bucket: String,
    key: String,
    size_bytes: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Anybody who has it may read the artifact, for a while.
    url: String,
    url_expires_at: String,
}

/// The artifact that a value stands for. `None` where it is no reference, its artifact is not here, or this caller may not read it.
pub(crate) async fn shown(app: &App, caller: &Caller, value: Option<&Value>) -> Option<Shown> {
    let (bucket, key) = claim::place(value?)?;
    let meta = artifacts::look(app, caller, (&bucket, &key)).await?;
    let until = app.handle.clock().now().after_seconds(LINK_SECONDS);
    Some(Shown {
        url: link(app, &bucket, &key, LINK_SECONDS),
        url_expires_at: time(until),
        bucket,
        key,
        size_bytes: meta.size,
        sha256: meta.etag,
        content_type: meta.content_type,
        expires_at: meta.expires.map(time),
    })
}
