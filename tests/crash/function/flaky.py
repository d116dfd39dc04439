"""A durable function that fails until the world is as it wants it."""

import os
from pathlib import Path

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import StepConfig
from aws_durable_execution_sdk_python.retries import RetryPresets

WORLD = Path(os.environ["WORLD"])


@durable_execution
def handler(event, context):
    def step(name):
        def body(_):
            with open(WORLD / f"{event}.ran", "a") as ran:
                ran.write(f"{name}\n")
            if name == "second" and not (WORLD / f"{event}.works").exists():
                raise ValueError("not yet")

        context.step(body, name=name, config=StepConfig(retry_strategy=RetryPresets.none()))

    step("first")
    step("second")
    return event
