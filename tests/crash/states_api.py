"""Step Functions' API of a server that may be gone at any moment: asked again until it answers, as every client of a durable service does."""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, Callable

from served import Gone

REGION = "us-west-2"
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
PATIENCE_S = 90
PAUSE_S = 0.03


def arn(kind: str, name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:{kind}:{name}"


class Refused(Exception):
    """The server's own exception, by its name."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.code = code


@dataclass
class Played:
    """An execution, as DescribeExecution and GetExecutionHistory show it."""

    arn: str
    described: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.described["status"]


class States:
    """`alive` says whether it is worth asking on."""

    def __init__(self, endpoint: str, alive: Callable[[], bool] = lambda: True) -> None:
        self.host = urllib.parse.urlparse(endpoint).netloc
        self.alive = alive

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Any request, once."""
        connection = http.client.HTTPConnection(self.host, timeout=15)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def once(self, operation: str, fields: dict[str, Any], timeout_s: float = 15) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self.host, timeout=timeout_s)
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
        try:
            connection.request("POST", "/", json.dumps(fields), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        finally:
            connection.close()

    def ask(self, operation: str, **fields: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.alive():
            try:
                status, answer = self.once(operation, fields)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(PAUSE_S)
                continue
            if status == 200:
                return answer
            if status < 500 and status != 429:
                raise Refused(operation, str(answer.get("__type")).rsplit("#", 1)[-1], str(answer.get("message") or answer.get("Message")))
            time.sleep(PAUSE_S)
        raise Gone(f"no answer to {operation}")

    def create(self, name: str, definition: str, kind: str = "STANDARD") -> str:
        return self.ask("CreateStateMachine", name=name, definition=definition, roleArn=ROLE, type=kind)["stateMachineArn"]

    def start(self, machine: str, name: str, payload: str | None) -> str:
        """Starts an execution whose name nobody else takes: one that has ended already was started by us."""
        fields = {"stateMachineArn": machine, "name": name, **({"input": payload} if payload is not None else {})}
        try:
            return self.ask("StartExecution", **fields)["executionArn"]
        except Refused as refused:
            if refused.code != "ExecutionAlreadyExists":
                raise
            return arn("execution", f"{machine.rsplit(':', 1)[1]}:{name}")

    def describe(self, execution: str) -> dict[str, Any]:
        return self.ask("DescribeExecution", executionArn=execution)

    def history(self, execution: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            try:
                page = self.ask("GetExecutionHistory", executionArn=execution, maxResults=1000, includeExecutionData=True, **more)
            except Refused as refused:
                # A page that a later life of the server does not know: from the beginning.
                if refused.code != "InvalidToken" or not more:
                    raise
                events, more = [], {}
                continue
            events += page["events"]
            if not page.get("nextToken"):
                return events
            more = {"nextToken": page["nextToken"]}

    def played(self, execution: str) -> Played:
        return Played(execution, self.describe(execution), self.history(execution))

    def settle(self, operation: str, **fields: Any) -> None:
        """Sends a result; one that was taken before its answer was lost is settled."""
        try:
            self.ask(operation, **fields)
        except Refused as refused:
            if refused.code not in ("TaskTimedOut", "TaskDoesNotExist"):
                raise
