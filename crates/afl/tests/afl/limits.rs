//! Hostile shapes: neither panic nor stack overflow, and an answer in reasonable time.

use super::invariants;
use everstep_afl::parse::{self, MAX_DEPTH, MAX_HEIGHT};
use everstep_afl::rule::Rule;

fn rules(text: &str) -> Vec<Rule> {
    parse::parse(text, parse::Options::default())
        .errors
        .into_iter()
        .map(|error| error.rule)
        .collect()
}

#[test]
fn nesting_beyond_the_limit_is_one_coded_error() {
    for (open, close) in [("(", ")"), ("[", "]"), ("#{a: ", "}"), ("(1 + ", ")")] {
        for depth in [MAX_DEPTH + 1, 500, 50_000] {
            let text = format!(
                "facet F(a: Long = {}1{})\nfacet G()\n",
                open.repeat(depth),
                close.repeat(depth)
            );
            assert_eq!(rules(&text), [Rule::TooDeep], "{open} {depth}");
        }
        let depth = MAX_DEPTH - 10;
        let text = format!(
            "facet F(a: Long = {}1{})",
            open.repeat(depth),
            close.repeat(depth)
        );
        assert_eq!(rules(&text), [], "{open} {depth}");
        invariants::all(&text);
    }
    let types = format!("facet F(a: {}Long{})", "[".repeat(5000), "]".repeat(5000));
    assert!(rules(&types).contains(&Rule::TooDeep));
    let blocks = format!(
        "namespace n {{ facet F() andThen {}{} }}",
        "{ a = F() andThen ".repeat(5000),
        "{ }".to_owned() + &"}".repeat(5000)
    );
    assert!(rules(&blocks).contains(&Rule::TooDeep));
}

#[test]
fn long_chains_are_bounded_too() {
    for op in [" + ", " == 1 && ", " || "] {
        let text = format!(
            "namespace n {{ facet F(a: Long) => (b: Json) andThen {{ yield F(b = {}$.a) }} }}",
            format!("$.a{op}").repeat(MAX_HEIGHT - 20)
        );
        invariants::all(&text);
        let longer = format!(
            "facet F(a: Long = {}1)",
            format!("1{op}").repeat(MAX_HEIGHT * 20)
        );
        assert!(rules(&longer).contains(&Rule::TooDeep), "{op}");
    }
    let joined = format!("facet F(a: String = {}\"x\")", "\"x\" ++ ".repeat(20_000));
    assert_eq!(rules(&joined), []);
    for prefix in ["-", "!", "+"] {
        let text = format!("facet F(a: Long = {}1)", prefix.repeat(100_000));
        assert!(
            rules(&text).iter().all(|rule| *rule == Rule::TooDeep),
            "{prefix}"
        );
    }
    let indexed = format!("facet F(a: Long = x.y{})", "[0]".repeat(100_000));
    assert_eq!(rules(&indexed), [Rule::TooDeep]);
}

#[test]
fn unclosed_brackets_do_not_make_parsing_quadratic() {
    for piece in [
        "(",
        "{",
        "[",
        "#{",
        "facet F(",
        "namespace a {",
        "x = F(a = ",
        "\"",
        "/*",
        "$.",
        "script {",
        "case ",
        "yield ",
        "when {",
        "/** */",
        "andThen {",
    ] {
        let text = piece.repeat(200_000 / piece.len());
        invariants::lexer(&text);
        invariants::parser(&text);
    }
}

#[test]
fn a_chain_of_many_facets_is_walked_without_recursion() {
    let mut text = String::from("namespace n {\n");
    for at in 0..20_000 {
        text.push_str(&format!(
            "facet F{at}() => (b: Long) andThen {{\n a = F{}()\n yield F{at}(b = a.b)\n}}\n",
            at + 1
        ));
    }
    text.push_str("event facet F20000() => (b: Long)\n}\n");
    let sources = [everstep_afl::program::Source::text("a", text)];
    let (program, errors) = everstep_afl::program::read(&sources, parse::Options::default());
    assert!(errors.is_empty());
    assert_eq!(
        everstep_afl::check::check(&program, everstep_afl::check::Options::default()),
        []
    );
}
