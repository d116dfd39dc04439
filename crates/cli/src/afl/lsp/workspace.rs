//! The texts that an editor works on, and the programs that they form.

use super::convert;
use crate::afl::input;
use everstep_afl::check::names::Names;
use everstep_afl::check::{self, Options};
use everstep_afl::diag::{Diagnostic, FileId, settle};
use everstep_afl::index::Index;
use everstep_afl::parse::Dialect;
use everstep_afl::program::{self, Program, Source};
use everstep_afl::resolve::Model;
use everstep_afl::{parse, span::Lines};
use gen_lsp_types::Position;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One text, from an editor or from disk.
#[derive(Debug, Clone)]
struct Text {
    source: Source,
    /// Nothing for texts that no editor has open.
    open: Option<Option<i32>>,
    declares: Vec<String>,
    uses: Vec<String>,
}

impl Text {
    fn new(uri: &str, text: &str, open: Option<Option<i32>>) -> Self {
        let source = Source::file(uri, text);
        let (declares, uses) = input::namespaces(&source);
        Self {
            source,
            open,
            declares,
            uses,
        }
    }
}

/// All texts by URI.
#[derive(Debug, Default)]
pub struct Workspace {
    texts: BTreeMap<String, Text>,
    folders: Vec<PathBuf>,
}

/// The sources of one program. The first is the one that was asked for.
pub struct Set {
    pub sources: Vec<Source>,
}

/// A program with everything that requests ask for.
pub struct View<'v> {
    pub program: &'v Program<'v>,
    pub names: &'v Names<'v, 'v>,
    pub model: &'v Model<'v, 'v, 'v>,
    pub index: &'v Index,
}

