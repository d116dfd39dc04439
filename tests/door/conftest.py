"""The door of the real binary: `everstep serve` with keys and TLS, and `everstep dev` without, as AWS's clients and raw sockets meet them.

The binary is in EVERSTEP_BIN. Functions run with the packages of this Python environment.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

BINARY = os.environ.get("EVERSTEP_BIN", "everstep")
FUNCTIONS = Path(__file__).parent / "functions"
REGION = "us-east-1"
PATIENCE_S = 60
ROLE = "arn:aws:iam::000000000000:role/test"


def surroundings(**variables: str) -> dict[str, str]:
    """The environment without what would send a verb to another server, or give it keys."""
    dropped = ("EVERSTEP_ENDPOINT", "EVERSTEP_API_KEY", "EVERSTEP_KEYS", "EVERSTEP_ADMIN_KEY", "EVERSTEP_CA_CERT")
    kept = {name: value for name, value in os.environ.items() if name not in dropped and not name.startswith("AWS_")}
    return {**kept, **variables}


def everstep(*words: str, folder: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the binary to its end."""
    return subprocess.run(
        [BINARY, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=surroundings(**variables),
    )


def create_key(folder: Path, name: str, *options: str) -> dict[str, str]:
    """A new key of the server in `folder`: its parts by the names of their variables."""
    done = everstep("-o", "json", "keys", "create", name, *options, "--data", str(folder))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Server:
    """A running server in a folder of its own."""

    def __init__(self, folder: Path, *words: str, **variables: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log = folder, folder.parent / f"{folder.name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [BINARY, *words, "--listen", "127.0.0.1:0", "--data", str(folder), "--python", sys.executable],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=surroundings(**variables),
            )
        self.ready = self.process.stdout.readline()
        if not self.ready.startswith("everstep ready http"):
            self.end()
            raise AssertionError(f"the server does not start: {self.ready!r}\n{self.log.read_text()}")
        self.url = self.ready.split()[-1]
        host, _, port = self.url.split("//")[1].rpartition(":")
        self.address = (host, int(port))

    def client(self, service: str = "lambda", key: dict[str, str] | None = None, **fields: Any) -> Any:
        """boto3 that shows a wrong answer at once instead of trying again."""
        key = key or {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        config = Config(read_timeout=120, retries={"mode": "standard", "total_max_attempts": 1})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            config=config,
            aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=key.get("AWS_SESSION_TOKEN"),
            **fields,
        )

    def say(self, text: bytes, seconds: float = 10) -> bytes:
        """Sends bytes as they are and gives everything that comes back until the connection ends, or until nothing has come for a time."""
        with socket.create_connection(self.address, timeout=seconds) as connection:
            connection.sendall(text)
            heard = b""
            try:
                while piece := connection.recv(65536):
                    heard += piece
            except (TimeoutError, ConnectionResetError):
                pass
            return heard

    def end(self) -> int:
        """Ends it as a service manager would; gives its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.stdout.close()


def code() -> bytes:
    """All test functions as one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(FUNCTIONS.glob("*.py")):
            archive.write(path, path.name)
    return buffer.getvalue()


def create_function(client: Any, name: str, handler: str, durable: bool = False, **variables: str) -> None:
    fields = {"DurableConfig": {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1}} if durable else {}
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler=handler,
        Timeout=60,
        Code={"ZipFile": code()},
        Environment={"Variables": {"PYTHONPATH": sysconfig.get_paths()["purelib"], **variables}},
        **fields,
    )


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value


class Guarded(Server):
    """`everstep serve` with a key of every kind."""

    def __init__(self, folder: Path, *words: str, **variables: str):
        self.keys = {role: create_key(folder, role, "--role", role) for role in ("read", "operate", "admin", "agent")}
        super().__init__(folder, "serve", *words, **variables)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded") / "data"
    server = Guarded(folder, EVERSTEP_LOG="trace")
    try:
        admin = server.client(key=server.keys["admin"])
        create_function(admin, "echo", "door.echo")
        create_function(admin, "durable", "door.durable", durable=True)
        create_function(admin, "secrets", "door.secrets")
        yield server
    finally:
        server.end()


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for development: no keys of the operator's."""
    server = Server(tmp_path_factory.mktemp("dev") / "data", "dev", "--no-demo")
    try:
        create_function(server.client(), "durable", "door.durable", durable=True)
        create_function(server.client(), "secrets", "door.secrets")
        yield server
    finally:
        server.end()
