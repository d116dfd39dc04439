"""What the crash runs are judged by is judged here: each thing that a crash must not change is told, and what it may change is not."""

from __future__ import annotations

import copy
from typing import Any, Callable

import pytest

from sameness import Allowance, Event, Played, differences

NOTHING = Allowance()


def event(kind: str, key: str | None = None, **details: Any) -> Event:
    found: Event = {"EventType": kind, "EventTimestamp": 1.0, f"{kind}Details": details}
    return found | ({"Id": key, "Name": f"the {key}"} if key else {})


def ended(error: str | None = None) -> Event:
    return event("InvocationCompleted", **({"Error": {"Payload": {"ErrorType": error}}} if error else {}))


def numbered(events: list[Event]) -> list[Event]:
    for number, entry in enumerate(events, 1):
        entry["EventId"] = number
        if entry["EventType"] == "InvocationCompleted":
            entry["InvocationCompletedDetails"]["RequestId"] = f"request-{number}"
    return events


def run(name: str = "calm") -> Played:
    """A step that succeeds at its second attempt, a callback, and a result that names both."""
    arn = f"arn:aws:lambda:us-west-2:000000000000:function:f:$LATEST/durable-execution/{name}/id-{name}"
    events = [
        event("ExecutionStarted", arn, Input={"Payload": '"x"'}),
        event("StepStarted", "a"),
        event("StepFailed", "a", Error={"Payload": {"ErrorType": "E"}}, RetryDetails={"CurrentAttempt": 1, "NextAttemptDelaySeconds": 2}),
        ended(),
        event("StepStarted", "a"),
        event("StepSucceeded", "a", Result={"Payload": '"done"'}, RetryDetails={"CurrentAttempt": 2}),
        event("CallbackStarted", "b", CallbackId=f"callback-of-{name}", Timeout=9),
        ended(),
        event("CallbackSucceeded", "b", Result={"Payload": f'"{arn}"'}),
        ended(),
        event("ExecutionSucceeded", arn, Result={"Payload": '"done"'}),
    ]
    return Played(arn, numbered(events), "SUCCEEDED", result=f'"done by {name}"', counts={"f": 1})


def told(change: Callable[[Played], None], may: Allowance = NOTHING) -> list[str]:
    crashed = run("crashed")
    change(crashed)
    numbered(crashed.events)
    return differences(crashed, run(), may)


def insert(at: int, *events: Event) -> Callable[[Played], None]:
    def change(played: Played) -> None:
        played.events[at:at] = copy.deepcopy(list(events))

    return change


def test_a_run_of_its_own_is_the_same() -> None:
    assert told(lambda played: None) == []


ALLOWED = {
    "another invocation": (insert(6, ended()), NOTHING),
    "an invocation less": (lambda played: played.events.pop(3), NOTHING),
    "a step that is begun again": (insert(2, event("StepStarted", "a")), NOTHING),
    "a worker that was killed": (insert(2, ended("Runtime.ExitError")), Allowance(killed_workers=1)),
    "another delay": (lambda played: played.events[2]["StepFailedDetails"]["RetryDetails"].update(NextAttemptDelaySeconds=7), NOTHING),
    "an attempt that was in flight, at most once": (
        insert(5, event("StepFailed", "a", Error={"Payload": {"ErrorType": "StepInterruptedError"}}, RetryDetails={"NextAttemptDelaySeconds": 1}), event("StepStarted", "a")),
        Allowance(at_most_once=True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ALLOWED)
def test_a_crash_may_bring(what: str) -> None:
    assert told(*ALLOWED[what]) == []


def renumber(played: Played) -> None:
    played.events[4]["EventId"] += 1


FORBIDDEN = {
    "a failed invocation": (insert(2, ended("Runtime.ExitError")), "ended by their process's exit"),
    "a second failed invocation": (insert(2, ended("Sandbox.Timedout")), "failed invocations"),
    "another result": (lambda played: setattr(played, "result", '"else"'), "the result is"),
    "another end": (lambda played: setattr(played, "status", "FAILED"), "the status is"),
    "another attempt": (
        insert(5, event("StepFailed", "a", RetryDetails={"NextAttemptDelaySeconds": 1}), event("StepStarted", "a")),
        "operation a",
    ),
    "another payload": (lambda played: played.events[5]["StepSucceededDetails"]["Result"].update(Payload="9"), "operation a"),
    "an operation more": (insert(6, event("WaitStarted", "c")), "operation c"),
    "an operation less": (lambda played: played.events.__delitem__(slice(6, 9)), "operation b"),
    "a success that is repeated": (insert(6, event("StepSucceeded", "a")), "ended twice"),
    "a step that runs after its success": (insert(6, event("StepStarted", "a")), "begun again after its end"),
    "a callback that begins twice": (insert(7, event("CallbackStarted", "b", CallbackId="other")), "begun twice"),
    "another order": (lambda played: played.events.insert(1, played.events.pop(6)), "in the order"),
    "an event after the end": (insert(11, event("WaitStarted", "c")), "goes on after its end"),
    "time that goes back": (lambda played: played.events[5].update(EventTimestamp=0.5), "time goes back"),
    "an execution more": (lambda played: played.counts.update(f=2), "executions by function"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_crash_must_not_bring(what: str) -> None:
    change, said = FORBIDDEN[what]
    assert any(said in line for line in told(change)), told(change)


def test_gaps_between_event_ids_are_told() -> None:
    crashed = run("crashed")
    renumber(crashed)
    assert any("gaps" in line for line in differences(crashed, run(), NOTHING))


def test_children_are_judged_too() -> None:
    calm, crashed = run(), run("crashed")
    calm.children["b"], crashed.children["b"] = run("child"), run("child-crashed")
    assert differences(crashed, calm, NOTHING) == []
    crashed.children["b"].status = "FAILED"
    assert any("child of b: the status is" in line for line in differences(crashed, calm, NOTHING))
