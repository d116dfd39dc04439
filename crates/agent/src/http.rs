//! Calls over HTTP that go nowhere else, wait no longer and read no more than they should.

mod body;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, Url};
use secrecy::ExposeSecret as _;

pub use body::Body;

use crate::agent::Credentials;
use crate::error::Error;
use crate::guard::{Guard, Guarded};

const CONNECT: Duration = Duration::from_secs(10);
/// What is shown of an answer that is a refusal.
const TEXT_CHARS_MAX: usize = 300;
/// How often a file may lie elsewhere.
const HOPS_MAX: usize = 3;

/// The clients: one for each scheme, since without encryption only allowed networks are reached.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    guard: Guard,
    encrypted: Channel,
    plain: Channel,
}

#[derive(Clone, Debug)]
struct Channel {
    guard: Guard,
    client: Result<reqwest::Client, String>,
}

impl Channel {
    fn new(guard: Guard) -> Self {
        // Nothing leads elsewhere: no proxy of the environment, no redirect, and no name that means another address the second time.
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(guard.clone()))
            .build()
            .map_err(|error| causes(&error));
        Self { guard, client }
    }
}

/// One call.
#[derive(Debug)]
pub(crate) struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
    /// For the whole call, or for the pauses of an answer that is streamed.
    pub timeout: Duration,
    pub bytes_max: u64,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url, timeout: Duration, bytes_max: u64) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            timeout,
            bytes_max,
        }
    }

    pub(crate) fn header(&mut self, name: &'static str, value: &str) -> Result<(), Error> {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Error::nonsense(format!("the header {name} can't hold its value")))?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(())
    }

    /// Says who calls, as far as headers do.
    pub(crate) fn authorize(&mut self, credentials: &Credentials) -> Result<(), Error> {
        let (name, value) = match credentials {
            Credentials::None | Credentials::Signature(_) | Credentials::Aws { .. } => {
                return Ok(());
            }
            Credentials::Bearer(token) => {
                (AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            }
            Credentials::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose_secret());
                (AUTHORIZATION, format!("Basic {}", crate::base64(pair)))
            }
            Credentials::Header { name, value } => {
                let name = HeaderName::try_from(name.as_str()).map_err(|_| Error::Address {
                    text: name.clone(),
                    why: "it can't be the name of a header",
                })?;
                (name, value.expose_secret().to_owned())
            }
        };
        let mut value = HeaderValue::from_str(&value).map_err(|_| Error::Address {
            text: name.to_string(),
            why: "its value can't be sent as a header",
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }
}

