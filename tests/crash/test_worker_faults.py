"""Workers that do what they must not: answer twice, late, for another; speak with tokens that are used, old or somebody else's.

Each is refused by name, nothing of it is recorded, and the execution ends as if it had not happened.
"""

from __future__ import annotations

import json
import os
import signal
import urllib.parse
from pathlib import Path
from typing import Any, Iterator

import pytest

from functions import described, executions, start
from runtime import Invocation, callback, checkpoint, create, step, succeeded, worker, workers
from sameness import faults, invocation_errors
from served import Server, nobody_left, until

STALE = "Invalid checkpoint token"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", "--no-demo")
    server.start()
    yield server
    server.end()
    nobody_left(server.folder)


def begun(server: Server, folder: Path, name: str, number: int = 0) -> Invocation:
    """Starts an execution and takes its first invocation, as the worker that it brings."""
    assert start(server, "raw", name) == 202
    invocation = worker(folder, number).next()
    assert invocation.arn.split("/")[-2] == name
    return invocation


def ended(server: Server, name: str) -> dict[str, Any]:
    row = until(lambda: (row := executions(server, "raw")[name])["Status"] != "RUNNING" and row, f"the end of {name}")
    return described(server, row)[1]


def history(server: Server, arn: str) -> list[dict[str, Any]]:
    events = server.history(arn.rsplit("/", 1)[1], data=True)
    assert faults(events) == []
    return events


def payloads(events: list[dict[str, Any]]) -> dict[str, str]:
    found = [event for event in events if event["EventType"] == "StepSucceeded"]
    assert len(found) == len({event["Id"] for event in found}), found
    return {event["Id"]: event["StepSucceededDetails"]["Result"]["Payload"] for event in found}


def refused(answer: tuple[int, bytes]) -> None:
    assert answer[0] == 400 and STALE in answer[1].decode(), answer


def test_the_first_of_two_answers_is_the_answer(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path)
    invocation = begun(server, tmp_path, "twice")
    assert invocation.worker.respond(invocation.id, succeeded("first")) == 202
    assert invocation.worker.respond(invocation.id, succeeded("second")) == 403
    assert invocation.worker.fail(invocation.id, "Third") == 403
    assert ended(server, "twice")["Result"] == '"first"'
    assert invocation_errors(history(server, invocation.arn)) == []


def test_an_answer_for_another_invocation_is_refused_and_harms_neither(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path)
    one, other = begun(server, tmp_path, "one"), begun(server, tmp_path, "other", 1)
    assert one.worker.pid != other.worker.pid
    assert one.worker.respond(other.id, succeeded("from one")) == 400
    assert one.worker.fail(other.id, "FromOne") == 400
    assert one.worker.respond("no-such-invocation", succeeded("nobody's")) == 400
    assert other.worker.respond(other.id, succeeded("other")) == 202
    assert one.worker.respond(one.id, succeeded("one")) == 202
    for invocation, name in ((one, "one"), (other, "other")):
        assert ended(server, name)["Result"] == f'"{name}"'
        assert invocation_errors(history(server, invocation.arn)) == []


def test_a_token_of_another_execution_changes_neither(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path)
    one, other = begun(server, tmp_path, "one"), begun(server, tmp_path, "other", 1)
    refused(checkpoint(server, one.arn, other.token, step("a", "stolen")))
    refused(checkpoint(server, other.arn, one.token, step("a", "stolen")))
    for invocation in (one, other):
        status, text = checkpoint(server, invocation.arn, invocation.token, step("a", "own"))
        assert status == 200, text
        assert invocation.worker.respond(invocation.id, succeeded("done")) == 202
    for invocation, name in ((one, "one"), (other, "other")):
        assert ended(server, name)["Status"] == "SUCCEEDED"
        assert payloads(history(server, invocation.arn)) == {"a": '"own"'}


def test_a_token_is_good_once(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path)
    invocation = begun(server, tmp_path, "once")
    status, text = checkpoint(server, invocation.arn, invocation.token, step("a", "first"), client="one")
    assert status == 200, text
    assert checkpoint(server, invocation.arn, invocation.token, step("b", "second"), client="one") == (200, text), "the same call, once more"
    refused(checkpoint(server, invocation.arn, invocation.token, step("b", "second"), client="two"))
    refused(checkpoint(server, invocation.arn, invocation.token, step("b", "second")))
    damaged = invocation.token[:-6] + ("A" if invocation.token[-6] != "A" else "B") + invocation.token[-5:]
    refused(checkpoint(server, invocation.arn, damaged, step("b", "second")))
    assert invocation.worker.respond(invocation.id, succeeded("done")) == 202
    ended(server, "once")
    refused(checkpoint(server, invocation.arn, json.loads(text)["CheckpointToken"], step("b", "after the end")))
    assert payloads(history(server, invocation.arn)) == {"a": '"first"'}


