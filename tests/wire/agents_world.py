"""Agents and a server of the test's own: processes that can be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
import requests
from botocore.config import Config
from conftest import KEYS, REGION

BINARY = os.environ.get("EVERSTEP_BIN", "everstep")
PEER = Path(__file__).parent / "agents" / "peer.py"


def eventually(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Waits until the condition is true and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return value


class Peer:
    """The agent of `agents/peer.py`."""

    def __init__(self, port: int = 0) -> None:
        self.process = subprocess.Popen([sys.executable, str(PEER), str(port)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://"), "the agent does not start"
        self.port = int(self.url.rsplit(":", 1)[1])

    def admin(self, what: str, body: Any = None) -> Any:
        if body is None and what == "seen":
            return requests.get(f"{self.url}/admin/seen", timeout=30).json()
        return requests.post(f"{self.url}/admin/{what}", json=body or {}, timeout=30).json()

    def seen(self, what: str) -> list[Any]:
        return self.admin("seen")[what]

    def messages(self, mark: str) -> list[dict[str, Any]]:
        """The tasks that were begun for a message with this mark."""
        return [message for message in self.seen("messages") if message["data"].get("mark") == mark]

    def has(self, mark: str) -> dict[str, Any]:
        """Waits until it has a task with this mark."""
        return eventually(lambda: self.messages(mark))[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def again(self) -> Peer:
        """The same agent at the same address, with nothing in its memory."""
        self.kill()
        return Peer(self.port)


class Server:
    """`everstep dev` over one folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder, self.arguments = folder, arguments
        self.start()

    def start(self) -> None:
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "dev", "--no-demo", "--listen", "127.0.0.1:0", "--data", str(self.folder / "data"), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.startswith("everstep ready"), (self.folder / "server.log").read_text()
        self.url = ready.split()[-1]
        config = Config(read_timeout=120, max_pool_connections=16, retries={"mode": "standard", "total_max_attempts": 1})
        self.client = boto3.client("lambda", endpoint_url=self.url, region_name=REGION, config=config, **KEYS)
        self.states = boto3.client("stepfunctions", endpoint_url=self.url, region_name=REGION, config=config, **KEYS)

    def kill(self) -> None:
        """As `kill -9`: nothing is tidied up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def again(self) -> None:
        self.kill()
        self.start()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self.url + path, json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def agent(self, name: str, url: str, **members: Any) -> None:
        """Declares an agent that is asked often, so that no test waits for long."""
        self.call("PUT", f"/agents/{name}", {"url": url, "poll_first_ms": 100, "poll_max_ms": 500, "retry_first_ms": 50, "retry_max_ms": 500, "breaker_failures": 0, **members})

    def begin(self, agent: str, task: Any) -> str:
        """Starts an execution of an agent; returns its id."""
        return self.call("POST", f"/definitions/{agent}/start", {"input": task})["id"]

    def describe(self, id: str) -> dict[str, Any]:
        return self.call("GET", f"/executions/{quote(id, safe='')}")

    def ended(self, id: str, seconds: float = 60) -> dict[str, Any]:
        return eventually(lambda: (found := self.describe(id))["execution"]["status"] != "RUNNING" and found, seconds)

    def result(self, id: str) -> Any:
        """The result of an execution that succeeds."""
        ended = self.ended(id)
        assert ended["execution"]["status"] == "SUCCEEDED", ended
        return ended["result"]

    def error(self, id: str) -> dict[str, Any]:
        """The error of one that does not."""
        ended = self.ended(id)
        assert ended["execution"]["status"] != "SUCCEEDED", ended
        return ended["error"]

    def invoke(self, agent: str, task: Any, **fields: Any) -> Any:
        answer = self.client.invoke(FunctionName=agent, Payload=json.dumps(task), **fields)
        payload = json.loads(answer["Payload"].read() or "null")
        return {"error": payload} if answer.get("FunctionError") else payload


@pytest.fixture(scope="module")
def shared():
    peer = Peer()
    yield peer
    peer.kill()


@pytest.fixture
def peer(shared):
    """The agent, well behaved at the beginning of each test."""
    shared.admin("manners")
    shared.admin("hold")
    return shared