/// An answer that has arrived whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub host: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The answer, unless its status is that of a refusal.
    pub(crate) fn success(self) -> Result<Self, Error> {
        match self.status {
            200..=299 => Ok(self),
            _ => Err(self.refusal()),
        }
    }

    pub(crate) fn refusal(&self) -> Error {
        refusal(&self.host, self.status, &self.headers, &self.body)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn refusal(host: &str, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let host = host.to_owned();
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match status {
        401 | 403 | 407 => Error::Credentials { host, status },
        300..=399 => Error::Redirected {
            host,
            to: header(LOCATION).unwrap_or("nowhere").to_owned(),
        },
        _ => {
            let text = String::from_utf8_lossy(body);
            let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
            let seconds = header(RETRY_AFTER).and_then(|text| text.trim().parse().ok());
            Error::Status {
                host,
                status,
                text,
                retry_after: seconds.map(Duration::from_secs),
            }
        }
    }
}

impl Http {
    pub(crate) fn new(guard: Guard, plain_http: bool) -> Self {
        let only_allowed = guard.clone().only_allowed();
        let encrypted = Channel::new(guard.clone());
        let plain = if plain_http {
            encrypted.clone()
        } else {
            Channel::new(only_allowed)
        };
        Self {
            guard,
            encrypted,
            plain,
        }
    }

    /// Makes the call and reads its answer whole, whatever its status.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, Error> {
        let (after, host) = (request.timeout, host(&request.url));
        let call = async {
            let bytes_max = request.bytes_max;
            let response = self.send(request).await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut body = Body::of(response, &host, after, bytes_max)?;
            let body = body.rest().await?;
            Ok(Answer {
                host: host.clone(),
                status,
                headers,
                body,
            })
        };
        match tokio::time::timeout(after, call).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Silent {
                host: host.clone(),
                after,
            }),
        }
    }

    /// Makes the call; what it answers is read by and by. A refusal is an error.
    pub(crate) async fn open(&self, request: Request) -> Result<(HeaderMap, Body), Error> {
        let (after, host) = (request.timeout, host(&request.url));
        let bytes_max = request.bytes_max;
        let response = match tokio::time::timeout(after, self.send(request)).await {
            Ok(response) => response?,
            Err(_) => return Err(Error::Silent { host, after }),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_success() {
            return Ok((headers, Body::of(response, &host, after, bytes_max)?));
        }
        let mut body = Body::of(response, &host, after, 64 * 1024)?;
        let text = body.rest().await.unwrap_or_default();
        Err(refusal(&host, status.as_u16(), &headers, &text))
    }

    /// Fetches a file that may have moved; each place is looked at like the first.
    pub(crate) async fn fetch(
        &self,
        url: Url,
        credentials: &Credentials,
        timeout: Duration,
        bytes_max: u64,
    ) -> Result<Body, Error> {
        let mut place = url;
        for hop in 0..=HOPS_MAX {
            let mut request = Request::new(Method::GET, place.clone(), timeout, bytes_max);
            if hop == 0 {
                request.authorize(credentials)?;
            }
            let next = match self.open(request).await {
                Ok((_, body)) => return Ok(body),
                Err(Error::Redirected { to, .. }) if hop < HOPS_MAX => place.join(&to),
                Err(error) => return Err(error),
            };
            let next = next.map_err(|error| Error::nonsense(format!("a redirect: {error}")))?;
            // What was encrypted stays so.
            if place.scheme() == "https" && next.scheme() != "https" {
                return Err(Error::Plain { host: host(&next) });
            }
            place = next;
        }
        Err(Error::Redirected {
            host: host(&place),
            to: "and on, and on".to_owned(),
        })
    }

    /// By which of the clients an address is called, if it may be.
    fn channel(&self, url: &Url) -> Result<&Channel, Error> {
        let channel = match url.scheme() {
            "https" => &self.encrypted,
            "http" => &self.plain,
            other => {
                return Err(Error::Address {
                    text: other.to_owned(),
                    why: "only https and http are spoken",
                });
            }
        };
        let literal = url.host_str().unwrap_or_default();
        let checked = channel.guard.check_literal(literal);
        checked.map_err(|guarded| self.denied(guarded))?;
        Ok(channel)
    }

    /// Whether an address that somebody else calls may be called.
    #[cfg(feature = "aws")]
    pub(crate) async fn admit(&self, url: &Url) -> Result<(), Error> {
        let channel = self.channel(url)?;
        // The channel has looked at addresses already.
        let Some(name) = url.domain() else {
            return Ok(());
        };
        let found = channel.guard.addresses(name).await;
        let found = found.map_err(|error| Error::Unreachable {
            host: host(url),
            why: error.to_string(),
            begun: false,
        })?;
        for address in found {
            let checked = channel.guard.check(name, address);
            checked.map_err(|guarded| self.denied(guarded))?;
        }
        Ok(())
    }

    async fn send(&self, request: Request) -> Result<Response, Error> {
        let name = host(&request.url);
        let channel = self.channel(&request.url)?;
        let client = channel.client.as_ref().map_err(|why| Error::Unreachable {
            host: name.clone(),
            why: why.clone(),
            begun: false,
        })?;
        let mut outgoing = client
            .request(request.method, request.url)
            .headers(request.headers)
            .header(ACCEPT_ENCODING, "identity");
        if let Some(body) = request.body {
            outgoing = outgoing.body(body);
        }
        let response = outgoing
            .send()
            .await
            .map_err(|error| self.broken(name, &error))?;
        // Nothing was asked to be packed; what is packed all the same might unpack to anything.
        match response.headers().get(CONTENT_ENCODING) {
            Some(coding) if coding != "identity" => {
                Err(Error::nonsense(format!("an answer packed as {coding:?}")))
            }
            _ => Ok(response),
        }
    }

    fn broken(&self, host: String, error: &reqwest::Error) -> Error {
        let mut inner =
            std::iter::successors(std::error::Error::source(error), |inner| inner.source());
        if let Some(guarded) = inner.find_map(|cause| cause.downcast_ref::<Guarded>()) {
            return self.denied(guarded.clone());
        }
        if error.is_timeout() {
            return Error::Silent {
                host,
                after: CONNECT,
            };
        }
        Error::Unreachable {
            host,
            why: causes(error),
            begun: !error.is_connect(),
        }
    }

    /// What may be reached, only not in the clear, is told apart.
    fn denied(&self, guarded: Guarded) -> Error {
        match self.guard.check(&guarded.host, guarded.address) {
            Ok(()) => Error::Plain { host: guarded.host },
            Err(guarded) => Error::Guarded(guarded),
        }
    }
}

/// The host and port of a URL: what an error may show of it.
pub(crate) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// An error's causes, without the URL that the error itself shows: it may hold a secret.
fn causes(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |inner| inner.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    match texts.is_empty() {
        true => "the call failed".to_owned(),
        false => texts.join(": "),
    }
}
