"""Handlers for the requirements of suite `parallel` (8-1 … 8-22)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import BatchResult, DurableContext, ParallelBranch, durable_execution
from aws_durable_execution_sdk_python.config import CompletionConfig, Duration, NestingType, ParallelConfig
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext
from batches import COUNTS, fail, told

Branch = Callable[[DurableContext], Any]


def returning(value: Any) -> Branch:
    return lambda _: value


def stepping(value: Any) -> Branch:
    return lambda context: context.step(lambda _: value)


def sequential(**options: Any) -> ParallelConfig:
    return ParallelConfig(max_concurrency=1, **options)


def run(context: DurableContext, name: str, branches: list[Branch], **completion: Any) -> BatchResult:
    config = sequential(completion_config=CompletionConfig(**completion)) if completion else sequential()
    return context.parallel(branches, name=name, config=config)


class Wrapped(SerDes[Any]):
    """Stores a value as `{"wrapped": value}`."""

    def serialize(self, value: Any, _: SerDesContext) -> str:
        return json.dumps({"wrapped": value})

    def deserialize(self, data: str, _: SerDesContext) -> Any:
        return json.loads(data)["wrapped"]


@durable_execution
def basic(_: Any, context: DurableContext) -> list[str]:
    return run(context, "parallel", [stepping("task-1"), stepping("task-2")]).get_results()


@durable_execution
def unnamed(_: Any, context: DurableContext) -> list[str]:
    return context.parallel([returning("alpha"), returning("beta")], config=sequential()).get_results()


@durable_execution
def named_branches(_: Any, context: DurableContext) -> list[str]:
    branches = [ParallelBranch(returning("one"), name="first"), ParallelBranch(returning("two"), name="second")]
    return context.parallel(branches, name="named", config=sequential()).get_results()


@durable_execution
def many_types(_: Any, context: DurableContext) -> list[Any]:
    return run(context, "hetero", [returning("hello"), returning(42), returning({"k": "v"})]).get_results()


@durable_execution
def empty(_: Any, context: DurableContext) -> list[Any]:
    return context.parallel([], name="empty").get_results()


@durable_execution
def fail_fast(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "failfast", [returning("ok"), fail, returning("never")], tolerated_failure_count=0))


@durable_execution
def rethrows(_: Any, context: DurableContext) -> None:
    run(context, "throwing", [fail, returning("never")], tolerated_failure_count=0).throw_if_error()


@durable_execution
def min_successful(_: Any, context: DurableContext) -> dict[str, Any]:
    result = run(context, "min-successful", [returning(f"b{number}") for number in range(4)], min_successful=2)
    return told(result, "completionReason", "successCount", "totalCount")


@durable_execution
def tolerated(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "tolerated", [returning("a"), fail, returning("c")], tolerated_failure_count=1))


@durable_execution
def tolerance_exceeded(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "tolerated-exceeded", [fail, fail, returning("never")], tolerated_failure_count=1), *COUNTS)


@durable_execution
def concurrent(_: Any, context: DurableContext) -> list[str]:
    branches = [returning(f"r{number}") for number in range(3)]
    return context.parallel(branches, name="concurrent", config=ParallelConfig(max_concurrency=2)).get_results()


@durable_execution
def flat(_: Any, context: DurableContext) -> list[str]:
    config = sequential(nesting_type=NestingType.FLAT)
    return context.parallel([stepping("fa"), stepping("fb")], name="flat", config=config).get_results()


@durable_execution
def percentage_exceeded(_: Any, context: DurableContext) -> dict[str, Any]:
    branches = [fail, fail, returning("never"), returning("never")]
    return told(run(context, "tolerated-pct", branches, tolerated_failure_percentage=25), *COUNTS)


@durable_execution
def suspended(_: Any, context: DurableContext) -> list[str]:
    def waiting(branch: DurableContext) -> str:
        branch.wait(Duration.from_seconds(2))
        return "b1"

    return run(context, "replay", [stepping("b0"), waiting]).get_results()


@durable_execution
def item_serdes(_: Any, context: DurableContext) -> list[str]:
    config = sequential(item_serdes=Wrapped())
    return context.parallel([returning("x"), returning("y")], name="serde", config=config).get_results()


@durable_execution
def all_fail(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "all-fail", [fail, fail, fail], tolerated_failure_count=3))


@durable_execution
def min_not_reached(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "min-not-reached", [returning("a"), fail, returning("c")], min_successful=3))


@durable_execution
def combined(_: Any, context: DurableContext) -> dict[str, Any]:
    branches = [fail, fail, returning("never"), returning("never")]
    return told(run(context, "combined", branches, min_successful=3, tolerated_failure_count=1), *COUNTS)


@durable_execution
def bad_concurrency(_: Any, context: DurableContext) -> list[str]:
    config = ParallelConfig(max_concurrency=0)
    return context.parallel([returning("a"), returning("b")], name="bad-concurrency", config=config).get_results()


@durable_execution
def accessors(_: Any, context: DurableContext) -> dict[str, Any]:
    result = run(context, "accessors", [returning("a"), fail, returning("c")], tolerated_failure_count=1)
    return {
        "hasFailure": result.has_failure,
        "successCount": len(result.succeeded()),
        "failureCount": len(result.failed()),
        "errorCount": len(result.get_errors()),
    }


@durable_execution
def nested(_: Any, context: DurableContext) -> list[list[str]]:
    def inner(branch: DurableContext) -> list[str]:
        return run(branch, "inner", [stepping("i1"), stepping("i2")]).get_results()

    return run(context, "outer", [inner]).get_results()


@durable_execution
def percentage_boundary(_: Any, context: DurableContext) -> dict[str, Any]:
    branches = [fail, returning("b"), returning("c"), returning("d")]
    return told(run(context, "pct-boundary", branches, tolerated_failure_percentage=25))
