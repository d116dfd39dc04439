"""What the crash runs of state machines are judged by is judged here: each thing that a crash must not change is told, and what it may
change is not."""

from __future__ import annotations

import copy
import json
from typing import Any, Callable

import pytest

from machine_sameness import Event, differences
from states_api import Played, arn


def run(name: str = "calm", lot: float = 0.25) -> Played:
    """A task that is tried twice, and a result that names the execution and was drawn by lot."""
    execution = arn("execution", f"m:{name}")
    result = json.dumps({"of": execution, "lot": lot})
    events = [
        ("ExecutionStarted", 0, {"executionStartedEventDetails": {"input": '{"a":1}'}}),
        ("TaskStateEntered", 0, {"stateEnteredEventDetails": {"name": "T", "input": '{"a":1}'}}),
        ("TaskScheduled", 2, {"taskScheduledEventDetails": {"resource": "invoke"}}),
        ("TaskStarted", 3, {}),
        ("TaskFailed", 4, {"taskFailedEventDetails": {"error": "E"}}),
        ("TaskScheduled", 5, {"taskScheduledEventDetails": {"resource": "invoke"}}),
        ("TaskStarted", 6, {}),
        ("TaskSucceeded", 7, {"taskSucceededEventDetails": {"output": result}}),
        ("TaskStateExited", 8, {"stateExitedEventDetails": {"name": "T", "output": result}}),
        ("ExecutionSucceeded", 9, {"executionSucceededEventDetails": {"output": result}}),
    ]
    rows = [{"type": kind, "previousEventId": before, "timestamp": 1.0, **details} for kind, before, details in events]
    described = {"executionArn": execution, "name": name, "status": "SUCCEEDED", "startDate": 1.0, "output": result}
    return Played(execution, described, numbered(rows))


def numbered(events: list[Event]) -> list[Event]:
    for number, entry in enumerate(events, 1):
        entry["id"] = number
    return events


def told(change: Callable[[Played], Any], **may: bool) -> list[str]:
    crashed = run("crashed")
    change(crashed)
    return differences(crashed, run(), **may)


def test_a_run_of_its_own_is_the_same() -> None:
    assert told(lambda played: None) == []
    assert told(lambda played: [event.update(timestamp=2.0) for event in played.events]) == []


def test_a_lot_may_fall_differently_where_it_is_drawn() -> None:
    other = run("crashed", lot=0.75)
    assert differences(other, run(), chance=True) == []
    assert differences(other, run()) != []


def swap(played: Played) -> None:
    played.events[2], played.events[3] = played.events[3], played.events[2]
    numbered(played.events)


def test_branches_may_take_turns_where_they_run_side_by_side() -> None:
    # The events follow others than before, which nobody looks at: what is compared then is what there is, not in what order.
    def other(played: Played) -> None:
        swap(played)
        for event in played.events:
            event["previousEventId"] = min(event["previousEventId"], event["id"] - 1)

    assert told(other, concurrent=True) == []
    assert told(other) != []


def insert(at: int, copied: int) -> Callable[[Played], None]:
    def change(played: Played) -> None:
        played.events.insert(at, copy.deepcopy(played.events[copied]))
        numbered(played.events)

    return change


FORBIDDEN: dict[str, tuple[Callable[[Played], Any], str]] = {
    "another end": (lambda played: played.described.update(status="FAILED"), "status is 'FAILED'"),
    "another output": (lambda played: played.described.update(output='{"of":1}'), "output is"),
    "an output less": (lambda played: played.described.pop("output"), "output is None"),
    "a gap": (lambda played: played.events[4].update(id=7), "gaps"),
    "a second start": (insert(1, 0), "2 times ExecutionStarted"),
    "an event twice": (insert(5, 4), "2 times {"),
    "an event less": (lambda played: numbered(played.events[:]) and played.events.pop(), "9 events, without a crash 10"),
    "a state that is left twice": (insert(9, 8), "T is left twice"),
    "an event after the end": (insert(10, 3), "TaskStarted after ExecutionSucceeded"),
    "an event before its cause": (lambda played: played.events[3].update(previousEventId=9), "event 4 follows 9"),
    "time that goes back": (lambda played: played.events[5].update(timestamp=0.5), "time goes back"),
    "another payload": (lambda played: played.events[1]["stateEnteredEventDetails"].update(input="9"), "row 2"),
    "another error": (lambda played: played.events[4]["taskFailedEventDetails"].update(error="F"), "row 5"),
    "another order": (swap, "row 3"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_crash_must_not_bring(what: str) -> None:
    change, said = FORBIDDEN[what]
    assert any(said in line for line in told(change)), told(change)
