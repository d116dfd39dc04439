//! The part of `cargo metadata` that the rules about dependencies read.

use crate::shell;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

#[derive(Debug, Default)]
pub struct Metadata {
    /// Packages of the workspace.
    pub members: Vec<Package>,
    /// All others in the lock file, as (name, version).
    pub others: Vec<(String, String)>,
}

#[derive(Debug)]
pub struct Package {
    pub name: String,
    /// The manifest, relative to the workspace.
    pub manifest: String,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub struct Dependency {
    pub name: String,
    pub is_dev: bool,
}

impl Metadata {
    pub fn read(root: &Path) -> Result<Self> {
        let mut cargo = shell::cargo();
        cargo
            .current_dir(root)
            .args(["metadata", "--format-version", "1"]);
        let text = shell::output(&mut cargo)?;
        let value: Value = serde_json::from_str(&text).context("reading cargo metadata")?;
        Self::parse(&value)
    }

    /// From cargo's own format. Members are the packages without a source, which come from this disk.
    pub fn parse(value: &Value) -> Result<Self> {
        let root = text(value, "workspace_root")?;
        let mut metadata = Self::default();
        for package in list(value, "packages") {
            let name = text(package, "name")?.to_owned();
            if !package.get("source").is_none_or(Value::is_null) {
                let version = text(package, "version")?.to_owned();
                metadata.others.push((name, version));
                continue;
            }
            let manifest = text(package, "manifest_path")?;
            let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
            let dependencies = list(package, "dependencies").map(|dependency| {
                Ok(Dependency {
                    name: text(dependency, "name")?.to_owned(),
                    is_dev: dependency.get("kind").is_some_and(|kind| kind == "dev"),
                })
            });
            metadata.members.push(Package {
                name,
                manifest: manifest.trim_start_matches('/').to_owned(),
                dependencies: dependencies.collect::<Result<_>>()?,
            });
        }
        Ok(metadata)
    }

    pub fn is_member(&self, name: &str) -> bool {
        self.members.iter().any(|package| package.name == name)
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    let text = value.get(key).and_then(Value::as_str);
    text.with_context(|| format!("cargo metadata has no {key:?}"))
}
