"""Handlers for the requirements of suite `plugin` (10-1 … 10-7): each tells what its instrumentation plugin hears."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration
from aws_durable_execution_sdk_python.lambda_service import OperationType
from aws_durable_execution_sdk_python.plugin import DurableInstrumentationPlugin
from step import NO_RETRY, every_second, fails

logging.getLogger().setLevel(logging.INFO)


class Telling(DurableInstrumentationPlugin):
    """Prints one JSON line per hook that it was asked to hear; a faulty one raises after each line.

    `fields` names, per hook, what is told of it; a hook that is not named is not heard.
    """

    def __init__(self, name: str, arn: str | None, fields: dict[str, list[str]], faulty: bool) -> None:
        self._name, self._arn, self._fields, self._faulty = name, arn, fields, faulty

    def _tell(self, hook: str, **known: Any) -> None:
        if hook not in self._fields:
            return
        told = {field: known[field] for field in self._fields[hook]}
        print(json.dumps({"plugin": self._name, "hook": hook, "durableExecutionArn": self._arn, **told}), flush=True)
        if self._faulty:
            raise RuntimeError(f"{hook} is faulty")

    def on_invocation_start(self, info: Any) -> None:
        self._tell("invocation-start", first=info.is_first_invocation)

    def on_invocation_end(self, info: Any) -> None:
        self._tell("invocation-end", status=info.status.value)

    def on_operation_start(self, info: Any) -> None:
        if is_step(info):
            self._tell("operation-start", op=info.operation_id)

    def on_operation_end(self, info: Any) -> None:
        if is_step(info):
            self._tell("operation-end", op=info.operation_id, status=info.status.value)

    def on_user_function_start(self, info: Any) -> None:
        if is_step(info):
            self._tell("attempt-start", n=info.attempt, op=info.operation_id)

    def on_user_function_end(self, info: Any) -> None:
        if is_step(info):
            self._tell("attempt-end", n=info.attempt, outcome=info.outcome.value, op=info.operation_id)


def is_step(info: Any) -> bool:
    return info.operation_type.value == OperationType.STEP.value


class Telltale:
    """The factory that the SDK asks for one plugin per invocation."""

    def __init__(self, fields: dict[str, list[str]], name: str = "CONFPLUGIN", faulty: bool = False) -> None:
        self._fields, self._name, self._faulty = fields, name, faulty

    def create_plugin(self, info: Any) -> Telling:
        return Telling(self._name, info.execution_arn, self._fields, self._faulty)


INVOCATIONS = {"invocation-start": ["first"], "invocation-end": ["status"]}
OPERATIONS = {"operation-start": ["op"], "operation-end": ["op", "status"]}
ATTEMPTS = {"attempt-start": ["n", "op"], "attempt-end": ["n", "outcome", "op"]}
EVERY_HOOK: dict[str, list[str]] = {hook: [] for hook in (*INVOCATIONS, *OPERATIONS, *ATTEMPTS)}


def greet(event: str) -> Callable[[StepContext], str]:
    def step(context: StepContext) -> str:
        context.logger.info(f"Greeting step running for: {event}")
        return f"Hello, {event}!"

    return step


@durable_execution(plugins=[Telltale(INVOCATIONS)])
def invocations(event: str, context: DurableContext) -> str:
    return context.step(greet(event))


@durable_execution(plugins=[Telltale(OPERATIONS)])
def operations(event: str, context: DurableContext) -> str:
    return context.step(greet(event))


@durable_execution(plugins=[Telltale(ATTEMPTS)])
def attempts(_: Any, context: DurableContext) -> str:
    def unreliable(step: StepContext) -> str:
        if step.attempt == 1:
            raise RuntimeError("not yet")
        return "Operation succeeded"

    return context.step(unreliable, config=every_second(3))


@durable_execution(plugins=[Telltale(EVERY_HOOK, name="CONFPLUGIN-FAULTY", faulty=True)])
def faulty(event: str, context: DurableContext) -> str:
    return context.step(greet(event))


BOTH = {"invocation-start": [], "invocation-end": ["status"]}


@durable_execution(plugins=[Telltale(BOTH, name="CONFPLUGIN-A"), Telltale(BOTH, name="CONFPLUGIN-B")])
def two_plugins(event: str, context: DurableContext) -> str:
    return context.step(greet(event))


@durable_execution(plugins=[Telltale(INVOCATIONS)])
def waiting(_: Any, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(2))
    return "waited"


@durable_execution(plugins=[Telltale(INVOCATIONS)])
def failing(_: Any, context: DurableContext) -> None:
    return context.step(fails, config=NO_RETRY)
