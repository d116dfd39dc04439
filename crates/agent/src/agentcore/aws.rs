//! Runtimes by AWS's own SDK.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials as Keys;
use aws_sdk_bedrockagentcore::Client;
use aws_sdk_bedrockagentcore::config::http::HttpResponse;
use aws_sdk_bedrockagentcore::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagentcore::primitives::Blob;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

use super::{ACCEPT, QUALIFIER, patience, session_of};
use crate::agent::{Agent, Arn, Credentials};
use crate::client::{Call, version};
use crate::error::Error;
use crate::http::Body;

/// What a client is made for: the region, the endpoint and the key.
type For = (String, Option<String>, Option<String>);

/// The SDK's clients: each looks for its credentials once.
#[derive(Clone, Default)]
pub(crate) struct Runtimes {
    clients: Arc<Mutex<HashMap<For, Client>>>,
}

impl fmt::Debug for Runtimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtimes")
    }
}

impl Runtimes {
    async fn client(&self, agent: &Agent, arn: &Arn) -> Client {
        let (keys, id) = match &agent.credentials {
            Credentials::Aws {
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                let token = session_token.as_ref();
                let keys = Keys::new(
                    access_key_id.clone(),
                    secret_access_key.expose_secret(),
                    token.map(|token| token.expose_secret().to_owned()),
                    None,
                    "everstep",
                );
                (Some(keys), Some(access_key_id.clone()))
            }
            _ => (None, None),
        };
        let endpoint = agent.endpoint.as_ref().map(ToString::to_string);
        let region = agent.region_of(arn);
        let made_for = (region.to_owned(), endpoint.clone(), id);
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&made_for) {
            return client.clone();
        }
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            // A second try might start the agent a second time: whether there is one, others decide.
            .retry_config(RetryConfig::disabled())
            // An agent that thinks says nothing meanwhile.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint.trim_end_matches('/'));
        }
        if let Some(keys) = keys {
            loader = loader.credentials_provider(keys);
        }
        let client = Client::new(&loader.load().await);
        clients.insert(made_for, client.clone());
        client
    }
}

/// The SDK makes its own connections, which know no guard: an endpoint of somebody's choice is looked at before.
async fn client(call: &Call<'_>, arn: &Arn) -> Result<Client, Error> {
    if let Some(endpoint) = &call.agent.endpoint {
        call.client.http.admit(endpoint).await?;
    }
    Ok(call.client.runtimes.client(call.agent, arn).await)
}

/// Posts a payload to a runtime.
pub(super) async fn invoke(
    call: &Call<'_>,
    arn: &Arn,
    payload: Bytes,
) -> Result<(HeaderMap, Body), Error> {
    let client = client(call, arn).await?;
    let qualifier = call.agent.qualifier.as_deref().unwrap_or(QUALIFIER);
    let version = version(call.profile.dialect);
    let sent = client
        .invoke_agent_runtime()
        .agent_runtime_arn(arn.as_str())
        .runtime_session_id(session_of(call))
        .qualifier(qualifier)
        .content_type("application/json")
        .accept(ACCEPT)
        .set_trace_parent(call.traceparent.map(str::to_owned))
        .set_trace_state(call.tracestate.map(str::to_owned))
        .payload(Blob::new(payload))
        .customize()
        .mutate_request(move |request| {
            if let Some(version) = version {
                request.headers_mut().insert("a2a-version", version);
            }
        })
        .send();
    let after = patience(call);
    let output = match tokio::time::timeout(after, sent).await {
        Ok(output) => output.map_err(|error| refused(arn, &error))?,
        Err(_) => {
            let host = arn.as_str().to_owned();
            return Err(Error::Silent { host, after });
        }
    };
    let mut headers = HeaderMap::new();
    let trace = output.trace_parent.as_deref();
    if let Some(trace) = trace.and_then(|trace| HeaderValue::from_str(trace).ok()) {
        headers.insert("traceparent", trace);
    }
    let kind = output.content_type;
    let bytes_max = call.agent.reply_bytes_max;
    let body = Body::of_runtime(output.response, arn.as_str(), kind, after, bytes_max);
    Ok((headers, body))
}

/// Ends a session. One that has ended already is no error.
pub(super) async fn stop(call: &Call<'_>, arn: &Arn) -> Result<(), Error> {
    let client = client(call, arn).await?;
    let qualifier = call.agent.qualifier.as_deref().unwrap_or(QUALIFIER);
    let sent = client
        .stop_runtime_session()
        .agent_runtime_arn(arn.as_str())
        .runtime_session_id(session_of(call))
        .qualifier(qualifier)
        .send();
    let after = call.agent.call_timeout;
    match tokio::time::timeout(after, sent).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => match refused(arn, &error) {
            Error::Service { status: 404, .. } => Ok(()),
            error => Err(error),
        },
        Err(_) => Err(Error::Silent {
            host: arn.as_str().to_owned(),
            after,
        }),
    }
}

fn refused<E>(arn: &Arn, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let host = arn.as_str().to_owned();
    let why = DisplayErrorContext(error).to_string();
    match error {
        SdkError::ServiceError(inner) => {
            let meta = inner.err();
            Error::Service {
                code: meta.code().unwrap_or("UnknownError").to_owned(),
                message: meta.message().unwrap_or_default().to_owned(),
                status: inner.raw().status().as_u16(),
            }
        }
        SdkError::ResponseError(_) => Error::Nonsense { why },
        SdkError::TimeoutError(_) => Error::Unreachable {
            host,
            why,
            begun: true,
        },
        SdkError::DispatchFailure(inner) => Error::Unreachable {
            host,
            begun: {
                let cause = inner.as_connector_error();
                !inner.is_user() && !is_connect(cause.and_then(std::error::Error::source))
            },
            why,
        },
        _ => Error::Service {
            code: "NotSent".to_owned(),
            message: why,
            status: 400,
        },
    }
}

/// Whether there was no connection at all.
fn is_connect(error: Option<&(dyn std::error::Error + 'static)>) -> bool {
    let mut cause = error;
    while let Some(inner) = cause {
        if let Some(inner) = inner.downcast_ref::<std::io::Error>() {
            return inner.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = inner.source();
    }
    false
}
