"""Functions that try what their credentials are good for."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

import boto3
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration
from botocore.config import Config
from botocore.exceptions import ClientError


def echo(event: Any, context: Any) -> Any:
    return event


def client(**fields: str) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client("lambda", config=config, **fields)


def tried(call: Any) -> str:
    """`OK`, or the name of the error."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "OK"


@durable_execution
def durable(event: Any, context: DurableContext) -> Any:
    """Tries checkpoints of another execution with this worker's credentials; its own are proven by the step."""
    own = client()

    def look(_: Any) -> dict[str, str]:
        other = event["other"]
        return {
            "checkpoint": tried(
                lambda: own.checkpoint_durable_execution(DurableExecutionArn=other, CheckpointToken=event["token"], Updates=[])
            ),
            "state": tried(lambda: own.get_durable_execution_state(DurableExecutionArn=other, CheckpointToken=event["token"])),
            "read": tried(lambda: own.get_durable_execution(DurableExecutionArn=other)),
            "change": tried(lambda: own.delete_function(FunctionName="nobody")),
            "wrong": tried(
                lambda: client(aws_secret_access_key="wrong", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"]).list_functions()
            ),
        }

    return context.step(look, name="look")


@durable_execution
def most_of_an_hour(event: Any, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(3_000))
    return "waited"


def http(method: str, path: str, token: str | None, body: bytes | None = None) -> int:
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL_LAMBDA"] + path, data=body, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def secrets(event: Any, context: Any) -> Any:
    """What a plain function sees: its own credentials and nothing of the server's, and what artifacts say to it."""
    if event.get("die"):
        os._exit(1)
    token = os.environ["EVERSTEP_WORKER_TOKEN"]
    return {
        "names": sorted(name for name in os.environ if name.startswith(("EVERSTEP", "AWS_SESSION"))),
        "key": os.environ["AWS_ACCESS_KEY_ID"],
        "secret": os.environ["AWS_SECRET_ACCESS_KEY"] if event.get("show") else None,
        "token": token if event.get("show") else None,
        "put": http("PUT", "/artifacts/door/key", token, json.dumps(event).encode()),
        "get": http("GET", "/artifacts/door/key", token),
        "put_without": http("PUT", "/artifacts/door/key", None, b"x"),
        "agents": http("PUT", "/agents/x", token, b'{"url":"http://127.0.0.1:1"}'),
    }


def slow(event: Any, context: Any) -> str:
    time.sleep(float(event))
    return "slept"
