//! `POST /a2a/push/{id}`: an agent tells that a task of its has moved.
//!
//! What it says is not read: whoever drives the task asks the agent itself. The token shows that we have asked for the push; the path's id is for
//! people who look at an agent's configuration.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use everstep_engine::{Error, Source, Via};
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, StatusCode};

use crate::http::{self, App};
use crate::server::Peer;

/// What is taken off the wire; an agent may send a whole result along.
const BODY_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/a2a/push/{id}", post(moved))
}

async fn moved(State(app): State<App>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let patience = app.options.limits.body_timeout;
    // Whether it was too long or broke off: that the task has moved is known by now.
    let bytes = http::read(body, BODY_BYTES_MAX, patience)
        .await
        .map_or(0, |body| body.len());
    let Some(token) = token(&head.headers) else {
        return answer(StatusCode::NOT_FOUND);
    };
    let peer = head.extensions.get::<Peer>();
    let source = Source {
        peer: peer.map(|peer| peer.0.ip().to_string()),
        bytes: bytes as u64,
        ..Source::new(Via::A2a)
    };
    match app.handle.moved(token, source).await {
        // One that comes late or twice changes nothing; who sent it has done its part.
        Ok(_) => answer(StatusCode::NO_CONTENT),
        Err(Error::InvalidToken | Error::UnknownExecution { .. }) => answer(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(%error, "an agent's push was not taken");
            answer(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

/// The SDKs show it as a bearer token, and in one of two headers of their own.
fn token(headers: &HeaderMap) -> Option<&str> {
    let own = ["x-a2a-notification-token", "a2a-notification-token"];
    let own = own
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok());
    own.or_else(|| {
        let bearer = headers.get(AUTHORIZATION)?.to_str().ok()?;
        bearer.strip_prefix("Bearer ")
    })
}

fn answer(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_in_any_of_three_headers() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            token(&headers).map(str::to_owned)
        };
        let some = Some("t".to_owned());
        assert_eq!(of("authorization", "Bearer t"), some);
        assert_eq!(of("x-a2a-notification-token", "t"), some);
        assert_eq!(of("a2a-notification-token", "t"), some);
        assert_eq!(of("authorization", "Basic t"), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
