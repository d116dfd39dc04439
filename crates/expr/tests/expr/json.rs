//! JSON values: what is read is written again, serde_json agrees on what JSON is, and nothing deep ends a stack.

use crate::invariants;
use everstep_expr::json::{DEPTH_MAX, ErrorKind, Map, Number, Value};
use proptest::prelude::*;

fn parse(text: &str) -> Value {
    Value::parse(text).expect(text)
}

fn number(text: &str) -> Number {
    parse(text).as_number().expect("a number").clone()
}

#[test]
fn a_text_keeps_its_numbers_its_key_order_and_its_characters() {
    for text in [
        "1.0",
        "-0",
        "0",
        "1e400",
        "1E-7",
        "123456789012345678901234567890",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "0.10",
        r#"{"b":1,"a":[2.50,{}],"":null}"#,
        r#"["é/\u0001\u001F\b\f\n\r\t\"\\𝄞"]"#,
    ] {
        let value = parse(text);
        assert_eq!(value.to_text(), text);
        assert_eq!(value.len_utf8(), text.len(), "{text}");
    }
    assert_eq!(
        parse(" [ 1 , \"\\u00e9\\ud834\\uDD1E\\/\" ] ").to_text(),
        r#"[1,"é𝄞/"]"#
    );
}

#[test]
fn the_last_of_repeated_keys_wins_at_the_place_of_the_first() {
    assert_eq!(
        parse(r#"{"a":1,"b":2,"a":3}"#).to_text(),
        r#"{"a":3,"b":2}"#
    );
}

#[test]
fn errors_say_where() {
    let cases = [
        ("", ErrorKind::End, 1, 1, 0),
        ("{\n \"a\": tru}", ErrorKind::Character('}'), 2, 10, 11),
        ("[1,]", ErrorKind::Character(']'), 1, 4, 3),
        ("01", ErrorKind::Number, 1, 2, 1),
        ("1.", ErrorKind::Number, 1, 3, 2),
        ("[\"é\tx\"]", ErrorKind::ControlCharacter, 1, 4, 4),
        ("\"\\x\"", ErrorKind::Escape, 1, 3, 2),
        ("\"\\ud800\"", ErrorKind::Surrogate, 1, 8, 7),
        ("\"\\udc00\"", ErrorKind::Surrogate, 1, 8, 7),
        ("{a:1}", ErrorKind::Character('a'), 1, 2, 1),
        ("1 2", ErrorKind::Character('2'), 1, 3, 2),
        ("\u{feff}1", ErrorKind::Character('\u{feff}'), 1, 1, 0),
    ];
    for (text, kind, line, column, offset) in cases {
        let error = Value::parse(text).unwrap_err();
        let place = (error.line, error.column, error.offset);
        assert_eq!(
            (error.kind, place),
            (kind, (line, column, offset)),
            "{text:?}"
        );
    }
    let error = Value::parse(b"[\"\xff\"]").unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::NotUtf8, 2));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(parse(&nested(DEPTH_MAX)).depth(), DEPTH_MAX);
    let error = Value::parse(nested(DEPTH_MAX + 1)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Depth(DEPTH_MAX));
    assert!(Value::parse_nested("[[]]", 1).is_err());
    assert!(Value::parse_nested("[1]", 1).is_ok());
    let error = Value::parse_nested(nested(1_000_000), usize::MAX).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Depth(2 * DEPTH_MAX));
}

#[test]
fn a_value_that_a_program_has_nested_for_long_is_dropped_without_recursion() {
    let mut value = Value::Null;
    for level in 0..1_000_000 {
        value = if level % 2 == 0 {
            vec![value].into()
        } else {
            Map::from_iter([("a", value)]).into()
        };
    }
    assert_eq!(value.depth(), 1_000_000);
    drop(value);
}

