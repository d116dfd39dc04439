"""What large artifacts cost the server in memory: each way in and out by itself, as the growth of its peak over what it held before.

As a program it measures the binary in EVERSTEP_BIN and prints a table; `test_memory.py` holds the same ways against a bound.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import requests
from conftest import PATIENCE_S, Server
from emulators import STORES

MIB = 1 << 20


def pieces(length: int, digest=None) -> Iterator[bytes]:
    """Every piece another one, none of them compressible by much; text, so that it can stand in JSON."""
    base = hashlib.shake_256(b"everstep").hexdigest(MIB // 2).encode()
    for number in range(length // MIB):
        piece = f"{number:016x}".encode() + base[16:]
        if digest is not None:
            digest.update(piece)
        yield piece


def json_text(length: int, before: str, after: str) -> Iterator[bytes]:
    """A text that has this many bytes with its quotes, between what is around it."""
    yield f'{before}"'.encode()
    yield from pieces(length - MIB)
    yield f'{"." * (MIB - 2)}"{after}'.encode()


class Ways:
    """The ways that one artifact of this length goes in and out of a server."""

    def __init__(self, server: Server, length: int):
        self.server, self.length = server, length
        self.sent = hashlib.sha256()
        for _ in pieces(length, self.sent):
            pass
        # What the first requests of any kind cost is not a large artifact's.
        server.put("/artifacts/b/warm", bytes(10 * MIB))
        assert len(server.ask("GET", "/artifacts/b/warm").content) == 10 * MIB

    def grown(self, way: Callable[[], None]) -> int:
        self.server.forget_peak()
        before = self.server.memory("VmRSS")
        way()
        return self.server.memory("VmHWM") - before

    def all(self) -> dict[str, Callable[[], None]]:
        return {
            "PUT": self.put,
            "GET": lambda: self.read(self.server.session, f"{self.server.url}/artifacts/b/large"),
            "signed link": self.link,
            "result of `POST /callbacks`": self.callback,
            "input of `POST /definitions/…/start`": self.start,
        }

    def put(self) -> None:
        answer = self.server.put("/artifacts/b/large", pieces(self.length))
        assert answer.status_code == 201, answer.text + self.server.log.read_text()[-1000:]

    def read(self, session, url: str, quoted: bool = False) -> None:
        got, size = hashlib.sha256(), 0
        with session.get(url, stream=True, timeout=PATIENCE_S) as answer:
            assert answer.status_code == 200, answer.text
            for piece in answer.iter_content(MIB):
                got.update(piece)
                size += len(piece)
        assert size == self.length
        if not quoted:
            assert got.hexdigest() == self.sent.hexdigest()

    def link(self) -> None:
        body = {"bucket": "b", "key": "large", "expires_seconds": 3600}
        url = self.server.ask("POST", "/artifact-links", json=body).json()["url"]
        self.read(requests, url)

    def states(self, operation: str, **body: object) -> dict:
        headers = {"x-amz-target": f"AWSStepFunctions.{operation}", "content-type": "application/x-amz-json-1.0"}
        answer = self.server.ask("POST", "/", data=json.dumps(body), headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def machine(self, state: dict) -> str:
        name = f"large-{uuid.uuid4().hex[:8]}"
        definition = json.dumps({"StartAt": "A", "States": {"A": {**state, "End": True}}})
        self.states("CreateStateMachine", name=name, definition=definition, roleArn="arn:aws:iam::000000000000:role/test")
        return name

    def begun(self, name: str, body) -> str:
        answer = self.server.ask("POST", f"/definitions/{name}/start", data=body)
        assert answer.status_code == 201, answer.text + self.server.log.read_text()[-1000:]
        return answer.json()["id"]

    def resolved(self, execution: str, what: str) -> None:
        self.read(self.server.session, f"{self.server.url}/executions/{execution}/{what}?resolve=true", quoted=True)

    def callback(self) -> None:
        """A state machine waits for an activity, whose token the callback shows; its result is read through the execution."""
        activity = self.states("CreateActivity", name=f"a-{uuid.uuid4().hex[:8]}")["activityArn"]
        execution = self.begun(self.machine({"Type": "Task", "Resource": activity}), "{}")
        token = self.states("GetActivityTask", activityArn=activity)["taskToken"]
        body = json_text(self.length, f'{{"token":{json.dumps(token)},"status":"SUCCESS","result":', "}")
        answer = self.server.ask("POST", "/callbacks", data=body)
        assert answer.json().get("status") == "callback_delivered", answer.text
        while self.server.ask("GET", f"/executions/{execution}").json()["execution"]["status"] == "RUNNING":
            pass
        self.resolved(execution, "result")

    def start(self) -> None:
        self.resolved(self.begun(self.machine({"Type": "Pass"}), json_text(self.length, '{"input":', "}")), "input")


def main(names: list[str]) -> None:
    length = int(os.environ.get("ARTIFACT_MIB", "1024")) * MIB
    print(f"| place | way | more memory at most | of {length // MIB} MiB |\n|---|---|---|---|", flush=True)
    for name in names or ["folder", "s3"]:
        with tempfile.TemporaryDirectory() as folder, closing(STORES[name](Path(folder))) as stores:
            store = next(stores)
            server = Server(Path(folder) / "server", "--artifacts", store.url, *store.arguments, **store.environment)
            try:
                ways = Ways(server, length)
                for way, does in ways.all().items():
                    grown = max(0, ways.grown(does))
                    print(f"| {name} | {way} | {grown / MIB:.1f} MiB | {100 * grown / length:.2f} % |", flush=True)
            finally:
                server.end()


if __name__ == "__main__":
    main(sys.argv[1:])
