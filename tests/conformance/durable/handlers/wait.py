"""Handlers for the requirements of suite `wait` (2-1 … 2-5)."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration


@durable_execution
def basic(_: Any, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(2))
    return "waited"


@durable_execution
def named(_: Any, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(2), name="custom_wait_name")
    return "waited"


@durable_execution
def sequential(_: Any, context: DurableContext) -> dict[str, int]:
    names = ["wait-1", "wait-2"]
    for name in names:
        context.wait(Duration.from_seconds(2), name=name)
    return {"completedWaits": len(names)}


@durable_execution
def one_minute(_: Any, context: DurableContext) -> str:
    context.wait(Duration.from_minutes(1))
    return "waited"


@durable_execution
def one_hour(_: Any, context: DurableContext) -> str:
    context.wait(Duration.from_hours(1))
    return "waited"