#[test]
fn numbers_compare_by_value() {
    for (a, b) in [
        ("1", "1.0"),
        ("100", "1e2"),
        ("-0", "0.0"),
        ("0.1", "1E-1"),
        ("1e400", "10e399"),
        ("12345678901234567890", "12345678901234567890.0"),
    ] {
        assert_eq!(parse(a), parse(b));
        assert_eq!(number(a).canonical(), number(b).canonical());
    }
    for (less, more) in [
        ("1", "1.0000000000000000000001"),
        ("9007199254740992", "9007199254740993"),
        ("9007199254740992.0", "9007199254740993"),
        ("-1e401", "-1e400"),
        ("1e400", "2e400"),
        ("0", "1e-400"),
        ("-1e-400", "0"),
        ("-2", "-1.5"),
    ] {
        assert!(number(less) < number(more), "{less} < {more}");
        assert_ne!(number(less).canonical(), number(more).canonical());
    }
    assert_ne!(parse("1"), parse("\"1\""));
    assert_eq!(parse(r#"{"a":1,"b":2}"#), parse(r#"{"b":2.0,"a":1}"#));
    assert_ne!(parse(r#"{"a":1}"#), parse(r#"{"b":1}"#));
}

#[test]
fn numbers_become_integers_only_when_they_are() {
    for (text, whole) in [
        ("5", Some(5)),
        ("5.0", Some(5)),
        ("0.5e1", Some(5)),
        ("-5e0", Some(-5)),
        ("1e18", Some(1_000_000_000_000_000_000)),
        ("1e19", None),
        ("1e99999999999999999999", None),
        ("1.5", None),
        ("1e-1", None),
        ("-9223372036854775808.0", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("0e99999999999999999999", Some(0)),
    ] {
        assert_eq!(parse(text).as_i64(), whole, "{text}");
    }
    assert!(number("7").is_integer() && !number("7.0").is_integer());
}

#[test]
fn floats_print_as_javascript_prints_them() {
    for (value, text) in [
        (3.0, "3"),
        (-0.5, "-0.5"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (-0.0, "0"),
    ] {
        assert_eq!(Number::from_f64(value).unwrap().to_string(), text);
    }
    assert!(Number::from_f64(f64::NAN).is_none() && Number::from_f64(f64::INFINITY).is_none());
}

#[test]
fn large_objects_find_their_members() {
    let mut map: Map = (0..100).map(|n| (n.to_string(), Value::from(n))).collect();
    assert_eq!(map.get("77"), Some(&Value::from(77)));
    assert_eq!(map.insert("77", Value::Null), Some(Value::from(77)));
    assert_eq!(map.remove("3"), Some(Value::from(3)));
    assert_eq!(map.get("3"), None);
    assert_eq!(map.get("99"), Some(&Value::from(99)));
    assert_eq!(map.keys().nth(3).map(|key| &**key), Some("4"));
    for key in 10..100 {
        map.remove(&key.to_string());
    }
    assert_eq!((map.len(), map.get("9")), (9, Some(&Value::from(9))));
    let value = Value::from(map);
    assert_eq!(value.len_at_least(), value.len_utf8());
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter_map("finite", Number::from_f64)
            .prop_map(Value::Number),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|text| parse(&text)),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        numbers(),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..20)
                .prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

/// The same value as serde_json understands it; numbers by their nearest float.
fn agrees(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::Number(a), serde_json::Value::Number(b)) => {
            let (a, b) = (a.as_f64(), b.as_f64().expect("a float"));
            // serde_json's default reader of floats may be off in the last place.
            a == b || a.to_bits().abs_diff(b.to_bits()) <= 4
        }
        (Value::String(a), serde_json::Value::String(b)) => **a == **b,
        (Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agrees(a, b))
        }
        (Value::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((k, a), (l, b))| **k == **l && agrees(a, b))
        }
        _ => false,
    }
}

fn is_range(error: &serde_json::Error) -> bool {
    error.to_string().contains("number out of range")
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in values()) {
        let text = value.to_text();
        let again = parse(&text);
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(again.to_text(), text.clone());
        prop_assert_eq!(value.len_utf8(), text.len());
        prop_assert!(value.len_at_least() <= text.len());
    }

    #[test]
    fn serde_json_reads_what_is_written(value in values()) {
        let text = value.to_text();
        match serde_json::from_str(&text) {
            Ok(theirs) => prop_assert!(agrees(&value, &theirs), "{text}"),
            // It refuses numbers beyond the range of floats.
            Err(error) => prop_assert!(is_range(&error), "{text}: {error}"),
        }
    }

    #[test]
    fn serde_json_agrees_on_what_json_is(
        text in "[\\[\\]{}:,\"\\\\ 0-9eE.+\\-tfnruasl\u{1}\u{e9}\n]{0,24}"
    ) {
        let ours = Value::parse(&text);
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(theirs) => prop_assert!(agrees(&ours.expect("it is JSON"), &theirs), "{text}"),
            Err(error) => {
                prop_assert!(ours.is_err() || is_range(&error), "{text}");
            }
        }
    }

    #[test]
    fn order_of_numbers_is_that_of_their_floats(a in numbers(), b in numbers()) {
        let (a, b) = (number(&a.to_text()), number(&b.to_text()));
        if a.as_f64() < b.as_f64() {
            prop_assert_eq!(a.cmp(&b), std::cmp::Ordering::Less);
        }
        prop_assert_eq!(a == b, a.canonical() == b.canonical());
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        invariants::json(&bytes);
    }
}
