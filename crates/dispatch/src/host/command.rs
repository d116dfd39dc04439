//! Which program runs a function.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::function::{FunctionSpec, Runtime};
use super::options::HostOptions;

/// Program and arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

/// Names of the bundled files in the runtime folder.
pub(super) const PYTHON_BOOTSTRAP: &str = "bootstrap.py";
pub(super) const NODE_BOOTSTRAP: &str = "bootstrap.mjs";
pub(super) const GUARD: &str = "guard.sh";

/// The command of a function, or the reason why there is none, worded for the user.
pub(super) fn of(
    spec: &FunctionSpec,
    options: &HostOptions,
    runtime_dir: &Path,
    path: Option<&OsString>,
) -> Result<CommandLine, String> {
    if !(spec.code.is_absolute() && spec.code.is_dir()) {
        return Err(format!(
            "the code directory {} is not an existing folder with an absolute path",
            spec.code.display()
        ));
    }
    let interpreter = |variable: &str, default: &PathBuf| {
        let chosen = spec
            .environment
            .get(variable)
            .map_or_else(|| default.clone(), PathBuf::from);
        find(&chosen, &spec.code, path).ok_or_else(|| {
            format!(
                "no executable {} for the {:?} runtime ({variable} names another)",
                chosen.display(),
                spec.runtime
            )
        })
    };
    match spec.runtime {
        Runtime::Python => Ok(CommandLine {
            program: interpreter("EVERSTEP_PYTHON", &options.python)?,
            arguments: vec![
                runtime_dir.join(PYTHON_BOOTSTRAP).into(),
                spec.handler.clone().into(),
            ],
        }),
        Runtime::Node => Ok(CommandLine {
            program: interpreter("EVERSTEP_NODE", &options.node)?,
            arguments: vec![
                runtime_dir.join(NODE_BOOTSTRAP).into(),
                spec.handler.clone().into(),
            ],
        }),
        Runtime::Provided => {
            let program = spec.code.join("bootstrap");
            if !is_executable(&program) {
                return Err(format!("{} is not an executable file", program.display()));
            }
            Ok(CommandLine {
                program,
                arguments: vec![spec.handler.clone().into()],
            })
        }
    }
}

/// A bare name is looked up on `PATH`, a relative path starts at the code directory.
fn find(program: &Path, code: &Path, path: Option<&OsString>) -> Option<PathBuf> {
    if program.components().count() > 1 || program.is_absolute() {
        return Some(code.join(program)).filter(|file| is_executable(file));
    }
    std::env::split_paths(path?)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_and_paths_start_at_the_code() {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join("code");
        let bin = folder.path().join("bin");
        for file in [code.join(".venv/bin/python"), bin.join("python3")] {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(bin.join("plain"), "").unwrap();
        let path = Some(OsString::from(&bin));
        let find = |program: &str| find(Path::new(program), &code, path.as_ref());
        assert_eq!(find("python3"), Some(bin.join("python3")));
        assert_eq!(
            find(".venv/bin/python"),
            Some(code.join(".venv/bin/python"))
        );
        assert_eq!(find("plain"), None);
        assert_eq!(find("absent"), None);
        assert_eq!(find("/absent"), None);
    }
}
