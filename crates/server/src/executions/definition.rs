//! What is started: a function or a state machine, by whatever names it.

use everstep_engine::{Error, Handle};

use super::Kind;
use crate::errors::Code;
use crate::rest::Problem;

/// A function or a state machine with a version or an alias, as it was named. It need not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub kind: Kind,
    pub name: String,
    pub qualifier: Option<String>,
}

impl Definition {
    /// What `NAME`, an agent's address, `NAME:QUALIFIER`, the same behind `function:` or `stateMachine:`, or an ARN names. A bare name must not be both a
    /// function's and a state machine's.
    ///
    /// # Errors
    /// [`Code::UnknownFunction`], [`Code::Conflict`], or the engine's.
    pub(crate) async fn find(handle: &Handle, text: &str) -> Result<Self, Problem> {
        if let Some(agent) = handle.agent_at(text).await? {
            return Ok(Self::of(Kind::Function, &agent));
        }
        let (kind, rest) = split(text);
        let named = |kind| Self::of(kind, rest);
        if let Some(kind) = kind {
            return Ok(named(kind));
        }
        let name = named(Kind::Function).name;
        let function = is_there(handle.function(&name).await)?;
        match (function, is_there(handle.state_machine(&name).await)?) {
            (true, false) => Ok(named(Kind::Function)),
            (false, true) => Ok(named(Kind::StateMachine)),
            (true, true) => Err(Problem::new(
                Code::Conflict,
                format!(
                    "A function and a state machine are called {name}: say function:{rest} or stateMachine:{rest}"
                ),
            )),
            (false, false) => Err(Problem::new(
                Code::UnknownFunction,
                format!("There is no function and no state machine {name}"),
            )),
        }
    }

    /// `NAME` or `NAME:QUALIFIER` of one kind.
    pub(crate) fn of(kind: Kind, text: &str) -> Self {
        let (name, qualifier) = text
            .split_once(':')
            .map_or((text, None), |(name, qualifier)| (name, Some(qualifier)));
        Self {
            kind,
            name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        }
    }
}

/// The kind, where it is said, and the name behind it.
fn split(text: &str) -> (Option<Kind>, &str) {
    let resource = match text.strip_prefix("arn:") {
        Some(arn) => arn.splitn(5, ':').nth(4).unwrap_or_default(),
        None => text,
    };
    for (prefix, kind) in [
        ("function:", Kind::Function),
        ("stateMachine:", Kind::StateMachine),
    ] {
        if let Some(rest) = resource.strip_prefix(prefix) {
            return (Some(kind), rest);
        }
    }
    (None, resource)
}

fn is_there<T>(found: Result<T, Error>) -> Result<bool, Error> {
    match found {
        Ok(_) => Ok(true),
        Err(Error::UnknownEntry { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_are_told_apart() {
        for (text, kind, rest) in [
            ("orders", None, "orders"),
            ("orders:live", None, "orders:live"),
            ("function:orders:1", Some(Kind::Function), "orders:1"),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:orders:1",
                Some(Kind::Function),
                "orders:1",
            ),
            (
                "arn:aws:states:us-east-1:000000000000:stateMachine:orders",
                Some(Kind::StateMachine),
                "orders",
            ),
            ("arn:aws:states", None, ""),
        ] {
            assert_eq!(split(text), (kind, rest), "{text}");
        }
    }
}
