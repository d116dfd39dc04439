//! Handlers for the requirements of suite `child` (3-1 … 3-18).

use crate::serdes::Uppercase;
use crate::step::{every_second, fails, no_retry};
use crate::{Done, at, log, text};
use aws_durable_execution_sdk::{BoxError, DurableContext, StepContext};
use serde_json::{Value, json};
use std::time::Duration;

crate::handlers![
    basic,
    named,
    two_steps,
    failing_step,
    caught,
    nested,
    step_retried,
    step_exhausted,
    replayed,
    step_and_wait,
    large_result,
    interrupted,
    wait_inside,
    own_serdes,
    raises,
    nothing,
    logs_only,
    mixed,
];

const ONE_SECOND: Duration = Duration::from_secs(1);

/// A step that returns its value.
async fn stepped(context: &DurableContext, value: Value) -> Done {
    Ok(context.step(async move |_| Ok(value)).await?)
}

async fn basic(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async move |child| stepped(&child, event).await);
    Ok(child.await?)
}

async fn named(event: Value, context: DurableContext) -> Done {
    let name = text(&at(&event, "name"))?;
    let value = at(&event, "value");
    let child = context.run_in_child_context(async move |child| stepped(&child, value).await);
    Ok(child.name(name).await?)
}

async fn two_steps(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async move |child| {
        let first = stepped(&child, event).await?;
        stepped(&child, first).await
    });
    Ok(child.name("two-steps").await?)
}

async fn fails_inside(child: DurableContext) -> Done {
    Ok(child.step(fails).retry_strategy(no_retry).await?)
}

async fn failing_step(_: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(fails_inside).name("failing");
    Ok(child.await?)
}

async fn caught(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(fails_inside).name("failing");
    if child.await.is_ok() {
        return Err("the child was to fail".into());
    }
    let recover = context.step(async move |_| Ok(event)).name("recover");
    Ok(recover.await?)
}

async fn nested(event: Value, context: DurableContext) -> Done {
    let outer = context.run_in_child_context(async move |outer| {
        let value = stepped(&outer, event).await?;
        let inner = outer.run_in_child_context(async move |inner| stepped(&inner, value).await);
        Ok(inner.name("inner").await?)
    });
    Ok(outer.name("outer").await?)
}

async fn step_retried(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async move |child: DurableContext| {
        let step = child.step(async move |step: StepContext| {
            if step.attempt() == 1 {
                return Err("first attempt fails".into());
            }
            Ok(event)
        });
        Ok(step.retry_strategy_config(every_second(3)).await?)
    });
    Ok(child.name("retrying").await?)
}

async fn step_exhausted(_: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async |child: DurableContext| {
        Ok(child
            .step(fails)
            .retry_strategy_config(every_second(2))
            .await?)
    });
    Ok(child.name("exhausting").await?)
}

async fn replayed(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async move |child| stepped(&child, event).await);
    let result = child.await?;
    context.wait(ONE_SECOND).await?;
    Ok(result)
}

async fn step_then_wait(child: DurableContext, value: Value) -> Done {
    let result = stepped(&child, value).await?;
    child.wait(ONE_SECOND).await?;
    Ok(result)
}

async fn step_and_wait(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(move |child| step_then_wait(child, event));
    Ok(child.name("step-and-wait").await?)
}

async fn large_result(event: Value, context: DurableContext) -> Done {
    let input = text(&event)?;
    let child = context.run_in_child_context(async move |child: DurableContext| {
        log(
            child.execution_arn(),
            &format!("child body runs for {input}"),
        );
        let small = child.step(async |_| Ok("small".to_owned())).await?;
        Ok(small.repeat(60_000))
    });
    let result: String = child.name("large").await?;
    context.wait(ONE_SECOND).await?;
    Ok(json!(result.len()))
}

async fn interrupted(event: Value, context: DurableContext) -> Done {
    let first_invocation = !context.is_replaying();
    let child = context.run_in_child_context(async move |child: DurableContext| {
        let step = child.step(async move |_| {
            if first_invocation {
                std::process::exit(1);
            }
            Ok(event)
        });
        Ok(step.await?)
    });
    Ok(child.await?)
}

async fn wait_inside(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async move |child: DurableContext| {
        child.wait(ONE_SECOND).await?;
        Ok(event)
    });
    let result = child.name("waiting").await?;
    stepped(&context, result).await
}

async fn own_serdes(event: Value, context: DurableContext) -> Done {
    let input = text(&event)?;
    let child = context.run_in_child_context(async move |child: DurableContext| {
        Ok(child.step(async move |_| Ok(input)).await?)
    });
    Ok(json!(child.name("uppercase").serdes(Uppercase).await?))
}

async fn raises(_: Value, context: DurableContext) -> Done {
    let child = context
        .run_in_child_context(async |_| Err::<Value, BoxError>("the child itself fails".into()));
    Ok(child.name("raising").await?)
}

async fn nothing(_: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async |_| Ok(Value::Null));
    Ok(child.name("nothing").await?)
}

async fn logs_only(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(async move |child: DurableContext| {
        let message = format!("child body runs for {}", text(&event)?);
        log(child.execution_arn(), &message);
        Ok(event)
    });
    let result = child.name("logging").await?;
    context.wait(ONE_SECOND).await?;
    Ok(result)
}

async fn mixed(event: Value, context: DurableContext) -> Done {
    let child = context.run_in_child_context(move |child| step_then_wait(child, event));
    let inner = child.name("mixed").await?;
    let outer = stepped(&context, inner).await?;
    context.wait(ONE_SECOND).await?;
    Ok(outer)
}
