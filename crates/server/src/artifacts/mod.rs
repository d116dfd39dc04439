//! Artifacts: objects by bucket and key, streamed in and out, and links to them that expire.

mod error;
mod link;
mod objects;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use everstep_engine::catalogue::CODE_BUCKET;
use everstep_engine::{Handle, blobs};

use crate::door::{Caller, Need, Refusal};
use crate::http::App;

pub(crate) use link::link;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/artifacts/{bucket}", get(objects::list))
        .route(
            "/artifacts/{bucket}/{*key}",
            get(objects::get).put(objects::put).delete(objects::delete),
        )
        .route("/artifact-links", post(link::create))
}

/// The functions' code lies among the artifacts. Who may keep artifacts may neither read nor replace it.
fn guard(caller: &Caller, bucket: &str) -> Result<(), Refusal> {
    if bucket == CODE_BUCKET {
        return caller.must(Need::Administer, "touch the code of functions");
    }
    Ok(())
}

/// Stores bytes that are in hand.
pub(crate) async fn put(
    handle: &Handle,
    bucket: &str,
    key: &str,
    bytes: Bytes,
) -> Result<(), blobs::Error> {
    let content = futures_util::stream::once(std::future::ready(Ok(bytes)));
    handle
        .blobs()
        .artifacts()
        .put(bucket, key, content, blobs::PutCondition::None)
        .await
        .map(|_| ())
}
