//! Applying a path to a value.

use super::{PathError, Selector, Slice, Step, Steps};
use crate::json::{Array, Map, Value};
use crate::work::{UsedUp, Work};

/// What a read's filters may name, and the steps it may take.
pub(super) struct Reading<'a> {
    pub root: &'a Value,
    pub work: &'a mut Work,
}

impl Steps {
    pub fn read(&self, root: &Value, work: &mut Work) -> Result<Value, PathError> {
        if let Some(found) = self.walk(root) {
            return found.cloned();
        }
        let mut reading = Reading { root, work };
        let found = self.evaluate(root, &mut reading);
        let found = found.map_err(|UsedUp| PathError::TooMuchWork {
            path: self.to_string(),
        })?;
        match found {
            Found::Value(value) => Ok(value),
            Found::Nothing => Err(PathError::NoResults {
                path: self.to_string(),
            }),
            Found::NoNumbers(function) => Err(PathError::NoNumbers {
                function,
                path: self.to_string(),
            }),
        }
    }

    /// The usual case without any list: names and indexes alone. `None` if the path has something else.
    fn walk<'v>(&self, root: &'v Value) -> Option<Result<&'v Value, PathError>> {
        if self.function.is_some() {
            return None;
        }
        let mut value = root;
        for (place, step) in self.list.iter().enumerate() {
            if step.deep {
                return None;
            }
            let next = match &step.selector {
                Selector::Name(name) => value.get(name),
                Selector::Index(index) => value.as_array().and_then(|items| item(items, *index)),
                _ => return None,
            };
            match next {
                Some(next) => value = next,
                // Whether that is an error depends on whether the rest is definite.
                None if self.is_definite() => return Some(Err(self.missing(place, value))),
                None => return None,
            }
        }
        Some(Ok(value))
    }

    /// Why the step at `place` finds nothing in `value`.
    fn missing(&self, place: usize, value: &Value) -> PathError {
        let is_last = place + 1 == self.list.len();
        let selector = self.list.get(place).map(|step| &step.selector);
        if let Some(Selector::Index(index)) = selector {
            return match value {
                Value::Array(_) => PathError::OutOfRange {
                    path: self.to_string(),
                    is_last,
                },
                _ => PathError::NotAnArray {
                    index: *index,
                    found: value.to_text(),
                },
            };
        }
        if is_last && value.as_object().is_some() {
            return PathError::NoResults {
                path: self.to_string(),
            };
        }
        let before = Steps {
            list: self.list.iter().take(place + 1).cloned().collect(),
            function: None,
        };
        PathError::MissingProperty {
            path: before.to_string(),
        }
    }

    /// Any path, without telling why it finds nothing.
    pub(super) fn evaluate(
        &self,
        root: &Value,
        reading: &mut Reading<'_>,
    ) -> Result<Found, UsedUp> {
        let mut found = vec![root];
        let last = self.list.len().saturating_sub(1);
        for (place, step) in self.list.iter().enumerate() {
            if let Selector::Names(names) = &step.selector
                && place == last
            {
                return self.members(&found, step.deep, names, reading);
            }
            found = step.apply_all(&found, reading)?;
        }
        let is_one = self.list.iter().all(|step| {
            !step.deep && matches!(step.selector, Selector::Name(_) | Selector::Index(_))
        });
        let value = match (is_one, found.as_slice()) {
            (true, [value, ..]) => (*value).clone(),
            (true, []) => return Ok(Found::Nothing),
            (false, values) => Vec::from_iter(values.iter().copied().cloned()).into(),
        };
        self.finish(value, reading)
    }

    /// Several names at the end: of every object one with those of the members that it has.
    fn members(
        &self,
        found: &[&Value],
        deep: bool,
        names: &[std::sync::Arc<str>],
        reading: &mut Reading<'_>,
    ) -> Result<Found, UsedUp> {
        let found = if deep {
            below(found, reading)?
        } else {
            found.to_vec()
        };
        let mut objects = Vec::new();
        for map in found.iter().filter_map(|value| value.as_object()) {
            reading.work.charge(names.len())?;
            let named = names
                .iter()
                .filter_map(|name| Some((name.clone(), map.get(name)?.clone())));
            objects.push(Value::from(Map::from_iter(named)));
        }
        let is_one = self.is_definite() && self.function.is_none();
        match (is_one, objects.pop()) {
            (true, Some(object)) => self.finish(object, reading),
            (true, None) => Ok(Found::Nothing),
            (false, last) => {
                objects.extend(last);
                self.finish(objects.into(), reading)
            }
        }
    }

    fn finish(&self, value: Value, reading: &mut Reading<'_>) -> Result<Found, UsedUp> {
        let Some(function) = self.function else {
            return Ok(Found::Value(value));
        };
        let parts = match &value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        reading.work.charge(parts)?;
        Ok(match function.apply(&value) {
            Some(value) => Found::Value(value),
            None => Found::NoNumbers(function.name()),
        })
    }
}

