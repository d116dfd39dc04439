//! Which functions a folder declares.

use std::path::{Path, PathBuf};

use everstep_engine::{Code, FunctionConfig, Runtime};

use super::{manifest, template};

/// A function as its manifest says it.
pub struct Declared {
    pub name: String,
    pub config: FunctionConfig,
    pub source: Source,
    /// An alias that follows the newest published version.
    pub alias: Option<String>,
    /// Where it is declared or where its code lies, for people.
    pub place: String,
    /// What of the manifest has no effect here.
    pub notes: Vec<String>,
}

/// Where a function's code comes from.
pub enum Source {
    /// A folder, or a file that becomes `bootstrap`.
    Local(PathBuf),
    Elsewhere(Code),
}

/// What was found, and what is wrong with the rest: where and what.
#[derive(Default)]
pub struct Found {
    pub functions: Vec<Declared>,
    pub faults: Vec<String>,
}

const MANIFEST: &str = "everstep.toml";
const TEMPLATES: [&str; 2] = ["template.yaml", "template.yml"];

/// Looks into the folder and its direct sub-folders. One manifest counts in each: `everstep.toml`, else a SAM template.
pub fn find(folder: &Path, data: &Path, region: &str) -> Found {
    let mut found = Found::default();
    let mut folders = vec![folder.to_owned()];
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            let mut below: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.is_dir() && path != data && !is_hidden(path))
                .collect();
            below.sort();
            folders.extend(below);
        }
        Err(error) => found.faults.push(format!("{}: {error}", folder.display())),
    }
    let mut any = false;
    for folder in folders {
        let manifest = folder.join(MANIFEST);
        if manifest.is_file() {
            any = true;
            found.take(&manifest, manifest::read(&manifest));
            continue;
        }
        for name in TEMPLATES {
            let path = folder.join(name);
            if path.is_file() {
                any = true;
                found.take(&path, template::read(&path, region));
                break;
            }
        }
    }
    if !any {
        found.faults.push(format!(
            "{}: neither it nor a folder in it has an {MANIFEST} or a {}",
            folder.display(),
            TEMPLATES[0]
        ));
    }
    found
}

impl Found {
    fn take(&mut self, path: &Path, read: Result<Vec<Declared>, String>) {
        match read {
            Ok(functions) => {
                for function in functions {
                    if self
                        .functions
                        .iter()
                        .any(|other| other.name == function.name)
                    {
                        self.faults.push(format!(
                            "{}: a function {} is declared elsewhere, too",
                            path.display(),
                            function.name
                        ));
                    } else {
                        self.functions.push(function);
                    }
                }
            }
            Err(fault) => self.faults.push(format!("{}: {fault}", path.display())),
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// AWS's name of a runtime, or one without a version: what runs it, and the name that is shown.
pub fn runtime(name: &str) -> Result<(Runtime, String), String> {
    let known = match name {
        "python" => (Runtime::Python, "python3.13"),
        "node" | "nodejs" => (Runtime::Node, "nodejs22.x"),
        "provided" => (Runtime::Provided, "provided.al2023"),
        _ if name.starts_with("python3.") => (Runtime::Python, name),
        _ if name.starts_with("nodejs") => (Runtime::Node, name),
        _ if name.starts_with("provided.") => (Runtime::Provided, name),
        _ => {
            return Err(format!(
                "the runtime {name} is not run here; python3.*, nodejs* and provided.* are"
            ));
        }
    };
    Ok((known.0, known.1.to_owned()))
}

/// Checks what Lambda would refuse, so that a fault is told where it was written.
pub fn check(name: &str, config: &FunctionConfig, source: &Source) -> Result<(), String> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(letters) {
        return Err(format!(
            "{name} is no name of a function: 1 to 64 letters, digits, - and _"
        ));
    }
    if !(1..=5_400).contains(&config.timeout_s) {
        return Err(format!(
            "{name}: its timeout is not between 1 and 5400 seconds"
        ));
    }
    if !(128..=32_768).contains(&config.memory_mb) {
        return Err(format!(
            "{name}: its memory is not between 128 and 32768 MB"
        ));
    }
    if let Source::Local(path) = source {
        if !path.exists() {
            return Err(format!("{name}: its code {} is not there", path.display()));
        }
        if config.handler.is_empty() && config.runtime != Runtime::Provided {
            return Err(format!("{name}: it has no handler, such as app.handler"));
        }
    }
    Ok(())
}
