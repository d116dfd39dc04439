"""Handlers for the requirements of suite `child` (3-1 … 3-18)."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from aws_durable_execution_sdk_python import ChildContextError, DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import ChildConfig, Duration
from step import NO_RETRY, Uppercase, every_second, fails

logging.getLogger().setLevel(logging.INFO)

ONE_SECOND = Duration.from_seconds(1)


@durable_execution
def basic(event: str, context: DurableContext) -> str:
    return context.run_in_child_context(lambda child: child.step(lambda _: event))


@durable_execution
def named(event: dict[str, str], context: DurableContext) -> str:
    return context.run_in_child_context(lambda child: child.step(lambda _: event["value"]), name=event["name"])


@durable_execution
def two_steps(event: str, context: DurableContext) -> str:
    def body(child: DurableContext) -> str:
        first = child.step(lambda _: event)
        return child.step(lambda _: first)

    return context.run_in_child_context(body, name="two-steps")


@durable_execution
def failing_step(_: Any, context: DurableContext) -> None:
    return context.run_in_child_context(lambda child: child.step(fails, config=NO_RETRY), name="failing")


@durable_execution
def caught(event: str, context: DurableContext) -> str:
    try:
        context.run_in_child_context(lambda child: child.step(fails, config=NO_RETRY), name="failing")
    except ChildContextError:
        pass
    return context.step(lambda _: event, name="recover")


@durable_execution
def nested(event: str, context: DurableContext) -> str:
    def outer(child: DurableContext) -> str:
        child.step(lambda _: event)
        return child.run_in_child_context(lambda inner: inner.step(lambda _: event), name="inner")

    return context.run_in_child_context(outer, name="outer")


@durable_execution
def step_retried(event: str, context: DurableContext) -> str:
    def second_time(step: Any) -> str:
        if step.attempt == 1:
            raise RuntimeError("first attempt fails")
        return event

    return context.run_in_child_context(lambda child: child.step(second_time, config=every_second(3)), name="retrying")


@durable_execution
def step_exhausted(_: Any, context: DurableContext) -> None:
    return context.run_in_child_context(lambda child: child.step(fails, config=every_second(2)), name="exhausting")


@durable_execution
def replayed(event: str, context: DurableContext) -> str:
    result = context.run_in_child_context(lambda child: child.step(lambda _: event))
    context.wait(ONE_SECOND)
    return result


@durable_execution
def step_and_wait(event: str, context: DurableContext) -> str:
    def body(child: DurableContext) -> str:
        result = child.step(lambda _: event)
        child.wait(ONE_SECOND)
        return result

    return context.run_in_child_context(body, name="step-and-wait")


def always_logged(child: DurableContext, message: str) -> None:
    """Logs through the context's logger also while replaying, so that a body that runs again can be seen."""
    child.logger.with_is_replaying(lambda: False).info(message)


@durable_execution
def large_result(event: str, context: DurableContext) -> int:
    def body(child: DurableContext) -> str:
        always_logged(child, f"child body runs for {event}")
        return child.step(lambda _: "small") * 60_000

    result = context.run_in_child_context(body, name="large")
    context.wait(ONE_SECOND)
    return len(result)


@durable_execution
def interrupted(event: str, context: DurableContext) -> str:
    first_invocation = not context.is_replaying()

    def crash_once(_: Any) -> str:
        if first_invocation:
            time.sleep(1.5)  # The starts of context and step are checkpointed in the background: let them arrive.
            os._exit(1)
        return event

    return context.run_in_child_context(lambda child: child.step(crash_once))


@durable_execution
def wait_inside(event: str, context: DurableContext) -> str:
    def body(child: DurableContext) -> str:
        child.wait(ONE_SECOND)
        return event

    result = context.run_in_child_context(body, name="waiting")
    return context.step(lambda _: result)


@durable_execution
def own_serdes(event: str, context: DurableContext) -> str:
    config = ChildConfig(serdes=Uppercase())
    return context.run_in_child_context(lambda child: child.step(lambda _: event), name="uppercase", config=config)


@durable_execution
def raises(_: Any, context: DurableContext) -> None:
    def body(_: DurableContext) -> None:
        raise RuntimeError("the child itself fails")

    return context.run_in_child_context(body, name="raising")


@durable_execution
def null(_: Any, context: DurableContext) -> None:
    return context.run_in_child_context(lambda _: None, name="nothing")


@durable_execution
def logs_only(event: str, context: DurableContext) -> str:
    def body(child: DurableContext) -> str:
        always_logged(child, f"child body runs for {event}")
        return event

    result = context.run_in_child_context(body, name="logging")
    context.wait(ONE_SECOND)
    return result


@durable_execution
def mixed(event: str, context: DurableContext) -> str:
    def body(child: DurableContext) -> str:
        result = child.step(lambda _: event)
        child.wait(ONE_SECOND)
        return result

    inner = context.run_in_child_context(body, name="mixed")
    outer = context.step(lambda _: inner)
    context.wait(ONE_SECOND)
    return outer
