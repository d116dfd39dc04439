//! Handlers for the requirements of suite `map` (9-1 … 9-20).

use crate::Done;
use crate::batches::{
    ALL, COUNTS, SUCCESSES, fail, min_successful, results, told, tolerating, tolerating_percent,
};
use crate::serdes::{Joined, Prefixed};
use aws_durable_execution_sdk::builders::map_parallel::{
    BatchResult, CompletionConfig, NestingMode,
};
use aws_durable_execution_sdk::{BoxError, DurableContext};
use serde_json::{Value, json};
use std::time::Duration;

crate::handlers![
    basic,
    unnamed,
    indexed,
    empty,
    fail_fast,
    rethrows,
    min_reached,
    tolerated,
    tolerance_exceeded,
    percentage_exceeded,
    concurrent,
    flat,
    item_names,
    item_serdes,
    suspended,
    large,
    then_wait,
    failure_then_wait,
    operation_serdes,
    operation_serdes_replayed,
];

const ONE_SECOND: Duration = Duration::from_secs(1);
const FAIL: &str = "fail";

fn items(event: &Value) -> Vec<Value> {
    event.as_array().cloned().unwrap_or_default()
}

async fn ok_or_fail(_: DurableContext, item: &'static str, _: usize) -> Done {
    if item == FAIL {
        return Err(fail());
    }
    Ok(json!(item))
}

async fn upper(_: DurableContext, item: &'static str, _: usize) -> Result<String, BoxError> {
    Ok(item.to_uppercase())
}

/// Maps texts one after the other with `ok_or_fail`, by the completion rule.
async fn mapped(
    context: &DurableContext,
    name: &str,
    texts: &[&'static str],
    rule: CompletionConfig,
) -> Result<BatchResult<Value>, BoxError> {
    let map = context.map(texts.to_vec(), ok_or_fail).name(name);
    Ok(map
        .max_concurrency(1)
        .completion(rule)
        .await_batch()
        .await?)
}

async fn basic(event: Value, context: DurableContext) -> Done {
    let greet = |item: DurableContext, name: Value, _| async move {
        let name = name.as_str().unwrap_or_default().to_owned();
        Ok(item
            .step(async move |_| Ok(format!("Hello, {name}!")))
            .await?)
    };
    let map = context.map(items(&event), greet).name("map");
    Ok(json!(map.max_concurrency(1).await?))
}

async fn unnamed(event: Value, context: DurableContext) -> Done {
    let double = |_, item: Value, _| async move { Ok(item.as_i64().unwrap_or_default() * 2) };
    let map = context.map(items(&event), double).max_concurrency(1);
    Ok(json!(map.await?))
}

async fn indexed(event: Value, context: DurableContext) -> Done {
    let add =
        |_, item: Value, index| async move { Ok(item.as_u64().unwrap_or_default() + index as u64) };
    let map = context.map(items(&event), add).name("indexed");
    Ok(json!(map.max_concurrency(1).await?))
}

async fn empty(_: Value, context: DurableContext) -> Done {
    let map = context.map(Vec::<&'static str>::new(), ok_or_fail);
    Ok(json!(map.name("empty").await?))
}

async fn fail_fast(_: Value, context: DurableContext) -> Done {
    let texts = ["ok", FAIL, "never"];
    told(
        &mapped(&context, "failfast", &texts, tolerating(0)).await?,
        ALL,
    )
}

async fn rethrows(_: Value, context: DurableContext) -> Done {
    let map = context.map([FAIL, "never"], ok_or_fail).name("throwing");
    let map = map.max_concurrency(1).completion(tolerating(0));
    Ok(json!(map.await?))
}

async fn min_reached(_: Value, context: DurableContext) -> Done {
    let texts = ["a", "b", "c", "d"];
    let batch = mapped(&context, "min-successful", &texts, min_successful(2)).await?;
    told(&batch, SUCCESSES)
}

async fn tolerated(_: Value, context: DurableContext) -> Done {
    let texts = ["a", FAIL, "c"];
    told(
        &mapped(&context, "tolerated", &texts, tolerating(1)).await?,
        ALL,
    )
}

async fn tolerance_exceeded(_: Value, context: DurableContext) -> Done {
    let texts = [FAIL, FAIL, "never"];
    let batch = mapped(&context, "tolerated-exceeded", &texts, tolerating(1)).await?;
    told(&batch, COUNTS)
}

async fn percentage_exceeded(_: Value, context: DurableContext) -> Done {
    let texts = [FAIL, FAIL, "never", "never"];
    let batch = mapped(&context, "tolerated-pct", &texts, tolerating_percent(25)).await?;
    told(&batch, COUNTS)
}

async fn concurrent(_: Value, context: DurableContext) -> Done {
    let map = context.map(["r0", "r1", "r2"], ok_or_fail);
    Ok(json!(map.name("concurrent").max_concurrency(2).await?))
}

async fn flat(_: Value, context: DurableContext) -> Done {
    let step = |item: DurableContext, text: &'static str, _| async move {
        Ok(item.step(async move |_| Ok(text.to_owned())).await?)
    };
    let map = context.map(["fa", "fb"], step).name("flat");
    let map = map.max_concurrency(1).nesting(NestingMode::Flat);
    Ok(json!(map.await?))
}

async fn item_names(event: Value, context: DurableContext) -> Done {
    let items = items(&event);
    let names: Vec<String> = items.iter().map(|item| format!("item-{item}")).collect();
    let times_ten = |_, item: Value, _| async move { Ok(item.as_i64().unwrap_or_default() * 10) };
    let map = context.map(items, times_ten).name("named-items");
    let namer = move |index: usize| names.get(index).cloned().unwrap_or_default();
    Ok(json!(map.max_concurrency(1).item_namer(namer).await?))
}

async fn item_serdes(_: Value, context: DurableContext) -> Done {
    let map = context.map(["x", "y"], upper).name("serdes");
    Ok(json!(map.max_concurrency(1).serdes(Prefixed).await?))
}

async fn suspended(_: Value, context: DurableContext) -> Done {
    let work = |item: DurableContext, text: &'static str, index| async move {
        if index == 1 {
            item.wait(ONE_SECOND).await?;
        }
        Ok(item.step(async move |_| Ok(text.to_owned())).await?)
    };
    let map = context.map(["r0", "r1"], work).name("suspend");
    Ok(json!(map.max_concurrency(1).await?))
}

