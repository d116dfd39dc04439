"""Handlers for the requirements of suite `map` (9-1 … 9-20)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import BatchItemStatus, BatchResult, DurableContext, durable_execution
from aws_durable_execution_sdk_python.concurrency.models import BatchItem, CompletionReason
from aws_durable_execution_sdk_python.config import CompletionConfig, Duration, MapConfig, NestingType
from aws_durable_execution_sdk_python.serdes import JsonSerDes, SerDes, SerDesContext
from batches import COUNTS, fail, told

ONE_SECOND = Duration.from_seconds(1)
FAIL = "fail"


def each(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """A map function that only looks at its item."""
    return lambda _context, item, _index, _items: function(item)


def in_step(function: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda context, item, _index, _items: context.step(lambda _: function(item))


def ok_or_fail(item: str) -> str:
    return fail() if item == FAIL else item


def sequential(**options: Any) -> MapConfig:
    return MapConfig(max_concurrency=1, **options)


def run(context: DurableContext, name: str, items: list[Any], function: Callable[..., Any], **completion: Any) -> BatchResult:
    config = sequential(completion_config=CompletionConfig(**completion)) if completion else sequential()
    return context.map(items, function, name=name, config=config)


class Prefixed(SerDes[str]):
    """Stores text behind `wrapped:`."""

    def serialize(self, value: str, _: SerDesContext) -> str:
        return f"wrapped:{value}"

    def deserialize(self, data: str, _: SerDesContext) -> str:
        return data.removeprefix("wrapped:")


class Joined(SerDes[BatchResult]):
    """Stores the results of a whole batch, all of them succeeded, as `OPSERDE:a,b`."""

    def serialize(self, value: BatchResult, _: SerDesContext) -> str:
        return "OPSERDE:" + ",".join(value.get_results())

    def deserialize(self, data: str, _: SerDesContext) -> BatchResult:
        results = data.removeprefix("OPSERDE:").split(",")
        items = [BatchItem(index, BatchItemStatus.SUCCEEDED, result) for index, result in enumerate(results)]
        return BatchResult(items, CompletionReason.ALL_COMPLETED)


@durable_execution
def basic(event: list[str], context: DurableContext) -> list[str]:
    return run(context, "map", event, in_step(lambda item: f"Hello, {item}!")).get_results()


@durable_execution
def unnamed(event: list[int], context: DurableContext) -> list[int]:
    return context.map(event, each(lambda item: item * 2), config=sequential()).get_results()


@durable_execution
def indexed(event: list[int], context: DurableContext) -> list[int]:
    return run(context, "indexed", event, lambda _context, item, index, _items: item + index).get_results()


@durable_execution
def empty(_: Any, context: DurableContext) -> list[Any]:
    return context.map([], each(str), name="empty").get_results()


@durable_execution
def fail_fast(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "failfast", ["ok", FAIL, "never"], each(ok_or_fail), tolerated_failure_count=0))


@durable_execution
def rethrows(_: Any, context: DurableContext) -> None:
    run(context, "throwing", [FAIL, "never"], each(ok_or_fail), tolerated_failure_count=0).throw_if_error()


@durable_execution
def min_successful(_: Any, context: DurableContext) -> dict[str, Any]:
    result = run(context, "min-successful", ["a", "b", "c", "d"], each(ok_or_fail), min_successful=2)
    return told(result, "completionReason", "successCount", "totalCount")


@durable_execution
def tolerated(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "tolerated", ["a", FAIL, "c"], each(ok_or_fail), tolerated_failure_count=1))


@durable_execution
def tolerance_exceeded(_: Any, context: DurableContext) -> dict[str, Any]:
    result = run(context, "tolerated-exceeded", [FAIL, FAIL, "never"], each(ok_or_fail), tolerated_failure_count=1)
    return told(result, *COUNTS)


@durable_execution
def percentage_exceeded(_: Any, context: DurableContext) -> dict[str, Any]:
    items = [FAIL, FAIL, "never", "never"]
    return told(run(context, "tolerated-pct", items, each(ok_or_fail), tolerated_failure_percentage=25), *COUNTS)


@durable_execution
def concurrent(_: Any, context: DurableContext) -> list[str]:
    return context.map(["r0", "r1", "r2"], each(str), name="concurrent", config=MapConfig(max_concurrency=2)).get_results()


@durable_execution
def flat(_: Any, context: DurableContext) -> list[str]:
    config = sequential(nesting_type=NestingType.FLAT)
    return context.map(["fa", "fb"], in_step(str), name="flat", config=config).get_results()


@durable_execution
def item_names(event: list[int], context: DurableContext) -> list[int]:
    config = sequential(item_namer=lambda item, _: f"item-{item}")
    return context.map(event, each(lambda item: item * 10), name="named-items", config=config).get_results()


@durable_execution
def item_serdes(_: Any, context: DurableContext) -> list[str]:
    return context.map(["x", "y"], each(str.upper), name="serdes", config=sequential(item_serdes=Prefixed())).get_results()


@durable_execution
def suspended(_: Any, context: DurableContext) -> list[str]:
    def item_function(item_context: DurableContext, item: str, index: int, _: Any) -> str:
        if index == 1:
            item_context.wait(ONE_SECOND)
        return item_context.step(lambda _: item)

    return run(context, "suspend", ["r0", "r1"], item_function).get_results()


@durable_execution
def large(_: Any, context: DurableContext) -> dict[str, Any]:
    return told(run(context, "large", list("abcd"), each(lambda item: item * 70_000)), "successCount", "totalCount")


@durable_execution
def then_wait(_: Any, context: DurableContext) -> list[str]:
    result = run(context, "then-wait", ["a", "b"], each(str.upper))
    context.wait(ONE_SECOND)
    return result.get_results()


@durable_execution
def failure_then_wait(_: Any, context: DurableContext) -> dict[str, Any]:
    result = run(context, "fail-then-wait", ["ok", FAIL], each(ok_or_fail), tolerated_failure_count=1)
    context.wait(ONE_SECOND)
    return told(result)


@durable_execution
def operation_serdes(_: Any, context: DurableContext) -> list[str]:
    config = sequential(serdes=Joined(), item_serdes=JsonSerDes())
    return context.map(["x", "y"], each(str.upper), name="op-serde", config=config).get_results()


@durable_execution
def operation_serdes_replayed(_: Any, context: DurableContext) -> list[str]:
    config = sequential(serdes=Joined(), item_serdes=JsonSerDes())
    result = context.map(["x", "y"], each(str.upper), name="op-serde-replay", config=config)
    context.wait(ONE_SECOND)
    return result.get_results()
