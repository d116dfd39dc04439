//! What state machines reach beside functions: options that every kind of server has, and the file of connections.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use everstep_dispatch::{
    AgentOptions, Authorization, ClientOptions, Connection, Connections, HttpOptions, Network,
    Secret, ServiceOptions,
};
use everstep_logs::Logs;
use serde::Deserialize;

use crate::keys;

/// The file in a data folder that holds connections.
const CONNECTIONS_FILE: &str = "connections.toml";

#[derive(Args, Clone, Debug)]
pub struct ServiceArguments {
    /// Network that HTTP tasks of state machines reach although it is not public, such as 10.0.0.0/8; may be given more than once
    #[arg(long, value_name = "NETWORK")]
    http_allow: Vec<Network>,
    /// File of connections of HTTP tasks; without it connections.toml in the data folder
    #[arg(long, env = "EVERSTEP_CONNECTIONS", value_name = "FILE")]
    connections: Option<PathBuf>,
    /// Where agents reach this server with what they have to tell; without it as functions do
    #[arg(long, env = "EVERSTEP_CALLBACK_URL", value_name = "URL")]
    callback_url: Option<String>,
}

impl ServiceArguments {
    /// With this machine among what is reached.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        self.http_allow.extend(Network::loopback());
        self
    }

    /// `url` is where functions and agents reach this server when nothing else is said.
    pub fn options(&self, data: &Path, logs: &Logs, url: &str) -> ServiceOptions {
        let file = self.connections.clone();
        let file = file.unwrap_or_else(|| data.join(CONNECTIONS_FILE));
        ServiceOptions {
            http: HttpOptions {
                allowed: self.http_allow.clone(),
                connections: Arc::new(ConnectionFile { file }),
            },
            logs: Some(logs.clone()),
            agents: AgentOptions {
                client: ClientOptions {
                    allowed: self.http_allow.clone(),
                    ..ClientOptions::default()
                },
                callback_url: Some(self.callback_url.clone().unwrap_or_else(|| url.to_owned())),
            },
            ..ServiceOptions::default()
        }
    }
}

/// Connections in TOML, one table each. The file is read at each call: what was changed in it holds at once.
struct ConnectionFile {
    file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    basic: Option<Basic>,
    api_key: Option<ApiKey>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    body: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    username: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKey {
    name: String,
    value: String,
}

impl Connections for ConnectionFile {
    fn find(&self, name: &str) -> Result<Option<Connection>, String> {
        let shown = self.file.display();
        let text = keys::read_secret(&self.file)
            .map_err(|why| format!("the connections in {shown} can't be used: {why}"))?;
        let Some(text) = text else { return Ok(None) };
        // The parser's own words would repeat parts of the file.
        let mut all: BTreeMap<String, Entry> = toml::from_str(&text).map_err(|_| {
            format!("the connections in {shown} can't be used: they are not as they should be")
        })?;
        all.remove(name)
            .map(|entry| connection(name, entry))
            .transpose()
    }
}

fn connection(name: &str, entry: Entry) -> Result<Connection, String> {
    let authorization = match (entry.basic, entry.api_key) {
        (Some(_), Some(_)) => {
            return Err(format!("the connection {name} has both basic and api_key"));
        }
        (Some(Basic { username, password }), None) => Authorization::Basic {
            username,
            password: password.into(),
        },
        (None, Some(ApiKey { name, value })) => Authorization::ApiKey {
            name,
            value: value.into(),
        },
        (None, None) => Authorization::None,
    };
    let secrets = |all: BTreeMap<String, String>| {
        let pairs = all.into_iter();
        pairs.map(|(name, value)| (name, value.into())).collect()
    };
    Ok(Connection {
        authorization,
        headers: secrets(entry.headers),
        query: secrets(entry.query),
        body: Secret(entry.body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn found(text: &str, mode: u32, name: &str) -> Result<Option<Connection>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(CONNECTIONS_FILE);
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
        ConnectionFile { file }.find(name)
    }

    #[test]
    fn a_connection_is_found_by_its_name() {
        let text = r#"
            [crm]
            api_key = { name = "x-api-key", value = "hush" }
            headers = { x-tenant = "7" }
            body = { source = "everstep" }
            [shop]
            basic = { username = "me", password = "hush" }
        "#;
        let crm = found(text, 0o600, "crm").expect("read").expect("found");
        assert!(
            matches!(crm.authorization, Authorization::ApiKey { name, .. } if name == "x-api-key")
        );
        assert_eq!(crm.headers.len(), 1);
        assert_eq!(crm.body.0.len(), 1);
        let shop = found(text, 0o600, "shop").expect("read").expect("found");
        assert!(
            matches!(shop.authorization, Authorization::Basic { username, .. } if username == "me")
        );
        assert!(found(text, 0o600, "other").expect("read").is_none());
        let none = ConnectionFile {
            file: PathBuf::from("/nonexistent/connections.toml"),
        };
        assert!(none.find("crm").expect("no file").is_none());
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_wrong_is_told_without_its_secrets() {
        let text = "[crm]\napi_key = { name = \"a\", value = \"hush\" }\n";
        let why = found(text, 0o644, "crm").expect_err("its mode");
        assert!(why.contains("0644"), "{why}");
        for wrong in [
            "[crm]\napi_kay = \"hush\"",
            "[crm]\nbasic = \"hush\"",
            "crm = hush",
        ] {
            let why = found(wrong, 0o600, "crm").expect_err(wrong);
            assert!(!why.contains("hush"), "{why}");
        }
        let both = "[crm]\nbasic = { username = \"a\", password = \"hush\" }\napi_key = { name = \"a\", value = \"hush\" }";
        assert!(found(both, 0o600, "crm").is_err());
    }
}
