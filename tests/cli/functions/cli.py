"""Durable functions that the CLI tests start: on the unmodified SDK, and one without it."""

import json
import os
import urllib.request

import boto3
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
def delegates(event, context):
    """Has the first function of a chain do its work, which gets the rest of it."""
    first, *rest = event["chain"]
    return context.invoke(first, {"chain": rest}, name="work")


@durable_execution
def raises(event, context):
    raise ValueError("not today")


@durable_execution
def many(event, context):
    for number in range(event):
        context.step(lambda _: None, name=f"step-{number}")


def changed(event, _):
    """Asks for a step by another name than it was recorded with, which an SDK would not let pass."""
    client = boto3.client("lambda")
    token = event["CheckpointToken"]
    try:
        for action, name in (("SUCCEED", "charge"), ("START", "refund")):
            update = {"Id": "s1", "Type": "STEP", "SubType": "Step", "Action": action, "Name": name}
            answer = client.checkpoint_durable_execution(
                DurableExecutionArn=event["DurableExecutionArn"], CheckpointToken=token, Updates=[update]
            )
            token = answer["CheckpointToken"]
    except client.exceptions.InvalidParameterValueException:
        return {"Status": "SUCCEEDED", "Result": '"refused"'}
    return {"Status": "SUCCEEDED", "Result": '"taken"'}


@durable_execution
def asks(event, context):
    """Waits for people: its worker's own token asks for the callback of its own execution."""
    def ask(callback_id, _):
        body = {"title": "Publish?", "approvers": ["ann"], "callback": callback_id, **event}
        request = urllib.request.Request(
            f"{os.environ['EVERSTEP_URL']}/approvals",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['EVERSTEP_WORKER_TOKEN']}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["id"]

    return context.wait_for_callback(ask, name="approval")
