//! Who asks and who decides.

use everstep_approval::{Approver, Person, Via};
use hyper::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::door::{Caller, Need};
use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;
use crate::server::Peer;

const NAME_CHARACTERS_MAX: usize = 128;

/// Somebody, as requests name them: `"ann"`, `"group:board"`, `{"user": "ann"}` or `{"group": "board"}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Named {
    Text(String),
    User { user: String },
    Group { group: String },
}

impl Named {
    /// # Errors
    /// [`Code::InvalidParameter`] for what is no name.
    pub(super) fn approver(self) -> Result<Approver, Problem> {
        let approver = match self {
            Self::Text(text) => match text.strip_prefix("group:") {
                Some(group) => Approver::Group(group.to_owned()),
                None => Approver::User(text),
            },
            Self::User { user } => Approver::User(user),
            Self::Group { group } => Approver::Group(group),
        };
        let (Approver::User(name) | Approver::Group(name)) = &approver;
        check("An approver's name", name)?;
        Ok(approver)
    }
}

pub(super) fn show(approver: &Approver) -> Value {
    match approver {
        Approver::User(name) => json!({ "user": name }),
        Approver::Group(name) => json!({ "group": name }),
    }
}

/// # Errors
/// [`Code::InvalidParameter`] for what is no name.
pub(super) fn check(what: &str, name: &str) -> Result<(), Problem> {
    let fits = !name.is_empty()
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    let text = format!(
        "{what} has 1 to {NAME_CHARACTERS_MAX} characters, no space at its ends and no control characters"
    );
    Err(Problem::new(Code::InvalidParameter, text))
}

/// Who decides. An open door believes what the request says, `by` and `groups`, a key or not: without the key it would be believed, too.
///
/// # Errors
/// [`Code::NotAllowed`] for workers, agents and keys that only look; [`Code::Unnamed`] when an open door is told no name.
pub(super) fn person(
    app: &App,
    caller: &Caller,
    by: Option<String>,
    groups: Vec<String>,
) -> Result<Person, Problem> {
    let open = app.options.door.open;
    match (caller, by) {
        (Caller::Key { .. } | Caller::Anyone, Some(name)) if open && caller.may(Need::Operate) => {
            check("A name", &name)?;
            Ok(Person { name, groups })
        }
        (Caller::Key { name, .. }, Some(other)) if other != *name && caller.may(Need::Operate) => {
            let text = format!("The key is {name}'s, and nobody decides for {other}");
            Err(Problem::new(Code::NotAllowed, text))
        }
        (Caller::Key { name, groups, .. }, _) if caller.may(Need::Operate) => Ok(Person {
            name: name.clone(),
            groups: groups.clone(),
        }),
        (Caller::Anyone, _) => Err(Problem::new(
            Code::Unnamed,
            "Without a key the request has to say who decides: \"by\": \"NAME\"",
        )),
        (Caller::Key { .. } | Caller::Worker { .. } | Caller::Nobody, _) => Err(Problem::new(
            Code::NotAllowed,
            "People decide: neither functions nor agents do, and no key that is only good for looking",
        )),
    }
}

/// Where a request came from.
pub(super) fn peer(head: &Parts) -> Option<String> {
    let peer = head.extensions.get::<Peer>();
    peer.map(|peer| peer.0.ip().to_string())
}

/// Our command line says so; nothing depends on it but the audit.
pub(super) fn via(head: &Parts) -> Via {
    let agent = head.headers.get(hyper::header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    match agent {
        Some(agent) if agent.starts_with("everstep-cli") => Via::Cli,
        _ => Via::Api,
    }
}
