//! JSON as it streams by: its syntax and depth are checked, and the members of the outermost object are cut out of it, without holding any of it.

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the body is not JSON")]
    NotJson,
    #[error("the JSON is nested deeper than {depth_max} levels")]
    TooDeep { depth_max: usize },
}

/// What passes by of an outermost object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A member begins: its name, as it is written between the quotes; a very long one is cut.
    Name(&'a [u8]),
    /// Bytes of its value, in order.
    Value(&'a [u8]),
}

/// Names of members that are told; longer ones are none that anybody asks for.
const NAME_BYTES_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Value,
    /// Behind `[`: a value or the end.
    FirstItem,
    /// Behind `{`: a name or the end.
    FirstName,
    /// Behind a comma of an object.
    Name,
    Colon,
    /// Behind a value.
    Next,
    Text,
    Escape,
    /// So many hexadecimal digits are still to come.
    Unicode(u8),
    Number(Digits),
    Literal(&'static [u8]),
}

/// Where in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Sign,
    /// Nothing but a point, an exponent or the end can follow.
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    Power,
}

/// Continuation bytes of a UTF-8 character that are still to come, and the bounds of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Continuation {
    left: u8,
    low: u8,
    high: u8,
}

/// The scanner of one text.
#[derive(Debug)]
pub(crate) struct Scanner {
    depth_max: usize,
    /// The open ones, from outside: whether each is an object.
    open: Vec<bool>,
    at: At,
    in_name: bool,
    begun: bool,
    utf8: Continuation,
    name: Vec<u8>,
    /// Whether the value of a member of the outermost object is passing by.
    in_member: bool,
}

impl Scanner {
    pub(crate) fn new(depth_max: usize) -> Self {
        Self {
            depth_max,
            open: Vec::new(),
            at: At::Value,
            in_name: false,
            begun: false,
            utf8: Continuation {
                left: 0,
                low: 0x80,
                high: 0xbf,
            },
            name: Vec::new(),
            in_member: false,
        }
    }

