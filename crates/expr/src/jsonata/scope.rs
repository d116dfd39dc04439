//! What a program is evaluated in.

use crate::json::Value;

/// Where a program takes everything it does not contain.
pub trait Scope {
    /// A field of `$states`, if it has a value here. Asked only for fields that the program refers to.
    fn states(&self, field: StatesField) -> Option<Value>;

    /// The variable of this name, without its `$`.
    fn variable(&self, name: &str) -> Option<Value>;

    /// Milliseconds since 1970: `$now()` and `$millis()`.
    fn now_ms(&self) -> u64;

    /// The next random bits: `$random()`, `$uuid()` and `$shuffle()`. Asked only if the program refers to one of them.
    fn chance(&mut self) -> u64;
}

/// The fields of `$states`, in the order in which the object has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatesField {
    Input,
    Result,
    ErrorOutput,
    Context,
}

impl StatesField {
    pub const ALL: [Self; 4] = [Self::Input, Self::Result, Self::ErrorOutput, Self::Context];

    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Result => "result",
            Self::ErrorOutput => "errorOutput",
            Self::Context => "context",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// What one evaluation may use up. A breach is an ordinary error of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Real time. It is the one limit that depends on the machine, so it should be far above what honest programs take.
    pub time_ms: u64,
    /// Levels of evaluation; a call that is not in tail position takes about three.
    pub depth: usize,
    /// Items of one sequence.
    pub items: usize,
    /// Bytes of one string, and of the result.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time_ms: 1_000,
            depth: 6_000,
            items: 1_000_000,
            bytes: 4 * 1024 * 1024,
        }
    }
}
