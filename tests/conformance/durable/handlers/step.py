"""Handlers for the requirements of suite `step` (1-1 … 1-20)."""

from __future__ import annotations

import logging
import os
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy, StepConfig, StepSemantics
from aws_durable_execution_sdk_python.exceptions import StepError
from aws_durable_execution_sdk_python.retries import RetryPresets, RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext

logging.getLogger().setLevel(logging.INFO)

NO_RETRY = StepConfig(retry_strategy=RetryPresets.none())


class TransientError(Exception):
    """The error that the retry strategies of 1-15 and 1-16 tell from others."""


def every_second(attempts: int, **options: Any) -> StepConfig:
    """Retries after one second each, `attempts` attempts in all."""
    strategy = RetryStrategyConfig(
        max_attempts=attempts,
        initial_delay=Duration.from_seconds(1),
        backoff_rate=1,
        jitter_strategy=JitterStrategy.NONE,
        **options,
    )
    return StepConfig(retry_strategy=create_retry_strategy(strategy))


def fails(_: StepContext) -> None:
    raise RuntimeError("this step always fails")


class Uppercase(SerDes[str]):
    """Stores text in upper case and reads it back as it is."""

    def serialize(self, value: str, _: SerDesContext) -> str:
        return value.upper()

    def deserialize(self, data: str, _: SerDesContext) -> str:
        return data


@durable_execution
def greeting(event: str, context: DurableContext) -> str:
    return context.step(lambda _: f"Hello, {event}!")


@durable_execution
def named(event: str, context: DurableContext) -> str:
    return context.step(lambda _: f"Hello, {event}!", name="custom_step_name")


@durable_execution
def sequential(_: Any, context: DurableContext) -> str:
    first = context.step(lambda _: "first")
    return context.step(lambda _: f"{first}_second")


@durable_execution
def nested_result(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    return context.step(lambda _: {"user": {"name": event["name"], "tags": event["tags"]}, "count": len(event["tags"])})


@durable_execution
def null_result(_: Any, context: DurableContext) -> None:
    return context.step(lambda _: None)


@durable_execution
def uppercased(event: str, context: DurableContext) -> str:
    return context.step(lambda _: event, config=StepConfig(serdes=Uppercase()))


@durable_execution
def logging_step(event: str, context: DurableContext) -> str:
    def greet(step: StepContext) -> str:
        step.logger.info(f"Greeting step started for: {event}")
        result = f"Hello, {event}!"
        step.logger.info(f"Greeting step completed with: {result}")
        return result

    return context.step(greet)


@durable_execution
def then_wait(_: Any, context: DurableContext) -> str:
    result = context.step(lambda _: "computed")
    context.wait(Duration.from_seconds(2))
    return result


@durable_execution
def cached(_: Any, context: DurableContext) -> str:
    def compute(step: StepContext) -> str:
        step.logger.info("step executed")
        return "cached_value"

    result = context.step(compute)
    context.wait(Duration.from_seconds(1))
    return result


@durable_execution
def cached_failure(_: Any, context: DurableContext) -> str:
    def fail(step: StepContext) -> None:
        step.logger.info("step executed")
        raise RuntimeError("fails for good")

    try:
        context.step(fail, config=NO_RETRY)
    except StepError as error:
        caught = str(error)
    context.wait(Duration.from_seconds(1))
    return caught


@durable_execution
def second_attempt(_: Any, context: DurableContext) -> str:
    def unreliable(step: StepContext) -> str:
        if step.attempt < 2:
            raise RuntimeError("not yet")
        return "Operation succeeded"

    return context.step(unreliable, config=every_second(3))


@durable_execution
def exhausted(_: Any, context: DurableContext) -> None:
    return context.step(fails, config=every_second(4))


def third_time(step: StepContext) -> str:
    if step.attempt < 3:
        raise RuntimeError(f"attempt {step.attempt} fails")
    return "third time lucky"


@durable_execution
def default_retries(_: Any, context: DurableContext) -> str:
    return context.step(third_time)


@durable_execution
def growing_delays(_: Any, context: DurableContext) -> str:
    strategy = RetryStrategyConfig(
        max_attempts=5, initial_delay=Duration.from_seconds(2), backoff_rate=3, jitter_strategy=JitterStrategy.NONE
    )
    return context.step(third_time, config=StepConfig(retry_strategy=create_retry_strategy(strategy)))


def transient(step: StepContext) -> str:
    if step.attempt == 1:
        raise TransientError("try again")
    return "recovered"


@durable_execution
def retries_transient(_: Any, context: DurableContext) -> str:
    return context.step(transient, config=every_second(3, retryable_error_types=[TransientError]))


@durable_execution
def does_not_retry_transient(_: Any, context: DurableContext) -> str:
    return context.step(transient, config=every_second(3, retryable_error_types=[TimeoutError]))


@durable_execution
def at_most_once_crash(event: str, context: DurableContext) -> None:
    def crash(step: StepContext) -> None:
        step.logger.info(f"about to crash: {event}")
        os._exit(1)

    config = StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, retry_strategy=RetryPresets.none())
    return context.step(crash, name="at_most_once_flaky_step", config=config)


@durable_execution
def at_most_once_recovers(event: str, context: DurableContext) -> str:
    def crash_once(step: StepContext) -> str:
        step.logger.info(f"attempt {step.attempt}: {event}")
        if step.attempt == 1:
            os._exit(1)
        return "succeeded on second attempt"

    config = StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, retry_strategy=every_second(2).retry_strategy)
    return context.step(crash_once, config=config)


@durable_execution
def permanent_failure(_: Any, context: DurableContext) -> None:
    return context.step(fails, config=NO_RETRY)


@durable_execution
def handled_failure(_: Any, context: DurableContext) -> str:
    try:
        context.step(fails, config=NO_RETRY)
    except StepError:
        fallback = "fallback"
    return context.step(lambda _: f"{fallback}_result")
