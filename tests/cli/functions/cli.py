"""Durable functions on the unmodified SDK that the CLI tests start."""

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration


@durable_execution
def greeting(event, context):
    print(f"greeting {event}", flush=True)
    return context.step(lambda _: {"hello": event}, name="greet")


@durable_execution
def approval(event, context):
    heartbeat = Duration.from_seconds(event.get("heartbeat", 0))
    config = CallbackConfig(timeout=Duration.from_hours(1), heartbeat_timeout=heartbeat)
    return context.create_callback(name="approval", config=config).result()


@durable_execution
def raises(event, context):
    raise ValueError("not today")


@durable_execution
def many(event, context):
    for number in range(event):
        context.step(lambda _: None, name=f"step-{number}")
