//! A source beside what is expected of it: `NAME.afl` or `NAME.ffl`, with `NAME.found` (findings), `NAME.json` (the reference's JSON) and `NAME.fmt`
//! (the formatted source). A first line `// options: conformance order=data foreach=last` sets options.
//!
//! After a deliberate change, `EVERSTEP_UPDATE=1 cargo test -p everstep-afl` writes what is found; read the difference before it is committed.

use super::{files, invariants, root};
use everstep_afl::check::{self, Collect, Order};
use everstep_afl::diag::{Diagnostic, Severity, settle};
use everstep_afl::parse::{self, Dialect};
use everstep_afl::program::{self, Source};
use everstep_afl::{format, json};
use std::fmt::Write;
use std::path::Path;

#[test]
fn every_case_is_as_expected() {
    let mut cases = 0;
    for path in files(&root().join("crates/afl/tests/cases")) {
        if path
            .extension()
            .is_some_and(|suffix| suffix == "afl" || suffix == "ffl")
        {
            case(&path);
            cases += 1;
        }
    }
    assert!(cases >= 15, "only {cases} cases were found");
}

fn case(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let words = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("// options:"))
        .unwrap_or("")
        .to_owned();
    let has = |word: &str| words.split_whitespace().any(|one| one == word);
    let dialect = if path.extension().is_some_and(|suffix| suffix == "ffl") {
        Dialect::Ffl
    } else {
        Dialect::Afl
    };
    let name = path.file_name().unwrap().to_str().unwrap();
    let sources = [Source::file(name, text.clone())];
    let parsing = parse::Options {
        dialect,
        reference: has("conformance"),
    };
    let (program, mut found) = program::read(&sources, parsing);
    let options = check::Options {
        dialect,
        conformance: has("conformance"),
        order: if has("order=data") {
            Order::Data
        } else {
            Order::Declared
        },
        collect: if has("foreach=last") {
            Collect::Last
        } else {
            Collect::All
        },
        broken: !found.is_empty(),
    };
    let readable = found.is_empty();
    found.extend(check::check(&program, options));
    settle(&mut found);
    let lines = shown(&sources[0], &found, has("notes"));
    expect(path, "found", &lines);
    if readable {
        let shape = json::Options {
            pretty: true,
            locations: false,
            provenance: false,
            expand_yields: dialect == Dialect::Ffl,
            latin1: has("conformance"),
        };
        let emitted = json::program(&program, shape);
        let plain: Vec<&str> = emitted
            .lines()
            .filter(|line| !line.trim_start().starts_with("\"id\":"))
            .collect();
        expect(path, "json", &(plain.join("\n") + "\n"));
        expect(path, "fmt", &format::format(&text, &program.files[0]));
    }
    invariants::all(&text);
}

/// The findings, a line each.
fn shown(source: &Source, found: &[Diagnostic], notes: bool) -> String {
    let mut lines = String::new();
    for finding in found
        .iter()
        .filter(|finding| finding.severity != Severity::Note || notes)
    {
        let place = source.lines.place(&source.text, finding.span.start);
        let (word, rule) = (finding.severity.word(), finding.rule.id());
        writeln!(
            lines,
            "{}:{} {word} {rule}: {}",
            place.line, place.column, finding.message
        )
        .unwrap();
        if let Some(help) = &finding.help {
            writeln!(lines, "    {help}").unwrap();
        }
    }
    lines
}

fn expect(path: &Path, suffix: &str, found: &str) {
    let path = path.with_extension(suffix);
    if std::env::var_os("EVERSTEP_UPDATE").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(expected, found, "{}", path.display());
}
