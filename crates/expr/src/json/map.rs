//! The members of an object in the order in which they were put.

use super::Value;
use super::array::{DROP_DEPTH_MAX, dismantle};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Up to this many members a walk is faster than an index.
const WALK_MAX: usize = 16;

/// The members of an object in the order in which they were put. A key that is put again keeps its place.
#[derive(Clone, Default)]
pub struct Map {
    members: Vec<(Arc<str>, Value)>,
    /// Where each key stands, once there are more than [`WALK_MAX`].
    index: Option<BTreeMap<Arc<str>, usize>>,
    depth_below: u32,
    /// Bytes of the members' texts, at least.
    bytes: usize,
}

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(members: usize) -> Self {
        Self {
            members: Vec::with_capacity(members),
            index: None,
            depth_below: 0,
            bytes: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        let (_, value) = self.members.get(self.place(key)?)?;
        Some(value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Puts a member and gives the value it had before.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) -> Option<Value> {
        let key = key.into();
        let below = u32::try_from(value.depth()).unwrap_or(u32::MAX);
        self.depth_below = self.depth_below.max(below);
        self.bytes = self.bytes.saturating_add(value.len_at_least());
        if let Some(place) = self.place(&key)
            && let Some((_, old)) = self.members.get_mut(place)
        {
            self.bytes = self.bytes.saturating_sub(old.len_at_least());
            return Some(std::mem::replace(old, value));
        }
        // The quotes, the colon, and a comma or a brace.
        self.bytes = self.bytes.saturating_add(key.len() + 4);
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), self.members.len());
        }
        self.members.push((key, value));
        if self.index.is_none() && self.members.len() > WALK_MAX {
            self.build_index();
        }
        None
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.place(key)?;
        let (_, value) = self.members.remove(place);
        let bytes = value.len_at_least() + key.len() + 4;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.index = None;
        if self.members.len() > WALK_MAX {
            self.build_index();
        }
        Some(value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> + DoubleEndedIterator {
        self.members.iter().map(|(key, value)| (key, value))
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.members.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.members.iter().map(|(_, value)| value)
    }

    pub(super) fn depth(&self) -> usize {
        self.depth_below as usize + 1
    }

    pub(super) fn len_at_least(&self) -> usize {
        self.bytes.saturating_add(1).max(2)
    }

    fn place(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.members.iter().position(|(k, _)| &**k == key),
        }
    }

    fn build_index(&mut self) {
        let keys = self.members.iter().enumerate();
        self.index = Some(keys.map(|(place, (key, _))| (key.clone(), place)).collect());
    }
}

/// The values alone, for taking a deep object apart.
pub(super) fn values_of(mut map: Map) -> impl Iterator<Item = Value> {
    map.depth_below = 0;
    let members = std::mem::take(&mut map.members);
    members.into_iter().map(|(_, value)| value)
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, value)| other.get(key) == Some(value))
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.depth() > DROP_DEPTH_MAX {
            let members = std::mem::take(&mut self.members);
            dismantle(members.into_iter().map(|(_, value)| value).collect());
        }
    }
}

impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(members: I) -> Self {
        let members = members.into_iter();
        let mut map = Self::with_capacity(members.size_hint().0);
        for (key, value) in members {
            map.insert(key, value);
        }
        map
    }
}
