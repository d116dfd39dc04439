"""Functions that Task states call."""

import os
import time
from pathlib import Path

import boto3


class CustomException(Exception):
    pass


def echo(event, _):
    return event


def raises(event, _):
    raise CustomException("not today")


def exits(event, _):
    os._exit(7)


def sleeps(event, _):
    time.sleep(event["seconds"])
    return "slept"


def third_time(event, _):
    """Succeeds when the file has had two lines before."""
    file = Path(event["file"])
    before = file.read_text().count("\n") if file.exists() else 0
    with file.open("a") as lines:
        lines.write("one more\n")
    if before < 2:
        raise CustomException(f"failure {before + 1}")
    return before


def request_id(event, context):
    return context.aws_request_id


def answers_token(event, _):
    """Ends the task that waits for this token, as another program would."""
    client = boto3.client("stepfunctions", region_name="us-east-1")
    if event.get("fails"):
        client.send_task_failure(taskToken=event["token"], error="Refused", cause="not today")
    else:
        client.send_task_success(taskToken=event["token"], output='{"by": "the token"}')
    return "answered"


def gives_bytes(event, _):
    return b'"told"' if event.get("whole") else {"text": b"told"}
