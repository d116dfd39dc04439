//! Every rule against small trees that keep or break it. A tree is one text file in `xtask/fixtures/tidy`:
//! `-- path --` begins a file, `cargo-metadata.json` stands for cargo's answer, and `-- expect --` lists the findings
//! as `path:line rule`, sorted. A new case is a new file.

use super::*;
use std::fmt::Write;
use tree::File;

fn parse(case: &str) -> (Subject, String) {
    let mut tree = Tree::default();
    for line in case.lines() {
        let header = line.strip_prefix("-- ").and_then(|l| l.strip_suffix(" --"));
        if let Some(path) = header {
            let (path, times) = path
                .split_once(" x")
                .map_or((path, 1), |(path, n)| (path, n.parse().unwrap()));
            tree.files.push(File {
                path: path.to_owned(),
                // `path x1001` is a file of that many lines.
                text: if times > 1 {
                    "line\n".repeat(times)
                } else {
                    String::new()
                },
            });
        } else if let Some(file) = tree.files.last_mut() {
            writeln!(file.text, "{line}").unwrap();
        }
    }
    let mut take = |path: &str| {
        let at = tree.files.iter().position(|file| file.path == path)?;
        Some(tree.files.remove(at).text)
    };
    let expect = take("expect").expect("a case says what it expects");
    let metadata = take("cargo-metadata.json").map_or_else(Metadata::default, |text| {
        Metadata::parse(&serde_json::from_str(&text).unwrap()).unwrap()
    });
    (Subject { tree, metadata }, expect)
}

#[test]
fn fixtures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tidy");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "the fixtures are gone: {paths:?}");
    let mut wrong = String::new();
    for path in &paths {
        let (subject, expect) = parse(&std::fs::read_to_string(path).unwrap());
        // A small tree has no licences; the case about presence expects them, the others do not.
        let about_presence = path.ends_with("presence.txt");
        let mut found = String::new();
        for finding in subject.findings() {
            if finding.rule == "presence" && !about_presence {
                continue;
            }
            assert!(!finding.mend.is_empty() && !finding.what.is_empty());
            writeln!(found, "{}:{} {}", finding.path, finding.line, finding.rule).unwrap();
        }
        if found != expect {
            writeln!(
                wrong,
                "{}:\n--- expected\n{expect}--- found\n{found}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_finding_says_where_what_and_how_to_mend_it() {
    let finding = Finding::new(
        "a/b.rs",
        7,
        "names",
        "a type named FooManager",
        "name what it is",
    );
    assert_eq!(
        finding.to_string(),
        "a/b.rs:7: [names] a type named FooManager\n    mend: name what it is"
    );
}

#[test]
fn the_tree_is_what_git_would_track() {
    let root = crate::root::TemporaryFolder::new("tree").unwrap();
    let write = |path: &str, text: &[u8]| std::fs::write(root.path().join(path), text).unwrap();
    write(".gitignore", b"ignored.rs\n");
    write("ignored.rs", b"");
    write("new.rs", b"fn f() {}\n");
    write("picture.png", &[0xff, 0xfe, 0x00]);
    crate::shell::output(
        std::process::Command::new("git")
            .current_dir(root.path())
            .args(["init", "-q"]),
    )
    .unwrap();
    let tree = Tree::read(root.path()).unwrap();
    let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, [".gitignore", "new.rs"]);
}

#[test]
fn examples_are_code_blocks_of_doc_comments() {
    for line in ["/// ```", "    //! ```rust", "///```text"] {
        assert!(begins_example(line), "{line}");
    }
    for line in ["// ```", "let text = \"```\";", "/// words ``` words", ""] {
        assert!(!begins_example(line), "{line}");
    }
}