    /// Takes the next bytes, and tells what they hold of the outermost object.
    ///
    /// # Errors
    /// [`Fault`], at the first byte that can't stand where it does.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut told: impl FnMut(Part<'_>),
    ) -> Result<(), Fault> {
        let (mut from, mut place) = (0, 0);
        while let Some(byte) = bytes.get(place).copied() {
            // Most of what is large is plain text: it passes in one piece.
            if self.at == At::Text && !self.in_name && self.utf8.left == 0 {
                let rest = bytes.get(place..).unwrap_or_default();
                let plain = rest.iter().position(|byte| !is_plain(*byte));
                let plain = plain.unwrap_or(rest.len());
                if plain > 0 {
                    place += plain;
                    continue;
                }
            }
            let was = self.in_member;
            let again = self.step(byte)?;
            match (was, self.in_member) {
                (false, true) => {
                    told(Part::Name(&self.name));
                    from = place;
                }
                (true, false) => {
                    // What ends a number is not part of it.
                    let end = if again { place } else { place + 1 };
                    told(Part::Value(bytes.get(from..end).unwrap_or_default()));
                }
                (true, true) | (false, false) => {}
            }
            if again {
                self.step(byte)?;
            }
            place += 1;
        }
        if self.in_member {
            told(Part::Value(bytes.get(from..).unwrap_or_default()));
        }
        Ok(())
    }

    /// Whether the text was one whole value.
    ///
    /// # Errors
    /// [`Fault::NotJson`] when it broke off.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        if let At::Number(digits) = self.at {
            self.end_number(digits)?;
        }
        if self.open.is_empty() && self.at == At::Next && self.begun {
            return Ok(());
        }
        Err(Fault::NotJson)
    }

    /// Takes one byte; true when it ended a number and has to be taken once more.
    fn step(&mut self, byte: u8) -> Result<bool, Fault> {
        match self.at {
            At::Text => self.text(byte)?,
            At::Escape => {
                self.at = match byte {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => At::Text,
                    b'u' => At::Unicode(4),
                    _ => return Err(Fault::NotJson),
                };
                self.note(byte);
            }
            At::Unicode(left) => {
                if !byte.is_ascii_hexdigit() {
                    return Err(Fault::NotJson);
                }
                self.note(byte);
                self.at = match left {
                    0 | 1 => At::Text,
                    _ => At::Unicode(left - 1),
                };
            }
            At::Number(digits) => return self.number(digits, byte),
            At::Literal(rest) => match rest.split_first() {
                Some((wanted, rest)) if *wanted == byte => {
                    self.at = At::Literal(rest);
                    if rest.is_empty() {
                        self.end_value();
                    }
                }
                _ => return Err(Fault::NotJson),
            },
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => {}
            _ => self.structure(byte)?,
        }
        Ok(false)
    }

    fn structure(&mut self, byte: u8) -> Result<(), Fault> {
        match (self.at, byte) {
            (At::FirstItem, b']') | (At::FirstName, b'}') => self.close(),
            (At::Value | At::FirstItem, _) => self.begin_value(byte)?,
            (At::FirstName | At::Name, b'"') => {
                self.in_name = true;
                self.name.clear();
                self.at = At::Text;
            }
            (At::Colon, b':') => self.at = At::Value,
            (At::Next, b',') => {
                self.at = match self.open.last() {
                    Some(true) => At::Name,
                    Some(false) => At::Value,
                    None => return Err(Fault::NotJson),
                };
            }
            (At::Next, b'}') if self.open.last() == Some(&true) => self.close(),
            (At::Next, b']') if self.open.last() == Some(&false) => self.close(),
            _ => return Err(Fault::NotJson),
        }
        Ok(())
    }

    fn begin_value(&mut self, byte: u8) -> Result<(), Fault> {
        self.begun = true;
        if self.open.as_slice() == [true] {
            self.in_member = true;
        }
        self.at = match byte {
            b'{' | b'[' => {
                if self.open.len() >= self.depth_max {
                    let depth_max = self.depth_max;
                    return Err(Fault::TooDeep { depth_max });
                }
                self.open.push(byte == b'{');
                if byte == b'{' {
                    At::FirstName
                } else {
                    At::FirstItem
                }
            }
            b'"' => At::Text,
            b'-' => At::Number(Digits::Sign),
            b'0' => At::Number(Digits::Zero),
            b'1'..=b'9' => At::Number(Digits::Whole),
            b't' => At::Literal(b"rue"),
            b'f' => At::Literal(b"alse"),
            b'n' => At::Literal(b"ull"),
            _ => return Err(Fault::NotJson),
        };
        Ok(())
    }

    fn close(&mut self) {
        self.open.pop();
        self.end_value();
    }

    fn end_value(&mut self) {
        self.at = At::Next;
        if self.open.len() <= 1 {
            self.in_member = false;
        }
    }

    fn note(&mut self, byte: u8) {
        if self.in_name && self.open.len() == 1 && self.name.len() < NAME_BYTES_MAX {
            self.name.push(byte);
        }
    }

    fn text(&mut self, byte: u8) -> Result<(), Fault> {
        if self.utf8.left > 0 {
            if !(self.utf8.low..=self.utf8.high).contains(&byte) {
                return Err(Fault::NotJson);
            }
            self.utf8 = Continuation {
                left: self.utf8.left - 1,
                low: 0x80,
                high: 0xbf,
            };
            self.note(byte);
            return Ok(());
        }
        match byte {
            b'"' if self.in_name => {
                self.in_name = false;
                self.at = At::Colon;
                return Ok(());
            }
            b'"' => {
                self.end_value();
                return Ok(());
            }
            b'\\' => self.at = At::Escape,
            0..=0x1f => return Err(Fault::NotJson),
            0x20..=0x7f => {}
            _ => self.utf8 = first_of_character(byte)?,
        }
        self.note(byte);
        Ok(())
    }

    fn number(&mut self, digits: Digits, byte: u8) -> Result<bool, Fault> {
        let next = match (digits, byte) {
            (Digits::Sign, b'0') => Digits::Zero,
            (Digits::Sign, b'1'..=b'9') | (Digits::Whole, b'0'..=b'9') => Digits::Whole,
            (Digits::Zero | Digits::Whole, b'.') => Digits::Point,
            (Digits::Point | Digits::Fraction, b'0'..=b'9') => Digits::Fraction,
            (Digits::Zero | Digits::Whole | Digits::Fraction, b'e' | b'E') => Digits::Exponent,
            (Digits::Exponent, b'+' | b'-') => Digits::ExponentSign,
            (Digits::Exponent | Digits::ExponentSign | Digits::Power, b'0'..=b'9') => Digits::Power,
            _ => {
                self.end_number(digits)?;
                return Ok(true);
            }
        };
        self.at = At::Number(next);
        Ok(false)
    }

    fn end_number(&mut self, digits: Digits) -> Result<(), Fault> {
        match digits {
            Digits::Zero | Digits::Whole | Digits::Fraction | Digits::Power => {
                self.end_value();
                Ok(())
            }
            Digits::Sign | Digits::Point | Digits::Exponent | Digits::ExponentSign => {
                Err(Fault::NotJson)
            }
        }
    }
}

/// Whether a byte of a text stands for itself.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7f) && byte != b'"' && byte != b'\\'
}

/// What has to follow the first byte of a character of several (Unicode, table 3-7).
const fn first_of_character(byte: u8) -> Result<Continuation, Fault> {
    let (left, low, high) = match byte {
        0xc2..=0xdf => (1, 0x80, 0xbf),
        0xe0 => (2, 0xa0, 0xbf),
        0xe1..=0xec | 0xee | 0xef => (2, 0x80, 0xbf),
        0xed => (2, 0x80, 0x9f),
        0xf0 => (3, 0x90, 0xbf),
        0xf1..=0xf3 => (3, 0x80, 0xbf),
        0xf4 => (3, 0x80, 0x8f),
        _ => return Err(Fault::NotJson),
    };
    Ok(Continuation { left, low, high })
}

/// Checks a text that is in hand.
///
/// # Errors
/// [`Fault`].
pub(crate) fn check(text: &[u8], depth_max: usize) -> Result<(), Fault> {
    let mut scanner = Scanner::new(depth_max);
    scanner.feed(text, |_| ())?;
    scanner.finish()
}

#[cfg(test)]
mod tests;
