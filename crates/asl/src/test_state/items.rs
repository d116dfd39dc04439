//! The items of a tested Map state.

use everstep_expr::json::Value;

use super::inspection::Inspection;
use super::refusal::Refusal;
use super::scope::Scope;
use crate::definition::{InputType, ItemReader, Map, QueryLanguage};
use crate::machine::flow::{self, Fault, Tolerance};

/// What a Map state makes of its input.
pub(super) struct Spread {
    /// How many iterations there are. `None` where nobody says what the reader has read.
    pub length: Option<u32>,
    pub tolerance: Tolerance,
}

/// Evaluates what comes before the first iteration. `read` is what the reader has read.
///
/// # Errors
/// Whatever can be wrong with the state's fields.
pub(super) fn spread(
    map: &Map,
    language: QueryLanguage,
    (input, read): (&Value, Option<&Value>),
    scope: &mut Scope,
    inspection: &mut Inspection,
) -> Result<Spread, Fault> {
    let data = flow::effective_input(&map.flow, input, scope)?;
    let items = match (&map.item_reader, read) {
        (None, _) => Some(flow::items(map, language, &data, scope)?),
        (Some(reader), Some(read)) => {
            let pointed = pointed(reader, read, &data, scope, inspection)?;
            Some(flow::first_items(reader, pointed, &data, scope)?)
        }
        (Some(_), None) => None,
    };
    inspection.max_concurrency = Some(flow::concurrency(map, &data, scope)?);
    let tolerance = flow::tolerance(map, &data, scope)?;
    inspection.tolerated_failure_count = tolerance.count;
    inspection.tolerated_failure_percentage = tolerance.percentage;
    let length = match items {
        Some(items) => Some(iterations(map, items, &data, scope, inspection)?),
        None => None,
    };
    Ok(Spread { length, tolerance })
}

/// What becomes of the items: how many iterations there are.
fn iterations(
    map: &Map,
    mut items: Value,
    data: &Value,
    scope: &mut Scope,
    inspection: &mut Inspection,
) -> Result<u32, Fault> {
    if map.item_selector.is_some() {
        let selected = selected(map, &items, data, scope);
        scope.behind_items();
        items = selected?.into();
        inspection.after_item_selector = Some(items.clone());
    }
    if let (Some(batcher), Some(all)) = (&map.item_batcher, items.as_array()) {
        items = flow::batches(batcher, all, data, scope)?.into();
        inspection.after_item_batcher = Some(items.clone());
    }
    let count = items.as_array().map_or(0, |items| items.len());
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn selected(
    map: &Map,
    items: &Value,
    data: &Value,
    scope: &mut Scope,
) -> Result<Vec<Value>, Fault> {
    let items = items.as_array().into_iter().flat_map(|items| items.iter());
    items
        .enumerate()
        .map(|(index, item)| {
            scope.at_item(index, item);
            flow::item(map, item, data, scope)
        })
        .collect()
}

/// What of the data the reader's `ItemsPointer` means.
fn pointed(
    reader: &ItemReader,
    read: &Value,
    data: &Value,
    scope: &mut Scope,
    inspection: &mut Inspection,
) -> Result<Value, Fault> {
    let Some(pointer) = &reader.config.items_pointer else {
        return Ok(read.clone());
    };
    let pointer = flow::text(pointer, "ItemsPointer", data, scope)?;
    let found = at_pointer(read, &pointer).cloned();
    inspection.after_items_pointer.clone_from(&found);
    found.ok_or_else(|| Fault::Runtime {
        detail: format!("The ItemsPointer '{pointer}' leads to nothing in the data that was read."),
    })
}

/// What a JSON pointer (RFC 6901) leads to.
fn at_pointer<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    if pointer.is_empty() {
        return Some(value);
    }
    pointer
        .strip_prefix('/')?
        .split('/')
        .try_fold(value, |value, part| {
            let name = part.replace("~1", "/").replace("~0", "~");
            match value {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                other => other.get(&name),
            }
        })
}

/// What the reader of a Map state has read, as it lay at its source.
///
/// # Errors
/// [`Refusal::ReaderData`] for what is not of the kind that the reader reads.
pub(super) fn read(map: &Map, text: &str) -> Result<Value, Refusal> {
    let refuse = |reason: String| Refusal::ReaderData { reason };
    let kind = map
        .item_reader
        .as_ref()
        .and_then(|reader| reader.config.input_type);
    match kind {
        None | Some(InputType::Json) => {
            Value::parse(text).map_err(|error| refuse(error.to_string()))
        }
        Some(InputType::Jsonl) => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let values: Result<Vec<Value>, _> = lines.map(Value::parse).collect();
            values
                .map(Value::from)
                .map_err(|error| refuse(error.to_string()))
        }
        Some(InputType::Csv | InputType::Parquet | InputType::Manifest) => Err(refuse(
            "Everstep reads only JSON and JSON lines here".to_owned(),
        )),
    }
}
