//! Every example on the pages of the rules does what the page says.

use super::{files, root};
use everstep_afl::check::{self, Collect, Order};
use everstep_afl::diag::Diagnostic;
use everstep_afl::parse::{self, Dialect};
use everstep_afl::program::{self, Source};

/// The fenced blocks of a page: the words behind ```` ```afl ```` and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("```afl") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((words.trim().to_owned(), text.join("\n") + "\n"));
        }
    }
    blocks
}

fn found(words: &str, text: &str) -> Vec<Diagnostic> {
    let has = |word: &str| words.split(' ').any(|one| one == word);
    let dialect = if has("ffl") {
        Dialect::Ffl
    } else {
        Dialect::Afl
    };
    let sources = [Source::text("page", text)];
    let (program, mut found) = program::read(
        &sources,
        parse::Options {
            dialect,
            reference: has("conformance"),
        },
    );
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
    found.extend(check::check(&program, options));
    found
}

#[test]
fn every_wrong_example_breaks_its_rule_and_every_right_one_breaks_none() {
    let mut pages = 0;
    for path in files(&root().join("docs/afl/rules")) {
        let page = std::fs::read_to_string(&path).unwrap();
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        pages += 1;
        for (words, text) in blocks(&page) {
            let found = found(&words, &text);
            let ids: Vec<&str> = found.iter().map(|finding| finding.rule.id()).collect();
            if words.starts_with("wrong") {
                // This one is stopped by the grammar before the rule can speak.
                let expected = if words.contains("parse") {
                    "FFL_ONLY"
                } else {
                    id.as_str()
                };
                assert!(ids.contains(&expected), "{id}: found {ids:?} in\n{text}");
            } else {
                let wrong: Vec<&Diagnostic> = found
                    .iter()
                    .filter(|finding| finding.rule.id() == id || finding.is_error())
                    .collect();
                assert!(wrong.is_empty(), "{id}: found {wrong:?} in\n{text}");
            }
            super::invariants::all(&text);
        }
    }
    assert_eq!(pages, everstep_afl::rule::ALL.len());
}

/// The graphs in the example's README are those that the sources have.
#[test]
fn the_example_shows_its_own_graphs_and_plan() {
    let folder = root().join("examples/aws-lambda");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let text = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let sources: Vec<Source> = files(&folder.join("afl"))
        .iter()
        .map(|path| Source::file(path.to_string_lossy(), text(path)))
        .collect();
    let (program, errors) = program::read(&sources, parse::Options::default());
    assert_eq!(errors, []);
    let options = check::Options::default();
    let found = check::check(&program, options);
    assert!(
        found
            .iter()
            .all(|finding| finding.severity == everstep_afl::diag::Severity::Note),
        "{found:?}"
    );
    let graphs = everstep_afl::graph::graphs(&program, options, &[]).unwrap();
    assert_eq!(graphs.len(), 4);
    for graph in &graphs {
        let drawn = everstep_afl::graph::mermaid(graph);
        assert!(
            readme.contains(&format!("```mermaid\n{drawn}```\n")),
            "{} is drawn differently:\n{drawn}",
            graph.title
        );
    }
    let plan =
        everstep_afl::plan::plan(&program, options, &["BlueGreenDeploy".to_owned()]).unwrap();
    assert!(readme.contains(&format!("```text\n{plan}```\n")), "{plan}");
    for (source, file) in sources.iter().zip(&program.files) {
        assert_eq!(
            source.text,
            everstep_afl::format::format(&source.text, file),
            "{}",
            source.name
        );
    }
}
