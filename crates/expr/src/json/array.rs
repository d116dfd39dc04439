//! The items of an array, with the depth below them.

use super::{Value, map};
use std::ops::Deref;
use std::sync::Arc;

/// The items of an array. Reads like a slice; made from a `Vec`.
#[derive(Clone, Default)]
pub struct Array {
    items: Vec<Value>,
    depth: u32,
    bytes: usize,
}

impl Array {
    pub(super) fn depth(&self) -> usize {
        self.depth.max(1) as usize
    }

    pub(super) fn len_at_least(&self) -> usize {
        self.bytes.max(2)
    }

    pub(super) fn take(&mut self) -> Vec<Value> {
        self.depth = 0;
        std::mem::take(&mut self.items)
    }
}

impl From<Vec<Value>> for Array {
    fn from(items: Vec<Value>) -> Self {
        let (mut below, mut bytes) = (0, 1);
        for item in &items {
            below = item.depth().max(below);
            bytes = item.len_at_least().saturating_add(bytes).saturating_add(1);
        }
        let depth = u32::try_from(below + 1).unwrap_or(u32::MAX);
        Self {
            items,
            depth,
            bytes,
        }
    }
}

impl FromIterator<Value> for Array {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Vec::from_iter(items).into()
    }
}

impl Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if self.depth as usize > DROP_DEPTH_MAX {
            let items = self.take();
            dismantle(items);
        }
    }
}

/// Deeper values are taken apart by a loop: a program can nest values by one level per step, and dropping them must not end its stack.
pub(super) const DROP_DEPTH_MAX: usize = 128;

pub(super) fn dismantle(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::Array(array) => {
                if let Some(mut array) = Arc::into_inner(array) {
                    values.append(&mut array.take());
                }
            }
            Value::Object(map) => {
                if let Some(map) = Arc::into_inner(map) {
                    values.extend(map::values_of(map));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
