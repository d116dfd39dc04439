"""The research workflow with the server killed -9 at every boundary of its flow: a crash changes nothing but the time that it takes.

Boundary N is the moment at which the public history shows N events. What has to be the same as without a crash: the outcome, the
report apart from ids and times, the events of every step and callback, and that each agent was given its task once.
"""

from __future__ import annotations

import difflib
import random
import re
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Iterator

import pytest

from served import Server, Unreachable, nobody_left, until

SEED = 20261121
AGENTS = ("researcher", "analyst", "writer")
# An agent's result comes home by its push, by a look at its task, or with the very answer to a dispatch that a crash has repeated. Which
# it is, and how many invocations that takes, is a race even without a crash.
RACING = re.compile(r"_(result|poll|poll_wait)$")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class Workflow:
    """One workflow, started and approved by threads that try again until the server has said yes."""

    def __init__(self, server: Server, chance: random.Random):
        self.server = server
        self.id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        self.execution: str | None = None
        self.approving: threading.Thread | None = None
        start = {"topic": "Long-duration energy storage for a renewable grid", "parameters": {}, "workflow_id": self.id}
        self.starting = self.insist("/workflows", start)

    def insist(self, path: str, body: dict[str, Any]) -> threading.Thread:
        def post() -> None:
            for _ in range(400):
                try:
                    status, _ = self.server.call("POST", path, body)
                except Unreachable:
                    status = 0
                if status in (200, 409, 410):
                    return
                time.sleep(0.05)

        thread = threading.Thread(target=post, daemon=True)
        thread.start()
        return thread

    def look(self) -> list[dict[str, Any]]:
        """The history so far; approves as soon as approval is asked for."""
        if self.execution is None:
            rows = self.server.get(f"/executions?function=ResearchWorkflow&name_prefix={self.id}&limit=1")["executions"]
            if not rows:
                return []
            self.execution = rows[0]["id"]
        events = self.server.history(self.execution)
        names = {(event["EventType"], event.get("Name")) for event in events}
        if self.approving is None and ("StepSucceeded", "request_approval") in names:
            decision = {"approved": True, "feedback": "Please say more about cost.", "approved_by": "the test"}
            self.approving = self.insist(f"/approve/{self.id}", decision)
        return events

    def run_until(self, count: int, seconds: float = 40) -> list[dict[str, Any]]:
        """Looks until there are `count` events or the execution has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            events = self.look()
            if len(events) >= count or (events and events[-1]["EventType"].startswith("Execution") and len(events) > 1):
                return events
        raise AssertionError(f"{self.id} hangs at {[(e['EventType'], e.get('Name')) for e in events][-4:]}; see {self.server.log_path}")

    def outcome(self) -> dict[str, Any]:
        """All that a crash must not change."""
        events = self.run_until(1_000_000)
        record = self.server.get(f"/workflows/{self.id}")
        assert record["report_url"], record
        status, report = self.server.call("GET", "/" + record["report_url"].split("/", 3)[3])
        assert status == 200, report
        return {
            "events": steady(events),
            "record": [record["status"], record["current_step"], [step["step_name"] for step in record["steps_completed"]]],
            "report": TIME.sub("TIME", UUID.sub("ID", report.decode())),
            "tasks": {agent: self.tasks_of(agent) for agent in AGENTS},
        }

    def tasks_of(self, agent: str) -> int:
        folder = self.server.folder / "agents" / agent / "tasks"
        return sum(self.id in path.read_text() for path in folder.glob("*.json"))


def steady(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The events in order, without what races. A push comes as early or late as the agent is: it is checked, not compared."""
    rows, started, answered = [], set(), set()
    for event in events:
        kind, name = event["EventType"], event.get("Name") or ""
        if kind == "InvocationCompleted" or RACING.search(name):
            continue
        if kind == "CallbackStarted":
            started.add(name)
        if kind == "CallbackSucceeded":
            assert name in started and name not in answered, f"{name} was answered twice, or before it was there"
            answered.add(name)
            if name.endswith("_await"):
                continue
        # The execution carries the workflow's id as its name.
        rows.append((kind, "" if kind.startswith("Execution") else name))
    return rows


def compare(found: dict[str, Any], calm: dict[str, Any], what: str) -> None:
    for part, expected in calm.items():
        if found[part] == expected:
            continue
        if isinstance(expected, str):
            found_lines, lines = found[part].splitlines(), expected.splitlines()
        else:
            found_lines, lines = [str(row) for row in found[part]], [str(row) for row in expected]
        difference = "\n".join(difflib.unified_diff(lines, found_lines, "calm", "killed", lineterm="", n=2))
        raise AssertionError(f"{what}: the {part} differ: {found[part] if isinstance(expected, dict) else difference}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("research") / "data")
    server.start()
    yield server
    server.end()
    nobody_left(server.folder)


@pytest.fixture(scope="module")
def calm(server: Server) -> dict[str, Any]:
    """A run without a crash, and how many events it had."""
    workflow = Workflow(server, random.Random(SEED))
    outcome = workflow.outcome()
    assert outcome["record"][:2] == ["COMPLETED", "completed"], outcome["record"]
    assert outcome["tasks"] == dict.fromkeys(AGENTS, 1)
    return {"outcome": outcome, "events": len(workflow.look())}


def test_a_kill_at_any_boundary_changes_nothing(server: Server, calm: dict[str, Any]) -> None:
    chance = random.Random(SEED + 1)
    assert calm["events"] > 30
    for boundary in range(1, calm["events"]):
        workflow = Workflow(server, chance)
        workflow.run_until(boundary)
        time.sleep(chance.choice((0, 0, 0.002, 0.01)))
        server.end()
        server.start()
        compare(workflow.outcome(), calm["outcome"], f"killed at {boundary} events: {workflow.id}")


def test_a_kill_at_each_boundary_of_one_run_changes_nothing(server: Server, calm: dict[str, Any]) -> None:
    chance = random.Random(SEED + 2)
    workflow = Workflow(server, chance)
    boundary, kills = 1, 0
    while True:
        events = workflow.run_until(boundary)
        if events[-1]["EventType"] == "ExecutionSucceeded":
            break
        server.end()
        server.start()
        boundary, kills = len(events) + 1, kills + 1
    assert kills >= 10, f"{kills} kills prove little"
    compare(workflow.outcome(), calm["outcome"], f"killed {kills} times: {workflow.id}")
