//! Reading sources: files, directories, standard input, and namespaces that are looked for.

use super::args::{InputArgs, JudgeArgs};
use super::output::Failure;
use everstep_afl::lex::{self, Kind};
use everstep_afl::parse::Dialect;
use everstep_afl::program::Source;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The sources of one command.
#[derive(Debug)]
pub struct Input {
    pub sources: Vec<Source>,
    pub dialect: Dialect,
}

/// Reads what the options name.
///
/// # Errors
/// Options that contradict each other, sources that are not available yet, files that cannot be read.
pub fn read(args: &InputArgs, judge: &JudgeArgs) -> Result<Input, Failure> {
    let listed = !args.primary.is_empty() || !args.library.is_empty();
    if !args.files.is_empty() && (listed || !args.mongo.is_empty() || !args.maven.is_empty()) {
        return Err(Failure::Usage(
            "positional files cannot be combined with --primary, --library, --mongo or --maven"
                .to_owned(),
        ));
    }
    if !args.mongo.is_empty() || args.mongo_resolve {
        return Err(Failure::Outside(
            "sources in MongoDB are not available yet: export them to files and use --library"
                .to_owned(),
        ));
    }
    if !args.maven.is_empty() {
        return Err(Failure::Outside(
            "sources in Maven repositories are not available yet: download them and use --library"
                .to_owned(),
        ));
    }
    if listed && args.primary.is_empty() {
        return Err(Failure::Usage(
            "--library needs at least one --primary".to_owned(),
        ));
    }
    let mut sources = Vec::new();
    for path in args.primary.iter().chain(&args.library) {
        sources.push(file(path)?);
    }
    for path in files(&args.files)? {
        sources.push(if path == Path::new("-") {
            stdin()?
        } else {
            file(&path)?
        });
    }
    if sources.is_empty() {
        if !args.files.is_empty() {
            return Err(Failure::Outside("no .afl or .ffl file found".to_owned()));
        }
        sources.push(stdin()?);
    }
    let dialect = judge.dialect.map_or_else(|| suffix(&sources), Into::into);
    let mut input = Input { sources, dialect };
    resolve(&mut input, args)?;
    Ok(input)
}

fn suffix(sources: &[Source]) -> Dialect {
    let ffl = sources.first().is_some_and(|source| {
        Path::new(&source.name)
            .extension()
            .is_some_and(|suffix| suffix == "ffl")
    });
    if ffl { Dialect::Ffl } else { Dialect::Afl }
}

/// The files that are named, directories replaced by the sources inside them in the order of their paths.
///
/// # Errors
/// A directory that cannot be read.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            all.extend(inside(path)?);
        } else {
            all.push(path.clone());
        }
    }
    Ok(all)
}

/// All sources below a directory, by path; hidden directories are passed over.
fn inside(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut open = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| Failure::Outside(format!("{}: {error}", folder.display())))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) && !hidden {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|suffix| suffix == "afl" || suffix == "ffl")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads one file. Its name is the path as it was given, with `/` between parts.
///
/// # Errors
/// It is missing, unreadable or not UTF-8.
pub fn file(path: &Path) -> Result<Source, Failure> {
    let name = path.to_string_lossy().replace('\\', "/");
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::Outside(format!("File not found: {name}")),
        _ => Failure::Outside(format!("{name}: {error}")),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::Outside(format!(
            "{name}: not UTF-8 at byte {}",
            error.utf8_error().valid_up_to()
        ))
    })?;
    Ok(Source::file(name, text))
}

/// Reads standard input.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn stdin() -> Result<Source, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| Failure::Outside(format!("standard input: {error}")))?;
    Ok(Source::text("<stdin>", text))
}

/// Adds the files that declare used namespaces which are missing, until none is missing or none is found.
fn resolve(input: &mut Input, args: &InputArgs) -> Result<(), Failure> {
    let mut folders = args.source_path.clone();
    let mut wanted = args.auto_resolve || !folders.is_empty();
    if let Some(config) = &args.config {
        let (auto, paths) = configured(config)?;
        wanted |= auto;
        folders.extend(paths);
    }
    if !wanted {
        return Ok(());
    }
    for path in args.primary.iter().chain(&args.files) {
        let folder = if path.is_dir() {
            path.as_path()
        } else {
            path.parent().unwrap_or(Path::new(""))
        };
        folders.push(if folder.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            folder.to_owned()
        });
    }
    let mut found: Vec<(PathBuf, Source)> = Vec::new();
    for folder in folders {
        for path in inside(&folder)? {
            let known = input
                .sources
                .iter()
                .any(|source| same(Path::new(&source.name), &path));
            if !known && !found.iter().any(|(seen, _)| same(seen, &path)) {
                let source = file(&path)?;
                found.push((path, source));
            }
        }
    }
    let with_names = |(_, source): (PathBuf, Source)| (namespaces(&source).0, source);
    let mut candidates: Vec<(Vec<String>, Source)> = found.into_iter().map(with_names).collect();
    loop {
        let declared: Vec<String> = input
            .sources
            .iter()
            .flat_map(|source| namespaces(source).0)
            .collect();
        let missing: Vec<String> = input
            .sources
            .iter()
            .flat_map(|source| namespaces(source).1)
            .filter(|name| !declared.contains(name))
            .collect();
        let found = candidates
            .iter()
            .position(|(names, _)| names.iter().any(|name| missing.contains(name)));
        match found {
            Some(at) => input.sources.push(candidates.remove(at).1),
            None => return Ok(()),
        }
    }
}

fn same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The namespaces that a source declares, and those that it uses. Tokens are enough to tell, and cost a fraction of a tree.
pub fn namespaces(source: &Source) -> (Vec<String>, Vec<String>) {
    let tokens = lex::lex(&source.text, false).tokens;
    let (mut declared, mut used) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        let word = token.span.text(&source.text);
        let list = match word {
            "namespace" => &mut declared,
            "use" | "uses" => &mut used,
            _ => continue,
        };
        let behind = tokens.get(at + 1..).unwrap_or_default();
        let mut end = None;
        let name = behind.iter().take_while(|token| {
            let joined = end
                .replace(token.span.end)
                .is_none_or(|end| end == token.span.start);
            joined && matches!(token.kind, Kind::Ident | Kind::Dot)
        });
        let name: String = name.map(|token| token.span.text(&source.text)).collect();
        if token.kind == Kind::Ident && !name.is_empty() {
            list.push(name);
        }
    }
    (declared, used)
}

/// `resolver.auto_resolve` and `resolver.source_paths` of a configuration file of the reference.
fn configured(path: &Path) -> Result<(bool, Vec<PathBuf>), Failure> {
    let fail = |error: String| Failure::Outside(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let config: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let resolver = config.get("resolver");
    let auto = resolver
        .and_then(|r| r.get("auto_resolve"))
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(false);
    let paths = resolver
        .and_then(|r| r.get("source_paths"))
        .and_then(serde_json::Value::as_array);
    Ok((
        auto,
        paths
            .into_iter()
            .flatten()
            .filter_map(|path| path.as_str().map(PathBuf::from))
            .collect(),
    ))
}