async fn large(_: Value, context: DurableContext) -> Done {
    let work = |_, text: &'static str, _| async move { Ok(json!(text.repeat(70_000))) };
    let map = context.map(["a", "b", "c", "d"], work).name("large");
    let batch = map.max_concurrency(1).await_batch().await?;
    told(&batch, &["successCount", "totalCount"])
}

async fn then_wait(_: Value, context: DurableContext) -> Done {
    let map = context.map(["a", "b"], upper).name("then-wait");
    let results = map.max_concurrency(1).await?;
    context.wait(ONE_SECOND).await?;
    Ok(json!(results))
}

async fn failure_then_wait(_: Value, context: DurableContext) -> Done {
    let batch = mapped(&context, "fail-then-wait", &["ok", FAIL], tolerating(1)).await?;
    context.wait(ONE_SECOND).await?;
    told(&batch, ALL)
}

async fn joined(context: &DurableContext, name: &str) -> Done {
    let work = |_, text: &'static str, _| async move { Ok(json!(text.to_uppercase())) };
    let map = context.map(["x", "y"], work).name(name).max_concurrency(1);
    results(&map.result_serdes(Joined).await_batch().await?)
}

async fn operation_serdes(_: Value, context: DurableContext) -> Done {
    joined(&context, "op-serde").await
}

async fn operation_serdes_replayed(_: Value, context: DurableContext) -> Done {
    let results = joined(&context, "op-serde-replay").await?;
    context.wait(ONE_SECOND).await?;
    Ok(results)
}
