"""The system's clock is set while the server runs, an hour on or an hour back: what was to last some time lasts that time.

libfaketime (`tests/debian.txt`) lies between the server and the system's clock; its workers see the true time.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from functions import described, executions, start
from runtime import callback, checkpoint, create, step, succeeded, worker
from sameness import faults, invocation_errors
from served import Server, nobody_left, until
from test_worker_faults import answer_callback

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOUR_S = 3600
# No jump makes anything as late as this; a clock that was followed would by an hour.
LATE_S = 60
JUMPS = pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["on", "back"])

pytestmark = pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed")


class Clock:
    """The server's wall clock, ahead of the true one by what was last `set`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set(0)

    def set(self, ahead_s: int) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{ahead_s:+d}\n")
        fresh.rename(self.file)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[Server]:
    server = Server(tmp_path / "data", "--no-demo", environment=clock.environment())
    server.start()
    yield server
    server.end()
    nobody_left(server.folder)


def events_of(server: Server, arn: str) -> list[dict[str, Any]]:
    events = server.history(arn.rsplit("/", 1)[1], data=True)
    assert faults(events) == [], events
    return events


def ended(server: Server, name: str) -> dict[str, Any]:
    row = until(lambda: (row := executions(server, "raw")[name])["Status"] != "RUNNING" and row, f"the end of {name}")
    return described(server, row)[1]


def test_the_server_sees_another_clock(server: Server, clock: Clock, tmp_path: Path) -> None:
    # Otherwise the others would prove nothing.
    create(server, tmp_path)
    server.end()
    clock.set(HOUR_S)
    server.start()
    assert start(server, "raw", "later") == 202
    ahead_s = float(executions(server, "raw")["later"]["StartTimestamp"]) - time.time()
    assert abs(ahead_s - HOUR_S) < LATE_S, ahead_s


@JUMPS
def test_a_wait_lasts_as_long_as_it_was_told(server: Server, clock: Clock, tmp_path: Path, jump_s: int) -> None:
    create(server, tmp_path)
    assert start(server, "raw", "waiting") == 202
    first = worker(tmp_path, 0).next()
    wait = {"Id": "w", "Type": "WAIT", "SubType": "Wait", "Action": "START", "WaitOptions": {"WaitSeconds": 4}}
    begun = time.monotonic()
    status, text = checkpoint(server, first.arn, first.token, wait)
    assert status == 200, text
    assert first.worker.respond(first.id, {"Status": "PENDING"}) == 202
    clock.set(jump_s)
    until(lambda: any(event["EventType"] == "WaitSucceeded" for event in events_of(server, first.arn)), "the end of the wait", LATE_S)
    assert time.monotonic() - begun >= 4, "the wait was cut short"
    second = first.worker.next()
    assert second.worker.respond(second.id, succeeded("done")) == 202
    assert ended(server, "waiting")["Result"] == '"done"'
    assert invocation_errors(events_of(server, first.arn)) == []


@JUMPS
def test_an_invocation_and_its_tokens_outlive_a_jump(server: Server, clock: Clock, tmp_path: Path, jump_s: int) -> None:
    create(server, tmp_path, timeout_s=30)
    assert start(server, "raw", "going") == 202
    invocation = worker(tmp_path, 0).next()
    first = checkpoint(server, invocation.arn, invocation.token, callback("c"), client="one")
    assert first[0] == 200, first
    clock.set(jump_s)
    # Every call makes the server look at its timers and leases.
    for _ in range(3):
        assert checkpoint(server, invocation.arn, invocation.token, callback("c"), client="one") == first
    answered = json.loads(first[1])
    [waiting] = [o for o in answered["NewExecutionState"]["Operations"] if o["Id"] == "c"]
    status, text = checkpoint(server, invocation.arn, answered["CheckpointToken"], step("a", "after the jump"))
    assert status == 200, text
    assert not [o for o in json.loads(text)["NewExecutionState"]["Operations"] if o["Id"] == "c"], "its time was not over"
    assert answer_callback(server, waiting["CallbackDetails"]["CallbackId"]) == 200
    assert invocation.worker.respond(invocation.id, succeeded("done")) == 202
    assert ended(server, "going")["Result"] == '"done"'
    assert invocation_errors(events_of(server, invocation.arn)) == []


@JUMPS
def test_time_never_goes_back_in_an_execution_that_outlives_its_server(server: Server, clock: Clock, tmp_path: Path, jump_s: int) -> None:
    create(server, tmp_path)
    assert start(server, "raw", "outliving") == 202
    first = worker(tmp_path, 0).next()
    status, text = checkpoint(server, first.arn, first.token, step("a", "before"))
    assert status == 200, text
    server.end()
    clock.set(jump_s)
    server.start()
    second = worker(tmp_path, 1).next()
    assert second.id == first.id and second.token == json.loads(text)["CheckpointToken"]
    status, text = checkpoint(server, second.arn, second.token, step("b", "after"))
    assert status == 200, text
    assert second.worker.respond(second.id, succeeded("done")) == 202
    assert ended(server, "outliving")["Result"] == '"done"'
    times = [float(event["EventTimestamp"]) for event in events_of(server, first.arn)]
    assert times == sorted(times)
    # What begins now begins at the time that the clock shows now.
    assert start(server, "raw", "new") == 202
    ahead_s = float(executions(server, "raw")["new"]["StartTimestamp"]) - time.time()
    assert abs(ahead_s - jump_s) < LATE_S, ahead_s
