//! JSONata: the case files of `tests/jsonata`, and what no case can say.
//!
//! A case is a `template` evaluated with `input`, `result`, `errorOutput`, `context` and `variables`, which gives a `value` (compared as text,
//! so that the order of keys and the spelling of numbers count) of a `type`, or fails with a `cause` at a `location`, or does not parse (`syntax`).

use everstep_expr::json::{Map, Number, Value};
use everstep_expr::jsonata::{
    EvaluationError, Expected, Limits, Program, Scope, StatesField, Template, TemplateError,
};
use proptest::prelude::*;
use std::path::Path;
use std::time::{Duration, Instant};

/// 2026-11-21T12:34:56.789Z
const NOW_MS: u64 = 1_795_264_496_789;

struct Bound {
    states: Map,
    variables: Map,
    draws: u64,
}

impl Bound {
    fn new(case: &Value) -> Self {
        let fields = StatesField::ALL.map(StatesField::name).into_iter();
        let states = fields.filter_map(|name| Some((name, case.get(name)?.clone())));
        let variables = case.get("variables").and_then(Value::as_object);
        Self {
            states: states.collect(),
            variables: variables.cloned().unwrap_or_default(),
            draws: 0,
        }
    }
}

impl Scope for Bound {
    fn states(&self, field: StatesField) -> Option<Value> {
        self.states.get(field.name()).cloned()
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.variables.get(name).cloned()
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn chance(&mut self) -> u64 {
        self.draws += 1;
        self.draws.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

fn empty() -> Bound {
    Bound::new(&Value::Null)
}

fn evaluate(template: &Template, case: &Value) -> Result<Value, TemplateError> {
    let value = template.evaluate(&mut Bound::new(case), &Limits::default())?;
    let Some(expected) = case.get("type").and_then(Value::as_str) else {
        return Ok(value);
    };
    let types = [
        Expected::Array,
        Expected::Boolean,
        Expected::Number,
        Expected::Object,
        Expected::String,
    ];
    let expected = types
        .into_iter()
        .find(|known| known.to_string() == expected)
        .expect(expected);
    expected.check(value).map_err(|error| TemplateError {
        path: String::new(),
        expression: template.program().expect("one program").text().clone(),
        error,
    })
}

fn run(text: &str) -> Result<Value, EvaluationError> {
    let program = Program::parse(text).expect(text);
    program.evaluate(&mut empty(), &Limits::default())
}

fn each_case(mut check: impl FnMut(&str, &Value)) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jsonata");
    let mut count = 0;
    for file in std::fs::read_dir(folder).expect("the folder of cases") {
        let path = file.expect("a file").path();
        let text = std::fs::read(&path).expect("a readable file");
        let cases =
            Value::parse(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in cases.as_array().expect("an array of cases") {
            let template = case.get("template").expect("a template").to_text();
            check(&format!("{}: {template}", path.display()), case);
            count += 1;
        }
    }
    count
}

fn check(name: &str, case: &Value) {
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let field = text("field").unwrap_or("Output");
    let template = match Template::parse(case.get("template").expect("a template")) {
        Ok(template) => template,
        Err(errors) => {
            let errors: Vec<_> = errors
                .iter()
                .map(|error| Value::from(error.to_string()))
                .collect();
            let expected = case.get("syntax").cloned().unwrap_or_default();
            return assert_eq!(Value::from(errors), expected, "{name}");
        }
    };
    assert_eq!(case.get("syntax"), None, "{name} parses");
    if let Some(names) = case.get("references") {
        let known: Vec<_> = template.variables().into_iter().map(Value::from).collect();
        assert_eq!(&Value::from(known), names, "{name}");
    }
    match (evaluate(&template, case), case.get("value")) {
        (Ok(value), Some(expected)) => assert_eq!(value.to_text(), expected.to_text(), "{name}"),
        (Err(error), None) => {
            assert_eq!(Some(&*error.cause(field)), text("cause"), "{name}");
            assert_eq!(
                &*error.location(field),
                text("location").unwrap_or(field),
                "{name}"
            );
        }
        (got, expected) => panic!("{name}: got {got:?}, expected {expected:?}"),
    }
}

#[test]
fn the_cases_hold() {
    let count = each_case(check);
    assert!(count > 100, "only {count} cases were found");
}

/// A path is read without the library, the same path in parentheses is not.
#[test]
fn short_cuts_agree_with_the_library() {
    each_case(|name, case| {
        let Some(program) = case
            .get("template")
            .and_then(|template| Template::parse(template).ok()?.program().cloned())
        else {
            return;
        };
        let wrapped = Program::parse(&format!("({}\n)", program.text())).expect(name);
        let limits = Limits::default();
        let short = program.evaluate(&mut Bound::new(case), &limits);
        let long = wrapped.evaluate(&mut Bound::new(case), &limits);
        assert_eq!(
            short.map(|value| floats(&value)),
            long.map(|value| floats(&value)),
            "{name}"
        );
    });
}

/// The value as floats can tell it: what goes through the library is rounded, what is passed on is not.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => Number::from_f64(number.as_f64()).map_or(Value::Null, Value::from),
        Value::Array(items) => Value::from(Vec::from_iter(items.iter().map(floats))),
        Value::Object(map) => {
            Map::from_iter(map.iter().map(|(key, value)| (key.clone(), floats(value)))).into()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

#[test]
fn the_same_scope_gives_the_same_value_in_every_thread() {
    let program =
        Program::parse("[$random(), $random(), $uuid(), $shuffle([1..20]), $now(), $millis()]")
            .expect("a program");
    let value = |program: &Program| {
        program
            .evaluate(&mut empty(), &Limits::default())
            .expect("a value")
            .to_text()
    };
    let here = value(&program);
    let there = std::thread::scope(|scope| {
        scope
            .spawn(|| value(&program.clone()))
            .join()
            .expect("a value")
    });
    assert_eq!(here, there);
}

#[test]
fn chance_is_drawn_only_where_a_program_asks_for_it() {
    for (text, draws) in [
        ("$sum([1..3])", 0),
        ("$uuid()", 2),
        ("$map([1..9], $uuid)", 2),
        ("$random(7)", 2),
    ] {
        let mut scope = empty();
        let program = Program::parse(text).expect(text);
        program
            .evaluate(&mut scope, &Limits::default())
            .expect(text);
        assert_eq!(scope.draws, draws, "{text}");
    }
}

#[test]
fn random_values_have_their_form() {
    let numbers = run("$map([1..1000], function($i) { $random() })").expect("numbers");
    let numbers: Vec<_> = numbers
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    assert_eq!(numbers.len(), 1000);
    assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
    let mean = numbers.iter().sum::<f64>() / 1000.0;
    assert!((0.45..0.55).contains(&mean), "{mean}");

    let ids = run("$map([1..1000], function($i) { $uuid() })").expect("ids");
    let mut ids: Vec<_> = ids
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let shape = |id: &&str| {
        id.len() == 36
            && id.get(14..15) == Some("4")
            && id.get(19..20).is_some_and(|c| "89ab".contains(c))
    };
    assert!(ids.iter().all(shape));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1000);

    let shuffled = run("$shuffle([1..50])").expect("an array");
    assert_ne!(shuffled, run("[1..50]").expect("an array"));
    let sorted = run("$sort($shuffle([1..50]))").expect("an array");
    assert_eq!(sorted, run("[1..50]").expect("an array"));
}

#[test]
fn a_template_without_programs_and_a_passed_on_input_are_shared() {
    let value = Value::parse(r#"{"a":[1.0,{"b":"{ % % }"}],"c":" {% $x %} "}"#).expect("a value");
    let template = Template::parse(&value).expect("a template");
    assert!(
        evaluate(&template, &Value::Null)
            .expect("a value")
            .is_same(&value)
    );
    assert!(template.constant().is_some());

    let case = Value::parse(r#"{"input":{"a":[1.0]},"variables":{"v":{"w":{}}}}"#).expect("a case");
    for (text, path) in [
        ("$states.input", ["input", ""]),
        ("$states.input.a", ["input", "a"]),
    ] {
        let program = Program::parse(text).expect(text);
        let passed = program
            .evaluate(&mut Bound::new(&case), &Limits::default())
            .expect(text);
        let mut original = &case;
        for key in path.into_iter().filter(|key| !key.is_empty()) {
            original = original.get(key).expect(key);
        }
        assert!(passed.is_same(original), "{text}");
    }
}

/// Every program that would not end, or would take all memory, ends as an error of its own.
#[test]
fn limits_hold() {
    let endless = [
        // Tail calls, other calls, and both between two functions.
        "($f := function($n) { $f($n + 1) }; $f(0))",
        "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
        "($f := function($n) { $g($n) }; $g := function($n) { [$f($n)] }; $f(0))",
        "($f := function($n) { $n = 0 ? [] : [$f($n - 1)] }; $f(2000))",
        "[1..1e9]",
        "[1..1e7]",
        "[0..-9007199254740991 + 18014398509481982]",
        "$range(1, 1e300, 1)",
        "$pad('', 2000000000)",
        "$pad('x', -2000000000)",
        "($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('text', 60))",
        "($f := function($a, $n) { $n = 0 ? $a : $f($append($a, $a), $n - 1) }; $count($f([1, 2], 60)))",
        "($f := function($a, $n) { $n = 0 ? $a : $f({'a': $a, 'b': $a}, $n - 1) }; $f({'x': 1}, 60))",
        "($f := function($a, $n) { $n = 0 ? $a : $f({'a': $a, 'b': $a}, $n - 1) }; '' & $f({'x': 1}, 60))",
        "($f := function($a, $n) { $n = 0 ? $a : $f([$a, $a], $n - 1) }; $count($f([1, 2], 60)))",
        "($f := function($a, $n) { $n = 0 ? $a : $f([[$a], [$a]], $n - 1) }; $f(1, 60) = $f(1, 60))",
        "($f := function($a, $n) { $n = 0 ? $a : $f({'a': $a, 'b': $a}, $n - 1) }; $f({'x': 1}, 60) = $f({'x': 1}, 60))",
        "($f := function($a, $n) { $n = 0 ? $a : $f({'a': $a, 'b': $a}, $n - 1) }; $count($f({'x': 1}, 60).**))",
        "($f := function($a, $n) { $n = 0 ? $a : $f({'a': $a, 'b': $a}, $n - 1) }; $string($f({'x': 1}, 60)))",
        "($f := function($a, $n) { $n = 0 ? $a : $f($map([1, 2], function() { $a }), $n - 1) }; $distinct($f(1, 60)))",
        "($f := function($a, $n) { $n = 0 ? $a : $f($zip($a, $a), $n - 1) }; $f([1, 2], 60) = 1)",
        "($s := $pad('x', 1000000); $join([1..1000].($s)))",
        "($s := $pad('x', 1000000, 'x'); $replace($s, 'x', $s))",
        "($s := $pad('x', 1000000, 'x'); $replace($s, /x/, function() { $s }))",
        "($f := function($m) { $replace('a', /a/, $f) }; $f(1))",
        "$formatInteger(1e308, 'I')",
        "$formatInteger(1 / 0, 'w')",
        "$fromMillis(0, '[M1,2147436482]')",
        "($f := $fromMillis; $f(0, '[Y]-[M1,2147436482-2147436482]'))",
        "$now('[M1,2147436482]')",
        "($m := $map; $f := function($a, $n) { $n = 0 ? $a : $f($m([1, 2], function() { $a }), $n - 1) }; $f(1, 60) = 1)",
        "[-9223372036854775807..9223372036854775807]",
        "$map([1..1000], function($i) { $map([1..1000], function($j) { $map([1..1000], function($k) { $k }) }) })",
    ];
    let limits = Limits {
        time_ms: 300,
        ..Limits::default()
    };
    for text in endless {
        let begun = Instant::now();
        let result = Program::parse(text)
            .expect(text)
            .evaluate(&mut empty(), &limits);
        assert!(
            matches!(result, Err(EvaluationError::Thrown { .. })),
            "{text}: {result:?}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{text}: {:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn deep_and_long_texts_are_parsed_or_refused() {
    let n = 10_000;
    let texts = [
        format!("{}1{}", "(".repeat(n), ")".repeat(n)),
        format!("{}1{}", "[".repeat(n), "]".repeat(n)),
        "[".repeat(n),
        "{'a':".repeat(n),
        format!("{}1{}", "{'a':".repeat(n), "}".repeat(n)),
        format!("{}1", "-".repeat(n)),
        format!("1{}", "+1".repeat(n)),
        format!("1{}", "&1".repeat(n)),
        format!("a{}", ".a".repeat(n)),
        format!("a{}", "[0]".repeat(n)),
        format!("$f{}", "()".repeat(n)),
        format!("{}1", "1?1:".repeat(n)),
        format!("{}1{}", "function($x){".repeat(n), "}".repeat(n)),
        format!("1{}", " ~> $f".repeat(n)),
        format!("a{}", "^(a)".repeat(n)),
        "/(".repeat(n),
        "/* ".repeat(n),
        "\"".to_owned(),
    ];
    for text in texts {
        if let Ok(program) = Program::parse(&text) {
            drop(program.evaluate(&mut empty(), &Limits::default()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the text, parsing and evaluating end with a value or an error.
    #[test]
    fn no_text_breaks_it(parts in proptest::collection::vec(prop::sample::select(FRAGMENTS), 1..12)) {
        let text = parts.concat();
        if let Ok(program) = Program::parse(&text) {
            let case = Value::parse(r#"{"input":{"a":[1,{"b":"x"},[2]],"b":null},"variables":{"v":{"a":1.5}}}"#).expect("a case");
            let limits = Limits { time_ms: 100, ..Limits::default() };
            let first = program.evaluate(&mut Bound::new(&case), &limits);
            if !matches!(first, Err(EvaluationError::Thrown { .. })) {
                prop_assert_eq!(first, program.evaluate(&mut Bound::new(&case), &limits));
            }
        }
    }
}

const FRAGMENTS: &[&str] = &[
    "$states",
    ".input",
    ".a",
    ".b",
    "$v",
    "$",
    "$$",
    "[0]",
    "[-1]",
    "[]",
    "(",
    ")",
    "{",
    "}",
    "'k'",
    ":",
    ",",
    "1",
    "-1",
    "0.5",
    "1e308",
    "null",
    "true",
    "'x'",
    " & ",
    " + ",
    " * ",
    " / ",
    " % ",
    " = ",
    " in ",
    " and ",
    "..",
    "?",
    " ~> ",
    "$x := ",
    "function($x)",
    "{$x}",
    "$f(",
    "$map(",
    "$sum",
    "$string",
    "$now()",
    "$uuid()",
    "$partition(",
    "$range(",
    "$sort",
    "$reduce(",
    "$toMillis(",
    "'[Y]'",
    "$fromMillis(",
    "$formatNumber(",
    "'#0'",
    "$replace(",
    "/a*/",
    "^(>a)",
    "@$i",
    "#$j",
    "%",
    "**",
    "*",
    "|a|{}|",
    ";",
    "`q`",
    "$hash(",
    "'MD5'",
    "$parse(",
    "'[1]'",
    "$error()",
    "$pad(",
    "$substring(",
    "$split(",
    "$merge(",
    "$each(",
    "$zip(",
];
