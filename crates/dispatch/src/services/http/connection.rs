//! Connections: the credentials of an API, kept apart from the state machines that call it, as EventBridge keeps them.

use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};

/// How the calls of a connection are let in, and what is added to each of them.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    pub authorization: Authorization,
    pub headers: Vec<(String, SecretString)>,
    pub query: Vec<(String, SecretString)>,
    /// Members of a body that is an object.
    pub body: Secret<Map<String, Value>>,
}

/// What proves that a caller may call.
#[derive(Clone, Debug, Default)]
pub enum Authorization {
    #[default]
    None,
    Basic {
        username: String,
        password: SecretString,
    },
    /// A header of this name.
    ApiKey { name: String, value: SecretString },
}

/// Something that is not shown.
#[derive(Clone, Default)]
pub struct Secret<T>(pub T);

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// Where connections are found.
pub trait Connections: Send + Sync + 'static {
    /// The connection of this name, as it is now.
    ///
    /// # Errors
    /// Why what is kept can't be read, without a secret.
    fn find(&self, name: &str) -> Result<Option<Connection>, String>;
}

/// There are none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoConnections;

impl Connections for NoConnections {
    fn find(&self, _: &str) -> Result<Option<Connection>, String> {
        Ok(None)
    }
}

/// The name in an ARN: `arn:aws:events:REGION:ACCOUNT:connection/NAME/ID`, with or without the id.
pub(super) fn name(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let ["arn", _, "events", _, _, resource] = [
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
    ] else {
        return None;
    };
    let rest = resource.strip_prefix("connection/")?;
    let name = rest.split('/').next().unwrap_or(rest);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_in_the_arn() {
        let cases = [
            (
                "arn:aws:events:us-east-1:000000000000:connection/stripe/81210c42",
                Some("stripe"),
            ),
            (
                "arn:aws:events:us-east-1:000000000000:connection/stripe",
                Some("stripe"),
            ),
            ("arn:aws:events:us-east-1:000000000000:connection/", None),
            ("arn:aws:events:us-east-1:000000000000:rule/stripe", None),
            (
                "arn:aws:lambda:us-east-1:000000000000:connection/stripe",
                None,
            ),
            ("stripe", None),
        ];
        for (arn, expected) in cases {
            assert_eq!(name(arn), expected, "{arn}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let connection = Connection {
            authorization: Authorization::Basic {
                username: "me".to_owned(),
                password: "hush".to_owned().into(),
            },
            headers: vec![("x".to_owned(), "hush".to_owned().into())],
            query: vec![("q".to_owned(), "hush".to_owned().into())],
            body: Secret(Map::from_iter([("b".to_owned(), "hush".into())])),
        };
        assert!(!format!("{connection:?}").contains("hush"));
    }
}
