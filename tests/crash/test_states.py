"""kill -9 of the server at random moments while state machines run, through Step Functions' API.

P1: no start, update or task result that was acknowledged is missing after any restart. P2: a task's result is recorded once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

from served import Server, Unreachable, nobody_left

ROUNDS = int(os.environ.get("KILL_ROUNDS", "20"))
SEED = 20261122
STARTS_PER_ROUND = 8
ROLE = "arn:aws:iam::000000000000:role/r"
RUNNING = "RUNNING"


def ask(server: Server, operation: str, **body: Any) -> tuple[int, dict[str, Any]]:
    status, text = server.call("POST", "/", json.dumps(body), {"X-Amz-Target": f"AWSStepFunctions.{operation}"})
    return status, json.loads(text)


def sure(server: Server, operation: str, **body: Any) -> dict[str, Any]:
    status, answer = ask(server, operation, **body)
    assert status == 200, f"{operation} {body}: {answer}"
    return answer


def definition(activity: str, comment: str) -> str:
    """States that run through, a worker's task that is tried again when its worker is gone, a wait, and iterations."""
    again = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1000, "BackoffRate": 1.0}]
    work = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 3, "Retry": again, "ResultPath": "$.work", "Next": "Wait"}
    each = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": True}}}
    states = {
        "First": {"Type": "Pass", "Assign": {"id.$": "States.UUID()"}, "Next": "Work"},
        "Work": work,
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Fan"},
        "Fan": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each, "ResultPath": "$.items", "End": True},
    }
    return json.dumps({"Comment": comment, "StartAt": "First", "States": states})


class Load:
    """Starts executions and does their tasks; remembers what the server acknowledged."""

    def __init__(self, server: Server, machine: str, activity: str):
        self.server, self.machine, self.activity = server, machine, activity
        self.started: dict[str, str] = {}
        self.done: dict[str, set[str]] = {}
        self.comments: list[str] = []
        self.wanted = threading.Semaphore(0)
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.count = 0
        work = [self.start_some, self.start_some, self.do_some, self.do_some, self.update_some]
        self.threads = [threading.Thread(target=self.until_ended, args=(one,), daemon=True) for one in work]
        for thread in self.threads:
            thread.start()

    def until_ended(self, work: Any) -> None:
        while not self.ended.is_set():
            try:
                work()
            except Unreachable:
                time.sleep(0.01)  # Not acknowledged: it may or may not have been done.

    def start_some(self) -> None:
        if not self.wanted.acquire(timeout=0.1):
            return
        with self.lock:
            self.count += 1
            name = f"execution-{self.count}"
        told = json.dumps({"name": name, "items": [1, {"two": "2"}, 3]})
        status, answer = ask(self.server, "StartExecution", stateMachineArn=self.machine, name=name, input=told)
        if status == 200:
            self.started[name] = answer["executionArn"]

    def do_some(self) -> None:
        status, task = ask(self.server, "GetActivityTask", activityArn=self.activity, workerName="w")
        if status != 200 or not task["taskToken"]:
            return
        name = json.loads(task["input"])["name"]
        result = json.dumps({"of": name, "chance": random.random()})
        status, _ = ask(self.server, "SendTaskSuccess", taskToken=task["taskToken"], output=result)
        if status == 200:
            with self.lock:
                self.done.setdefault(name, set()).add(result)

    def update_some(self) -> None:
        comment = f"comment {len(self.comments)}"
        status, _ = ask(self.server, "UpdateStateMachine", stateMachineArn=self.machine, definition=definition(self.activity, comment))
        if status == 200:
            self.comments.append(comment)
        time.sleep(0.1)


def history(server: Server, arn: str) -> list[dict[str, Any]]:
    events, fields = [], {}
    while True:
        page = sure(server, "GetExecutionHistory", executionArn=arn, maxResults=7, **fields)
        events += page["events"]
        if "nextToken" not in page:
            return events
        fields = {"nextToken": page["nextToken"]}


def check(server: Server, name: str, arn: str, load: Load) -> None:
    """An execution has ended well, on the one result that was acknowledged, and its history is whole."""
    shown = sure(server, "DescribeExecution", executionArn=arn)
    assert shown["status"] == "SUCCEEDED", shown
    output, results = json.loads(shown["output"]), load.done.get(name, set())
    assert len(results) <= 1, f"{name}: two results of one task were acknowledged: {results}"
    for result in results:
        assert output["work"] == json.loads(result), f"{name}: {result} was acknowledged, kept is {output}"
    assert output["items"] == [1, {"two": "2"}, 3]
    events = history(server, arn)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["type"] for event in events]
    for once in ("ExecutionStarted", "ActivitySucceeded", "WaitStateExited", "MapStateSucceeded", "ExecutionSucceeded"):
        assert kinds.count(once) == 1, f"{name}: {once} in {kinds}"


def test_kill_loses_nothing_of_state_machines_that_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    server = Server(tmp_path / "data", "--no-demo")
    server.start()
    activity = sure(server, "CreateActivity", name="work")["activityArn"]
    made = sure(server, "CreateStateMachine", name="machine", roleArn=ROLE, definition=definition(activity, "the first"))
    load = Load(server, made["stateMachineArn"], activity)
    try:
        for round_number in range(ROUNDS):
            for _ in range(STARTS_PER_ROUND):
                load.wanted.release()
            time.sleep(chance.uniform(0.05, 1.0))
            server.end()
            started, comments = dict(load.started), list(load.comments)
            server.start()
            for name, arn in started.items():
                status, shown = ask(server, "DescribeExecution", executionArn=arn)
                assert status == 200, f"round {round_number}: {name} was acknowledged and is gone: {shown}"
            if comments:
                kept = json.loads(sure(server, "DescribeStateMachine", stateMachineArn=load.machine)["definition"])["Comment"]
                assert kept not in comments[:-1], f"round {round_number}: {comments[-1]} was acknowledged, kept is {kept}"
        deadline = time.monotonic() + 120
        while sure(server, "ListExecutions", stateMachineArn=load.machine, statusFilter=RUNNING, maxResults=1)["executions"]:
            assert time.monotonic() < deadline, "executions still run"
            time.sleep(0.2)
        for name, arn in load.started.items():
            check(server, name, arn, load)
    finally:
        load.ended.set()
        server.end(signal.SIGTERM)
    nobody_left(server.folder)
    assert len(load.started) >= ROUNDS and len(load.done) >= ROUNDS, "the load was too small to prove anything"
    print(f"{ROUNDS} kills, {len(load.started)} acknowledged starts, {len(load.done)} results, {len(load.comments)} updates, none lost")
