"""What a server tells of itself and of what happens in it: metrics, alarms, logs, traces, notifications.

The binary is in EVERSTEP_BIN; every module starts servers of its own. Functions run with the packages of this Python environment.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

BINARY = os.environ.get("EVERSTEP_BIN", "everstep")
ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = Path(__file__).parent / "functions"
REGION = "us-east-1"
ROLE = "arn:aws:iam::000000000000:role/test"
PATIENCE_S = 60


def until(look: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What `look` gives as soon as it is something."""
    end = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.05)


def surroundings(**variables: str) -> dict[str, str]:
    """The environment without what would send a verb to another server, or give it keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVERSTEP_", "AWS_", "OTEL_"))}
    return {**kept, **variables}


def everstep(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the binary to its end."""
    return subprocess.run(
        [BINARY, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, env=surroundings(**variables)
    )


class Server:
    """`everstep dev` in a folder of its own."""

    def __init__(self, folder: Path, settings: str = "", *words: str, **variables: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log_path = folder, folder.parent / f"{folder.name}.log"
        self.words, self.variables = words, variables
        self.settings = folder.parent / f"{folder.name}.toml"
        self.settings.write_text(settings)
        self.start()

    def start(self) -> None:
        command = [BINARY, "dev", "--no-demo", "--listen", "127.0.0.1:0", "--data", str(self.folder), "--python", sys.executable]
        command += ["--config", str(self.settings), *self.words]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=surroundings(**self.variables)
            )
        ready = self.process.stdout.readline()
        if not ready.startswith("everstep ready http"):
            self.end()
            raise AssertionError(f"the server does not start: {ready!r}\n{self.log_path.read_text()}")
        self.url = ready.split()[-1]

    def client(self, service: str) -> Any:
        config = Config(read_timeout=120, retries={"mode": "standard", "total_max_attempts": 1})
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=config, **keys)

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=30)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def log(self) -> list[dict[str, Any]]:
        """The server's own lines so far."""
        lines = [line for line in self.log_path.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()

    def end(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def machine(self, name: str, states: dict[str, Any]) -> str:
        """A state machine that begins with the first of these states; gives its ARN."""
        definition = json.dumps({"StartAt": next(iter(states)), "States": states})
        return self.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]

    def function(self, name: str, durable: bool = True) -> None:
        """The function of this name in `functions/observed.py`."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path in sorted(FUNCTIONS.glob("*.py")):
                archive.write(path, path.name)
        fields = {"DurableConfig": {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1}} if durable else {}
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=ROLE,
            Handler=f"observed.{name}",
            Timeout=60,
            Code={"ZipFile": buffer.getvalue()},
            Environment={"Variables": {"PYTHONPATH": sysconfig.get_paths()["purelib"], "FOLDER": str(self.folder.parent)}},
            **fields,
        )

    def waiting(self, name: str, **headers: str) -> str:
        """Starts an execution of the function `waits` and gives the token of the callback that it waits for."""
        answer = requests.post(
            f"{self.url}/2015-03-31/functions/waits/invocations?Qualifier=%24LATEST",
            data=json.dumps({"name": name}),
            headers={"X-Amz-Invocation-Type": "Event", "X-Amz-Durable-Execution-Name": name, **headers},
            timeout=30,
        )
        assert answer.status_code == 202, answer.text
        told = self.folder.parent / f"{name}.token"
        return until(lambda: told.exists() and told.read_text(), f"the callback of {name}")

    def answer(self, token: str, **members: Any) -> requests.Response:
        """A callback in the research workflow's shape."""
        return requests.post(f"{self.url}/callbacks", json={"token": token, **members}, timeout=30)

    def ended(self, name: str) -> dict[str, Any]:
        """The execution of this name, when it has ended."""

        def look() -> dict[str, Any] | None:
            rows = [row for row in self.get("/executions?limit=100")["executions"] if row["name"] == name]
            return rows[0] if rows and rows[0]["status"] not in ("RUNNING", "PAUSED", "PAUSING") else None

        return until(look, f"the end of {name}")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server with these settings; all are ended after the test."""
    servers: list[Server] = []

    def start(settings: str = "", *words: str, **variables: str) -> Server:
        servers.append(Server(tmp_path / f"data{len(servers)}", settings, *words, **variables))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.end()


class Receiver:
    """Somebody outside who is told things by POST, and answers with the statuses of `answers`, in turn, then with 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                receiver.hold.wait(PATIENCE_S)
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """A server of AWS's services in this machine's memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/moto-api/", timeout=1).status_code == 200
        except requests.RequestException:
            return False

    until(answers, "the AWS server")
    yield url
    process.terminate()
    process.wait(timeout=30)
