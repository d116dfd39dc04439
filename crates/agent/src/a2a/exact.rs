//! JSON whose data keep their digits. What an agent puts into a data part goes on to others as it was written: as a tree of values, a number
//! of seventeen digits would come out as its neighbour.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Reads JSON; each member that is called `data` becomes the text that it was.
pub(crate) fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Exact>(text).map(|exact| exact.0)
}

/// The text of a data member; `None` when there is none, or null.
pub(crate) fn data(value: &Value) -> Option<&str> {
    let text = value.get("data")?.as_str()?;
    (text != "null").then_some(text)
}

struct Exact(Value);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree).map(Exact)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Exact(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = if name == "data" {
                let text: Box<RawValue> = members.next_value()?;
                Value::String(whole(text.get()))
            } else {
                members.next_value::<Exact>()?.0
            };
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

/// The same JSON with numbers as they were meant. On its way through protobuf's `Struct`, as A2A 1.0 has it, every number has become a
/// float: 1 arrives as 1.0, and the same result over another binding as 1.
fn whole(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => string(rest),
            '-' | '0'..='9' => {
                let end =
                    rest.find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'));
                let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
                out.push_str(integer(number));
                rest = after;
                continue;
            }
            c => c.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        out.push_str(piece);
        rest = after;
    }
    out
}

/// A whole number without its fraction of zeros.
fn integer(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, zeros)) if whole != "-0" && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => number,
    }
}

/// The length of the string that the text begins with.
fn string(text: &str) -> usize {
    let mut escaped = true;
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_keep_their_digits_and_whole_numbers_are_whole() {
        for (given, expected) in [
            ("1.0", "1"),
            ("[-3.0,0.0,-0.0,1.50]", "[-3,0,-0.0,1.50]"),
            ("9007199254740991.0", "9007199254740991"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("1e300", "1e300"),
            (
                r#"{"1.0":"2.0 \" 3.0","é":4.0}"#,
                r#"{"1.0":"2.0 \" 3.0","é":4}"#,
            ),
        ] {
            let text = format!(r#"{{"parts":[{{"data":{given}}}],"n":1}}"#);
            let value = parse(text.as_bytes()).expect("JSON");
            let part = value.pointer("/parts/0").expect("a part");
            assert_eq!(data(part), Some(expected));
        }
        let value = parse(br#"{"data":null}"#).expect("JSON");
        assert_eq!(data(&value), None);
        assert_eq!(data(&Value::Null), None);
    }

    #[test]
    fn everything_else_is_read_as_ever() {
        let text = r#"{"a":[null,true,1,-1,1.5,"x\n",{"b":{}}],"n":18446744073709551615}"#;
        let expected: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(parse(text.as_bytes()).expect("JSON"), expected);
        for wrong in ["", "{", "[1,]", "{\"data\":}", "nul", "1 2"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
