//! What an agent says of itself: its card, and which of its interfaces we use.

mod cache;
mod canonical;
mod signature;

use reqwest::Url;
use serde_json::Value;

pub(crate) use cache::{Cards, Place};
pub use signature::{Key, NotAKey};

use crate::agent::Dialect;

/// What is kept of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub title: Option<String>,
    pub version: Option<String>,
    /// What it can be called by, the best first.
    pub interfaces: Vec<Interface>,
    pub streaming: bool,
    /// Nothing when the card does not say.
    pub push: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub dialect: Dialect,
    pub url: Url,
    pub tenant: Option<String>,
}

/// Reads a card; `None` when it is none of A2A. `base` is where it was found: addresses may be relative to it.
pub(crate) fn read(card: &Value, base: &Url) -> Option<Card> {
    let mut interfaces: Vec<Interface> = listed(card, base);
    interfaces.extend(single(card, base));
    // Stable: among the same dialects the agent's own order stays.
    interfaces.sort_by_key(|interface| rank(interface.dialect));
    if interfaces.is_empty() && !is_of_a2a(card) {
        return None;
    }
    let capability = |name: &str| card.get("capabilities")?.get(name)?.as_bool();
    Some(Card {
        title: text(card, "name").map(str::to_owned),
        version: text(card, "version").map(str::to_owned),
        interfaces,
        streaming: capability("streaming").unwrap_or(false),
        push: capability("pushNotifications"),
    })
}

/// Whether the card is one of A2A, if only with interfaces that we do not speak, such as gRPC.
fn is_of_a2a(card: &Value) -> bool {
    card.get("supportedInterfaces").is_some_and(Value::is_array)
        || text(card, "protocolVersion").is_some()
}

const fn rank(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::A2a => 0,
        Dialect::A2aRest => 1,
        Dialect::A2a03 => 2,
        Dialect::Legacy | Dialect::AgentCore | Dialect::Webhook | Dialect::Process => 3,
    }
}

/// `supportedInterfaces` of 1.0.
fn listed(card: &Value, base: &Url) -> Vec<Interface> {
    let list = card.get("supportedInterfaces").and_then(Value::as_array);
    let list = list.map(Vec::as_slice).unwrap_or_default();
    let read = |one: &Value| {
        let version = text(one, "protocolVersion").unwrap_or("1.0");
        Some(Interface {
            dialect: dialect(text(one, "protocolBinding")?, version)?,
            url: address(one, base)?,
            tenant: text(one, "tenant")
                .filter(|tenant| !tenant.is_empty())
                .map(str::to_owned),
        })
    };
    list.iter().filter_map(read).collect()
}

/// `url` with `preferredTransport`, and `additionalInterfaces`, of 0.3 and of what came before it.
fn single(card: &Value, base: &Url) -> Vec<Interface> {
    let Some(version) = text(card, "protocolVersion") else {
        return Vec::new();
    };
    let first = (
        text(card, "preferredTransport").unwrap_or("JSONRPC"),
        address(card, base),
    );
    let more = card.get("additionalInterfaces").and_then(Value::as_array);
    let more = more.into_iter().flatten();
    let more = more.filter_map(|one| Some((text(one, "transport")?, address(one, base))));
    let mut found: Vec<Interface> = Vec::new();
    for (binding, url) in std::iter::once(first).chain(more) {
        if let (Some(dialect), Some(url)) = (dialect(binding, version), url) {
            let interface = Interface {
                dialect,
                url,
                tenant: None,
            };
            if !found.contains(&interface) {
                found.push(interface);
            }
        }
    }
    found
}

/// The dialect of a binding in a version. Over HTTP+JSON, 0.3 is not spoken.
fn dialect(binding: &str, version: &str) -> Option<Dialect> {
    let is_v1 = version.starts_with("1.") || version == "1";
    // 0.2 has the methods of 0.3.
    let is_v03 = version.starts_with("0.3") || version.starts_with("0.2");
    match binding {
        "JSONRPC" if is_v1 => Some(Dialect::A2a),
        "HTTP+JSON" if is_v1 => Some(Dialect::A2aRest),
        "JSONRPC" if is_v03 => Some(Dialect::A2a03),
        _ => None,
    }
}

fn address(value: &Value, base: &Url) -> Option<Url> {
    let url = base.join(text(value, "url")?).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

#[cfg(test)]
mod tests;
