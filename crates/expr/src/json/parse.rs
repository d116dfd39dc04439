//! The parser: one pass over the bytes, which are checked for UTF-8 before.

use super::{Map, Number, Value};
use std::sync::Arc;

/// Why a text is not JSON, and where. Lines and columns (in characters) begin at 1, the offset (in bytes) at 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct Error {
    pub kind: ErrorKind,
    pub line: usize,
    pub column: usize,
    pub offset: usize,
}

/// What is wrong with a text that is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    #[error("the text is not UTF-8")]
    NotUtf8,
    #[error("unexpected end of the text")]
    End,
    #[error("unexpected character '{0}'")]
    Character(char),
    #[error("a control character must be escaped inside a string")]
    ControlCharacter,
    #[error("unknown escape sequence")]
    Escape,
    #[error("half of a surrogate pair")]
    Surrogate,
    #[error("malformed number")]
    Number,
    #[error("nested deeper than {0} levels")]
    Depth(usize),
}

pub(super) fn parse(bytes: &[u8], depth_max: usize) -> Result<Value, Error> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = error.valid_up_to();
            let before = bytes.get(..good).unwrap_or_default();
            let before = String::from_utf8_lossy(before);
            return Err(locate(&before, good, ErrorKind::NotUtf8));
        }
    };
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        levels: depth_max,
        depth_max,
        keys: Default::default(),
    };
    let value = parser.document();
    value.map_err(|kind| locate(text, parser.at, kind))
}

fn locate(text: &str, offset: usize, kind: ErrorKind) -> Error {
    // An offset within a character means that character.
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Error {
        kind,
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        offset: end,
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    levels: usize,
    depth_max: usize,
    /// Keys that were read before, by [`slot`]: documents repeat few of them often, and sharing one is cheaper than making it.
    keys: [Option<Arc<str>>; SLOTS],
}

const SLOTS: usize = 32;

fn slot(key: &str) -> usize {
    let bytes = key.as_bytes();
    let ends = [bytes.first(), bytes.get(bytes.len() / 2), bytes.last()];
    let mixed = ends
        .into_iter()
        .flatten()
        .fold(bytes.len(), |sum, byte| sum * 31 + usize::from(*byte));
    mixed % SLOTS
}

type Parsed<T> = Result<T, ErrorKind>;

impl<'a> Parser<'a> {
    fn document(&mut self) -> Parsed<Value> {
        self.space();
        let value = self.value()?;
        self.space();
        if self.at < self.bytes.len() {
            return Err(self.unexpected());
        }
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> ErrorKind {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.chars()
            .next()
            .map_or(ErrorKind::End, ErrorKind::Character)
    }

    fn value(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        let Some(levels) = self.levels.checked_sub(1) else {
            return Err(ErrorKind::Depth(self.depth_max));
        };
        self.levels = levels;
        self.at += 1;
        let value = parse(self)?;
        self.levels += 1;
        Ok(value)
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn array(&mut self) -> Parsed<Value> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items.into());
        }
        loop {
            self.space();
            items.push(self.value()?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items.into());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn object(&mut self) -> Parsed<Value> {
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(map.into());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.key()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected());
            }
            self.at += 1;
            self.space();
            map.insert(key, self.value()?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(map.into());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn digits(&mut self) -> Parsed<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(ErrorKind::Number);
        }
        Ok(())
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.peek() {
                return Err(ErrorKind::Number);
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).ok_or(ErrorKind::Number)?;
        Ok(Value::Number(Number::from_grammar(text)))
    }

    fn key(&mut self) -> Parsed<Arc<str>> {
        let start = self.at;
        let Some(text) = self.simple_string() else {
            self.at = start;
            return self.string();
        };
        match self.keys.get_mut(slot(text)) {
            Some(Some(known)) if **known == *text => Ok(known.clone()),
            Some(place) => Ok(place.insert(text.into()).clone()),
            None => Ok(text.into()),
        }
    }

    /// A string without escapes.
    fn simple_string(&mut self) -> Option<&'a str> {
        self.at += 1;
        let start = self.at;
        self.plain();
        if self.peek() != Some(b'"') {
            return None;
        }
        let text = self.text.get(start..self.at);
        self.at += 1;
        text
    }

    fn string(&mut self) -> Parsed<Arc<str>> {
        let start = self.at + 1;
        if let Some(text) = self.simple_string() {
            return Ok(text.into());
        }
        let mut out = String::new();
        let mut from = start;
        loop {
            out.push_str(self.text.get(from..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out.into());
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(ErrorKind::ControlCharacter),
                None => return Err(ErrorKind::End),
            }
            from = self.at;
            self.plain();
        }
    }

    /// Goes on to the next byte that means something inside a string.
    fn plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (words, _) = rest.as_chunks();
        let plain = words
            .iter()
            .take_while(|word| !has_special(u64::from_le_bytes(**word)));
        let skipped = plain.count() * 8;
        let rest = rest.get(skipped..).unwrap_or_default();
        let special = |b: &u8| *b == b'"' || *b == b'\\' || *b < 0x20;
        self.at += skipped + rest.iter().position(special).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Parsed<char> {
        self.at += 1;
        let escaped = match self.peek().ok_or(ErrorKind::End)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(ErrorKind::Escape),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode(&mut self) -> Parsed<char> {
        let first = self.hex()?;
        let code = if (0xD800..0xDC00).contains(&first) {
            if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                return Err(ErrorKind::Surrogate);
            }
            self.at += 2;
            let second = self.hex()?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(ErrorKind::Surrogate);
            }
            0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        char::from_u32(code).ok_or(ErrorKind::Surrogate)
    }

    fn hex(&mut self) -> Parsed<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let byte = self.peek().ok_or(ErrorKind::End)?;
            let digit = char::from(byte).to_digit(16).ok_or(ErrorKind::Escape)?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Whether one of the eight bytes is a quote, a backslash or a control character. A byte behind such a one may count as well.
fn has_special(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // Borrows out of a byte that is below the subtracted one; bytes from 0x80 on are masked out by the complement.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5C);
    (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) != 0
}
