"""Functions that invoke others."""

import json
import os
import time

from aws_durable_execution_sdk_python import DurableContext, InvokeError, durable_execution
from aws_durable_execution_sdk_python.config import Duration, InvokeConfig


@durable_execution
def invokes(event, context: DurableContext):
    """Invokes what the event names; an error of it is the answer."""
    config = InvokeConfig(tenant_id=event["tenant"]) if "tenant" in event else None
    try:
        return {"result": context.invoke(event["target"], event.get("payload"), config=config)}
    except InvokeError as error:
        return {"error": str(error)}


@durable_execution
def waits(event, context: DurableContext):
    context.wait(Duration.from_hours(1))
    return event


@durable_execution
def answers(event, context: DurableContext):
    """Without a suspension: its parent may still run when it has ended."""
    return {"input": event, "arn": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}


@durable_execution
def large(event, _: DurableContext):
    return "x" * event


def tenant(event, context):
    return {"tenant": context.tenant_id, "event": event}


def slow(_, __):
    time.sleep(30)


def lengthy(event, _):
    return json.loads(json.dumps("x" * event))
