"""A function whose worker is the test: its process only tells where its Runtime API is, and the test speaks it, in its order or out of it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import urllib.parse
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions import RETENTION
from served import Server, until

HERE = Path(__file__).parent
INVOCATION = "/2018-06-01/runtime/invocation"


def create(server: Server, folder: Path, timeout_s: int = 60, name: str = "raw") -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo("bootstrap", date_time=(2026, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        file.writestr(entry, (HERE / "function" / "bootstrap").read_bytes())
    body = {
        "FunctionName": name,
        "Runtime": "provided.al2023",
        "Role": "arn:aws:iam::000000000000:role/test",
        "Handler": "bootstrap",
        "Timeout": timeout_s,
        "Environment": {"Variables": {"FOLDER": str(folder)}},
        "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()},
        "DurableConfig": {**RETENTION, "ExecutionTimeout": 24 * 3600},
    }
    status, text = server.call("POST", "/2015-03-31/functions", body)
    assert status == 201, text


@dataclass
class Invocation:
    worker: Worker
    id: str
    arn: str
    token: str
    operations: list[dict[str, Any]]


class Worker:
    """One process of the function, by the address that it was given."""

    def __init__(self, address: str, pid: int) -> None:
        self.address, self.pid = address, pid

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], bytes]:
        """A status of 0: nobody is there any more."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        finally:
            connection.close()

    def next(self) -> Invocation:
        status, headers, body = self.call("GET", f"{INVOCATION}/next")
        assert status == 200, (status, body)
        event = json.loads(body)
        known = {key.lower(): value for key, value in headers.items()}
        return Invocation(
            self,
            known["lambda-runtime-aws-request-id"],
            event["DurableExecutionArn"],
            event["CheckpointToken"],
            event["InitialExecutionState"]["Operations"],
        )

    def respond(self, invocation: str, answer: dict[str, Any]) -> int:
        return self.call("POST", f"{INVOCATION}/{invocation}/response", answer)[0]

    def fail(self, invocation: str, kind: str) -> int:
        return self.call("POST", f"{INVOCATION}/{invocation}/error", {"errorType": kind, "errorMessage": "as the test wants it"})[0]


def workers(folder: Path) -> list[Worker]:
    """Every process so far, in the order of their starts."""
    noted = folder / "workers"
    lines = noted.read_text().splitlines() if noted.exists() else []
    return [Worker(address, int(pid)) for address, pid in (line.split() for line in lines)]


def worker(folder: Path, number: int) -> Worker:
    """The process that started as the `number`-th, from 0."""
    return until(lambda: (found := workers(folder))[number : number + 1] and found, f"worker {number}")[number]


def checkpoint(server: Server, arn: str, token: str, *updates: dict[str, Any], client: str | None = None) -> tuple[int, bytes]:
    path = "/2025-12-01/durable-executions/" + urllib.parse.quote(arn, safe="") + "/checkpoint"
    return server.call("POST", path, {"CheckpointToken": token, "Updates": list(updates), **({"ClientToken": client} if client else {})})


def step(key: str, result: str) -> dict[str, Any]:
    return {"Id": key, "Type": "STEP", "SubType": "Step", "Name": key, "Action": "SUCCEED", "Payload": json.dumps(result)}


def callback(key: str) -> dict[str, Any]:
    options = {"TimeoutSeconds": 3600}
    return {"Id": key, "Type": "CALLBACK", "SubType": "Callback", "Name": key, "Action": "START", "CallbackOptions": options}


def succeeded(result: str) -> dict[str, Any]:
    return {"Status": "SUCCEEDED", "Result": json.dumps(result)}
