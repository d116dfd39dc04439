//! `http:invoke`: a call of an HTTP API, as an HTTP task makes it.
//!
//! - `request`: what is sent; `form`: its URL-encoding; `connection`: the credentials.
//! - `answer`: what comes back.
//! - `exchange`: what is shown of both to whoever tests a state.

mod answer;
mod connection;
mod exchange;
mod form;
mod request;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstep_agent::{Guard, Guarded, Network};
use reqwest::redirect::Policy;

pub use connection::{Authorization, Connection, Connections, Secret};

pub(crate) use exchange::Exchange;

use answer::Answer;
use connection::NoConnections;
use request::{Arguments, Outgoing};

use super::{Errand, Fault};
use crate::trace;

/// For a whole call: AWS's figure.
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);

/// What the operator says of HTTP tasks.
#[derive(Clone)]
pub struct HttpOptions {
    /// Networks that are reached although they are not public.
    pub allowed: Vec<Network>,
    pub connections: Arc<dyn Connections>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            connections: Arc::new(NoConnections),
        }
    }
}

/// Makes HTTP tasks' calls.
pub(super) struct Http {
    guard: Guard,
    connections: Arc<dyn Connections>,
    client: Result<reqwest::Client, String>,
}

impl Http {
    pub(super) fn new(options: &HttpOptions) -> Self {
        let guard = Guard::new(&options.allowed);
        // Nothing leads elsewhere: no proxy of the environment, no redirect, and no name that means another address the second time.
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(guard.clone()))
            .build()
            .map_err(|error| crate::remote::describe(&error));
        Self {
            guard,
            connections: Arc::clone(&options.connections),
            client,
        }
    }

    pub(super) async fn invoke(&self, errand: &Errand<'_>) -> Result<Bytes, Fault> {
        let call = errand.call;
        let arguments: Arguments = errand.arguments()?;
        let connection = self.connection(arguments.connection())?;
        let region = super::region(&call.state_machine_arn);
        let mut outgoing = request::build(&arguments, &connection, region, &errand.key)?;
        if let Some(waiting) = &errand.waiting {
            let trace = call.trace.as_deref();
            outgoing.trace(&trace::context(errand.handle, waiting.execution, trace).await);
        }
        let Some(exchange) = errand.exchange else {
            return answer::output(&self.send(outgoing, Some(errand)).await?);
        };
        if exchange.reveals_secrets() {
            exchange.sends(&outgoing);
        } else {
            // Without its connection, the request has no secret.
            let open = Connection::default();
            exchange.sends(&request::build(&arguments, &open, region, &errand.key)?);
        }
        let protocol = outgoing.url.scheme().to_owned();
        let answer = self.send(outgoing, None).await?;
        exchange.gets(&answer, protocol);
        answer::output(&answer)
    }

    fn connection(&self, arn: Option<&str>) -> Result<Connection, Fault> {
        let Some(arn) = arn else {
            return Ok(Connection::default());
        };
        let found = match connection::name(arn) {
            Some(name) => self
                .connections
                .find(name)
                .map_err(|why| Fault::new("Events.ConnectionResource.InternalError", why))?,
            None => None,
        };
        found.ok_or_else(|| {
            Fault::new(
                "Events.ConnectionResource.ResourceNotFound",
                format!("The connection {arn} does not exist."),
            )
        })
    }

    async fn send(&self, outgoing: Outgoing, errand: Option<&Errand<'_>>) -> Result<Answer, Fault> {
        let Outgoing {
            method,
            url,
            headers,
            body,
        } = outgoing;
        self.guard
            .check_literal(url.host_str().unwrap_or_default())
            .map_err(|guarded| denied(&guarded))?;
        let client = self.client.as_ref();
        let client = client.map_err(|why| Fault::runtime(why.clone()))?;
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| socket(&error))?;
        answer::read(response, errand).await
    }
}

fn denied(guarded: &Guarded) -> Fault {
    Fault::new("States.Permissions", guarded.to_string())
}

/// A call that came to no answer. Its URL may hold a secret of the connection.
fn socket(error: &reqwest::Error) -> Fault {
    let mut causes =
        std::iter::successors(std::error::Error::source(error), |inner| inner.source());
    if let Some(guarded) = causes.find_map(|cause| cause.downcast_ref::<Guarded>()) {
        return denied(guarded);
    }
    let why = if error.is_timeout() {
        format!("The call took longer than {} seconds", TIMEOUT.as_secs())
    } else {
        let causes =
            std::iter::successors(std::error::Error::source(error), |inner| inner.source());
        let texts: Vec<String> = causes.map(ToString::to_string).collect();
        format!("The call failed: {}", texts.join(": "))
    };
    Fault::new("States.Http.Socket", why)
}

#[cfg(test)]
mod tests;
