"""Handlers for the requirements of suite `wait_for_condition` (6-1 … 6-13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, WaitForConditionError, durable_execution
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitStrategyConfig, create_wait_strategy


def polling(
    going: Callable[[Any], bool], initial: Any, delay_seconds: int = 1, attempts: int = 60, **options: Any
) -> WaitForConditionConfig:
    """Polls at a fixed delay while `going(state)` holds."""
    strategy = WaitStrategyConfig(
        should_continue_polling=going,
        max_attempts=attempts,
        initial_delay=Duration.from_seconds(delay_seconds),
        backoff_rate=1,
        jitter_strategy=JitterStrategy.NONE,
    )
    return WaitForConditionConfig(wait_strategy=create_wait_strategy(strategy), initial_state=initial, **options)


def increment(state: int, _: Any) -> int:
    return state + 1


def unavailable(_: Any, __: Any) -> None:
    raise RuntimeError("cannot be checked")


def never(_: Any) -> bool:
    return False


class Hexadecimal(SerDes[str]):
    """Stores text as the hexadecimal form of its bytes."""

    def serialize(self, value: str, _: SerDesContext) -> str:
        return value.encode().hex()

    def deserialize(self, data: str, _: SerDesContext) -> str:
        return bytes.fromhex(data).decode()


@durable_execution
def counting(event: int, context: DurableContext) -> int:
    return context.wait_for_condition(increment, polling(lambda state: state < event, 0))


@durable_execution
def immediate(event: int, context: DurableContext) -> int:
    return context.wait_for_condition(lambda state, _: state, polling(lambda state: state < event, 5))


@durable_execution
def named(event: int, context: DurableContext) -> int:
    return context.wait_for_condition(increment, polling(lambda state: state < event, 0), name="poll-status")


@durable_execution
def from_five(event: int, context: DurableContext) -> int:
    return context.wait_for_condition(increment, polling(lambda state: state < event, 5))


@durable_execution
def two_seconds_apart(event: int, context: DurableContext) -> int:
    return context.wait_for_condition(increment, polling(lambda state: state < event, 0, delay_seconds=2))


@durable_execution
def exhausted(_: Any, context: DurableContext) -> int:
    return context.wait_for_condition(increment, polling(lambda _: True, 0, attempts=3))


@durable_execution
def check_fails(_: Any, context: DurableContext) -> None:
    return context.wait_for_condition(unavailable, polling(never, 0))


@durable_execution
def failure_caught(_: Any, context: DurableContext) -> Any:
    try:
        return context.wait_for_condition(unavailable, polling(never, 0))
    except WaitForConditionError:
        return "recovered"


@durable_execution
def structured(_: Any, context: DurableContext) -> dict[str, Any]:
    def check(state: dict[str, Any], _: Any) -> dict[str, Any]:
        attempts = state["attempts"] + 1
        return {"status": "DONE" if attempts == 2 else "PENDING", "attempts": attempts}

    return context.wait_for_condition(check, polling(lambda state: state["status"] == "PENDING", {"status": "PENDING", "attempts": 0}))


@durable_execution
def null_state(_: Any, context: DurableContext) -> None:
    return context.wait_for_condition(lambda _, __: None, polling(never, 0))


@durable_execution
def own_serdes(_: Any, context: DurableContext) -> str:
    config = polling(lambda state: len(state) < 2, "", serdes=Hexadecimal())
    return context.wait_for_condition(lambda state, _: state + "x", config)


@durable_execution
def then_step(event: int, context: DurableContext) -> int:
    reached = context.wait_for_condition(increment, polling(lambda state: state < event, 0))
    return context.step(lambda _: reached * 10)


@durable_execution
def two(_: Any, context: DurableContext) -> int:
    first = context.wait_for_condition(increment, polling(lambda state: state < 2, 0))
    return context.wait_for_condition(increment, polling(lambda state: state < 4, first))
