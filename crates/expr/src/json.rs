//! JSON values that are cheap to clone and keep what they were read from: the text of numbers and the order of keys.

mod array;
mod map;
mod number;
mod parse;
mod write;

pub use array::Array;
pub use map::Map;
pub use number::Number;
pub use parse::{Error, ErrorKind};

use std::fmt;
use std::sync::Arc;

/// How deep values may nest: what parsers take unless told otherwise, and what evaluation may build.
pub const DEPTH_MAX: usize = 512;

/// A JSON value. A clone shares the parts, so passing one on costs nothing; two are equal when they mean the same, whatever the order
/// of their keys and the spelling of their numbers.
#[derive(Clone, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(Arc<str>),
    Array(Arc<Array>),
    Object(Arc<Map>),
}

impl Value {
    /// Reads one JSON text (RFC 8259, nothing besides white space around it), nested at most [`DEPTH_MAX`] deep.
    /// Of a key that is repeated the last value stays, at the first one's place.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        parse::parse(text.as_ref(), DEPTH_MAX)
    }

    /// As [`Value::parse`], with another limit; limits above twice [`DEPTH_MAX`] mean that.
    pub fn parse_nested(text: impl AsRef<[u8]>, depth_max: usize) -> Result<Self, Error> {
        parse::parse(text.as_ref(), depth_max.min(2 * DEPTH_MAX))
    }

    /// Appends the compact text: no white space, characters beyond ASCII as they are.
    pub fn write(&self, out: &mut String) {
        write::write(self, out);
    }

    /// The compact text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// The bytes of [`Value::to_text`], counted without building it.
    pub fn len_utf8(&self) -> usize {
        write::len_within(self, usize::MAX).unwrap_or(usize::MAX)
    }

    /// As [`Value::len_utf8`], if the text has no more bytes than that. It looks at no more than that many: values share their parts, so
    /// that one that takes little room can have an endless text.
    pub fn len_within(&self, bytes_max: usize) -> Option<usize> {
        write::len_within(self, bytes_max)
    }

    /// Bytes that [`Value::to_text`] has at least, known without a walk: more only by escapes and the digits of numbers.
    pub fn len_at_least(&self) -> usize {
        match self {
            Self::Number(_) => 1,
            Self::Null | Self::Bool(_) => 4,
            Self::String(text) => text.len() + 2,
            Self::Array(array) => array.len_at_least(),
            Self::Object(map) => map.len_at_least(),
        }
    }

    /// Levels of arrays and objects: 0 for a scalar, 1 for `[]`. Known without a walk; after a removal from an object it may be too high.
    pub fn depth(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => 0,
            Self::Array(array) => array.depth(),
            Self::Object(map) => map.depth(),
        }
    }

    /// `null`, `boolean`, `number`, `string`, `array` or `object`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The number's value, if it is whole and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Self::Object(map) => Some(map),
            _ => None,
        }
    }

    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// Whether both are one and the same value in memory. Scalars that are not strings never are.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(a), Self::String(b)) => Arc::ptr_eq(a, b),
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_text())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::String(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::Array(Arc::new(items.into()))
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Object(Arc::new(map))
    }
}
