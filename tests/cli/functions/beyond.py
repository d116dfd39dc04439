"""Durable functions on the unmodified SDK whose outside world is a folder: a step works once a file is there, and notes that it ran."""

import os
from pathlib import Path

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration, MapConfig, StepConfig
from aws_durable_execution_sdk_python.retries import RetryPresets

WORLD = Path(os.environ["WORLD"])
ONCE = StepConfig(retry_strategy=RetryPresets.none())


def run(name):
    """A step's body: it is noted, and it fails unless the world has what it needs."""

    def body(_):
        with open(WORLD / "ran", "a") as ran:
            ran.write(f"{name}\n")
        if not (WORLD / f"{name}.fails").exists():
            return name
        raise ValueError(f"{name} fails")

    return body


@durable_execution
def order(event, context):
    first = context.step(run("first"), name="first", config=ONCE)
    try:
        context.step(run("tried"), name="tried", config=ONCE)
    except Exception:
        context.step(run("instead"), name="instead", config=ONCE)

    def inner(child):
        child.step(run("inside"), name="inside", config=ONCE)
        return child.step(run("second"), name="second", config=ONCE)

    second = context.run_in_child_context(inner, name="inner")
    return [event, first, second, context.step(run("last"), name="last", config=ONCE)]


@durable_execution
def branches(event, context):
    def branch(child, item, index, items):
        return child.step(run(item), name=item, config=ONCE)

    result = context.map(event, branch, name="branches", config=MapConfig(max_concurrency=1))
    result.throw_if_error()
    return result.get_results()


@durable_execution
def asking(event, context):
    def submit(callback_id, _):
        (WORLD / "asked").write_text(callback_id)

    return context.wait_for_callback(submit, name="ask")


@durable_execution
def slow(event, context):
    context.step(run("before"), name="before", config=ONCE)
    context.wait(Duration.from_seconds(event), name="pause")
    config = CallbackConfig(timeout=Duration.from_hours(1))
    answer = context.create_callback(name="answer", config=config).result()
    return [answer, context.step(run("after"), name="after", config=ONCE)]
