//! Where a callback is: its public id, which is no secret, and what its own token says.

use std::fmt;
use std::str::FromStr;

use everstep_core::token::{Purpose, Token};
use everstep_core::{ExecutionId, Generation, Operation};
use everstep_engine::Handle;

/// One generation of one operation that is settled from outside. As text, `EXECUTION.OPERATION.GENERATION`, it is a callback's public id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    pub execution: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
}

/// The text is no callback's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a callback's id is EXECUTION.OPERATION.GENERATION")]
pub(crate) struct InvalidAddress;

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}.{}",
            self.execution, self.operation, self.generation
        )
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(InvalidAddress);
        let (execution, operation, generation) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(InvalidAddress);
        }
        Ok(Self {
            execution: execution.parse().map_err(|_| InvalidAddress)?,
            operation: Operation(number(operation)?),
            generation: Generation(number(generation)?),
        })
    }
}

/// One text for each number: no sign and no leading zero.
fn number(text: &str) -> Result<u32, InvalidAddress> {
    let number: u32 = text.parse().map_err(|_| InvalidAddress)?;
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(InvalidAddress)
    }
}

impl From<&Token> for Address {
    fn from(token: &Token) -> Self {
        Self {
            execution: token.execution,
            operation: token.operation,
            generation: token.generation,
        }
    }
}

/// The uses of tokens that are answered here: callbacks of functions, tasks of state machines and agents.
pub(super) const PURPOSES: [Purpose; 2] = [Purpose::Callback, Purpose::Task];

/// What an operation's own token says, and what it is for.
pub(super) fn of_token(handle: &Handle, text: &str) -> Option<(Purpose, Address)> {
    // Each purpose is tried, however early one fits: wrong tokens of all kinds take as long.
    let tried = PURPOSES.map(|purpose| (purpose, handle.verify(purpose, text)));
    let mut found = None;
    for (purpose, token) in tried {
        if let Ok(token) = token {
            found = Some((purpose, Address::from(&token)));
        }
    }
    found
}

/// The token of an operation: what is proven otherwise acts through it.
pub(super) fn token(handle: &Handle, purpose: Purpose, address: &Address) -> String {
    handle.token(
        purpose,
        address.execution,
        address.operation,
        address.generation,
        0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_has_one_spelling() {
        let text = "0194f0c2-1111-7222-8333-444444440012.3.1";
        let address: Address = text.parse().expect("an id");
        assert_eq!((address.operation.0, address.generation.0), (3, 1));
        assert_eq!(address.to_string(), text);
        for wrong in [
            "",
            "w-1",
            "0194f0c2-1111-7222-8333-444444440012",
            "0194f0c2-1111-7222-8333-444444440012.3",
            "0194f0c2-1111-7222-8333-444444440012.03.1",
            "0194f0c2-1111-7222-8333-444444440012.+3.1",
            "0194f0c2-1111-7222-8333-444444440012.3.1.0",
            "0194f0c2-1111-7222-8333-444444440012.3.4294967296",
        ] {
            assert_eq!(wrong.parse::<Address>(), Err(InvalidAddress), "{wrong}");
        }
    }
}
