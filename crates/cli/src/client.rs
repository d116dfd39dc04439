//! Calls of a server's REST and callback routes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::error::Failed;

/// Where a server listens when nobody says otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:9070";

/// The file in a data folder that holds the address of the server that runs on it.
pub const URL_FILE: &str = "url";

/// A blocking client of one server.
pub struct Client {
    url: String,
    http: reqwest::blocking::Client,
}

impl Client {
    /// A client of the server at `url`, or else of the one that runs on `folder`, or else of the default address.
    pub fn new(url: Option<&str>, folder: &Path) -> Result<Self> {
        let noted = || {
            std::fs::read_to_string(folder.join(URL_FILE))
                .ok()
                .map(|url| url.trim().to_owned())
        };
        let url = url
            .map(str::to_owned)
            .or_else(noted)
            .unwrap_or_else(|| DEFAULT_URL.to_owned());
        let http = reqwest::blocking::Client::builder()
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            http,
        })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// # Errors
    /// [`Failed`], with the server's own words where it has any.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.send(self.http.get(format!("{}{path}", self.url)))
    }

    /// The body of an answer as it is.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn get_text(&self, path: &str) -> Result<String> {
        self.send_text(self.http.get(self.absolute(path)))
    }

    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.http.post(format!("{}{path}", self.url)).json(body))
    }

    /// Posts bytes that are JSON text already, or nothing.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post_raw(&self, path: &str, body: Option<String>) -> Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url));
        self.send(match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body),
            None => request,
        })
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.url)
        }
    }

    fn send(&self, request: reqwest::blocking::RequestBuilder) -> Result<Value> {
        let text = self.send_text(request)?;
        if text.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(&text).context("the server's answer is not JSON")
        }
    }

    fn send_text(&self, request: reqwest::blocking::RequestBuilder) -> Result<String> {
        let unreachable = |error: reqwest::Error| Failed::Unreachable {
            url: self.url.clone(),
            detail: innermost(&error),
        };
        let response = request.send().map_err(unreachable)?;
        let status = response.status().as_u16();
        let text = response.text().map_err(unreachable)?;
        if status < 400 {
            Ok(text)
        } else {
            Err(refusal(status, &text).into())
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// The server's own words, whichever of its protocols they come in.
fn refusal(status: u16, text: &str) -> Failed {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let message = ["detail", "message", "Message", "error", "title"]
        .into_iter()
        .find_map(member);
    Failed::Refused {
        status,
        code: member("code"),
        message: message.unwrap_or_else(|| format!("the server answered {status}: {text}")),
    }
}
