"""Handlers for the requirements of suite `invoke` (5-1 … 5-16), and the functions that they call."""

from __future__ import annotations

import json
import os
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, InvokeError, durable_execution
from aws_durable_execution_sdk_python.config import Duration, InvokeConfig
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext


def target() -> str:
    return os.environ["TARGET_FUNCTION_NAME"]


class UppercasePayload(SerDes[Any]):
    """Sends JSON in upper case."""

    def serialize(self, value: Any, _: SerDesContext) -> str:
        return json.dumps(value).upper()

    def deserialize(self, data: str, _: SerDesContext) -> Any:
        return json.loads(data)


class UppercaseResult(SerDes[str]):
    """Takes the result's text as it came, in upper case."""

    def serialize(self, value: str, _: SerDesContext) -> str:
        return value

    def deserialize(self, data: str, _: SerDesContext) -> str:
        return data.upper()


@durable_execution
def target_echo(event: Any, _: DurableContext) -> Any:
    return event


@durable_execution
def target_error(_: Any, __: DurableContext) -> None:
    raise RuntimeError("the target always fails")


@durable_execution
def basic(event: Any, context: DurableContext) -> Any:
    return context.invoke(target(), event)


@durable_execution
def named(event: dict[str, str], context: DurableContext) -> Any:
    return context.invoke(target(), event["payload"], name=event["name"])


@durable_execution
def failure_caught(_: Any, context: DurableContext) -> str:
    try:
        return context.invoke(target(), None)
    except InvokeError:
        return "fallback"


@durable_execution
def large_payload(_: Any, context: DurableContext) -> int:
    return len(context.invoke(target(), "x" * 1_000_000))


@durable_execution
def tenant(event: dict[str, str], context: DurableContext) -> Any:
    return context.invoke(target(), event["payload"], config=InvokeConfig(tenant_id=event["tenantId"]))


@durable_execution
def then_wait(_: Any, context: DurableContext) -> Any:
    result = context.invoke(target(), "cached")
    context.wait(Duration.from_seconds(1))
    return result


@durable_execution
def failure_then_wait(_: Any, context: DurableContext) -> str:
    try:
        caught = context.invoke(target(), None)
    except InvokeError as error:
        caught = f"caught: {error}"
    context.wait(Duration.from_seconds(1))
    return caught


@durable_execution
def step_first(_: Any, context: DurableContext) -> Any:
    prepared = context.step(lambda _: "prepared")
    return context.invoke(target(), prepared)


@durable_execution
def step_after(_: Any, context: DurableContext) -> str:
    result = context.invoke(target(), "invoked")
    return context.step(lambda _: f"{result}, then stepped")


@durable_execution
def in_child(_: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: child.invoke(target(), "from the child"))


@durable_execution
def two(_: Any, context: DurableContext) -> list[Any]:
    return [context.invoke(os.environ[name], name) for name in ("TARGET_FUNCTION_NAME_1", "TARGET_FUNCTION_NAME_2")]


@durable_execution
def payload_serdes(event: Any, context: DurableContext) -> Any:
    return context.invoke(target(), event, config=InvokeConfig(serdes_payload=UppercasePayload()))


@durable_execution
def result_serdes(event: Any, context: DurableContext) -> str:
    return context.invoke(target(), event, config=InvokeConfig(serdes_result=UppercaseResult()))
