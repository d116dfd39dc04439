"""Durable functions on the unmodified SDK, small enough to see what they do."""

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration


@durable_execution
def greeting(event, context):
    return context.step(lambda _: f"Hello, {event}!", name="greet")


@durable_execution
def one_wait(event, context):
    context.wait(Duration.from_seconds(1), name="pause")
    return event


@durable_execution
def long_wait(event, context):
    context.wait(Duration.from_hours(1))
    return event


@durable_execution
def step_wait_step(event, context):
    first = context.step(lambda _: "hello", name="first")
    context.wait(Duration.from_seconds(1), name="pause")
    return context.step(lambda _: f"{first}, world", name="second")


@durable_execution
def raises(event, context):
    raise ValueError("not today")


@durable_execution
def approval(event, context):
    config = CallbackConfig(timeout=Duration(event.get("timeout", 0)), heartbeat_timeout=Duration(event.get("heartbeat", 0)))
    return context.create_callback(name="approval", config=config).result()


@durable_execution
def old_code(event, context):
    context.wait(Duration.from_seconds(2))
    return "old"


@durable_execution
def new_code(event, context):
    context.wait(Duration.from_seconds(2))
    return "new"
