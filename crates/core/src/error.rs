//! What every error of the project can say of itself.

/// The sort of an error. Whether to retry and our own REST status follow from it; protocols with error names of their own map the exact
/// variant instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request can't be right whatever the state is.
    Invalid,
    /// What is named does not exist.
    NotFound,
    /// The request does not fit the present state.
    Conflict,
    /// Too much at once: the same request may be taken later.
    Throttled,
    /// A passing fault outside: the same request may succeed.
    Transient,
    /// Stored data can't be trusted.
    Corrupt,
    /// Our own mistake.
    Bug,
}
