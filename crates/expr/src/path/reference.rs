//! Reference paths, which name one place and can therefore be written to.

use super::{Path, PathError, Selector, SyntaxError, SyntaxErrorKind};
use crate::json::{DEPTH_MAX, Map, Value};
use std::fmt;

/// A path of names and indexes alone: it names one place, which can be read and set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencePath(Path);

/// Why a value can't be put where a path names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// On the way is something that is no object, or an index that the array does not have.
    #[error("Unable to apply ReferencePath {path} to input {found}")]
    NoPlace { path: String, found: String },
    #[error(
        "Unable to apply ReferencePath {path}: the result would nest deeper than {limit} levels"
    )]
    TooDeep { path: String, limit: usize },
}

impl ReferencePath {
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let path = Path::parse(text)?;
        if !path.is_reference_path() {
            return Err(SyntaxError {
                kind: SyntaxErrorKind::NotAReference,
                offset: 0,
            });
        }
        Ok(Self(path))
    }

    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is `$` alone.
    pub fn is_root(&self) -> bool {
        self.0.steps.is_empty()
    }

    pub fn read(&self, root: &Value) -> Result<Value, PathError> {
        self.0.read(root)
    }

    /// The root with the new value at the path's place. Objects that are missing on the way are made, items of arrays are not.
    pub fn set(&self, root: &Value, new: Value) -> Result<Value, SetError> {
        let list = &self.0.steps.list;
        // Down: what is at each step now, if anything.
        let mut way = Vec::with_capacity(list.len());
        let mut here = Some(root);
        for step in list {
            let next = match (&step.selector, here) {
                (Selector::Name(_), None) => None,
                (Selector::Name(name), Some(Value::Object(map))) => map.get(name),
                (Selector::Index(index), Some(Value::Array(items))) => {
                    let place = usize::try_from(*index).ok();
                    Some(
                        place
                            .and_then(|place| items.get(place))
                            .ok_or_else(|| self.no_place(root))?,
                    )
                }
                _ => return Err(self.no_place(root)),
            };
            way.push(here);
            here = next;
        }
        // Up: each container again with its changed part.
        let mut changed = new;
        for (step, here) in list.iter().zip(way).rev() {
            changed = match (&step.selector, here) {
                (Selector::Name(name), here) => {
                    let mut map = here
                        .and_then(Value::as_object)
                        .cloned()
                        .unwrap_or_else(Map::new);
                    map.insert(name.clone(), changed);
                    map.into()
                }
                (Selector::Index(index), Some(Value::Array(items))) => {
                    let mut items = items.to_vec();
                    let place = usize::try_from(*index).ok();
                    if let Some(item) = place.and_then(|place| items.get_mut(place)) {
                        *item = changed;
                    }
                    items.into()
                }
                _ => return Err(self.no_place(root)),
            };
        }
        if changed.depth() > DEPTH_MAX {
            return Err(SetError::TooDeep {
                path: self.to_string(),
                limit: DEPTH_MAX,
            });
        }
        Ok(changed)
    }

    fn no_place(&self, root: &Value) -> SetError {
        SetError::NoPlace {
            path: self.to_string(),
            found: root.to_text(),
        }
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
