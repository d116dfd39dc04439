//! Artifacts: objects by bucket and key, streamed in and out, for good or for a time, and links to them that expire.

mod error;
mod link;
mod objects;
mod range;

use axum::Router;
use axum::response::Response;
use axum::routing::{delete, get, post};
use bytes::Bytes;
use everstep_engine::catalogue::CODE_BUCKET;
use everstep_engine::{Handle, blobs};
use hyper::HeaderMap;

use crate::door::{Caller, Need, Refusal};
use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;

pub(crate) use link::link;
pub(crate) use objects::paced;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/artifacts/{bucket}", get(objects::list))
        .route(
            "/artifacts/{bucket}/{*key}",
            get(objects::get).put(objects::put).delete(objects::delete),
        )
        .route("/artifact-links", post(link::create))
        .route("/artifact-links/{bucket}/{*key}", delete(link::revoke))
}

/// Below it lie records by which functions decide, such as who has approved what.
const STATE: &str = "tables/";

/// The functions' code lies among the artifacts, and so does what functions keep of their own. Who may keep artifacts may neither read nor
/// replace the one, and an agent not the other.
fn guard(caller: &Caller, bucket: &str, key: &str) -> Result<(), Refusal> {
    if bucket == CODE_BUCKET {
        return caller.must(Need::Administer, "touch the code of functions");
    }
    if key.starts_with(STATE) {
        return caller.must(Need::Read, "touch what functions keep of their own");
    }
    Ok(())
}

/// An artifact whose time is over is not there, whether it has been swept or not.
fn still_there(app: &App, bucket: &str, key: &str, meta: &blobs::Meta) -> Result<(), Problem> {
    if meta.has_expired(app.handle.clock().now()) {
        return Err(Problem::new(
            Code::UnknownArtifact,
            format!("artifact {bucket}/{key} does not exist: its time is over"),
        ));
    }
    Ok(())
}

/// Answers with an artifact that something else led to, if this caller may read it.
pub(crate) async fn read(
    app: &App,
    caller: &Caller,
    place: (&str, &str),
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    caller.must(Need::Artifacts { write: false }, "read artifacts")?;
    guard(caller, place.0, place.1)?;
    objects::show(app, place, true, headers).await
}

/// What is known of an artifact that something else led to, if it is there and this caller may read it.
pub(crate) async fn look(
    app: &App,
    caller: &Caller,
    (bucket, key): (&str, &str),
) -> Option<blobs::Meta> {
    let may = caller.must(Need::Artifacts { write: false }, "read artifacts");
    may.and_then(|()| guard(caller, bucket, key)).ok()?;
    let meta = app
        .handle
        .blobs()
        .artifacts()
        .head(bucket, key)
        .await
        .ok()?;
    (!meta.has_expired(app.handle.clock().now())).then_some(meta)
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
