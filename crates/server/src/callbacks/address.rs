//! Where a callback is: its public id, which is no secret, and what its own token says.

pub(crate) use everstep_core::token::Address;
use everstep_core::token::Purpose;
use everstep_engine::Handle;

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
