//! `[[notify]]` of the settings: which events are told, and where.

mod secret;
mod sink;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use everstep_dispatch::notify::Sink;
use everstep_engine::{PERSONAL, Subscription};
use serde::Deserialize;

use crate::settings::Settings;
pub use secret::Guarded;
use sink::SinkSettings;

const SECTION: &str = "notify";

/// What an event's name begins with, and how it can go on. Applications may send events with other names of their own.
const FAMILIES: [(&str, &[&str]); 3] = [
    (
        "approval",
        &[
            "requested",
            "reminded",
            "escalated",
            "delegated",
            "information_requested",
            "decided",
            "expired",
            "cancelled",
            "invited",
        ],
    ),
    ("callback", &["processed"]),
    (
        "execution",
        &[
            "started",
            "succeeded",
            "failed",
            "timed_out",
            "stopped",
            "cancelled",
            "quarantined",
            "pausing",
            "paused",
            "running",
            "reopened",
        ],
    ),
];

/// One entry, but for what is the sink's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    on: Vec<String>,
    #[serde(default)]
    definition: Definitions,
}

/// One name or several, each may end with `*`.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Definitions {
    #[default]
    All,
    One(String),
    Several(Vec<String>),
}

/// Where events are told, and which.
#[derive(Debug, Default)]
pub struct Notifications {
    pub sinks: BTreeMap<String, Sink>,
    pub subscribed: Vec<Subscription>,
}

/// A sink that can't be made, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub sink: String,
    pub why: String,
}

impl Notifications {
    /// All sinks, made.
    ///
    /// # Errors
    /// E0190 with every sink that can't be made.
    pub fn read(settings: &Settings) -> Result<Self> {
        let (made, findings) = Self::look(settings)?;
        if findings.is_empty() {
            return Ok(made);
        }
        let lines: Vec<String> = findings
            .iter()
            .map(|finding| format!("{}: {}", finding.sink, finding.why))
            .collect();
        Err(settings.wrong(SECTION, &lines.join("; ")))
    }

    /// The sinks that can be made, and what is wrong with the others.
    ///
    /// # Errors
    /// E0190 when there is no list of sinks.
    pub fn look(settings: &Settings) -> Result<(Self, Vec<Finding>)> {
        let tables: Vec<toml::Table> = settings.section(SECTION)?;
        let (mut made, mut findings) = (Self::default(), Vec::new());
        let mut names = BTreeSet::new();
        for (place, table) in tables.into_iter().enumerate() {
            let name = table.get("name").and_then(toml::Value::as_str);
            let shown = name.map_or_else(|| format!("number {}", place + 1), str::to_owned);
            let outcome = if names.insert(shown.clone()) {
                one(table)
            } else {
                Err("another sink has this name".to_owned())
            };
            match outcome {
                Ok((subscribed, sink)) => {
                    made.sinks.insert(subscribed.sink.clone(), sink);
                    made.subscribed.push(subscribed);
                }
                Err(why) => findings.push(Finding { sink: shown, why }),
            }
        }
        Ok((made, findings))
    }
}

fn one(mut table: toml::Table) -> Result<(Subscription, Sink), String> {
    let mut own = toml::Table::new();
    for member in ["name", "on", "definition"] {
        if let Some((key, value)) = table.remove_entry(member) {
            own.insert(key, value);
        }
    }
    let told = |error: toml::de::Error| error.message().to_owned();
    let entry: Entry = own.try_into().map_err(told)?;
    check_name(&entry.name)?;
    check_events(&entry.on)?;
    let settings: SinkSettings = table.try_into().map_err(told)?;
    let sink = settings.make()?;
    check_personal(&entry.on, &sink)?;
    let subscribed = Subscription {
        sink: entry.name,
        events: entry.on,
        definitions: match entry.definition {
            Definitions::All => Vec::new(),
            Definitions::One(name) => vec![name],
            Definitions::Several(names) => names,
        },
    };
    Ok((subscribed, sink))
}

/// What leads to one person's link is told to that person, and to no channel that others read.
fn check_personal(on: &[String], sink: &Sink) -> Result<(), String> {
    let invites = on.iter().any(|event| event == PERSONAL);
    if invites && on.len() > 1 {
        return Err(format!(
            "{PERSONAL} is for one person each: it has a sink of its own"
        ));
    }
    if invites && !sink.is_personal() {
        return Err(format!(
            "{PERSONAL} is for one person each: a webhook tells it, or smtp without recipients, with addresses or domains"
        ));
    }
    if !invites && matches!(sink, Sink::Mail(mail) if mail.is_personal()) {
        return Err(format!(
            "addresses and domains are for {PERSONAL} alone: other events have recipients"
        ));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
        return Ok(());
    }
    Err("a name has 1 to 64 letters, digits, hyphens and underscores".to_owned())
}

/// A name of a family that the family does not have is a slip: nothing would ever be told.
fn check_events(names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Err(
            "on names no event: on = [\"approval.requested\", \"execution.failed\"]".to_owned(),
        );
    }
    for name in names {
        let Some((family, rest)) = name.split_once('.') else {
            continue;
        };
        let known = FAMILIES.iter().find(|(known, _)| *known == family);
        if let Some((_, members)) = known
            && rest != "*"
            && !members.contains(&rest)
        {
            let all: Vec<String> = members
                .iter()
                .map(|member| format!("{family}.{member}"))
                .collect();
            return Err(format!(
                "there is no event {name}; there are {}, and {family}.*",
                all.join(", ")
            ));
        }
    }
    Ok(())
}
