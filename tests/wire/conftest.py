"""Fixtures of the public-door tests: clients for the server under test and functions created on it.

The server's address is in EVERSTEP_ENDPOINT. Functions run with the packages of this Python environment.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import sysconfig
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

REGION = "us-west-2"
ROLE = "arn:aws:iam::000000000000:role/test"
FUNCTIONS = Path(__file__).parent / "functions"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="session")
def endpoint() -> str:
    address = os.environ.get("EVERSTEP_ENDPOINT")
    if not address:
        pytest.skip("EVERSTEP_ENDPOINT is not set")
    return address.rstrip("/")


@pytest.fixture(scope="session")
def client(endpoint: str) -> Any:
    """boto3 as people use it, except that a wrong answer is shown at once instead of being retried."""
    config = Config(read_timeout=120, max_pool_connections=16, retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client("lambda", endpoint_url=endpoint, region_name=REGION, config=config, **KEYS)


@pytest.fixture(scope="session")
def raw(endpoint: str) -> Callable[..., requests.Response]:
    """A signed request whose path and body go out exactly as given."""

    def send(method: str, path: str, body: bytes = b"", **headers: str) -> requests.Response:
        request = AWSRequest(method=method, url=endpoint + path, data=body, headers=headers)
        SigV4Auth(Credentials("test", "test"), "lambda", REGION).add_auth(request)
        prepared = request.prepare()
        return requests.request(method, prepared.url, data=body, headers=dict(prepared.headers), timeout=60)

    return send


def code() -> bytes:
    """All test functions as one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(FUNCTIONS.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(path.name, date_time=(2026, 1, 1, 0, 0, 0)), path.read_bytes())
    return buffer.getvalue()


