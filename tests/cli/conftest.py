"""The real binary's verbs: a server of the test's own, functions on it, and the command line as a user types it.

The binary is in EVERSTEP_BIN. Functions run with the packages of this Python environment.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sysconfig
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

BINARY = os.environ.get("EVERSTEP_BIN", "everstep")
FUNCTIONS = Path(__file__).parent / "functions"
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
ROLE = "arn:aws:iam::000000000000:role/test"


def surroundings(**variables: str) -> dict[str, str]:
    """The environment without what would send a verb to another server."""
    kept = {name: value for name, value in os.environ.items() if name not in ("EVERSTEP_ENDPOINT", "AWS_REGION")}
    return {**kept, **variables}


@dataclass
class Ended:
    """What a command left: its exit code and its two outputs."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def everstep(*words: str, folder: Path | None = None, stdin: str = "", **variables: str) -> Ended:
    """Runs the binary to its end."""
    done = subprocess.run(
        [BINARY, *words], cwd=folder, input=stdin, capture_output=True, text=True, timeout=PATIENCE_S, env=surroundings(**variables)
    )
    return Ended(done.returncode, done.stdout, done.stderr)


class Dev:
    """`everstep dev` on a free port in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, **variables: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log = folder, folder / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [BINARY, "dev", "--listen", "127.0.0.1:0", *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=surroundings(**variables),
            )
        self.ready = self.process.stdout.readline()
        if not self.ready.startswith("everstep ready http://127.0.0.1:"):
            self.end()
            raise AssertionError(f"the server does not start: {self.ready!r}\n{self.log.read_text()}")
        self.url = self.ready.split()[-1]

    def run(self, *words: str, stdin: str = "", **variables: str) -> Ended:
        """A verb against this server."""
        return everstep(*words, folder=self.folder, stdin=stdin, EVERSTEP_ENDPOINT=self.url, **variables)

    def good(self, *words: str, stdin: str = "") -> Ended:
        """A verb that has to end well."""
        ended = self.run(*words, stdin=stdin)
        assert ended.code == 0, f"{words}: {ended}"
        return ended

    def describe(self, execution: str) -> dict[str, Any]:
        return self.good("-o", "json", "describe", execution).json()

    def end(self) -> None:
        """Ends it as Ctrl-C or a service manager would, and with it its children."""
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.stdout.close()


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A server without the demo, and the functions of `functions/cli.py` on it, created through the Lambda API."""
    server = Dev(tmp_path_factory.mktemp("cli"), "--no-demo")
    try:
        create(server)
        yield server
    finally:
        server.end()


def client(server: Dev, service: str) -> Any:
    """A boto3 client of this server."""
    return boto3.client(service, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any")


def create(server: Dev) -> None:
    functions = client(server, "lambda")
    for name in ("greeting", "approval", "delegates", "raises", "many", "changed"):
        create_function(functions, name, f"cli.{name}")
    create_function(functions, "asks", "cli.asks", hours=48)


def create_function(functions: Any, name: str, handler: str, hours: int = 2) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(FUNCTIONS / "cli.py", "cli.py")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler=handler,
        Timeout=60,
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"PYTHONPATH": sysconfig.get_paths()["purelib"]}},
        DurableConfig={"ExecutionTimeout": hours * 3600, "RetentionPeriodInDays": 1},
    )


@pytest.fixture
def waiting(dev: Dev) -> Callable[..., tuple[str, str]]:
    """Starts `approval` and waits until it waits: the execution's id and the callback's."""

    def start(payload: str = "{}") -> tuple[str, str]:
        execution = dev.good("start", "approval", "--input", payload).out.strip()

        def callback() -> str | None:
            events = dev.good("-o", "json", "history", execution).json()["events"]
            started = [event for event in events if event["EventType"] == "CallbackStarted"]
            # The function has to be gone, too: what waits is no process, only rows.
            suspended = any(event["EventType"] == "InvocationCompleted" for event in events)
            return started[0]["CallbackStartedDetails"]["CallbackId"] if started and suspended else None

        return execution, until(callback, f"{execution} waits for its callback")

    return start
