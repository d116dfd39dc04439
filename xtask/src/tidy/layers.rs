//! Which room may know which: an arrow that is not in the table does not exist.

use super::{Finding, Subject};

/// Every package of the workspace and those it may depend on. Development dependencies are free, except in pure crates.
const ARROWS: &[(&str, &[&str])] = &[
    ("everstep-core", &[]),
    ("everstep-expr", &[]),
    ("everstep-durable", &["everstep-core"]),
    ("everstep-asl", &["everstep-core", "everstep-expr"]),
    ("everstep-afl", &["everstep-core"]),
    ("everstep-approval", &["everstep-core"]),
    ("everstep-store", &["everstep-core"]),
    ("everstep-logs", &[]),
    ("everstep-agent", &[]),
    (
        "everstep-engine",
        &[
            "everstep-core",
            "everstep-store",
            "everstep-durable",
            "everstep-asl",
            "everstep-afl",
            "everstep-approval",
        ],
    ),
    (
        "everstep-dispatch",
        &[
            "everstep-agent",
            "everstep-approval",
            "everstep-core",
            "everstep-engine",
            "everstep-logs",
            "everstep-durable",
            "everstep-asl",
            "everstep-afl",
            "everstep-approval",
        ],
    ),
    (
        "everstep-server",
        &[
            "everstep-core",
            "everstep-engine",
            "everstep-logs",
            "everstep-durable",
            "everstep-asl",
            "everstep-afl",
            "everstep-approval",
        ],
    ),
    (
        "everstep-cli",
        &[
            "everstep-core",
            "everstep-durable",
            "everstep-asl",
            "everstep-afl",
            "everstep-engine",
            "everstep-logs",
            "everstep-dispatch",
            "everstep-server",
            "everstep-research",
            "everstep-agents",
            "everstep-benchmark",
        ],
    ),
    // Programs as users write them know nothing of the house; one calls agents the way it does.
    ("everstep-research", &["everstep-agent"]),
    ("everstep-agents", &[]),
    ("everstep-benchmark", &[]),
    ("everstep-conformance-durable-rust", &[]),
    // It measures the binary from outside.
    ("everstep-bench", &[]),
    // It is made of the parts of the binary, to crash them where a test says.
    (
        "everstep-crash",
        &[
            "everstep-core",
            "everstep-store",
            "everstep-engine",
            "everstep-dispatch",
            "everstep-logs",
            "everstep-server",
        ],
    ),
    ("xtask", &[]),
];

/// Crates without clock, chance, files, network, threads or async.
pub const PURE: &[&str] = &[
    "everstep-core",
    "everstep-durable",
    "everstep-expr",
    "everstep-asl",
    "everstep-afl",
    "everstep-approval",
];

/// Third-party crates that would bring what a pure crate must not have.
const IMPURE: &[&str] = &[
    "async-stream",
    "axum",
    "fastrand",
    "fjall",
    "futures",
    "futures-util",
    "getrandom",
    "hyper",
    "mio",
    "notify",
    "object_store",
    "rand",
    "reqwest",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
    "tower",
    "tower-http",
    "ureq",
];

pub fn arrows(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &subject.metadata.members {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            findings.push(Finding::new(
                &package.manifest,
                0,
                "layers",
                format!("{} is in no layer", package.name),
                "add it with its arrows to ARROWS in xtask/src/tidy/layers.rs, and say why in docs/adr/",
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| !d.is_dev) {
            let name = dependency.name.as_str();
            if subject.metadata.is_member(name) && !allowed.contains(&name) {
                findings.push(Finding::new(
                    &package.manifest,
                    subject.tree.line_of(&package.manifest, name),
                    "layers",
                    format!("{} must not know {name}", package.name),
                    format!(
                        "allowed are: {}; move the code to the room that may know both",
                        allowed.join(", ")
                    ),
                ));
            }
        }
    }
    findings
}

pub fn purity(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pure = subject
        .metadata
        .members
        .iter()
        .filter(|p| PURE.contains(&p.name.as_str()));
    for package in pure {
        let mut names: Vec<&str> = Vec::new();
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let is_room = subject.metadata.is_member(name);
            let brings_world =
                IMPURE.contains(&name) || (is_room && dependency.is_dev && !PURE.contains(&name));
            if brings_world && !names.contains(&name) {
                names.push(name);
                findings.push(Finding::new(
                    &package.manifest,
                    subject.tree.line_of(&package.manifest, name),
                    "purity",
                    format!("{} is pure and {name} is not", package.name),
                    "let the value arrive as an argument; what needs the world belongs to engine, dispatch or store",
                ));
            }
        }
        let manifest_folder = package.manifest.trim_end_matches("Cargo.toml");
        let lints = format!("{manifest_folder}clippy.toml");
        let bans = subject
            .tree
            .get(&lints)
            .is_some_and(|file| file.text.contains("disallowed-methods"));
        if !bans {
            findings.push(Finding::new(
                &lints,
                0,
                "purity",
                format!(
                    "{} has no clippy.toml with disallowed-methods",
                    package.name
                ),
                "copy that of crates/core: each method with its reason",
            ));
        }
    }
    findings
}
