"""kill -9 while Task states wait: for a function, for a nested execution, for a token."""

from __future__ import annotations

import io
import json
import random
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from functions import HERE
from served import Server, nobody_left, until

ROLE = "arn:aws:iam::000000000000:role/test"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
NESTED = "arn:aws:states:::states:startExecution.sync"


class World:
    """A server with state machines on it."""

    def __init__(self, folder: Path):
        self.server = Server(folder / "data", "--no-demo")
        self.server.start()
        self.notes = folder / "world"
        self.notes.mkdir()
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=60)
        url = f"http://127.0.0.1:{self.server.port}"
        self.states = boto3.client("stepfunctions", endpoint_url=url, config=config, **KEYS)
        self.functions = boto3.client("lambda", endpoint_url=url, config=config, **KEYS)

    def function(self, name: str, **variables: str) -> str:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.write(HERE / "function" / f"{name}.py", f"{name}.py")
        made = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=ROLE,
            Handler=f"{name}.handler",
            Timeout=60,
            Environment={"Variables": variables},
            Code={"ZipFile": archive.getvalue()},
        )
        return made["FunctionArn"].removesuffix(":$LATEST")

    def machine(self, name: str, state: dict[str, Any]) -> str:
        definition = {"StartAt": "S", "States": {"S": {"End": True, **state}}}
        made = self.states.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))
        return made["stateMachineArn"]

    def start(self, machine: str, name: str, given: Any) -> str:
        return self.states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))["executionArn"]

    def types(self, arn: str) -> list[str]:
        return [event["type"] for event in self.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]]

    def succeeds(self, arn: str) -> dict[str, Any]:
        shown = until(lambda: (found := self.states.describe_execution(executionArn=arn))["status"] != "RUNNING" and found, f"{arn} ends")
        assert shown["status"] == "SUCCEEDED", shown
        return shown

    def kill(self) -> None:
        self.server.end()
        self.server.start()


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path)
    yield made
    made.server.end(signal.SIGTERM)
    nobody_left(made.server.folder)


def test_a_function_in_flight_is_called_again_as_the_same_request(world: World) -> None:
    function = world.function("task", WORLD=str(world.notes))
    machine = world.machine("calls", {"Type": "Task", "Resource": function})
    names = [f"call-{number}" for number in range(4)]
    arns = [world.start(machine, name, {"name": name}) for name in names]
    until(lambda: all((world.notes / name).exists() for name in names), "every function runs")
    world.kill()
    for name, arn in zip(names, arns, strict=True):
        assert json.loads(world.succeeds(arn)["output"]) == name
        requests = (world.notes / name).read_text().split()
        assert len(requests) == 2 and len(set(requests)) == 1, "the repetition carries the request id of what it repeats"
        assert world.types(arn).count("LambdaFunctionScheduled") == 1


def test_a_parent_hears_of_its_child_whenever_the_server_is_killed(world: World) -> None:
    child = world.machine("child", {"Type": "Wait", "Seconds": 1})
    parameters = {"StateMachineArn": child, "Input.$": "$"}
    parent = world.machine("parent", {"Type": "Task", "Resource": NESTED, "Parameters": parameters})
    arns = []
    for number in range(6):
        arns += [world.start(parent, f"parent-{number}-{each}", {"number": number, "each": each}) for each in range(5)]
        time.sleep(random.uniform(0, 0.6))
        world.kill()
    for arn in arns:
        shown = world.succeeds(arn)
        end = json.loads(shown["output"])
        assert (end["Status"], json.loads(end["Output"])) == ("SUCCEEDED", json.loads(shown["input"]))
        assert [kind for kind in world.types(arn) if kind in ("TaskSubmitted", "TaskSucceeded")] == ["TaskSubmitted", "TaskSucceeded"]
    pages = world.states.get_paginator("list_executions").paginate(stateMachineArn=child)
    children = [row for page in pages for row in page["executions"]]
    assert len(children) == len(arns), "every parent has one child"


def test_a_token_is_good_after_a_kill(world: World) -> None:
    child = world.machine("other", {"Type": "Pass"})
    parameters = {"StateMachineArn": child, "Input": {"token.$": "$$.Task.Token"}}
    resource = "arn:aws:states:::states:startExecution.waitForTaskToken"
    machine = world.machine("waits", {"Type": "Task", "Resource": resource, "Parameters": parameters})
    arn = world.start(machine, "one", {})
    until(lambda: "TaskSubmitted" in world.types(arn), "the call is taken")
    (row,) = world.states.list_executions(stateMachineArn=child)["executions"]
    told = world.states.describe_execution(executionArn=row["executionArn"])["input"]
    world.kill()
    assert world.types(arn)[-1] == "TaskSubmitted"
    world.states.send_task_success(taskToken=json.loads(told)["token"], output='"after"')
    assert world.succeeds(arn)["output"] == '"after"'
    assert len(world.states.list_executions(stateMachineArn=child)["executions"]) == 1
