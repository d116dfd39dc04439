//! Handlers for the requirements of suite `parallel` (8-1 … 8-22).

use crate::Done;
use crate::batches::{
    ALL, COUNTS, SUCCESSES, fail, min_successful, results, told, tolerating, tolerating_percent,
};
use crate::serdes::Wrapped;
use aws_durable_execution_sdk::builders::map_parallel::{
    BatchResult, CompletionConfig, NestingMode,
};
use aws_durable_execution_sdk::{BoxError, Branch, DurableContext};
use serde_json::{Value, json};
use std::time::Duration;

crate::handlers![
    basic,
    unnamed,
    named_branches,
    many_types,
    empty,
    fail_fast,
    rethrows,
    min_reached,
    tolerated,
    tolerance_exceeded,
    concurrent,
    flat,
    percentage_exceeded,
    suspended,
    item_serdes,
    all_fail,
    min_not_reached,
    combined,
    bad_concurrency,
    accessors,
    nested,
    percentage_boundary,
];

/// What a branch does.
#[derive(Clone)]
enum Does {
    Returns(Value),
    Steps(Value),
    Fails,
    Waits(Value),
}

use Does::{Fails, Returns, Steps, Waits};

fn returns(value: impl Into<Value>) -> Does {
    Returns(value.into())
}

fn steps(value: impl Into<Value>) -> Does {
    Steps(value.into())
}

async fn work(context: DurableContext, does: Does) -> Done {
    match does {
        Returns(value) => Ok(value),
        Steps(value) => Ok(context.step(async move |_| Ok(value)).await?),
        Fails => Err(fail()),
        Waits(value) => {
            context.wait(Duration::from_secs(2)).await?;
            Ok(value)
        }
    }
}

fn branches(all: &[Does]) -> Vec<Branch<Value>> {
    let named = all.iter().cloned().enumerate();
    let branch = |(number, does)| Branch::new(format!("branch-{number}"), |c| work(c, does));
    named.map(branch).collect()
}

/// Runs the branches one after the other, by the completion rule.
async fn run(
    context: &DurableContext,
    name: &str,
    all: &[Does],
    rule: CompletionConfig,
) -> Result<BatchResult<Value>, BoxError> {
    let parallel = context.parallel(branches(all)).name(name);
    Ok(parallel
        .max_concurrency(1)
        .completion(rule)
        .await_batch()
        .await?)
}

/// The results of branches that run one after the other and all succeed.
async fn in_order(context: &DurableContext, name: &str, all: &[Does]) -> Done {
    let parallel = context.parallel(branches(all)).name(name);
    Ok(json!(parallel.max_concurrency(1).await?))
}

async fn basic(_: Value, context: DurableContext) -> Done {
    in_order(&context, "parallel", &[steps("task-1"), steps("task-2")]).await
}

async fn unnamed(_: Value, context: DurableContext) -> Done {
    let parallel = context.parallel(branches(&[returns("alpha"), returns("beta")]));
    Ok(json!(parallel.max_concurrency(1).await?))
}

async fn named_branches(_: Value, context: DurableContext) -> Done {
    let named = [("first", returns("one")), ("second", returns("two"))];
    let named = named.map(|(name, does)| Branch::new(name, |c| work(c, does)));
    let parallel = context.parallel(named).name("named").max_concurrency(1);
    Ok(json!(parallel.await?))
}

async fn many_types(_: Value, context: DurableContext) -> Done {
    let all = [returns("hello"), returns(42), returns(json!({ "k": "v" }))];
    in_order(&context, "hetero", &all).await
}

async fn empty(_: Value, context: DurableContext) -> Done {
    let parallel = context.parallel(branches(&[])).name("empty");
    Ok(json!(parallel.await?))
}

async fn fail_fast(_: Value, context: DurableContext) -> Done {
    let all = [returns("ok"), Fails, returns("never")];
    told(&run(&context, "failfast", &all, tolerating(0)).await?, ALL)
}

async fn rethrows(_: Value, context: DurableContext) -> Done {
    let parallel = context.parallel(branches(&[Fails, returns("never")]));
    let parallel = parallel.name("throwing").max_concurrency(1);
    Ok(json!(parallel.completion(tolerating(0)).await?))
}

