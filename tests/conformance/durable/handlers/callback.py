"""Handlers for the requirements of suite `callback` (4-1 … 4-19)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from aws_durable_execution_sdk_python import CallbackError, DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext


def within(seconds: int) -> CallbackConfig:
    return CallbackConfig(timeout=Duration.from_seconds(seconds))


def beating(seconds: int) -> CallbackConfig:
    return CallbackConfig(heartbeat_timeout=Duration.from_seconds(seconds))


class WithSeconds(SerDes[dict[str, Any]]):
    """Reads a JSON object whose `timestamp` is an ISO time and turns that into seconds since 1970."""

    def serialize(self, value: dict[str, Any], _: SerDesContext) -> str:
        return json.dumps(value)

    def deserialize(self, data: str, _: SerDesContext) -> dict[str, Any]:
        value = json.loads(data)
        return {**value, "timestamp": int(datetime.fromisoformat(value["timestamp"]).timestamp())}


class Number(SerDes[int]):
    def serialize(self, value: int, _: SerDesContext) -> str:
        return str(value)

    def deserialize(self, data: str, _: SerDesContext) -> int:
        return int(data)


@durable_execution
def basic(event: str, context: DurableContext) -> str:
    return context.create_callback(name=event).result()


@durable_execution
def named(_: Any, context: DurableContext) -> str:
    return context.create_callback(name="approval").result()


@durable_execution
def times_out(event: str, context: DurableContext) -> str:
    return context.create_callback(name=event, config=within(5)).result()


@durable_execution
def misses_heartbeat(event: str, context: DurableContext) -> str:
    return context.create_callback(name=event, config=beating(5)).result()


@durable_execution
def heartbeats(event: str, context: DurableContext) -> str:
    return context.create_callback(name=event, config=beating(10)).result()


@durable_execution
def step_between(event: str, context: DurableContext) -> str:
    callback = context.create_callback(name=event)
    context.step(lambda _: "done meanwhile")
    return callback.result()


@durable_execution
def step_between_times_out(event: str, context: DurableContext) -> str:
    callback = context.create_callback(name=event, config=within(5))
    context.step(lambda _: "done meanwhile")
    return callback.result()


@durable_execution
def wait_between(event: str, context: DurableContext) -> str:
    callback = context.create_callback(name=event)
    context.wait(Duration.from_seconds(5))
    return callback.result()


@durable_execution
def wait_outlasts_timeout(event: str, context: DurableContext) -> str:
    callback = context.create_callback(name=event, config=within(3))
    context.wait(Duration.from_seconds(6))
    return callback.result()


@durable_execution
def then_wait(event: str, context: DurableContext) -> str:
    result = context.create_callback(name=event).result()
    context.wait(Duration.from_seconds(2))
    return result


def caught_then_wait(context: DurableContext, name: str, config: CallbackConfig | None) -> str:
    try:
        message = context.create_callback(name=name, config=config).result()
    except CallbackError as error:
        message = f"caught: {error}"
    context.wait(Duration.from_seconds(2))
    return message


@durable_execution
def failure_caught(event: str, context: DurableContext) -> str:
    return caught_then_wait(context, event, None)


@durable_execution
def timeout_caught(event: str, context: DurableContext) -> str:
    return caught_then_wait(context, event, within(3))


@durable_execution
def typed_result(event: str, context: DurableContext) -> dict[str, Any]:
    return {"received": context.create_callback(name=event, config=CallbackConfig(serdes=WithSeconds())).result()}


@durable_execution
def number_result(event: str, context: DurableContext) -> dict[str, int]:
    count = context.create_callback(name=event, config=CallbackConfig(serdes=Number())).result()
    return {"count": count, "doubled": count * 2}


@durable_execution
def one_after_the_other(event: list[str], context: DurableContext) -> list[str]:
    return [context.create_callback(name=name).result() for name in event]


@durable_execution
def both_first_to_last(event: list[str], context: DurableContext) -> list[str]:
    first, second = (context.create_callback(name=name) for name in event)
    return [first.result(), second.result()]


@durable_execution
def both_last_to_first(event: list[str], context: DurableContext) -> list[str]:
    first, second = (context.create_callback(name=name) for name in event)
    last = second.result()
    return [first.result(), last]
