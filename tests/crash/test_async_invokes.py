"""Asynchronous calls of plain functions: kept before they are acknowledged, tried again, and their ends brought to who wants to hear of them."""

from __future__ import annotations

import io
import json
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from functions import HERE
from served import Server, until

ACCOUNT = "000000000000"


class World:
    """A server whose clock skips, and functions that note what they get."""

    def __init__(self, folder: Path):
        self.ledger = folder / "ledger"
        environment = {"EVERSTEP_PYTHON": sys.executable, "AWS_REGION": "us-east-1"}
        self.server = Server(folder / "data", "--no-demo", "--clock", "skip", environment=environment)
        self.server.start()
        config = Config(retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        self.client = boto3.client("lambda", endpoint_url=f"http://127.0.0.1:{self.server.port}", config=config, **keys)

    def create(self, name: str, **fields: Any) -> str:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.write(HERE / "function" / "noted.py", "noted.py")
        made = self.client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/test",
            Handler="noted.handler",
            Timeout=30,
            Environment={"Variables": {"LEDGER": str(self.ledger)}},
            Code={"ZipFile": archive.getvalue()},
            **fields,
        )
        return made["FunctionArn"]

    def call(self, name: str, event: Any, **fields: Any) -> None:
        answer = self.client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event), **fields)
        assert answer["StatusCode"] == 202

    def noted(self, who: str) -> list[Any]:
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [line["event"] for line in map(json.loads, lines) if line["who"] == who]

    def heard(self, who: str) -> Any:
        return until(lambda: self.noted(who), f"an event at {who}")[0]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.server.end()


def test_p1_accepted_call_survives_kill_and_its_end_is_told(world, tmp_path):
    listener = world.create("listener")
    world.create("worker")
    world.client.put_function_event_invoke_config(FunctionName="worker", DestinationConfig={"OnSuccess": {"Destination": listener}})
    go = tmp_path / "go"
    event = {"n": 7, "go": str(go)}
    world.call("worker", event)
    world.server.end()
    world.server.start()
    until(lambda: world.noted("worker"), "the call after the kill")
    world.server.end()
    go.touch()
    world.server.start()
    record = world.heard("listener")
    assert record["version"] == "1.0"
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["functionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:worker:$LATEST"
    assert record["requestPayload"] == event
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"done": True}


@pytest.mark.parametrize(
    "said, condition, count",
    [
        ({}, "RetriesExhausted", 3),
        ({"MaximumRetryAttempts": 1}, "RetriesExhausted", 2),
        ({"MaximumRetryAttempts": 0}, "RetriesExhausted", 1),
        ({"MaximumEventAgeInSeconds": 60}, "EventAgeExceeded", 1),
        ({"MaximumEventAgeInSeconds": 100}, "EventAgeExceeded", 2),
    ],
)
def test_failed_call_is_tried_as_often_as_was_said(world, said, condition, count):
    destination = {"OnFailure": {"Destination": world.create("listener")}}
    world.create("worker")
    world.client.put_function_event_invoke_config(FunctionName="worker", DestinationConfig=destination, **said)
    world.call("worker", {"fails": True})
    record = world.heard("listener")
    assert (record["requestContext"]["condition"], record["requestContext"]["approximateInvokeCount"]) == (condition, count)
    assert len(world.noted("worker")) == count
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert (record["responsePayload"]["errorType"], record["responsePayload"]["errorMessage"]) == ("ValueError", "as asked")


class Hook(BaseHTTPRequestHandler):
    """Refuses the first request, takes the others."""

    got: list[Any] = []

    def do_POST(self):
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(503 if len(self.got) == 1 else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_addresses_are_destinations_and_dead_letters(world):
    Hook.got = []
    hook = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{hook.server_port}/hook"
    dead = world.create("dead")
    world.create("worker", DeadLetterConfig={"TargetArn": dead})
    world.client.put_function_event_invoke_config(
        FunctionName="worker", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": address}}
    )
    world.call("worker", {"fails": True, "n": 1})
    assert world.heard("dead") == {"fails": True, "n": 1}, "a dead letter is the event itself"
    until(lambda: len(Hook.got) == 2, "the second try")
    hook.shutdown()
    assert Hook.got[0] == Hook.got[1]
    assert Hook.got[1]["requestPayload"] == {"fails": True, "n": 1}


def test_service_that_nothing_here_reaches_is_logged(world):
    world.create("worker")
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue"
    world.client.put_function_event_invoke_config(FunctionName="worker", DestinationConfig={"OnSuccess": {"Destination": queue}})
    world.call("worker", {})
    until(lambda: "can't be delivered" in world.server.log() and queue in world.server.log(), "a line in the log")
    world.call("worker", {"again": True})
    until(lambda: len(world.noted("worker")) == 2, "the next call")


def test_config_of_an_alias_is_its_own(world):
    listener = world.create("listener")
    world.create("worker")
    world.client.publish_version(FunctionName="worker")
    world.client.create_alias(FunctionName="worker", Name="live", FunctionVersion="1")
    world.client.put_function_event_invoke_config(
        FunctionName="worker", Qualifier="live", DestinationConfig={"OnSuccess": {"Destination": f"{listener}:$LATEST"}}
    )
    world.call("worker", {"by": "name"})
    world.call("worker", {"by": "alias"}, Qualifier="live")
    record = world.heard("listener")
    assert record["requestPayload"] == {"by": "alias"}
    assert record["responseContext"]["executedVersion"] == "1"
