//! Crates that must not be used, directly or at all, and crates that must be there once.

use super::{Finding, Subject};

/// Not as a direct dependency of ours: (name, what to do).
const DIRECT: &[(&str, &str)] = &[
    (
        "async-trait",
        "write `async fn` or `impl Future` in the trait, or box by hand where it is dynamic",
    ),
    ("chrono", "use jiff"),
    (
        "derive_builder",
        "write the builder: it is shorter than the macro's build time",
    ),
    ("lazy_static", "use std::sync::LazyLock"),
    ("once_cell", "use std::sync::OnceLock or LazyLock"),
];

/// Nowhere in the lock file.
const ANYWHERE: &[(&str, &str)] = &[
    ("async-std", "the one runtime is tokio"),
    (
        "native-tls",
        "the one TLS library is rustls: switch the default features of the crate that brings it off",
    ),
    (
        "openssl",
        "the one TLS library is rustls: switch the default features of the crate that brings it off",
    ),
    (
        "openssl-sys",
        "the one TLS library is rustls: switch the default features of the crate that brings it off",
    ),
];

/// One major version of these (for 0.x, one minor): two of them in a binary do not understand each other.
const ONCE: &[&str] = &["axum", "h2", "http", "hyper", "rustls", "tokio"];

/// Second majors that nobody can do without, and why.
const BORNE: &[(&str, &str, &str)] = &[(
    "http",
    "0.2",
    "types alone: aws-sdk-cloudwatch, which compresses its requests, asks for the old body trait; nothing is sent through it",
)];

fn is_borne(name: &str, major: &str) -> bool {
    BORNE.iter().any(|(n, m, _)| *n == name && *m == major)
}

pub fn forbidden(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &subject.metadata.members {
        let mut named: Vec<&str> = Vec::new();
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let rule = DIRECT.iter().find(|(banned, _)| *banned == name);
            if let Some((_, mend)) = rule
                && !named.contains(&name)
            {
                named.push(name);
                let line = subject.tree.line_of(&package.manifest, name);
                let what = format!("{} depends on {name}", package.name);
                findings.push(Finding::new(
                    &package.manifest,
                    line,
                    "dependencies",
                    what,
                    *mend,
                ));
            }
        }
    }
    for (name, mend) in ANYWHERE {
        if let Some((name, version)) = subject.metadata.others.iter().find(|(n, _)| n == name) {
            let line = subject.tree.line_of("Cargo.lock", name);
            let what = format!("{name} {version} is in the graph (cargo tree --invert {name})");
            findings.push(Finding::new(
                "Cargo.lock",
                line,
                "dependencies",
                what,
                *mend,
            ));
        }
    }
    findings
}

pub fn majors(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in ONCE {
        let of_name = subject.metadata.others.iter().filter(|(n, _)| n == name);
        let of_name = of_name.filter(|(name, version)| !is_borne(name, major(version)));
        let mut majors: Vec<&str> = of_name.map(|(_, version)| major(version)).collect();
        majors.sort_unstable();
        majors.dedup();
        if majors.len() > 1 {
            findings.push(Finding::new(
                "Cargo.lock",
                subject.tree.line_of("Cargo.lock", name),
                "dependencies",
                format!("{name} is there more than once: {}", majors.join(", ")),
                format!(
                    "find who brings the older one with `cargo tree --invert {name}` and raise it"
                ),
            ));
        }
    }
    findings
}

/// The part of a version within which Cargo unifies: `1` of 1.4.2, `0.9` of 0.9.3.
fn major(version: &str) -> &str {
    let mut dots = version.match_indices('.').map(|(at, _)| at);
    let first = dots.next();
    let end = if version.starts_with("0.") {
        dots.next()
    } else {
        first
    };
    end.and_then(|end| version.get(..end)).unwrap_or(version)
}