pub(super) enum Found {
    Value(Value),
    /// A definite path leads nowhere.
    Nothing,
    /// The path's function found no numbers.
    NoNumbers(&'static str),
}

impl Step {
    fn apply_all<'v>(
        &self,
        found: &[&'v Value],
        reading: &mut Reading<'_>,
    ) -> Result<Vec<&'v Value>, UsedUp> {
        let mut out = Vec::new();
        if self.deep {
            for value in below(found, reading)? {
                self.selector.apply(value, true, &mut out, reading)?;
            }
        } else {
            for value in found {
                self.selector.apply(value, false, &mut out, reading)?;
            }
        }
        Ok(out)
    }
}

impl Selector {
    fn apply<'v>(
        &self,
        value: &'v Value,
        deep: bool,
        out: &mut Vec<&'v Value>,
        reading: &mut Reading<'_>,
    ) -> Result<(), UsedUp> {
        let before = out.len();
        let looked_up = match self {
            Self::Names(names) => names.len(),
            Self::Indexes(indexes) => indexes.len(),
            _ => 1,
        };
        reading.work.charge(looked_up)?;
        match (self, value) {
            (Self::Name(name), _) => out.extend(value.get(name)),
            (Self::Names(names), _) => out.extend(names.iter().filter_map(|name| value.get(name))),
            (Self::Index(index), Value::Array(items)) => out.extend(item(items, *index)),
            (Self::Indexes(indexes), Value::Array(items)) => {
                out.extend(indexes.iter().filter_map(|index| item(items, *index)));
            }
            (Self::Slice(slice), Value::Array(items)) => out.extend(slice.of(items)),
            (Self::All, Value::Array(items)) => out.extend(items.iter()),
            (Self::All, Value::Object(map)) => out.extend(map.values()),
            // A deep filter meets every item by itself.
            (Self::Filter(_), Value::Array(_)) if deep => {}
            (Self::Filter(filter), Value::Array(items)) => {
                for item in items.iter() {
                    if filter.accepts(item, reading)? {
                        out.push(item);
                    }
                }
            }
            (Self::Filter(filter), Value::Object(_)) if filter.accepts(value, reading)? => {
                out.push(value);
            }
            _ => {}
        }
        reading.work.charge(out.len() - before)
    }
}

/// The values and everything below them, parents first.
fn below<'v>(found: &[&'v Value], reading: &mut Reading<'_>) -> Result<Vec<&'v Value>, UsedUp> {
    let mut out = Vec::new();
    let mut open: Vec<&Value> = found.iter().rev().copied().collect();
    while let Some(value) = open.pop() {
        reading.work.charge(1)?;
        out.push(value);
        match value {
            Value::Array(items) => open.extend(items.iter().rev()),
            Value::Object(map) => open.extend(map.iter().rev().map(|(_, value)| value)),
            _ => {}
        }
    }
    Ok(out)
}

/// The item at an index, which counts from the end if it is negative.
fn item(items: &Array, index: i64) -> Option<&Value> {
    items.get(place(index, items.len())?)
}

fn place(index: i64, length: usize) -> Option<usize> {
    let magnitude = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 {
        length.checked_sub(magnitude)
    } else {
        Some(magnitude)
    }
}

impl Slice {
    fn of<'v>(&self, items: &'v Array) -> impl Iterator<Item = &'v Value> + use<'v> {
        let side = |n: Option<i64>, default: usize| match n {
            None => default,
            Some(n) => place(n, items.len()).unwrap_or(0).min(items.len()),
        };
        let (start, end) = (side(self.start, 0), side(self.end, items.len()));
        let step = self.step;
        items
            .get(start..end)
            .unwrap_or_default()
            .iter()
            .step_by(step)
    }
}
