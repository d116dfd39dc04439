//! Pages for people: an approval, their inbox, and signing in. They are plain HTML and one sheet of style; nothing on them runs.
//!
//! - A `GET` shows and changes nothing: programs that look at the links in mails look at no more than a page.
//! - Only a `POST` decides, and it carries what no other site knows: the link itself, or a text derived from the session.
//! - Pages may load our style and send their forms to us, and nothing else; no other site may frame them.

mod approval;
mod body;
mod fields;
mod html;
mod inbox;
mod link;
mod session;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, StatusCode};

use crate::http::{self, App};
use crate::rest::Problem;

const STYLE: &str = include_str!("style.css");

/// A form of a page has at most this many bytes: all that it asks for together.
const PAGE_BYTES_MAX: usize = crate::approvals::decide::FORM_BYTES_MAX;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/approvals/style.css", get(style))
        .route("/approvals/inbox", get(inbox::show))
        .route(
            "/approvals/sign-in",
            get(session::ask).post(session::sign_in),
        )
        .route("/approvals/sign-out", post(session::sign_out))
        .route(
            "/approvals/{id}/page",
            get(approval::show).post(approval::decide),
        )
        .route(
            "/approvals/link/{token}",
            get(link::show).post(link::decide),
        )
}

/// Whether a path is a page's: pages ask by themselves who looks at them.
pub(crate) fn answers(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/approvals/") else {
        return false;
    };
    matches!(rest, "style.css" | "inbox" | "sign-in" | "sign-out")
        || matches!(rest.split_once('/'), Some(("link", token)) if !token.contains('/'))
        || matches!(rest.split_once('/'), Some((_, "page")))
}

async fn style() -> Response {
    let mut response = Response::new(Body::from(STYLE));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/css; charset=utf-8"),
    );
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A page as browsers are to take it.
fn page(status: StatusCode, html: String) -> Response {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    // The address may be a secret: it goes to no other site and stays in no cache. (Without any referrer forms would not tell their origin.)
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Elsewhere, with a `GET`.
fn see(path: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = page(StatusCode::SEE_OTHER, String::new());
    let path = HeaderValue::from_str(path);
    let headers = response.headers_mut();
    headers.insert(
        hyper::header::LOCATION,
        path.unwrap_or_else(|_| HeaderValue::from_static("/approvals/inbox")),
    );
    if let Some(cookie) = cookie {
        headers.insert(hyper::header::SET_COOKIE, cookie);
    }
    response
}

/// Something that went wrong, as a page.
fn trouble(problem: &Problem) -> Response {
    page(problem.status(), html::trouble(problem))
}

/// The pairs of a form.
async fn pairs(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<(String, String)>, Problem> {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::new(
            crate::errors::Code::InvalidParameter,
            "This takes the form of its own page; programs decide with POST /approvals/ID/decide",
        ));
    }
    let bytes = http::read(body, PAGE_BYTES_MAX, app.options.limits.body_timeout).await?;
    Ok(form_urlencoded::parse(&bytes).into_owned().collect())
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str())
}
