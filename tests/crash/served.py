"""A server that is started, killed and started again on one folder and one port."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

BINARY = os.environ.get("EVERSTEP_BIN", "everstep")
# The folder of a server has its name in the command line or the environment of nothing but its own processes.
PATIENCE_S = 60


def free_port() -> int:
    """A port that nobody has, and that the system gives to nobody who asks for any: a server that was killed finds it free again."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Gone(Exception):
    """No answer within the patience of a client."""


class Unreachable(Exception):
    """The server was gone before it answered: whether the request was taken is not known."""


class Server:
    """One server folder, served by one process after another on one port."""

    def __init__(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.arguments, self.port = folder, arguments, free_port()
        self.environment = {**os.environ, **(environment or {})}
        self.log_path = folder.parent / f"{folder.name}-server.log"
        self.process: subprocess.Popen[str] | None = None

    def command(self) -> list[str]:
        return [BINARY, "dev", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.folder), *self.arguments]

    def start(self) -> None:
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=self.environment
            )
        line = self.process.stdout.readline()
        assert line.startswith("everstep ready"), f"the server does not start: {line!r}, see {self.log_path}:\n{self.log()[-2000:]}"

    def refuses_to_start(self) -> tuple[int, str]:
        """Exit code and standard error of a server that must not start."""
        done = subprocess.run(
            self.command(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, env=self.environment
        )
        assert "everstep ready" not in done.stdout, done.stdout
        return done.returncode, done.stderr

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()
        self.process = None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        if body is not None and not isinstance(body, (str, bytes)):
            body, headers = json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        status, text = self.call("GET", path)
        assert status == 200, f"GET {path}: {status} {text!r}"
        return json.loads(text)

    def history(self, execution: str, data: bool = False) -> list[dict[str, Any]]:
        """Every public event, oldest first."""
        path = f"/executions/{execution}/history?limit=1000&data={'true' if data else 'false'}"
        return self.get(path)["events"]


def until(condition, what: str, seconds: float = PATIENCE_S):
    """The first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def processes_of(folder: Path) -> list[tuple[int, str]]:
    """Every process that has to do with a folder: it stands in its command line, its environment, or it is where it works."""
    found, mark = [], str(folder).encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            place = os.readlink(entry / "cwd").encode()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and (mark in command or mark in environment or place.startswith(mark)):
            found.append((int(entry.name), command.replace(b"\0", b" ").decode(errors="replace").strip()))
    return found


def nobody_left(folder: Path, seconds: float = 10) -> None:
    """Fails if processes of a folder are still there after a while."""
    deadline = time.monotonic() + seconds
    while left := processes_of(folder):
        assert time.monotonic() < deadline, f"processes are left over: {left}"
        time.sleep(0.05)
