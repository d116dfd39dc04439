//! Every place of a value can be named, read and set, and no text makes a parser or an evaluation panic or linger.

use crate::invariants;
use everstep_expr::json::{Map, Value};
use everstep_expr::path::{Path, ReferencePath};
use proptest::prelude::*;

/// Values with few names and small numbers, so that paths often find something.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        "[ab{}]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[ab'\\\\\".$é]{0,2}", inner), 0..5)
                .prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

/// A place in a value, as a path to it.
fn descend(value: &Value, turns: &[prop::sample::Index]) -> (String, Value) {
    let (mut path, mut value) = ("$".to_owned(), value.clone());
    for turn in turns {
        let next = match &value {
            Value::Array(items) if !items.is_empty() => {
                let place = turn.index(items.len());
                path.push_str(&format!("[{place}]"));
                items.get(place).cloned()
            }
            Value::Object(map) if !map.is_empty() => {
                let member = map.iter().nth(turn.index(map.len()));
                member.map(|(key, member)| {
                    let quoted = key.replace('\\', "\\\\").replace('\'', "\\'");
                    path.push_str(&format!("['{quoted}']"));
                    member.clone()
                })
            }
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    (path, value)
}

fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..14).prop_map(|list| list.concat())
}

const PATH_PIECES: &[&str] = &[
    "$",
    "@",
    ".a",
    ".b",
    "['a']",
    "[\"b\"]",
    "['a','b']",
    "[0]",
    "[-1]",
    "[0,1]",
    "[1:]",
    "[:-1]",
    "[*]",
    ".*",
    "..",
    "..a",
    "..*",
    "[?(",
    ")]",
    "@.a",
    "@",
    "==",
    "!=",
    "<",
    ">=",
    " in ",
    " nin ",
    " subsetof ",
    " contains ",
    " size ",
    " empty ",
    "=~",
    "/a|b/i",
    "'a'",
    "1",
    "-0",
    "true",
    "[1,'a']",
    "{\"a\":1}",
    "&&",
    "||",
    "!",
    "(",
    ")",
    ".length()",
    ".sum()",
    ".keys()",
    "[(@.length-1)]",
    " ",
    ",",
    "é",
    "\\",
    "'",
];

const EXPRESSION_PIECES: &[&str] = &[
    "States.Array(",
    "States.ArrayContains(",
    "States.ArrayGetItem(",
    "States.ArrayLength(",
    "States.ArrayPartition(",
    "States.ArrayRange(",
    "States.ArrayUnique(",
    "States.Base64Decode(",
    "States.Base64Encode(",
    "States.Format(",
    "States.Hash(",
    "States.JsonMerge(",
    "States.JsonToString(",
    "States.MathAdd(",
    "States.MathRandom(",
    "States.StringSplit(",
    "States.StringToJson(",
    "States.UUID(",
    "'MD5'",
    ")",
    ")",
    ",",
    ",",
    "$",
    "$.a",
    "$.b[0]",
    "$$",
    "$x",
    "$..a",
    "'{}'",
    "'\\{'",
    "'é\\\\'",
    "'",
    "1",
    "-1.5",
    "1e308",
    "true",
    "null",
    " ",
    "0",
];

proptest! {
    #[test]
    fn every_place_can_be_read_and_set(value in values(), turns in prop::collection::vec(any::<prop::sample::Index>(), 0..6), new in values()) {
        let (text, expected) = descend(&value, &turns);
        let path = Path::parse(&text).expect(&text);
        prop_assert!(path.is_reference_path());
        prop_assert_eq!(path.read(&value), Ok(expected));
        let path = ReferencePath::parse(&text).expect(&text);
        let changed = path.set(&value, new.clone()).expect(&text);
        prop_assert_eq!(path.read(&changed), Ok(new));
    }

    #[test]
    fn a_deep_scan_meets_what_a_walk_meets(value in values()) {
        let mut open = vec![value.clone()];
        let mut count = 0_i64;
        while let Some(next) = open.pop() {
            count += 1;
            match next {
                Value::Array(items) => open.extend(items.iter().cloned()),
                Value::Object(map) => open.extend(map.values().cloned()),
                _ => {}
            }
        }
        let found = Path::parse("$..*.length()").expect("a path").read(&value).expect("a number");
        prop_assert_eq!(found, Value::from(count - 1));
    }

    #[test]
    fn no_path_is_too_much(text in pieces(PATH_PIECES), value in values()) {
        invariants::path(&format!("${text}"), &value);
    }

    #[test]
    fn no_expression_is_too_much(text in pieces(EXPRESSION_PIECES), value in values()) {
        invariants::expression(&text, &value);
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>(), value in values()) {
        invariants::json(text.as_bytes());
        for text in [text.clone(), format!("${text}"), format!("$[?(@{text})]"), format!("States.Format('{text}')")] {
            invariants::path(&text, &value);
            invariants::expression(&text, &value);
        }
    }

    #[test]
    fn no_template_is_too_much(template in values(), input in values()) {
        invariants::template(&template, &input);
    }
}
