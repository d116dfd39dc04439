//! Several items for one iteration.

use everstep_expr::json::{Map, Value};

use super::environment::Environment;
use super::fault::Fault;
use super::map::integer;
use super::steps::{query, shape};
use crate::definition::{BatchLimit, ItemBatcher, Payload};

/// The batches of a Map state's items, each an object with `Items`, and with `BatchInput` where the state has one.
///
/// # Errors
/// Whatever can be wrong with the batcher's fields, or an item that fits no batch.
pub fn batches(
    batcher: &ItemBatcher,
    items: &[Value],
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Vec<Value>, Fault> {
    let mut limit = |limit: &Option<BatchLimit>, field: &str| {
        limit
            .as_ref()
            .map(|limit| positive(limit, field, input, environment))
            .transpose()
    };
    let items_max = limit(&batcher.max_items, "MaxItemsPerBatch")?;
    let bytes_max = limit(&batcher.max_input_bytes, "MaxInputBytesPerBatch")?;
    let given = match &batcher.batch_input {
        None => None,
        Some(Payload::JsonPath(template)) => Some(shape(template, input, environment)?),
        Some(Payload::Jsonata(template)) => Some(query(
            template,
            "BatchInput",
            input,
            (None, None),
            environment,
        )?),
    };
    let empty = batch(given.as_ref(), Vec::new()).len_utf8();
    let (mut batches, mut open, mut length) = (Vec::new(), Vec::new(), empty);
    for item in items {
        // A comma goes before every item but the first.
        let more = item.len_utf8() + usize::from(!open.is_empty());
        let is_full = items_max.is_some_and(|max| open.len() >= max)
            || bytes_max.is_some_and(|max| length.saturating_add(more) > max);
        if is_full && !open.is_empty() {
            batches.push(batch(given.as_ref(), std::mem::take(&mut open)));
            length = empty;
        }
        let alone = empty.saturating_add(item.len_utf8());
        if let Some(max) = bytes_max.filter(|max| alone > *max) {
            return Err(Fault::runtime(format!(
                "An item does not fit into a batch of {max} bytes."
            )));
        }
        length = length.saturating_add(item.len_utf8() + usize::from(!open.is_empty()));
        open.push(item.clone());
    }
    if !open.is_empty() {
        batches.push(batch(given.as_ref(), open));
    }
    Ok(batches)
}

fn positive(
    limit: &BatchLimit,
    field: &str,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<usize, Fault> {
    let number = integer(limit, field, input, environment)?;
    match usize::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Fault::runtime(format!("{field} must be positive."))),
    }
}

fn batch(given: Option<&Value>, items: Vec<Value>) -> Value {
    let mut batch = Map::with_capacity(2);
    if let Some(given) = given {
        batch.insert("BatchInput", given.clone());
    }
    batch.insert("Items", items.into());
    batch.into()
}
