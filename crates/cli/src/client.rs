//! Calls of a server's REST and callback routes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::Value;
use tokio_rustls::rustls;

use crate::error::Failed;

/// Where a server listens when nobody says otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:9070";

/// Until an answer that may be large has come as a whole.
const LONG: Duration = Duration::from_secs(24 * 3_600);

/// The file in a data folder that holds the address of the server that runs on it.
pub const URL_FILE: &str = "url";

/// The file in a data folder that holds a key of the server that runs on it.
pub const KEY_FILE: &str = "key";

/// How a server is reached, when more than its address has to be said.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Access {
    /// Key of the server; without it the one that stands beside the address of the server that runs in this folder
    #[arg(
        long,
        global = true,
        env = "EVERSTEP_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub api_key: Option<String>,
    /// PEM file of certificates to trust beside the usual ones
    #[arg(long, global = true, env = "EVERSTEP_CA_CERT", value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
}

/// A blocking client of one server.
pub struct Client {
    url: String,
    key: Option<String>,
    chosen_key: bool,
    http: reqwest::blocking::Client,
}

impl Client {
    /// A client of the server at `url`, or else of the one that runs on `folder`, or else of the default address.
    pub fn new(url: Option<&str>, folder: &Path, access: &Access) -> Result<Self> {
        let noted = |file: &str| {
            std::fs::read_to_string(folder.join(file))
                .ok()
                .map(|text| text.trim().to_owned())
        };
        let local = noted(URL_FILE);
        let url = url
            .map(str::to_owned)
            .or_else(|| local.clone())
            .unwrap_or_else(|| DEFAULT_URL.to_owned());
        let url = url.trim_end_matches('/').to_owned();
        // A folder's key is for its own server, whatever else listens elsewhere.
        let is_local = local.is_some_and(|local| local == url);
        let key = access
            .api_key
            .clone()
            .or_else(|| noted(KEY_FILE).filter(|_| is_local));
        let mut builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("everstep-cli/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(file) = &access.ca_cert {
            builder = trusting(builder, file)?;
        }
        Ok(Self {
            url,
            chosen_key: access.api_key.is_some(),
            key,
            http: builder.build()?,
        })
    }

    /// Whether somebody said which key to show. The one of a server in this folder is nobody's in particular.
    pub const fn has_chosen_key(&self) -> bool {
        self.chosen_key
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

    /// Hands on the body of an answer as it comes, however large it is and however long that takes.
    ///
    /// # Errors
    /// As [`Client::get`], or what `to` says.
    pub fn copy(
        &self,
        path: &str,
        to: impl FnOnce(&mut dyn std::io::Read) -> Result<()>,
    ) -> Result<()> {
        let request = self.http.get(self.absolute(path)).timeout(LONG);
        let mut response = self.answer(request)?;
        let status = response.status().as_u16();
        if status < 400 {
            return to(&mut response);
        }
        let text = response.text();
        let text = text.map_err(|error| unanswered(&self.url, &error))?;
        Err(refusal(status, &text).into())
    }

    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.http.post(format!("{}{path}", self.url)).json(body))
    }

    /// # Errors
    /// As [`Client::get`].
    pub fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.http.put(self.absolute(path)).json(body))
    }

    /// # Errors
    /// As [`Client::get`].
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.send(self.http.delete(self.absolute(path)))
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

    /// As [`Client::post_raw`], with a token in the place of the key.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post_as(&self, token: &str, path: &str, body: Option<String>) -> Result<Value> {
        let request = self.http.post(self.absolute(path)).bearer_auth(token);
        self.send(match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body),
            None => request,
        })
    }

    /// Calls an operation of one of AWS's JSON protocols.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn aws_json(&self, target: &str, body: &Value, patience: Duration) -> Result<Value> {
        let request = self.http.post(format!("{}/", self.url)).timeout(patience);
        self.send(
            request
                .header("x-amz-target", target)
                .header("content-type", "application/x-amz-json-1.0")
                .body(body.to_string()),
        )
    }

    /// Only our server is shown the key: an absolute address may lead elsewhere.
    fn show_key(&self, request: &mut reqwest::blocking::Request) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        if request.headers().contains_key(AUTHORIZATION) {
            return Ok(());
        }
        let own = reqwest::Url::parse(&self.url)?;
        if own.origin() != request.url().origin() {
            return Ok(());
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| Failed::Usage("the API key has characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
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

    /// The head of an answer; its body is still to come.
    fn answer(
        &self,
        request: reqwest::blocking::RequestBuilder,
    ) -> Result<reqwest::blocking::Response> {
        let mut request = request.build()?;
        self.show_key(&mut request)?;
        let answer = self.http.execute(request);
        Ok(answer.map_err(|error| unanswered(&self.url, &error))?)
    }

    fn send_text(&self, request: reqwest::blocking::RequestBuilder) -> Result<String> {
        let unreachable = |error: reqwest::Error| unanswered(&self.url, &error);
        let response = self.answer(request)?;
        let status = response.status().as_u16();
        let text = response.text().map_err(unreachable)?;
        if status < 400 {
            Ok(text)
        } else {
            Err(refusal(status, &text).into())
        }
    }
}

fn trusting(
    mut builder: reqwest::blocking::ClientBuilder,
    file: &Path,
) -> Result<reqwest::blocking::ClientBuilder> {
    let pem = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem)
        .with_context(|| format!("{} holds no certificates", file.display()))?;
    for certificate in certificates {
        builder = builder.add_root_certificate(certificate);
    }
    Ok(builder)
}

/// Why no answer came: nobody is there, or somebody with whom it can't be spoken.
fn unanswered(url: &str, error: &reqwest::Error) -> Failed {
    let (url, detail) = (url.to_owned(), innermost(error));
    match tls_fault(error) {
        Some(rustls::Error::InvalidCertificate(fault)) => Failed::Certificate {
            url,
            detail: fault.to_string(),
        },
        Some(fault) => Failed::NotTls {
            url,
            detail: fault.to_string(),
        },
        None if error.is_request()
            && !error.is_connect()
            && !error.is_timeout()
            && url.starts_with("http:") =>
        {
            Failed::NotHttp { url, detail }
        }
        None => Failed::Unreachable { url, detail },
    }
}

/// What TLS found wrong. It travels inside an error of input and output, which does not name it as its source.
fn tls_fault<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| {
        let carried = error.downcast_ref::<std::io::Error>();
        let inner = carried.and_then(std::io::Error::get_ref);
        match inner {
            Some(inner) => tls_fault(inner),
            None => error.downcast_ref::<rustls::Error>(),
        }
    })
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
