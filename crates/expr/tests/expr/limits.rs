//! What is too deep, too long or too much ends with an error; what expressions tell about themselves.

use crate::given::Given;
use everstep_expr::expression::{Error, Expression};
use everstep_expr::intrinsic::{RANGE_ITEMS_MAX, Reason};
use everstep_expr::json::{DEPTH_MAX, Map, Value};
use everstep_expr::path::{Path, PathError, ReferencePath, SetError, SyntaxErrorKind};
use everstep_expr::template::{self, Fault, Template};

fn nested(depth: usize) -> Value {
    Value::parse(format!("{}{}", "[".repeat(depth), "]".repeat(depth))).expect("brackets")
}

fn evaluate(expression: &str, input: Value) -> Result<Value, Error> {
    let expression = Expression::parse(expression).expect(expression);
    expression.evaluate(&mut Given::input(input))
}

fn reason(expression: &str, input: Value) -> Reason {
    match evaluate(expression, input) {
        Err(Error::Intrinsic { failure, .. }) => failure.reason,
        other => unreachable!("{expression} gives {other:?}"),
    }
}

/// Small, but every value is below thousands of others.
fn bushy() -> Value {
    (0..6).fold(Value::from(1), |value, _| {
        Map::from_iter([("a", vec![value; 8].into())]).into()
    })
}

#[test]
fn a_path_that_multiplies_its_matches_ends() {
    for path in [
        "$..*..*..*..*",
        "$..[?(@..*)]..*..*",
        "$..[?(@ == $)]..[?(@ != $)]..[?($..* subsetof $..*)]",
    ] {
        let found = Path::parse(path).expect(path).read(&bushy());
        assert!(
            matches!(found, Err(PathError::TooMuchWork { .. })),
            "{path}"
        );
    }
    // A match that is looked for in long lists, again and again.
    let numbers = evaluate("States.ArrayRange(1, 1000, 1)", Value::Null).expect("numbers");
    let input = Value::from(Map::from_iter([
        ("a", vec![numbers.clone(); 4].into()),
        ("b", numbers),
    ]));
    let found = Path::parse("$.a[*][?(@ in $.b)]")
        .expect("a path")
        .read(&input);
    assert!(matches!(found, Err(PathError::TooMuchWork { .. })));
}

/// Everything a path does for an item costs, not only what it finds.
#[test]
fn a_path_with_many_parts_ends_for_many_items() {
    let numbers = evaluate("States.ArrayRange(1, 1000, 1)", Value::Null).expect("numbers");
    let many = |part: &str, between: &str| vec![part; 2_000].join(between);
    let texts = vec![Value::from("x".repeat(200_000)); 1_000];
    for (path, input) in [
        (format!("$[?({})]", many("!@", " || ")), numbers.clone()),
        (format!("$[?({})]", many("@", " && ")), numbers.clone()),
        (
            format!("$[*][{}].x", many("'a'", ",")),
            vec![Map::new().into(); 1_000].into(),
        ),
        (
            format!("$[*][{}]", many("9", ",")),
            vec![numbers.clone(); 1_000].into(),
        ),
        (
            format!("$[?({})]", many("$.length() == 1", " || ")),
            numbers.clone(),
        ),
        ("$[?(@ < $[0])]".to_owned(), texts.clone().into()),
        ("$[?(@ size 1)]".to_owned(), texts.clone().into()),
        ("$[?(@ contains 'y')]".to_owned(), texts.clone().into()),
        ("$[?(@ =~ /y/)]".to_owned(), texts.into()),
    ] {
        let found = Path::parse(&path).expect("a path").read(&input);
        assert!(
            matches!(found, Err(PathError::TooMuchWork { .. })),
            "{path:.40}"
        );
    }
}

