//! How an agent is spoken to: what was set, else what its card says.

use reqwest::Url;

use crate::agent::{Address, Agent, Credentials, Dialect};
use crate::card::{Card, Cards, Interface, Place};
use crate::error::Error;
use crate::http::Http;

/// How one agent is spoken to, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub dialect: Dialect,
    /// Where its calls go; programs and runtimes of AgentCore have no such place.
    pub url: Option<Url>,
    /// What the agent calls itself.
    pub title: Option<String>,
    pub version: Option<String>,
    pub streaming: bool,
    /// Whether it tells when a task moves. Unknown, where it does not say.
    pub push: Option<bool>,
    pub(crate) tenant: Option<String>,
}

impl Profile {
    const fn bare(dialect: Dialect, url: Option<Url>) -> Self {
        Self {
            dialect,
            url,
            title: None,
            version: None,
            streaming: false,
            push: None,
            tenant: None,
        }
    }

    fn of_card(card: Card, interface: Interface) -> Self {
        Self {
            dialect: interface.dialect,
            url: Some(interface.url),
            title: card.title,
            version: card.version,
            streaming: card.streaming,
            push: card.push,
            tenant: interface.tenant,
        }
    }

    /// Whether a push address is sent along: it is, unless the agent says that it does not push.
    pub(crate) fn takes_push(&self) -> bool {
        self.push != Some(false)
    }
}

pub(super) async fn of(
    http: &Http,
    cards: &Cards,
    agent: &Agent,
    dialect: Option<Dialect>,
) -> Result<Profile, Error> {
    let url = match (&agent.address, dialect) {
        (Address::Process { .. }, None | Some(Dialect::Process)) => {
            return Ok(Profile::bare(Dialect::Process, None));
        }
        (Address::Process { .. }, Some(other)) => return Err(unfit(agent, other)),
        (Address::Arn(_), dialect) => return of_runtime(agent, dialect),
        (Address::Url(url), _) => url,
    };
    match dialect {
        Some(Dialect::Process) => Err(unfit(agent, Dialect::Process)),
        Some(Dialect::Webhook) => Ok(Profile::bare(Dialect::Webhook, Some(url.clone()))),
        Some(dialect @ (Dialect::Legacy | Dialect::AgentCore)) => {
            Ok(Profile::bare(dialect, Some(invocations(url))))
        }
        Some(dialect @ (Dialect::A2a | Dialect::A2aRest | Dialect::A2a03)) => {
            let said = cards.of(http, agent, url).await?;
            set(agent, dialect, url, said)
        }
        None => by_card(agent, url, cards.of(http, agent, url).await?),
    }
}

fn by_card(agent: &Agent, url: &Url, said: Place) -> Result<Profile, Error> {
    match said {
        Place::Card(mut card) if !card.interfaces.is_empty() => {
            let interface = card.interfaces.swap_remove(0);
            faithful(agent, Profile::of_card(card, interface))
        }
        Place::Card(_) => Err(Error::Dialect {
            why: "its card names neither JSON-RPC of A2A 1.0 or 0.3 nor HTTP+JSON of A2A 1.0"
                .to_owned(),
        }),
        // Cards of the kind that came before A2A had any.
        Place::Unknown => Ok(Profile::bare(Dialect::Legacy, Some(invocations(url)))),
        Place::Nothing => Err(Error::Dialect {
            why: format!(
                "there is no card at {url}; if the agent has none, say which dialect it speaks"
            ),
        }),
    }
}

/// The dialect that was set, at the place that the card names for it, else at the agent's address.
fn set(agent: &Agent, dialect: Dialect, url: &Url, said: Place) -> Result<Profile, Error> {
    let Place::Card(card) = said else {
        return Ok(Profile::bare(dialect, Some(url.clone())));
    };
    let mut named = card.interfaces.iter();
    let named = named
        .find(|interface| interface.dialect == dialect)
        .cloned();
    let interface = named.unwrap_or_else(|| Interface {
        dialect,
        url: url.clone(),
        tenant: None,
    });
    faithful(agent, Profile::of_card(card, interface))
}

fn of_runtime(agent: &Agent, dialect: Option<Dialect>) -> Result<Profile, Error> {
    match dialect.unwrap_or(Dialect::AgentCore) {
        dialect @ (Dialect::AgentCore | Dialect::Legacy | Dialect::A2a | Dialect::A2a03) => {
            Ok(Profile::bare(dialect, None))
        }
        other @ (Dialect::A2aRest | Dialect::Webhook | Dialect::Process) => {
            Err(unfit(agent, other))
        }
    }
}

fn unfit(agent: &Agent, dialect: Dialect) -> Error {
    Error::Dialect {
        why: format!("{dialect} is not spoken with {}", agent.address),
    }
}

/// A card does not lead our credentials to somebody else.
fn faithful(agent: &Agent, profile: Profile) -> Result<Profile, Error> {
    let elsewhere = profile.url.as_ref().filter(|url| {
        let has_credentials = !matches!(agent.credentials, Credentials::None);
        has_credentials && !is_home(agent, url)
    });
    match elsewhere {
        None => Ok(profile),
        Some(url) => Err(Error::Dialect {
            why: format!(
                "its card leads to {}, and the agent's credentials are not for there: give that address itself",
                crate::http::host(url)
            ),
        }),
    }
}

fn is_home(agent: &Agent, url: &Url) -> bool {
    matches!(&agent.address, Address::Url(home) if home.origin() == url.origin())
}

/// The credentials that may be shown at this place.
pub(super) fn credentials_for<'a>(agent: &'a Agent, url: &Url) -> &'a Credentials {
    match is_home(agent, url) {
        true => &agent.credentials,
        false => &Credentials::None,
    }
}

/// Where containers of AgentCore, and agents of the kind before A2A, take work.
fn invocations(url: &Url) -> Url {
    let mut place = url.clone();
    if place.path() == "/" {
        place.set_path("/invocations");
    }
    place
}
