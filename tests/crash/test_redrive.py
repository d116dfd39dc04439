"""kill -9 between the acknowledgement of a redrive and the invocation that follows from it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from functions import create, executions, identifier, start
from served import Server, nobody_left, until

ROUNDS = 8


def test_an_acknowledged_redrive_survives_a_kill(tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    server = Server(tmp_path / "data", "--no-demo")
    server.start()
    try:
        create(server, "flaky", 60, WORLD=world)
        for number in range(ROUNDS):
            name = f"flaky-{number}"
            assert start(server, "flaky", name, json.dumps(name)) == 202
            until(lambda: status(server, name) == "FAILED", f"{name} fails")
            execution = identifier(executions(server, "flaky")[name])
            (world / f"{name}.works").touch()
            code, text = server.call("POST", f"/executions/{execution}/redrive")
            # Nothing waits between the answer and the kill: the invocation is a row, or has just begun.
            server.end()
            assert code == 200, text
            server.start()
            until(lambda: status(server, name) != "FAILED", f"{name} is no failure any more")
            until(lambda: status(server, name) == "SUCCEEDED", f"{name} succeeds")
            ran = (world / f"{name}.ran").read_text().split()
            assert ran.count("first") == 1, "what had succeeded before the redrive never runs again"
            types = [event["EventType"] for event in server.history(execution)]
            assert types.count("ExecutionRedriven") == 1 and types[-1] == "ExecutionSucceeded"
    finally:
        server.end(signal.SIGTERM)
    nobody_left(server.folder)


def status(server: Server, name: str) -> str:
    return executions(server, "flaky").get(name, {}).get("Status", "")
