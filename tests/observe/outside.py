"""Settings of sinks, and the peers behind them: AWS's services in this machine's memory, free ports."""

from __future__ import annotations

import json
import socket
from typing import Any

import boto3
from conftest import REGION, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}


def sink(to: str, on: list[str], name: str = "ops", **members: Any) -> str:
    """One entry of the settings."""
    lines = [f"{key} = {value if isinstance(value, str) and value[:1] in '{[' else json.dumps(value)}" for key, value in members.items()]
    return "\n".join(["[[notify]]", f'name = "{name}"', f'to = "{to}"', f"on = {json.dumps(on)}", *lines, ""])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def aws(moto: str, service: str) -> Any:
    return boto3.client(service, endpoint_url=moto, region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t")


def queue(moto: str, name: str) -> tuple[str, str]:
    url = aws(moto, "sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = aws(moto, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def read(moto: str, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def look() -> bool:
        answer = aws(moto, "sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        found.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return bool(found)

    until(look, "a message")
    return found
