//! JSONPath in the dialect of the States Language: definite paths give a value, all others a list.

mod compare;
mod filter;
mod function;
mod parse;
mod read;
mod reference;

pub use crate::cursor::{SyntaxError, SyntaxErrorKind};
pub use reference::{ReferencePath, SetError};

use crate::cursor::Cursor;
use crate::json::Value;
use crate::work::{EXPRESSION_STEPS_MAX, Work};
pub(crate) use compare::has;

use filter::Filter;
use function::Function;
use std::fmt;
use std::sync::Arc;

/// A parsed path. It begins with `$`, the value that is read.
#[derive(Clone)]
pub struct Path {
    text: Arc<str>,
    steps: Steps,
}

impl Path {
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let steps = parse::steps(text)?;
        Ok(Self {
            text: text.into(),
            steps,
        })
    }

    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it gives one value and not a list of matches.
    pub fn is_definite(&self) -> bool {
        self.steps.is_definite()
    }

    /// Whether it consists of names and of indexes from the front alone.
    pub fn is_reference_path(&self) -> bool {
        self.steps.is_reference()
    }

    /// The value at a definite path, which is an error if there is none; of any other path the list of all matches, which may be empty.
    pub fn read(&self, root: &Value) -> Result<Value, PathError> {
        self.steps.read(root, &mut Work::new(EXPRESSION_STEPS_MAX))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({})", self.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Path {}

/// Why a path gives nothing. The texts name the path in brackets, as the service does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The last name of a definite path is not there.
    #[error("No results for path: {path}")]
    NoResults { path: String },
    /// An array is shorter than an index of a definite path asks for; `is_last` if nothing comes behind that index.
    #[error("No results for path: {path}")]
    OutOfRange { path: String, is_last: bool },
    /// A name before the last is not there, or what should hold it is no object.
    #[error("Missing property in path {path}")]
    MissingProperty { path: String },
    #[error("Filter: [{index}] can only be applied to arrays. Current context is: {found}")]
    NotAnArray { index: i64, found: String },
    #[error("{function}() has no numbers to work on in path {path}")]
    NoNumbers {
        function: &'static str,
        path: String,
    },
    #[error("The path {path} takes too many steps")]
    TooMuchWork { path: String },
}

/// What stands behind `$`, without it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    list: Vec<Step>,
    function: Option<Function>,
}

#[derive(Clone, Debug)]
struct Step {
    /// Whether it applies to every value below, too (`..`).
    deep: bool,
    selector: Selector,
}

#[derive(Clone, Debug)]
enum Selector {
    Name(Arc<str>),
    Names(Vec<Arc<str>>),
    Index(i64),
    Indexes(Vec<i64>),
    Slice(Slice),
    All,
    Filter(Box<Filter>),
}

#[derive(Clone, Debug)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: usize,
}

impl Steps {
    /// What stands behind a `$`, as far as it belongs to the path.
    pub fn parse_prefix(cursor: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        parse::steps_of_prefix(cursor)
    }

    pub fn is_definite(&self) -> bool {
        if self.function.is_some() {
            return true;
        }
        let last = self.list.len().saturating_sub(1);
        self.list.iter().enumerate().all(|(place, step)| {
            !step.deep
                && match step.selector {
                    Selector::Name(_) | Selector::Index(_) => true,
                    // Several names at the end give one object of those members.
                    Selector::Names(_) => place == last,
                    _ => false,
                }
        })
    }

    pub fn is_reference(&self) -> bool {
        let is_plain = |step: &Step| match step.selector {
            Selector::Name(_) => !step.deep,
            Selector::Index(index) => !step.deep && index >= 0,
            _ => false,
        };
        self.function.is_none() && self.list.iter().all(is_plain)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.function.is_none()
    }
}

impl fmt::Display for Steps {
    /// In brackets, as the error texts of the service name paths.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.list {
            fmt::Display::fmt(step, f)?;
        }
        match &self.function {
            Some(function) => write!(f, ".{}()", function.name()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deep {
            f.write_str("..")?;
        }
        match &self.selector {
            Selector::Name(name) => write!(f, "['{name}']"),
            Selector::Names(names) => write!(f, "['{}']", names.join("','")),
            Selector::Index(index) => write!(f, "[{index}]"),
            Selector::Indexes(indexes) => {
                let texts: Vec<String> = indexes.iter().map(i64::to_string).collect();
                write!(f, "[{}]", texts.join(","))
            }
            Selector::Slice(slice) => {
                let side = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
                write!(f, "[{}:{}]", side(slice.start), side(slice.end))
            }
            Selector::All => f.write_str("[*]"),
            Selector::Filter(_) => f.write_str("[?]"),
        }
    }
}