def test_a_token_of_an_older_invocation_is_refused(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path)
    first = begun(server, tmp_path, "older")
    status, text = checkpoint(server, first.arn, first.token, callback("c"))
    assert status == 200, text
    token = json.loads(text)["CheckpointToken"]
    [waiting] = [o for o in json.loads(text)["NewExecutionState"]["Operations"] if o["Id"] == "c"]
    assert first.worker.respond(first.id, {"Status": "PENDING"}) == 202
    # Nobody is invoked now, and the token was the last one given: still its invocation is over.
    until(lambda: any(event["EventType"] == "InvocationCompleted" for event in history(server, first.arn)), "the end of the invocation")
    refused(checkpoint(server, first.arn, token, step("a", "after the answer")))
    identifier = waiting["CallbackDetails"]["CallbackId"]
    assert answer_callback(server, identifier) == 200
    second = first.worker.next()
    assert second.arn == first.arn and second.id != first.id
    refused(checkpoint(server, first.arn, token, step("a", "of the first")))
    assert first.worker.respond(first.id, succeeded("of the first")) in (400, 403)
    status, text = checkpoint(server, second.arn, second.token, step("a", "of the second"))
    assert status == 200, text
    assert second.worker.respond(second.id, succeeded("done")) == 202
    assert ended(server, "older")["Result"] == '"done"'
    assert payloads(history(server, first.arn)) == {"a": '"of the second"'}


def answer_callback(server: Server, callback: str) -> int:
    path = f"/2025-12-01/durable-execution-callbacks/{urllib.parse.quote(callback, safe='')}/succeed"
    return server.call("POST", path, '"answered"')[0]


def test_a_worker_that_is_stopped_past_its_timeout_is_replaced_and_late_calls_harm_nothing(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path, timeout_s=2)
    late = begun(server, tmp_path, "late")
    status, text = checkpoint(server, late.arn, late.token, step("a", "in time"))
    assert status == 200, text
    token = json.loads(text)["CheckpointToken"]
    os.kill(late.worker.pid, signal.SIGSTOP)
    second = worker(tmp_path, 1).next()
    assert second.arn == late.arn and second.worker.pid != late.worker.pid
    assert [o["Id"] for o in second.operations if o["Status"] == "SUCCEEDED"] == ["a"]
    # The stopped process did not outlive its timeout: nothing is left to go on.
    until(lambda: not Path(f"/proc/{late.worker.pid}").exists(), "the end of the stopped worker")
    with pytest.raises(ProcessLookupError):
        os.kill(late.worker.pid, signal.SIGCONT)
    # What it had sent may still be on its way.
    refused(checkpoint(server, late.arn, token, step("b", "late")))
    assert late.worker.respond(late.id, succeeded("late")) == 0
    assert second.worker.respond(late.id, succeeded("late, by another door")) == 400
    status, text = checkpoint(server, second.arn, second.token, step("b", "of the second"))
    assert status == 200, text
    assert second.worker.respond(second.id, succeeded("done")) == 202
    assert ended(server, "late")["Result"] == '"done"'
    events = history(server, late.arn)
    assert invocation_errors(events) == ["Sandbox.Timedout"]
    assert payloads(events) == {"a": '"in time"', "b": '"of the second"'}


def test_an_answer_to_a_checkpoint_is_the_same_after_a_kill(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path)
    invocation = begun(server, tmp_path, "again")
    updates = (step("a", "x" * 40_000), callback("c"))
    first = checkpoint(server, invocation.arn, invocation.token, *updates, client="the one")
    assert first[0] == 200, first
    for _ in range(2):
        server.end()
        server.start()
        assert checkpoint(server, invocation.arn, invocation.token, *updates, client="the one") == first
    refused(checkpoint(server, invocation.arn, invocation.token, *updates, client="another"))
    # The invocation goes on under its own id, where its last checkpoint was.
    second = worker(tmp_path, len(workers(tmp_path)) - 1).next()
    assert second.id == invocation.id and second.token == json.loads(first[1])["CheckpointToken"]
    assert second.worker.respond(second.id, succeeded("done")) == 202
    assert ended(server, "again")["Result"] == '"done"'
    assert payloads(history(server, invocation.arn)) == {"a": json.dumps("x" * 40_000)}


def test_of_a_worker_and_its_successor_one_goes_on(server: Server, tmp_path: Path) -> None:
    create(server, tmp_path)
    survivor = begun(server, tmp_path, "both")
    server.end()
    server.start()
    # The invocation is repeated; its calls and those of the process that should be gone carry the same token.
    successor = worker(tmp_path, 1).next()
    assert successor.id == survivor.id and successor.token == survivor.token
    status, text = checkpoint(server, survivor.arn, survivor.token, step("a", "the survivor's"))
    assert status == 200, text
    refused(checkpoint(server, successor.arn, successor.token, step("a", "the successor's")))
    # As an SDK does that meets a stale token; the invocation is tried again, with all that was recorded.
    assert successor.worker.fail(successor.id, "StaleToken") == 202
    third = successor.worker.next()
    assert [o["Id"] for o in third.operations if o["Status"] == "SUCCEEDED"] == ["a"]
    refused(checkpoint(server, survivor.arn, json.loads(text)["CheckpointToken"], step("b", "the survivor's")))
    assert third.worker.respond(third.id, succeeded("done")) == 202
    assert ended(server, "both")["Result"] == '"done"'
    assert payloads(history(server, survivor.arn)) == {"a": '"the survivor\'s"'}
