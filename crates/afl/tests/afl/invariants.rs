//! What holds for every text. The fuzz targets in `fuzz/` check the same functions.

use everstep_afl::check::names::Names;
use everstep_afl::check::{self, Order};
use everstep_afl::index::{self, Index};
use everstep_afl::lex::{self, Kind};
use everstep_afl::parse::{self, Dialect, Parsed};
use everstep_afl::program::{self, Source};
use everstep_afl::resolve::Model;
use everstep_afl::{format, graph, json, plan};
use serde_json::Value;

/// Tokens lie in the text, in order, on character boundaries.
pub fn lexer(text: &str) {
    for reference in [false, true] {
        let lexed = lex::lex(text, reference);
        let mut last = 0;
        for token in &lexed.tokens {
            assert!(
                token.span.start >= last && token.span.end >= token.span.start,
                "tokens overlap"
            );
            assert!(
                text.is_char_boundary(token.span.start as usize)
                    && text.is_char_boundary(token.span.end as usize),
                "token cuts a character"
            );
            last = token.span.end;
        }
        assert_eq!(lexed.tokens.last().map(|token| token.kind), Some(Kind::End));
    }
}

/// Parsing ends without panic, in every mode, with errors inside the text.
pub fn parser(text: &str) {
    for dialect in [Dialect::Afl, Dialect::Ffl] {
        for reference in [false, true] {
            let parsed = parse::parse(text, parse::Options { dialect, reference });
            for error in &parsed.errors {
                assert!(
                    error.span.start <= error.span.end && error.span.end as usize <= text.len(),
                    "error outside the text: {error:?}"
                );
            }
        }
    }
}

/// Checking, emitting, drawing, planning and indexing end without panic; the JSON is JSON; the same input gives the same output.
pub fn checker(text: &str) {
    let sources = [Source::file("a.afl", text)];
    for (dialect, conformance) in [
        (Dialect::Afl, false),
        (Dialect::Afl, true),
        (Dialect::Ffl, true),
    ] {
        let (program, errors) = program::read(
            &sources,
            parse::Options {
                dialect,
                reference: conformance,
            },
        );
        let options = check::Options {
            dialect,
            conformance,
            broken: !errors.is_empty(),
            order: if conformance {
                Order::Data
            } else {
                Order::Declared
            },
            ..check::Options::default()
        };
        let found = check::check(&program, options);
        assert_eq!(
            found,
            check::check(&program, options),
            "findings are not stable"
        );
        let shape = json::Options {
            pretty: false,
            locations: true,
            provenance: true,
            expand_yields: !conformance,
            latin1: conformance,
        };
        let emitted = json::program(&program, shape);
        readable(&emitted, conformance || !errors.is_empty());
        readable(
            &json::resolved(&program, options, true),
            conformance || !errors.is_empty(),
        );
        plan::plan(&program, options, &[]).unwrap();
        for one in graph::graphs(&program, options, &[]).unwrap() {
            assert!(
                !(graph::svg(&one).is_empty()
                    || graph::dot(&one).is_empty()
                    || graph::mermaid(&one).is_empty())
            );
        }
        let names = Names::new(&program);
        let model = Model::new(&names);
        let index = Index::new(&program, &names, &model);
        for at in (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .step_by(7)
        {
            let at = u32::try_from(at).unwrap();
            if let Some(entry) = index.at(0, at) {
                let _ = index::describe(&program, &names, &model, entry);
            }
            let _ = index::complete(&program, &names, &model, &index, 0, at);
        }
    }
}

/// The text is JSON. The reader's own limit of 128 levels is not ours; and `foreign` literals, which are errors here and which the reference passes on
/// (halves of surrogate pairs, infinite numbers), are not judged.
fn readable(text: &str, foreign: bool) {
    if let Err(error) = serde_json::from_str::<Value>(text) {
        let error = error.to_string();
        let words = ["hex escape", "surrogate", "out of range"];
        let theirs = foreign && words.iter().any(|word| error.contains(word));
        assert!(
            theirs || error.contains("recursion limit"),
            "{error}: {text}"
        );
    }
}

/// Formatting keeps the tree and the comments, and changes nothing the second time.
pub fn formatter(text: &str) {
    let parsed = parse::parse(text, parse::Options::default());
    if !parsed.errors.is_empty() {
        return;
    }
    let once = format::format(text, &parsed.file);
    let again = parse::parse(&once, parse::Options::default());
    assert!(
        again.errors.is_empty(),
        "formatting broke the source: {:?}\n--- from\n{text}\n--- to\n{once}",
        again.errors
    );
    assert_eq!(
        comments(text, &parsed),
        comments(&once, &again),
        "comments changed\n--- from\n{text}\n--- to\n{once}"
    );
    assert_eq!(
        once,
        format::format(&once, &again.file),
        "formatting is not idempotent\n--- from\n{text}"
    );
    assert_eq!(
        tree(text),
        tree(&once),
        "the tree changed\n--- from\n{text}\n--- to\n{once}"
    );
}

fn comments(text: &str, parsed: &Parsed<'_>) -> Vec<String> {
    // Doc comments that document nothing become ordinary ones: a star less at the beginning.
    let plain = |words: &str| match words.strip_prefix("/*") {
        Some(rest) => format!(
            "/*{}",
            rest.strip_suffix("*/")
                .unwrap_or(rest)
                .trim_start_matches('*')
        ),
        None => words.to_owned(),
    };
    let comments = parsed.file.comments.iter();
    let mut all: Vec<String> = comments
        .map(|comment| plain(comment.span.text(text).trim_end()))
        .collect();
    all.sort();
    all
}

/// The tree as the reference's JSON, without what depends on places.
pub fn tree(text: &str) -> Value {
    let sources = [Source::text("a", text)];
    let (program, _) = program::read(&sources, parse::Options::default());
    let shape = json::Options {
        pretty: false,
        locations: false,
        provenance: false,
        expand_yields: false,
        latin1: false,
    };
    let mut value = serde_json::from_str(&json::program(&program, shape)).unwrap_or_default();
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("id");
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Everything at once.
pub fn all(text: &str) {
    lexer(text);
    parser(text);
    checker(text);
    formatter(text);
}
