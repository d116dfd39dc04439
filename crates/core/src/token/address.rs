//! Which operation a token settles, without the power to do so: what may be kept and shown where the token itself may not.

use std::fmt;
use std::str::FromStr;

use super::{Purpose, Token};
use crate::{ExecutionId, Generation, Operation};

/// One generation of one operation that is settled from outside. As text, `EXECUTION.OPERATION.GENERATION`, it is a callback's public id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub execution: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
}

/// The text is no callback's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a callback's id is EXECUTION.OPERATION.GENERATION")]
pub struct InvalidAddress;

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

impl Token {
    /// Which operation it settles, and in which way, as text. `None` for a token that settles nothing.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        let purpose = match self.purpose {
            Purpose::Callback => "callback",
            Purpose::Task => "task",
            Purpose::Position | Purpose::Push => return None,
        };
        Some(format!("{purpose}:{}", Address::from(self)))
    }

    /// What [`Token::address`] says.
    #[must_use]
    pub fn from_address(text: &str) -> Option<Self> {
        let (purpose, address) = text.split_once(':')?;
        let purpose = match purpose {
            "callback" => Purpose::Callback,
            "task" => Purpose::Task,
            _ => return None,
        };
        let address: Address = address.parse().ok()?;
        Some(Self {
            purpose,
            execution: address.execution,
            operation: address.operation,
            generation: address.generation,
            position: 0,
        })
    }
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
