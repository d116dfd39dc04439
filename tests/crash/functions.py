"""Functions on a server under test, and their executions, through the Lambda API."""

from __future__ import annotations

import base64
import io
import json
import urllib.parse
import zipfile
from pathlib import Path
from typing import Any, Protocol

from served import Server

HERE = Path(__file__).parent
RETENTION = {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1}


class Door(Protocol):
    """Whoever passes a request on to a server."""

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]: ...


def create(server: Door, name: str, timeout_s: int, durable: bool = True, **variables: object) -> None:
    """Creates the function of `function/NAME.py` under that name."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(HERE / "function" / f"{name}.py", f"{name}.py")
    body = {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::000000000000:role/test",
        "Handler": f"{name}.handler",
        "Timeout": timeout_s,
        "Environment": {"Variables": {key: str(value) for key, value in variables.items()}},
        "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()},
        **({"DurableConfig": RETENTION} if durable else {}),
    }
    status, text = server.call("POST", "/2015-03-31/functions", body)
    assert status == 201, text


def start(server: Server, function: str, name: str, payload: str = "{}") -> int:
    """Starts an execution; 202 is the acknowledgement."""
    headers = {"X-Amz-Invocation-Type": "Event", "X-Amz-Durable-Execution-Name": name}
    path = f"/2015-03-31/functions/{function}/invocations?Qualifier=%24LATEST"
    return server.call("POST", path, payload, headers)[0]


def executions(server: Server, function: str) -> dict[str, dict[str, Any]]:
    """Every execution of a function by name, over all pages."""
    found, marker = {}, None
    while True:
        query = urllib.parse.urlencode({"MaxItems": "1000", **({"Marker": marker} if marker else {})})
        status, text = server.call("GET", f"/2025-12-01/functions/{function}/durable-executions?{query}")
        assert status == 200, text
        page = json.loads(text)
        found.update({row["DurableExecutionName"]: row for row in page["DurableExecutions"]})
        marker = page.get("NextMarker")
        if not marker:
            return found


def identifier(row: dict[str, Any]) -> str:
    """What our own API calls an execution: the last segment of its ARN."""
    return row["DurableExecutionArn"].rsplit("/", 1)[1]


def described(server: Server, row: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    path = "/2025-12-01/durable-executions/" + urllib.parse.quote(row["DurableExecutionArn"], safe="")
    status, text = server.call("GET", path)
    return status, json.loads(text)
