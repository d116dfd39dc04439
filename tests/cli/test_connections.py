"""HTTP tasks with the operator's connections and networks: `--connections`, `--http-allow`."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from conftest import Dev, everstep

ROLE = "arn:aws:iam::000000000000:role/test"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
CONNECTIONS = """
[crm]
api_key = { name = "x-api-key", value = "hush-crm" }
headers = { x-tenant = "seven" }
query = { version = "2" }
body = { source = "everstep" }

[shop]
basic = { username = "me", password = "hush-shop" }
"""


class Api(BaseHTTPRequestHandler):
    """Notes what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append({"path": self.path, "headers": headers, "body": body})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def call(dev: Dev, api: ThreadingHTTPServer, connection: str) -> dict[str, Any]:
    """Runs one HTTP task to its end."""
    states = boto3.client("stepfunctions", endpoint_url=dev.url, **KEYS)
    parameters = {
        "ApiEndpoint": f"http://127.0.0.1:{api.server_port}/things",
        "Method": "POST",
        "Headers": {"x-tenant": "of the task"},
        "RequestBody": {"a": 1},
        "Authentication": {"ConnectionArn": f"arn:aws:events:us-east-1:000000000000:connection/{connection}/1"},
    }
    task = {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": parameters, "End": True}
    definition = json.dumps({"StartAt": "Call", "States": {"Call": task}})
    name = f"calls-{connection}-{time.monotonic_ns()}"
    machine = states.create_state_machine(name=name, roleArn=ROLE, definition=definition)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    deadline = time.monotonic() + 30
    while (shown := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    history = json.dumps(states.get_execution_history(executionArn=arn)["events"], default=str)
    assert "hush" not in history, "what a connection adds stands in no history"
    return shown


def test_a_connection_lets_calls_in_and_adds_what_it_has(tmp_path: Path, api: ThreadingHTTPServer) -> None:
    file = tmp_path / "connections.toml"
    file.write_text(CONNECTIONS)
    file.chmod(0o600)
    dev = Dev(tmp_path / "dev", "--no-demo", "--connections", str(file))
    try:
        assert call(dev, api, "crm")["status"] == "SUCCEEDED"
        assert call(dev, api, "shop")["status"] == "SUCCEEDED"
        crm, shop = api.seen
        assert (crm["headers"]["x-api-key"], crm["headers"]["x-tenant"]) == ("hush-crm", "seven")
        assert crm["path"] == "/things?version=2"
        assert json.loads(crm["body"]) == {"a": 1, "source": "everstep"}
        assert shop["headers"]["authorization"] == "Basic bWU6aHVzaC1zaG9w"
        # What is changed in the file holds at once.
        file.write_text(CONNECTIONS.replace("[shop]", "[store]"))
        failed = call(dev, api, "shop")
        assert (failed["status"], failed["error"]) == ("FAILED", "Events.ConnectionResource.ResourceNotFound")
        file.chmod(0o644)
        failed = call(dev, api, "crm")
        assert failed["error"] == "Events.ConnectionResource.InternalError"
        assert "chmod 600" in failed["cause"]
        assert len(api.seen) == 2
    finally:
        dev.end()


def test_what_is_no_network_is_refused_before_anything_starts(tmp_path: Path) -> None:
    ended = everstep("dev", "--http-allow", "10.0.0.0/33", folder=tmp_path)
    assert ended.code == 2
    assert "is no network" in ended.err