#[test]
fn a_template_of_many_costly_expressions_ends() {
    let costly = (0..200).map(|n| (format!("{n}.$"), Value::from("$..a..a..a")));
    let template = Template::parse(&Map::from_iter(costly).into()).expect("a template");
    let error = template
        .evaluate(&mut Given::input(bushy()))
        .expect_err("it is too much");
    assert!(
        error.to_string().ends_with("takes too many steps"),
        "{error}"
    );
    let texts = (0..200).map(|n| (format!("{n}.$"), Value::from("States.JsonToString($)")));
    let template = Template::parse(&Map::from_iter(texts).into()).expect("a template");
    let error = template
        .evaluate(&mut Given::input(bushy()))
        .expect_err("it is too much");
    assert!(matches!(
        error,
        template::Error::Field { error: Error::Intrinsic { failure, .. }, .. } if failure.reason == Reason::Work
    ));
}

#[test]
fn texts_have_a_limit_before_they_are_built() {
    let input = (0..24).fold(Value::from("x"), |value, _| vec![value; 2].into());
    for expression in [
        "States.JsonToString($)",
        "States.Format('{}', $)",
        "States.Hash($, 'MD5')",
        "States.ArrayUnique($)",
    ] {
        assert!(
            matches!(reason(expression, input.clone()), Reason::Bytes(_)),
            "{expression}"
        );
    }
    assert!(input.len_within(1 << 24).is_none());
    assert_eq!(Value::from("x").len_within(3), Some(3));
    assert_eq!(Value::from("x").len_within(2), None);
    let large = Value::from("x".repeat(1 << 20));
    let many = (0..20).map(|n| (format!("{n}.$"), Value::from("$")));
    let template = Template::parse(&Map::from_iter(many).into()).expect("a template");
    let result = template.evaluate(&mut Given::input(large.clone()));
    assert!(matches!(result, Err(template::Error::TooLong { .. })));
    let result = evaluate(
        "$[*].a.b",
        vec![Value::parse(r#"{"a": {"b": 1}}"#).expect("JSON"); 9].into(),
    );
    assert_eq!(result.map(|list| list.len_at_least()), Ok(19));
    let result = evaluate("$..*", vec![vec![large; 15].into(); 2].into());
    assert!(matches!(result, Err(Error::TooLong { .. })));
    for (length, is_taken) in [(10_000, true), (10_001, false)] {
        for expression in [
            "States.Base64Encode($)",
            "States.Base64Decode($)",
            "States.Hash($, 'MD5')",
        ] {
            let result = evaluate(expression, "ü".repeat(length).into());
            assert_eq!(result.is_ok(), is_taken, "{expression}");
        }
    }
}

#[test]
fn reasons_tell_what_the_texts_do_not() {
    let cases = [
        (
            "States.ArrayRange(1, 1001, 1)",
            "the range has more than 1000 items",
        ),
        (
            "States.ArrayGetItem($, 2)",
            "the index 2 is not in an array of 2 items",
        ),
        (
            "States.ArrayLength(1)",
            "argument 1 must be an array, not number",
        ),
        ("States.ArrayLength()", "it takes 1 arguments, not 0"),
        (
            "States.StringToJson('[1')",
            "the text is not JSON: unexpected end of the text at line 1, column 3",
        ),
        (
            "States.Format('{}')",
            "the template has 1 {} for 0 arguments",
        ),
        (
            "States.Format('{')",
            "a brace of the template has no partner",
        ),
        (
            "States.Hash('', 'MD4')",
            "the hash algorithm 'MD4' is not known",
        ),
        ("States.MathAdd(1, 1e10)", "the number 1e10 is out of range"),
        (
            "States.JsonMerge(1, 1, true)",
            "objects are merged at their top level only",
        ),
    ];
    for (expression, text) in cases {
        let input = Value::from(vec![Value::Null, Value::Null]);
        assert_eq!(reason(expression, input).to_string(), text, "{expression}");
    }
    assert_eq!(RANGE_ITEMS_MAX, 1_000);
}

#[test]
fn nothing_nests_without_end() {
    let full = nested(DEPTH_MAX);
    let result = evaluate("States.Array($)", full.clone());
    assert!(matches!(
        result,
        Err(Error::TooDeep {
            limit: DEPTH_MAX,
            ..
        })
    ));
    let template = Value::parse(r#"{"a.$": "$"}"#).expect("a template");
    let template = Template::parse(&template).expect("a template");
    let result = template.evaluate(&mut Given::input(full.clone()));
    assert_eq!(result, Err(template::Error::TooDeep { limit: DEPTH_MAX }));
    let result = ReferencePath::parse("$.a")
        .expect("a path")
        .set(&Map::new().into(), full);
    assert!(matches!(result, Err(SetError::TooDeep { .. })));
    let long = format!("${}", ".a".repeat(100_000));
    let path = ReferencePath::parse(&long).expect("a path");
    assert!(matches!(
        path.set(&Map::new().into(), Value::Null),
        Err(SetError::TooDeep { .. })
    ));
    assert!(path.read(&Value::Null).is_err());
    let deep = vec![nested(DEPTH_MAX)].into();
    let errors = Template::parse(&deep).expect_err("it is too deep");
    assert_eq!(
        errors.first().map(|error| &error.fault),
        Some(&Fault::Depth(DEPTH_MAX))
    );
    for nested in ["(", "!", "@[?(", "[", "!("] {
        let path = format!("$[?({}", nested.repeat(100_000));
        let error = Path::parse(&path).expect_err("it nests too deep");
        assert_eq!(error.kind, SyntaxErrorKind::Depth, "{nested}");
    }
    let error = Expression::parse(&"States.Array(".repeat(100_000)).expect_err("too many calls");
    assert_eq!(error.kind, SyntaxErrorKind::TooManyFunctions(10));
    let error = Path::parse("$[?(@ =~ /((a{100}){100}){100}/)]").expect_err("too large");
    assert!(matches!(error.kind, SyntaxErrorKind::Regex(_)));
}

#[test]
fn expressions_tell_what_they_are() {
    let names = |text: &str| {
        let expression = Expression::parse(text).expect(text);
        let names = expression.variables();
        names
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names("$a.b"), "a");
    assert_eq!(
        names("States.Array($b, States.Array($a.x, $.c), $$.d, $b)"),
        "a b"
    );
    assert_eq!(names("$.a"), "");
    for (text, is_reference, is_path, is_context) in [
        ("$", true, true, false),
        ("$.a[0]['b']", true, true, false),
        ("$$.Map.Item.Value", true, true, true),
        ("$a.b", true, true, false),
        ("$.a[*]", false, true, false),
        ("$a..b", false, true, false),
        ("States.UUID()", false, false, false),
    ] {
        let expression = Expression::parse(text).expect(text);
        assert_eq!(expression.is_reference_path(), is_reference, "{text}");
        assert_eq!(expression.is_path(), is_path, "{text}");
        assert_eq!(expression.is_context_path(), is_context, "{text}");
    }
    for (text, is_definite) in [
        ("$.a[0]", true),
        ("$['a','b']", true),
        ("$['a','b'].c", false),
        ("$[0,1]", false),
        ("$..a", false),
        ("$..a.length()", true),
    ] {
        assert_eq!(
            Path::parse(text).expect(text).is_definite(),
            is_definite,
            "{text}"
        );
    }
}

#[test]
fn values_that_are_passed_on_are_not_copied() {
    let input = Value::parse(r#"{"a": {"b": [1]}}"#).expect("JSON");
    let found = evaluate("$.a.b", input.clone()).expect("it is there");
    assert!(
        found.is_same(
            input
                .get("a")
                .and_then(|a| a.get("b"))
                .expect("it is there")
        )
    );
    let template = Template::parse(&input).expect("a template");
    assert!(template.as_constant().is_some());
    assert!(
        template
            .evaluate(&mut Given::input(Value::Null))
            .expect("a constant")
            .is_same(&input)
    );
}