@pytest.fixture(scope="session")
def create(client: Any) -> Iterator[Callable[..., str]]:
    """Creates a function `handler` (module.function) and returns its name; all are deleted at the end."""
    names: list[str] = []

    def make(handler: str, durable: dict[str, int] | None = None, variables: dict[str, str] | None = None, **fields: Any) -> str:
        name = f"wire-{secrets.token_hex(4)}"
        variables = {"PYTHONPATH": sysconfig.get_paths()["purelib"], **(variables or {})}
        fields = {"Timeout": 60, **fields}
        if durable is not None:
            fields["DurableConfig"] = durable
        client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=ROLE,
            Handler=handler,
            Code={"ZipFile": code()},
            Environment={"Variables": variables},
            **fields,
        )
        names.append(name)
        return name

    yield make
    for name in names:
        try:
            client.delete_function(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            pass


@pytest.fixture(scope="session")
def durable(create: Callable[..., str]) -> Callable[[str], str]:
    """A durable function `durable.<name>`, created once per session and name."""
    made: dict[str, str] = {}

    def get(name: str) -> str:
        if name not in made:
            made[name] = create(f"durable.{name}", durable={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1})
        return made[name]

    return get


class Executions:
    """Starting executions and waiting for what becomes of them."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def start(self, function: str, payload: Any = None, **fields: Any) -> str:
        """Starts without waiting; returns the ARN."""
        answer = self.client.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(payload), **{"Qualifier": "$LATEST", **fields}
        )
        return answer["DurableExecutionArn"]

    def describe(self, arn: str) -> dict[str, Any]:
        return self.client.get_durable_execution(DurableExecutionArn=arn)

    def events(self, arn: str, **fields: Any) -> list[dict[str, Any]]:
        return self.client.get_durable_execution_history(DurableExecutionArn=arn, **{"IncludeExecutionData": True, **fields})["Events"]

    def types(self, arn: str) -> list[str]:
        return [event["EventType"] for event in self.events(arn)]

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """Polls until the condition is true and returns its value."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.05)
        return value

    def finished(self, arn: str, seconds: float = 30) -> dict[str, Any]:
        """Waits until the execution is closed."""
        return self.until(lambda: (found := self.describe(arn))["Status"] != "RUNNING" and found, seconds)

    def event(self, arn: str, kind: str, seconds: float = 30) -> dict[str, Any]:
        """Waits for the first event of a type."""
        return self.until(lambda: next((event for event in self.events(arn) if event["EventType"] == kind), None), seconds)


@pytest.fixture(scope="session")
def executions(client: Any) -> Executions:
    return Executions(client)


class Puppet:
    """One execution of `functions/puppet.py`: the test is its code."""

    def __init__(self, executions: Executions, function: str, folder: Path) -> None:
        self.client = executions.client
        self._executions = executions
        self._folder = folder
        folder.mkdir()
        self.arn = executions.start(function, {"folder": str(folder)})
        self.number = 0
        self.invocation = self._event()
        self.token = self.invocation["CheckpointToken"]

    def _event(self) -> dict[str, Any]:
        path = self._folder / f"event-{self.number}.json"
        self._executions.until(path.exists)
        return json.loads(path.read_text())

    def checkpoint(self, *updates: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Checkpoints with the current token and keeps the next one."""
        answer = self.client.checkpoint_durable_execution(
            DurableExecutionArn=self.arn, **{"CheckpointToken": self.token, "Updates": list(updates), **fields}
        )
        self.token = answer.get("CheckpointToken", "")
        return answer

    def answer(self, told: Any) -> None:
        """Ends the current invocation with this answer."""
        part = self._folder / "answer.part"
        part.write_text(json.dumps(told))
        part.rename(self._folder / f"answer-{self.number}.json")

    def next(self) -> None:
        """Waits for the next invocation."""
        self.number += 1
        self.invocation = self._event()
        self.token = self.invocation["CheckpointToken"]

    def operations(self) -> dict[str, dict[str, Any]]:
        """What the current invocation was given, by operation id."""
        return {operation["Id"]: operation for operation in self.invocation["InitialExecutionState"]["Operations"]}


@pytest.fixture
def puppet(create: Callable[..., str], executions: Executions, tmp_path: Path) -> Iterator[Callable[[], Puppet]]:
    """Starts puppets; whatever still waits for a string at the end is let go."""
    made: list[Puppet] = []
    function = create("puppet.handler", durable={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1})

    def start() -> Puppet:
        made.append(Puppet(executions, function, tmp_path / f"puppet-{len(made)}"))
        return made[-1]

    yield start
    for one in made:
        one.client.stop_durable_execution(DurableExecutionArn=one.arn)
        one.answer({"Status": "PENDING"})


@pytest.fixture(scope="session")
def states(endpoint: str) -> Any:
    """Step Functions, without the prefix that boto3 puts in front of the host of synchronous calls."""
    config = Config(read_timeout=120, max_pool_connections=16, inject_host_prefix=False, retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client("stepfunctions", endpoint_url=endpoint, region_name=REGION, config=config, **KEYS)


@pytest.fixture(scope="session")
def machine(states: Any) -> Iterator[Callable[..., str]]:
    """Creates a state machine of this definition and returns its ARN; all are deleted at the end."""
    arns: list[str] = []

    def make(definition: Any, **fields: Any) -> str:
        fields = {"name": f"wire-{secrets.token_hex(4)}", "roleArn": ROLE, **fields}
        arns.append(states.create_state_machine(definition=json.dumps(definition), **fields)["stateMachineArn"])
        return arns[-1]

    yield make
    for arn in arns:
        states.delete_state_machine(stateMachineArn=arn)


@pytest.fixture
def refused() -> Callable[..., str]:
    """Makes a call that fails in this way; returns the message."""

    def call(code: str, operation: Callable[..., Any], **fields: Any) -> str:
        with pytest.raises(ClientError) as raised:
            operation(**fields)
        error = raised.value.response["Error"]
        assert error["Code"] == code, error
        return error["Message"]

    return call


class Machines:
    """Starting executions of state machines and waiting for what becomes of them."""

    def __init__(self, states: Any) -> None:
        self.states = states

    def start(self, machine: str, told: Any = None, **fields: Any) -> str:
        """Starts an execution with this input; returns its ARN."""
        if told is not None:
            fields["input"] = json.dumps(told)
        return self.states.start_execution(stateMachineArn=machine, **fields)["executionArn"]

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """Polls until the condition is true and returns its value."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.02)
        return value

    def ended(self, arn: str, seconds: float = 30) -> dict[str, Any]:
        """Waits until an execution has ended."""
        describe = self.states.describe_execution
        return self.until(lambda: (found := describe(executionArn=arn))["status"] != "RUNNING" and found, seconds)

    def events(self, arn: str, **fields: Any) -> list[dict[str, Any]]:
        return self.states.get_execution_history(executionArn=arn, **fields)["events"]

    def types(self, arn: str) -> list[str]:
        return [event["type"] for event in self.events(arn)]


@pytest.fixture(scope="session")
def machines(states: Any) -> Machines:
    return Machines(states)