async fn min_reached(_: Value, context: DurableContext) -> Done {
    let all = ["b0", "b1", "b2", "b3"].map(returns);
    let batch = run(&context, "min-successful", &all, min_successful(2)).await?;
    told(&batch, SUCCESSES)
}

async fn tolerated(_: Value, context: DurableContext) -> Done {
    let all = [returns("a"), Fails, returns("c")];
    told(&run(&context, "tolerated", &all, tolerating(1)).await?, ALL)
}

async fn tolerance_exceeded(_: Value, context: DurableContext) -> Done {
    let all = [Fails, Fails, returns("never")];
    let batch = run(&context, "tolerated-exceeded", &all, tolerating(1)).await?;
    told(&batch, COUNTS)
}

async fn concurrent(_: Value, context: DurableContext) -> Done {
    let all = ["r0", "r1", "r2"].map(returns);
    let parallel = context.parallel(branches(&all)).name("concurrent");
    Ok(json!(parallel.max_concurrency(2).await?))
}

async fn flat(_: Value, context: DurableContext) -> Done {
    let parallel = context.parallel(branches(&[steps("fa"), steps("fb")]));
    let parallel = parallel.name("flat").max_concurrency(1);
    Ok(json!(parallel.nesting(NestingMode::Flat).await?))
}

async fn percentage_exceeded(_: Value, context: DurableContext) -> Done {
    let all = [Fails, Fails, returns("never"), returns("never")];
    let batch = run(&context, "tolerated-pct", &all, tolerating_percent(25)).await?;
    told(&batch, COUNTS)
}

async fn suspended(_: Value, context: DurableContext) -> Done {
    in_order(&context, "replay", &[steps("b0"), Waits(json!("b1"))]).await
}

async fn item_serdes(_: Value, context: DurableContext) -> Done {
    let parallel = context.parallel(branches(&[returns("x"), returns("y")]));
    let parallel = parallel.name("serde").max_concurrency(1);
    Ok(json!(parallel.serdes(Wrapped).await?))
}

async fn all_fail(_: Value, context: DurableContext) -> Done {
    let all = [Fails, Fails, Fails];
    told(&run(&context, "all-fail", &all, tolerating(3)).await?, ALL)
}

async fn min_not_reached(_: Value, context: DurableContext) -> Done {
    let all = [returns("a"), Fails, returns("c")];
    let batch = run(&context, "min-not-reached", &all, min_successful(3)).await?;
    told(&batch, ALL)
}

async fn combined(_: Value, context: DurableContext) -> Done {
    let all = [Fails, Fails, returns("never"), returns("never")];
    let rule = CompletionConfig::builder()
        .min_successful(3)
        .tolerated_failure_count(1)
        .build()?;
    told(&run(&context, "combined", &all, rule).await?, COUNTS)
}

async fn bad_concurrency(_: Value, context: DurableContext) -> Done {
    let parallel = context.parallel(branches(&[returns("a"), returns("b")]));
    let parallel = parallel.name("bad-concurrency").max_concurrency(0);
    Ok(json!(parallel.await?))
}

async fn accessors(_: Value, context: DurableContext) -> Done {
    let all = [returns("a"), Fails, returns("c")];
    let batch = run(&context, "accessors", &all, tolerating(1)).await?;
    Ok(json!({
        "hasFailure": batch.has_failure(),
        "successCount": batch.results().len(),
        "failureCount": batch.failure_count(),
        "errorCount": batch.errors().len(),
    }))
}

async fn nested(_: Value, context: DurableContext) -> Done {
    let inner = Branch::new("outer-branch", async |context: DurableContext| {
        let parallel = context.parallel(branches(&[steps("i1"), steps("i2")]));
        let batch = parallel.name("inner").max_concurrency(1);
        results(&batch.await_batch().await?)
    });
    let outer = context.parallel([inner]).name("outer").max_concurrency(1);
    Ok(json!(outer.await?))
}

async fn percentage_boundary(_: Value, context: DurableContext) -> Done {
    let all = [Fails, returns("b"), returns("c"), returns("d")];
    let batch = run(&context, "pct-boundary", &all, tolerating_percent(25)).await?;
    told(&batch, ALL)
}
