//! What is kept about log groups beside their lines: one JSON file in their folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Explicit and never reused: a later version refuses what it does not know.
const FORMAT: u32 = 1;
const FILE: &str = "groups.json";

/// What CreateLogGroup, PutRetentionPolicy and TagResource said of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupSettings {
    /// Milliseconds since 1970.
    pub created_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    groups: BTreeMap<String, GroupSettings>,
}

/// All settings of a folder, in memory and on disk.
pub(crate) struct Settings {
    path: PathBuf,
    pub(crate) groups: BTreeMap<String, GroupSettings>,
}

impl Settings {
    pub(crate) fn open(folder: &Path) -> io::Result<Settings> {
        let path = folder.join(FILE);
        let groups = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
            Ok(bytes) => {
                let document: Document = serde_json::from_slice(&bytes)?;
                if document.format != FORMAT {
                    let text = format!("{} has format {}", path.display(), document.format);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                document.groups
            }
        };
        Ok(Settings { path, groups })
    }

    /// Changes the settings and makes that durable; what can't be written has not been changed.
    pub(crate) fn change(
        &mut self,
        change: impl FnOnce(&mut BTreeMap<String, GroupSettings>),
    ) -> io::Result<()> {
        let mut document = Document {
            format: FORMAT,
            groups: self.groups.clone(),
        };
        change(&mut document.groups);
        let part = self.path.with_extension("part");
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec_pretty(&document)?)?;
        file.sync_all()?;
        fs::rename(&part, &self.path)?;
        self.groups = document.groups;
        Ok(())
    }
}
