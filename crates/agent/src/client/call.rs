//! One call of an agent: whom it goes to, as whom, and for how long.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use super::{Client, Profile};
use crate::a2a::rpc;
use crate::agent::{Address, Agent, Dialect};
use crate::agentcore;
use crate::error::Error;
use crate::http::{Answer, Body, Request};

const STREAM: &str = "text/event-stream";

pub(crate) struct Call<'a> {
    pub client: &'a Client,
    pub agent: &'a Agent,
    pub profile: &'a Profile,
    /// What the session of a runtime is derived from.
    pub context: Option<&'a str>,
    pub traceparent: Option<&'a str>,
    pub tracestate: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        client: &'a Client,
        agent: &'a Agent,
        profile: &'a Profile,
        context: Option<&'a str>,
    ) -> Self {
        Self {
            client,
            agent,
            profile,
            context,
            traceparent: agent.traceparent.as_deref(),
            tracestate: agent.tracestate.as_deref(),
        }
    }

    /// In the trace of what is sent, where that says so itself.
    pub(super) fn traced(self, traceparent: Option<&'a str>) -> Self {
        Self {
            traceparent: traceparent.or(self.traceparent),
            ..self
        }
    }

    pub(crate) fn url(&self) -> Result<&Url, Error> {
        self.profile.url.as_ref().ok_or_else(|| Error::Dialect {
            why: format!("{} has no address of its own", self.agent.address),
        })
    }

    /// Posts JSON to the agent, or to its runtime.
    pub(crate) async fn post(&self, body: Bytes, media: &str) -> Result<Answer, Error> {
        if let Address::Arn(arn) = &self.agent.address {
            return agentcore::post(self, arn, body).await;
        }
        self.ask(Method::POST, self.url()?.clone(), Some(body), media)
            .await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        url: Url,
        body: Option<Bytes>,
        media: &str,
    ) -> Result<Answer, Error> {
        let mut request = self.request(method, url, body, media)?;
        request.header("accept", media)?;
        self.client.http.call(request).await
    }

    /// Posts JSON to the agent and reads its answer by and by.
    pub(crate) async fn stream(&self, body: Bytes) -> Result<(HeaderMap, Body), Error> {
        if let Address::Arn(arn) = &self.agent.address {
            return agentcore::open(self, arn, body).await;
        }
        self.stream_from(Method::POST, self.url()?.clone(), Some(body))
            .await
    }

    pub(crate) async fn stream_from(
        &self,
        method: Method,
        url: Url,
        body: Option<Bytes>,
    ) -> Result<(HeaderMap, Body), Error> {
        let mut request = self.request(method, url, body, rpc::JSON)?;
        request.header("accept", STREAM)?;
        // Events come when there is something to tell.
        request.timeout = self.agent.run_timeout;
        self.client.http.open(request).await
    }

    /// A request with everything that every call of this agent has.
    pub(crate) fn request(
        &self,
        method: Method,
        url: Url,
        body: Option<Bytes>,
        media: &str,
    ) -> Result<Request, Error> {
        let agent = self.agent;
        let mut request = Request::new(method, url, agent.call_timeout, agent.reply_bytes_max);
        if body.is_some() {
            request.header("content-type", media)?;
        }
        request.body = body;
        request.authorize(&agent.credentials)?;
        if let Some(version) = version(self.profile.dialect) {
            request.header("a2a-version", version)?;
        }
        if let Some(traceparent) = self.traceparent {
            request.header("traceparent", traceparent)?;
        }
        if let Some(tracestate) = self.tracestate.filter(|_| self.traceparent.is_some()) {
            request.header("tracestate", tracestate)?;
        }
        Ok(request)
    }
}

/// Without this header, a server takes a call for one of 0.3.
pub(crate) const fn version(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::A2a | Dialect::A2aRest => Some("1.0"),
        Dialect::A2a03
        | Dialect::Legacy
        | Dialect::AgentCore
        | Dialect::Webhook
        | Dialect::Process => None,
    }
}
