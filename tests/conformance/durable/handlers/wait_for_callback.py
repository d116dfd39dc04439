"""Handlers for the requirements of suite `wait_for_callback` (7-1 … 7-15)."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import CallbackError, DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, WaitForCallbackConfig
from aws_durable_execution_sdk_python.serdes import JsonSerDes
from step import every_second


def submit(callback_id: str, _: Any) -> None:
    """Stands for handing the callback id to somebody: the suite reads it from the history."""
    assert callback_id


@durable_execution
def basic(event: str, context: DurableContext) -> str:
    return context.wait_for_callback(submit, name=event)


@durable_execution
def named(_: Any, context: DurableContext) -> str:
    return context.wait_for_callback(submit, name="approval")


@durable_execution
def anonymous(_: Any, context: DurableContext) -> str:
    return context.wait_for_callback(lambda callback_id, _: submit(callback_id, _))


@durable_execution
def times_out(event: str, context: DurableContext) -> str:
    return context.wait_for_callback(submit, name=event, config=WaitForCallbackConfig(timeout=Duration.from_seconds(3)))


@durable_execution
def failure_caught(event: str, context: DurableContext) -> str:
    try:
        return context.wait_for_callback(submit, name=event)
    except CallbackError:
        return "recovered"


@durable_execution
def submitter_fails(event: str, context: DurableContext) -> str:
    def refuse(_: str, __: Any) -> None:
        raise RuntimeError("nobody to submit to")

    config = WaitForCallbackConfig(retry_strategy=every_second(2).retry_strategy)
    return context.wait_for_callback(refuse, name=event, config=config)


@durable_execution
def in_child(event: str, context: DurableContext) -> str:
    return context.run_in_child_context(lambda child: child.wait_for_callback(submit, name=event), name="wrapper")


@durable_execution
def two(_: Any, context: DurableContext) -> str:
    context.wait_for_callback(submit, name="first")
    return context.wait_for_callback(submit, name="second")


@durable_execution
def after_wait_and_step(event: str, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(1))
    context.step(lambda _: "fixed data")
    return context.wait_for_callback(submit, name=event)


@durable_execution
def json_result(event: str, context: DurableContext) -> str:
    return context.wait_for_callback(submit, name=event, config=WaitForCallbackConfig(serdes=JsonSerDes()))["status"]


@durable_execution
def misses_heartbeat(event: str, context: DurableContext) -> str:
    config = WaitForCallbackConfig(heartbeat_timeout=Duration.from_seconds(5))
    return context.wait_for_callback(submit, name=event, config=config)


@durable_execution
def heartbeats(event: str, context: DurableContext) -> str:
    config = WaitForCallbackConfig(heartbeat_timeout=Duration.from_seconds(10))
    return context.wait_for_callback(submit, name=event, config=config)


@durable_execution
def timeout_caught(event: str, context: DurableContext) -> str:
    try:
        return context.wait_for_callback(submit, name=event, config=WaitForCallbackConfig(timeout=Duration.from_seconds(3)))
    except CallbackError:
        return "timed-out-handled"
