//! `everstep keys`: the operator's keys, and the file that holds what checking them needs.
//!
//! Of an API key the file holds a fingerprint. Of an access key it holds the secret itself: signatures are checked by making them again. Only
//! its owner may read the file.

mod file;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use everstep_server::{AccessKey, Code, Key, Role, fingerprint};
use serde_json::{Value, json};

use crate::error::Failed;
use crate::output::{self, Format};

pub use file::{Entry, load, read_secret, write as write_secret};

/// The file in a data folder that holds the operator's keys.
pub const KEYS_FILE: &str = "keys.json";

/// Shortest secret of a key that the environment gives.
const SECRET_CHARACTERS_MIN: usize = 32;

#[derive(Subcommand)]
pub enum Keys {
    /// Make a key and print its parts, which are shown this once
    Create(Create),
    /// List the keys without their secrets
    List(Place),
    /// Take a key back; a running server sees it within seconds
    Revoke {
        /// Name of the key
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the keys are kept.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Folder of the server
    #[arg(long, default_value = ".everstep")]
    pub data: PathBuf,
    /// File of the keys; without it keys.json in the data folder
    #[arg(long = "keys", env = "EVERSTEP_KEYS", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl Place {
    pub fn file(&self) -> PathBuf {
        self.file
            .clone()
            .unwrap_or_else(|| self.data.join(KEYS_FILE))
    }
}

#[derive(Args)]
pub struct Create {
    /// Name of the key, such as the person or program that has it
    name: String,
    /// What it is good for
    #[arg(long, value_enum, default_value_t)]
    role: RoleArgument,
    /// A group that its holder is in, for approvals that ask groups; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// How long it is good, such as 90s, 45m, 12h or 30d; it then has a session token, too
    #[arg(long, value_name = "TIME")]
    expires_in: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RoleArgument {
    /// Look at executions, functions, logs and artifacts
    Read,
    /// Also start, stop and answer executions, and write artifacts
    #[default]
    Operate,
    /// Also change functions and settings
    Admin,
    /// Artifacts and nothing else
    Agent,
}

impl RoleArgument {
    const fn role(self) -> Role {
        match self {
            Self::Read => Role::Read,
            Self::Operate => Role::Operate,
            Self::Admin => Role::Admin,
            Self::Agent => Role::Agent,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
            Self::Agent => "agent",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::value_variants()
            .iter()
            .copied()
            .find(|role| role.as_str() == text)
    }
}

impl Keys {
    pub fn run(self, format: Format) -> Result<()> {
        match self {
            Self::Create(create) => create.run(format),
            Self::List(place) => list(&place.file(), format),
            Self::Revoke { name, place } => revoke(&place.file(), &name),
        }
    }
}

impl Create {
    fn run(self, format: Format) -> Result<()> {
        let file = self.place.file();
        let life = self.expires_in.as_deref().map(seconds).transpose()?;
        let now = jiff::Timestamp::now();
        let expires = life.map(|life| now + life);
        let access_key_id = format!("EVAK{}", random(8)?.to_uppercase());
        let secret_access_key = random(32)?;
        let session_token = life.map(|_| random(32)).transpose()?;
        let api_key = format!("evk_{}", random(32)?);
        let entry = Entry {
            name: self.name.clone(),
            role: self.role.as_str().to_owned(),
            groups: self.groups.clone(),
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: session_token.clone(),
            api_key_sha256: hex(&fingerprint(&api_key)),
            created_at: now.to_string(),
            expires_at: expires.map(|expires| expires.to_string()),
        };
        file::change(&file, |entries| {
            if entries.iter().any(|known| known.name == entry.name) {
                return Err(Failed::Refused {
                    status: 409,
                    code: None,
                    message: format!("there is a key named {} already", entry.name),
                }
                .into());
            }
            entries.push(entry);
            Ok(())
        })?;
        let parts = [
            ("AWS_ACCESS_KEY_ID", Some(access_key_id)),
            ("AWS_SECRET_ACCESS_KEY", Some(secret_access_key)),
            ("AWS_SESSION_TOKEN", session_token),
            ("EVERSTEP_API_KEY", Some(api_key)),
        ];
        let parts = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        if format == Format::Json {
            let parts: serde_json::Map<String, Value> = parts
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            return output::json(&parts.into());
        }
        output::note(format!(
            "Key {} is kept in {}. Its API key is shown this once.",
            self.name,
            file.display()
        ));
        for (name, value) in parts {
            output::line(format!("{name}={value}"))?;
        }
        Ok(())
    }
}

fn list(file: &Path, format: Format) -> Result<()> {
    let rows: Vec<Value> = file::read(file)?
        .into_iter()
        .map(|entry| {
            json!({
                "name": entry.name, "role": entry.role, "groups": entry.groups.join(", "), "access_key_id": entry.access_key_id,
                "created_at": entry.created_at, "expires_at": entry.expires_at,
            })
        })
        .collect();
    if format == Format::Json {
        return output::json(&json!({ "keys": rows }));
    }
    output::table(
        &[
            ("NAME", "/name"),
            ("ROLE", "/role"),
            ("GROUPS", "/groups"),
            ("ACCESS KEY", "/access_key_id"),
            ("CREATED", "/created_at"),
            ("EXPIRES", "/expires_at"),
        ],
        &rows,
    )
}

fn revoke(file: &Path, name: &str) -> Result<()> {
    file::change(file, |entries| {
        let before = entries.len();
        entries.retain(|entry| entry.name != name);
        if entries.len() == before {
            return Err(Failed::Refused {
                status: 404,
                code: None,
                message: format!("there is no key named {name}"),
            }
            .into());
        }
        Ok(())
    })
}

/// A key from `ACCESS_KEY_ID:SECRET`, good for everything; the secret is its API key as well. For servers whose keys come from the environment.
pub fn from_text(text: &str) -> Result<Key> {
    let (id, secret) = text
        .split_once(':')
        .filter(|(id, secret)| !id.is_empty() && secret.len() >= SECRET_CHARACTERS_MIN)
        .ok_or_else(|| {
            Failed::Usage(format!(
                "EVERSTEP_ADMIN_KEY has to be ACCESS_KEY_ID:SECRET with a secret of {SECRET_CHARACTERS_MIN} characters or more"
            ))
        })?;
    Ok(Key {
        name: "EVERSTEP_ADMIN_KEY".to_owned(),
        role: Role::Admin,
        groups: Vec::new(),
        access: Some(AccessKey {
            id: id.to_owned(),
            secret_access_key: secret.to_owned().into(),
            session_token: None,
        }),
        api_key: fingerprint(secret),
        expires: None,
    })
}

/// A new API key of a process's own, and what the server keeps of it.
pub fn passing(name: &str, role: Role) -> Result<(String, Key)> {
    let text = format!("evk_{}", random(32)?);
    let key = known(name, role, &text);
    Ok((text, key))
}

/// What the server keeps of an API key.
pub fn known(name: &str, role: Role, api_key: &str) -> Key {
    Key {
        name: name.to_owned(),
        role,
        groups: Vec::new(),
        access: None,
        api_key: fingerprint(api_key),
        expires: None,
    }
}

fn unusable(file: &Path, why: impl std::fmt::Display) -> anyhow::Error {
    Failed::Refused {
        status: 500,
        code: Some(Code::UnusableKeys.to_string()),
        message: format!("the keys in {} can't be used: {why}", file.display()),
    }
    .into()
}

fn seconds(text: &str) -> Result<Duration> {
    let wrong = || Failed::Usage(format!("{text} is no time: 90s, 45m, 12h and 30d are"));
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong().into()),
    };
    let count: u64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    let seconds = count
        .checked_mul(factor)
        .filter(|seconds| (1..=10 * 366 * 86_400).contains(seconds));
    Ok(Duration::from_secs(seconds.ok_or_else(wrong)?))
}

fn random(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(hex(&buffer))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}
