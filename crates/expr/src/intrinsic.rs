//! The intrinsic functions, `States.Array` and its like.

mod array;
mod call;
mod encode;
mod format;
mod json;
mod math;
mod text;

pub(crate) use call::Call;

/// Functions that one expression may call, nested ones included.
pub const CALLS_MAX: usize = 10;

/// Characters that may be encoded, decoded or hashed.
pub const ENCODED_CHARACTERS_MAX: usize = 10_000;

/// Items of `States.ArrayRange`.
pub const RANGE_ITEMS_MAX: usize = 1_000;

/// Bytes of text that a function may take or make. Values share their parts, so a small one can have an endless text.
pub const TEXT_BYTES_MAX: usize = 16 << 20;

/// An intrinsic function that can't work with its arguments. The text is the service's, which does not tell why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid arguments in {function}")]
pub struct Failure {
    pub function: &'static str,
    pub reason: Reason,
}

/// Why an intrinsic function can't work with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("it takes {expected} arguments, not {found}")]
    Count {
        expected: &'static str,
        found: usize,
    },
    #[error("argument {place} must be {expected}, not {found}")]
    Type {
        place: usize,
        expected: &'static str,
        found: &'static str,
    },
    #[error("the number {0} is out of range")]
    Range(String),
    #[error("the index {index} is not in an array of {length} items")]
    Index { index: i64, length: usize },
    #[error("the range has more than {0} items")]
    Items(usize),
    #[error("the text has more than {0} characters")]
    Characters(usize),
    #[error("the text has more than {0} bytes")]
    Bytes(usize),
    #[error("the text is not JSON: {0}")]
    Json(crate::json::Error),
    #[error("objects are merged at their top level only")]
    DeepMerge,
    #[error("the hash algorithm '{0}' is not known")]
    Algorithm(String),
    #[error("the template has {holes} {{}} for {arguments} arguments")]
    Holes { holes: usize, arguments: usize },
    #[error("a brace of the template has no partner")]
    Brace,
    #[error("it takes too many steps")]
    Work,
}