impl Workspace {
    /// A workspace with the folders that the editor named.
    pub fn new(params: &Value) -> Self {
        let folders = params
            .get("workspaceFolders")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|folder| folder.get("uri"));
        let uris: Vec<&str> = folders
            .chain(params.get("rootUri"))
            .filter_map(Value::as_str)
            .collect();
        let mut folders: Vec<PathBuf> = uris.into_iter().filter_map(convert::path).collect();
        folders.dedup();
        let mut workspace = Self {
            texts: BTreeMap::new(),
            folders,
        };
        workspace.reload();
        workspace
    }

    /// Reads the files of the folders again; texts that an editor has open stay as they are there.
    pub fn reload(&mut self) {
        self.texts.retain(|_, text| text.open.is_some());
        for path in input::files(&self.folders).unwrap_or_default() {
            self.load(&path);
        }
    }

    fn load(&mut self, path: &Path) {
        let uri = convert::uri(path);
        if !self.texts.contains_key(&uri)
            && let Ok(source) = input::file(path)
        {
            self.texts
                .insert(uri.clone(), Text::new(&uri, &source.text, None));
        }
    }

    pub fn open(&mut self, uri: &str, version: Option<i32>, text: &str) {
        self.texts
            .insert(uri.to_owned(), Text::new(uri, text, Some(version)));
        // Its neighbours belong to its program, whether or not the editor named a folder.
        let folder = convert::path(uri).and_then(|path| path.parent().map(Path::to_owned));
        for path in folder
            .and_then(|folder| std::fs::read_dir(folder).ok())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
        {
            if path
                .extension()
                .is_some_and(|suffix| suffix == "afl" || suffix == "ffl")
            {
                self.load(&path);
            }
        }
    }

    pub fn change(&mut self, uri: &str, version: Option<i32>, changes: &[Value]) {
        let Some(text) = self.texts.get(uri) else {
            return;
        };
        let mut now = text.source.text.clone();
        for change in changes {
            let new = change.get("text").and_then(Value::as_str).unwrap_or("");
            let place = |name: &str| {
                change
                    .pointer(name)
                    .and_then(|value| serde_json::from_value::<Position>(value.clone()).ok())
            };
            match (place("/range/start"), place("/range/end")) {
                (Some(start), Some(end)) => {
                    let lines = Lines::new(&now);
                    let (start, end) = (
                        convert::offset(&now, &lines, start) as usize,
                        convert::offset(&now, &lines, end) as usize,
                    );
                    now.replace_range(start..end.max(start), new);
                }
                _ => new.clone_into(&mut now),
            }
        }
        self.texts
            .insert(uri.to_owned(), Text::new(uri, &now, Some(version)));
    }

    pub fn close(&mut self, uri: &str) {
        self.texts.remove(uri);
        if let Some(path) = convert::path(uri) {
            self.load(&path);
        }
    }

    pub fn text(&self, uri: &str) -> Option<&Source> {
        self.texts.get(uri).map(|text| &text.source)
    }

    /// The program that a text belongs to, the text itself first.
    pub fn set(&self, uri: &str) -> Option<Set> {
        let own = self.texts.get(uri)?;
        let folder = |uri: &str| uri.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let mut chosen: Vec<&str> = vec![uri];
        let mut members: Vec<&Text> = vec![own];
        for (other, text) in &self.texts {
            if other != uri && folder(other) == folder(uri) {
                chosen.push(other);
                members.push(text);
            }
        }
        // The closure over `use`: what is missing is looked for in the rest of the workspace.
        loop {
            let missing = members.iter().flat_map(|text| &text.uses).find(|name| {
                let declared = members.iter().any(|text| text.declares.contains(name));
                !declared && self.texts.values().any(|text| text.declares.contains(name))
            });
            let found = missing.and_then(|name| {
                self.texts
                    .iter()
                    .find(|(_, text)| text.declares.contains(name))
            });
            match found {
                Some((other, text)) if !chosen.contains(&other.as_str()) => {
                    chosen.push(other);
                    members.push(text);
                }
                _ => break,
            }
        }
        Some(Set {
            sources: members
                .into_iter()
                .map(|text| text.source.clone())
                .collect(),
        })
    }

    /// The findings of all open texts of a program: uri, version, findings.
    pub fn findings(&self, uri: &str) -> Vec<(String, Option<i32>, Value)> {
        let Some(set) = self.set(uri) else {
            return Vec::new();
        };
        let found = set.findings();
        let open =
            set.sources.iter().zip(0..).filter_map(|(source, file)| {
                Some((source, file, self.texts.get(&source.name)?.open?))
            });
        open.map(|(source, file, version)| {
            let mine: Vec<_> = found
                .iter()
                .filter(|finding| finding.file == file)
                .map(|finding| convert::diagnostic(&set.sources, finding))
                .collect();
            (
                source.name.clone(),
                version,
                serde_json::to_value(mine).unwrap_or_default(),
            )
        })
        .collect()
    }
}

impl Set {
    fn dialect(&self) -> Dialect {
        let ffl = self
            .sources
            .first()
            .is_some_and(|source| source.name.ends_with(".ffl"));
        if ffl { Dialect::Ffl } else { Dialect::Afl }
    }

    /// Everything that is found in the program.
    pub fn findings(&self) -> Vec<Diagnostic> {
        let (program, mut found) = program::read(
            &self.sources,
            parse::Options {
                dialect: self.dialect(),
                reference: false,
            },
        );
        let options = Options {
            dialect: self.dialect(),
            broken: !found.is_empty(),
            ..Options::default()
        };
        found.extend(check::check(&program, options));
        settle(&mut found);
        found
    }

    /// Looks at the program.
    pub fn view<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        let (program, _) = program::read(&self.sources, parse::Options::default());
        let names = Names::new(&program);
        let model = Model::new(&names);
        let index = Index::new(&program, &names, &model);
        look(&View {
            program: &program,
            names: &names,
            model: &model,
            index: &index,
        })
    }

    /// The source of a file.
    pub fn source(&self, file: FileId) -> Option<&Source> {
        self.sources.get(file as usize)
    }
}
