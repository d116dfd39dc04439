//! The server's settings: the tables of `everstep.toml` that are not about functions.
//!
//! One file serves both: a folder's functions stand in `[functions.NAME]`, how the server behaves stands in the sections named here. Each section is
//! read, with its own type, by whoever it belongs to.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use everstep_server::Code;
use serde::de::DeserializeOwned;

use crate::error::Failed;

/// The file that is read when none is named.
const FILE: &str = "everstep.toml";

/// Every section of settings. A manifest of functions leaves them alone.
pub const SECTIONS: &[&str] = &[
    "agents",
    "approvals",
    "artifacts",
    "callbacks",
    "groups",
    "metrics",
    "notify",
    "telemetry",
];

#[derive(Args, Clone, Debug, Default)]
pub struct SettingsArgument {
    /// File of settings; without it the everstep.toml of this folder, where there is one
    #[arg(long, env = "EVERSTEP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsArgument {
    /// Reads the file.
    ///
    /// # Errors
    /// E0190 with the place of what is wrong.
    pub fn read(&self) -> Result<Settings> {
        let file = match &self.config {
            Some(file) => file.clone(),
            None if Path::new(FILE).is_file() => PathBuf::from(FILE),
            None => return Ok(Settings::default()),
        };
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(&file, &error))?;
        Settings::parse(file, &text)
    }
}

/// What a server was told by its file of settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    file: PathBuf,
    table: toml::Table,
}

impl Settings {
    pub fn parse(file: PathBuf, text: &str) -> Result<Self> {
        let mut table: toml::Table = toml::from_str(text).map_err(|error| wrong(&file, &error))?;
        // One function at the top, or several in a table: those are read with their folder.
        let functions = table.contains_key("functions")
            || table.contains_key("runtime")
            || table.contains_key("target");
        if !functions
            && let Some(unknown) = table.keys().find(|key| !SECTIONS.contains(&key.as_str()))
        {
            let text = format!(
                "there is no section {unknown}; there are {}, and functions",
                SECTIONS.join(", ")
            );
            return Err(wrong(&file, &text));
        }
        table.retain(|key, _| SECTIONS.contains(&key));
        Ok(Self { file, table })
    }

    /// A section, or what it is when nothing is said.
    ///
    /// # Errors
    /// E0190 for what its type does not take.
    pub fn section<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        match self.table.get(name) {
            None => Ok(T::default()),
            Some(value) => value
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| self.wrong(name, &error)),
        }
    }

    /// What is wrong with something that an option or the file says.
    pub fn unusable(&self, why: &str) -> anyhow::Error {
        refused(format!("the settings can't be used: {why}"))
    }

    /// What is wrong with a section.
    pub fn wrong(&self, name: &str, why: &dyn std::fmt::Display) -> anyhow::Error {
        let why = why.to_string();
        wrong(&self.file, &format!("[{name}] {}", why.trim_end()))
    }
}

fn wrong(file: &Path, why: &dyn std::fmt::Display) -> anyhow::Error {
    let why = why.to_string();
    refused(format!(
        "{} can't be used: {}",
        file.display(),
        why.trim_end()
    ))
}

fn refused(message: String) -> anyhow::Error {
    Failed::Refused {
        status: 400,
        code: Some(Code::WrongSettings.to_string()),
        message,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Callbacks {
        cors_origin: Option<String>,
    }

    fn read(text: &str) -> Result<Callbacks, String> {
        Settings::parse(PathBuf::from("s.toml"), text)
            .and_then(|settings| settings.section("callbacks"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_section_is_read_by_its_type_and_functions_are_left_to_their_folder() {
        let wanted = Callbacks {
            cors_origin: Some("https://a".to_owned()),
        };
        let text = "[callbacks]\ncors_origin = 'https://a'\n";
        assert_eq!(read(text), Ok(wanted));
        assert_eq!(read(""), Ok(Callbacks::default()));
        let both = format!("[functions.a]\nruntime = 'python'\n{text}");
        assert!(read(&both).is_ok_and(|callbacks| callbacks.cors_origin.is_some()));
    }

    #[test]
    fn e0190_says_the_file_the_section_and_what_is_wrong() {
        for (text, part) in [
            ("[callbakcs]\n", "there is no section callbakcs"),
            (
                "[callbacks]\ncors = 1\n",
                "[callbacks] unknown field `cors`",
            ),
            ("[callbacks\n", "s.toml can't be used"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part) && error.contains("s.toml"), "{error}");
            assert!(error.contains("E0190"), "{error}");
        }
    }
}
