//! From the catalogue's description of an agent to the one that is called.

use std::path::PathBuf;
use std::time::Duration;

use everstep_agent::{Address, Agent, Completion, Credentials, Dialect, Key};
use everstep_engine::catalogue::{self, AgentConfig};
use everstep_engine::{Code, Error, Handle};
use secrecy::SecretString;

use crate::trace::Context;

/// What an agent is now, or was in the version that is called.
pub(super) async fn find(
    handle: &Handle,
    agent: &str,
    version: &str,
) -> Result<Option<AgentConfig>, Error> {
    match handle.resolve(agent, Some(version)).await {
        Ok(resolved) => Ok(match resolved.revision.code {
            Code::Agent(config) => Some(*config),
            Code::Archive { .. } | Code::Folder { .. } | Code::Elsewhere(_) => None,
        }),
        Err(Error::UnknownEntry { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The agent to be called, or why it can't be.
pub(super) fn agent(name: &str, config: &AgentConfig, trace: &Context) -> Result<Agent, String> {
    let mut agent = Agent::new(name, address(config)?);
    agent.traceparent.clone_from(&trace.parent);
    agent.tracestate.clone_from(&trace.state);
    agent.dialect = config.dialect.map(dialect);
    agent.credentials = credentials(config)?;
    agent.completion = match config.completion {
        catalogue::Completion::Told => Completion::Told,
        catalogue::Completion::Reply => Completion::Reply,
        catalogue::Completion::Callback => Completion::Callback,
    };
    agent.call_timeout = Duration::from_secs(config.call_timeout_s.into());
    agent.run_timeout = Duration::from_secs(config.run_timeout_s.into());
    agent.reply_bytes_max = config.reply_bytes_max;
    agent.keys = keys(config)?;
    agent.region.clone_from(&config.region);
    agent.endpoint = url(config.endpoint.as_deref())?;
    agent.ping = url(config.ping.as_deref())?;
    agent.qualifier.clone_from(&config.qualifier);
    let variables = config.environment.iter();
    agent.environment = variables
        .map(|(name, value)| (name.clone(), SecretString::from(value.clone())))
        .collect();
    Ok(agent)
}

fn address(config: &AgentConfig) -> Result<Address, String> {
    if let Some((program, arguments)) = config.command.split_first() {
        return Ok(Address::Process {
            program: PathBuf::from(program),
            arguments: arguments.to_vec(),
        });
    }
    let text = config.address().unwrap_or_default();
    text.parse()
        .map_err(|error: everstep_agent::Error| error.to_string())
}

fn keys(config: &AgentConfig) -> Result<Vec<Key>, String> {
    let keys = config.card_keys.iter().map(Key::of_jwk);
    keys.collect::<Result<_, _>>()
        .map_err(|error| format!("card_keys: {error}"))
}

fn url(text: Option<&str>) -> Result<Option<reqwest::Url>, String> {
    let parsed = text.map(|text| {
        reqwest::Url::parse(text).map_err(|error| format!("{text} is no URL: {error}"))
    });
    parsed.transpose()
}

const fn dialect(dialect: catalogue::Dialect) -> Dialect {
    match dialect {
        catalogue::Dialect::A2a => Dialect::A2a,
        catalogue::Dialect::A2aRest => Dialect::A2aRest,
        catalogue::Dialect::A2a03 => Dialect::A2a03,
        catalogue::Dialect::Legacy => Dialect::Legacy,
        catalogue::Dialect::AgentCore => Dialect::AgentCore,
        catalogue::Dialect::Webhook => Dialect::Webhook,
        catalogue::Dialect::Process => Dialect::Process,
    }
}

/// Secrets stand in the server's environment; the catalogue only names them.
fn credentials(config: &AgentConfig) -> Result<Credentials, String> {
    let secret = |name: &str| match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(SecretString::from(value)),
        _ => Err(format!(
            "the server's environment variable {name}, which holds its secret, is not set"
        )),
    };
    match (&config.token_env, &config.secret_env) {
        (Some(name), _) => secret(name).map(Credentials::Bearer),
        (None, Some(name)) => secret(name).map(Credentials::Signature),
        (None, None) => Ok(Credentials::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_becomes_an_agent() {
        let config = AgentConfig {
            url: Some("http://127.0.0.1:9000/".to_owned()),
            dialect: Some(catalogue::Dialect::A2a03),
            ..AgentConfig::default()
        };
        let called = agent("writer", &config, &Context::default()).expect("an agent");
        assert!(matches!(called.address, Address::Url(_)));
        assert_eq!(called.dialect, Some(Dialect::A2a03));
        let process = AgentConfig {
            command: vec!["cat".to_owned(), "-n".to_owned()],
            ..AgentConfig::default()
        };
        let called = agent("cat", &process, &Context::default()).expect("an agent");
        assert!(
            matches!(called.address, Address::Process { arguments, .. } if arguments == ["-n"])
        );
    }

    #[test]
    fn keys_of_cards_are_read_or_refused() {
        let jwk = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let mut config = AgentConfig {
            url: Some("http://127.0.0.1:9000/".to_owned()),
            card_keys: vec![jwk],
            ..AgentConfig::default()
        };
        let called = agent("writer", &config, &Context::default()).expect("an agent");
        assert_eq!(called.keys.len(), 1);
        config
            .card_keys
            .push(serde_json::json!({ "kty": "oct", "k": "c2VjcmV0" }));
        let why = agent("writer", &config, &Context::default()).expect_err("no key");
        assert!(why.starts_with("card_keys: "), "{why}");
    }

    #[test]
    fn a_secret_that_is_not_there_is_told_by_its_name() {
        let config = AgentConfig {
            url: Some("http://127.0.0.1:9000/".to_owned()),
            token_env: Some("EVERSTEP_NO_SUCH_VARIABLE".to_owned()),
            ..AgentConfig::default()
        };
        let why = agent("writer", &config, &Context::default()).expect_err("no secret");
        assert!(why.contains("EVERSTEP_NO_SUCH_VARIABLE"), "{why}");
    }
}
