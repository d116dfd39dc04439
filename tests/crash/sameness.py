"""What it means that a crash changed nothing: the one place that says so.

A run with a crash is held against a run of the same function, with the same input, without one.

What has to be the same:
- how the execution ended: status, result, error;
- its operations: the same ids with the same type, name, subtype and parent, begun in the same order;
- the events of each operation, in order, with their details: payloads, errors, attempts, durations;
- the executions that it started, each judged in the same way, and how many there are.

What may differ, and nothing else:
- times, request ids, callback ids, the execution's own name and id, and the delays that the SDK draws by lot;
- how many invocations it took: a crash may part one in two, or let one see at once what two saw. A kill of workers may add as many
  InvocationCompleted with `Runtime.ExitError`; a kill of the server adds no failed one, for the invocation in flight is repeated under its
  own id; a function that ends its own process may be spared an error that the crash took the place of;
- a further StepStarted of a step that was interrupted: its code runs again (at least once per retry);
- in a function whose steps run at most once per retry, the outcome of a step that was in flight: the SDK fails that attempt with
  StepInterruptedError, and what follows is for the function's retries to say (`AT_MOST_ONCE`);
- where branches run side by side (`CONCURRENT`), the order in which they begin, and in those that end early, which of the branches that the
  outcome does not need had begun.

Besides, a history has to be legal in itself (`faults`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

INTERRUPTED = "StepInterruptedError"
EXITED = "Runtime.ExitError"
# Drawn by lot or by the clock.
VARYING = {"EventTimestamp", "StartTimestamp", "EndTimestamp", "RequestId", "ScheduledEndTimestamp", "NextAttemptDelaySeconds"}
CLOSING = re.compile(r"^(Context|Wait|Step|ChainedInvoke|Callback)(Succeeded|Failed|TimedOut|Stopped|Cancelled)$")
ENDINGS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionStopped"}

Event = dict[str, Any]


@dataclass
class Played:
    """An execution and those it started. `status`, `result` and `error` are GetDurableExecution's."""

    arn: str
    events: list[Event]
    status: str
    result: Any = None
    error: Any = None
    children: dict[str, Played] = field(default_factory=dict)
    # How many executions there are of each function that has been called.
    counts: dict[str, int] = field(default_factory=dict)


def faults(events: list[Event]) -> list[str]:
    """What is wrong with a history, whatever it is the history of."""
    found = []
    if [event["EventId"] for event in events] != list(range(1, len(events) + 1)):
        found.append(f"the event ids have gaps: {[event['EventId'] for event in events]}")
    if not events or events[0]["EventType"] != "ExecutionStarted":
        return [*found, "it does not begin with ExecutionStarted"]
    endings = [event["EventType"] for event in events if event["EventType"] in ENDINGS]
    if len(endings) > 1 or endings and events[-1]["EventType"] not in ENDINGS:
        found.append(f"it goes on after its end, or ends twice: {endings}, {events[-1]['EventType']}")
    requests = [event["InvocationCompletedDetails"]["RequestId"] for event in events if event["EventType"] == "InvocationCompleted"]
    if len(requests) != len(set(requests)):
        found.append(f"an invocation ended twice: {requests}")
    times = [float(event["EventTimestamp"]) for event in events]
    if times != sorted(times):
        found.append(f"time goes back: {times}")
    state: dict[str, str] = {}
    for event in events[1:]:
        fault = illegal(event, state)
        if fault:
            found.append(f"event {event['EventId']}, {event['EventType']} {event.get('Name') or event.get('Id')}: {fault}")
    if endings == ["ExecutionSucceeded"] and (left := [key for key, now in state.items() if now == "closed early"]):
        found.append(f"closed without an end: {left}")
    return found


def illegal(event: Event, state: dict[str, str]) -> str | None:
    """Takes one event; says why it must not follow those before. A step that will be tried again is `waiting`."""
    kind, key = event["EventType"], event.get("Id")
    if kind == "InvocationCompleted" or kind.startswith("Execution"):
        return None
    now = state.get(key)
    parent = event.get("ParentId")
    if parent and parent not in state:
        return "its parent has not begun"
    if kind.endswith("Started"):
        if now == "closed":
            return "begun again after its end"
        if now == "open" and kind != "StepStarted":
            return "begun twice"
        state[key] = "open"
        return None
    if not CLOSING.match(kind):
        return "an event of no kind that is known"
    if now == "closed":
        return "ended twice"
    if now is None and not kind.startswith("Step"):
        return "ended without a beginning"
    state[key] = "waiting" if retried(event) else "closed"
    return None


def retried(event: Event) -> bool:
    """Whether another attempt follows."""
    details = event.get(f"{event['EventType']}Details") or {}
    return event["EventType"].startswith("Step") and bool((details.get("RetryDetails") or {}).get("NextAttemptDelaySeconds"))


def invocation_errors(events: list[Event]) -> list[str]:
    found = []
    for event in events:
        if event["EventType"] == "InvocationCompleted":
            error = event["InvocationCompletedDetails"].get("Error")
            if error:
                found.append((error.get("Payload") or error).get("ErrorType"))
    return found


def interrupted(events: list[Event]) -> list[str]:
    """Ids of steps of which an attempt was given up because it was in flight."""
    return [event["Id"] for event in events if event["EventType"] == "StepFailed" and INTERRUPTED in json.dumps(event["StepFailedDetails"])]


class Plain:
    """Takes out of a history what is an execution's own."""

    def __init__(self, played: Played) -> None:
        callbacks = [event["CallbackStartedDetails"]["CallbackId"] for event in played.events if event["EventType"] == "CallbackStarted"]
        self.own = {text: f"<callback {number}>" for number, text in enumerate(callbacks)}
        for event in played.events:
            if event["EventType"] == "ChainedInvokeStarted":
                self.own[event["ChainedInvokeStartedDetails"].get("DurableExecutionArn") or "-"] = "<child>"
        self.own[played.arn] = "<arn>"
        self.own[played.arn.rsplit("/", 1)[1]] = "<id>"
        self.own[played.arn.rsplit("/", 2)[1]] = "<name>"

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self(inner) for key, inner in value.items() if key not in VARYING}
        if isinstance(value, list):
            return [self(inner) for inner in value]
        if isinstance(value, str):
            for text, place in self.own.items():
                value = value.replace(text, place)
        return value


def operations(played: Played) -> dict[str, list[Any]]:
    """The events of each operation, and those of the execution under an empty id."""
    plain = Plain(played)
    rows: dict[str, list[Any]] = {}
    for event in played.events:
        kind = event["EventType"]
        if kind == "InvocationCompleted":
            continue
        of_execution = kind.startswith("Execution")
        row = rows.setdefault("" if of_execution else event["Id"], [])
        if kind == "StepStarted" and row and row[-1]["EventType"] == "StepStarted":
            continue
        kept = {key: value for key, value in event.items() if key != "EventId" and not (of_execution and key in ("Id", "Name"))}
        row.append(plain(kept))
    return rows


@dataclass(frozen=True)
class Allowance:
    """What a crash may have changed in this scenario: see above."""

    killed_workers: int = 0
    at_most_once: bool = False
    concurrent: bool = False
    early: bool = False


def differences(found: Played, calm: Played, may: Allowance) -> list[str]:
    """Everything that a crash changed and must not have."""
    said = [f"illegal: {fault}" for fault in faults(found.events)]
    said += invocations(found, calm, may)
    if may.at_most_once and len(interrupted(found.events)) > len(interrupted(calm.events)):
        if found.status not in ("SUCCEEDED", "FAILED"):
            said.append(f"an interrupted step left it {found.status}")
        return said
    for part in ("status", "result", "error"):
        mine, theirs = Plain(found)(getattr(found, part)), Plain(calm)(getattr(calm, part))
        if mine != theirs:
            said.append(f"the {part} is {mine!r}, and without a crash {theirs!r}")
    said += compare_operations(operations(found), operations(calm), may)
    if found.counts != calm.counts:
        said.append(f"executions by function: {found.counts}, without a crash {calm.counts}")
    for key, child in calm.children.items():
        if key in found.children:
            said += [f"child of {key}: {line}" for line in differences(found.children[key], child, may)]
        elif not may.early:
            said.append(f"{key} started no execution")
    return said


def invocations(found: Played, calm: Played, may: Allowance) -> list[str]:
    errors, expected = invocation_errors(found.events), invocation_errors(calm.events)
    exits = errors.count(EXITED) - expected.count(EXITED)
    others = [error for error in errors if error != EXITED]
    said = []
    if exits > may.killed_workers:
        said.append(f"{exits} invocations more than without a crash ended by their process's exit")
    if others != [error for error in expected if error != EXITED]:
        said.append(f"failed invocations: {errors}, without a crash {expected}")
    return said


def compare_operations(found: dict[str, list[Any]], calm: dict[str, list[Any]], may: Allowance) -> list[str]:
    said = []
    if not may.concurrent and list(found) != list(calm) and set(found) == set(calm):
        said.append(f"the operations began in the order {list(found)}, without a crash {list(calm)}")
    for key in calm.keys() | found.keys():
        mine, theirs = found.get(key), calm.get(key)
        if mine == theirs or may.early and (mine is None or theirs is None or unfinished(mine) or unfinished(theirs)):
            continue
        said.append(f"operation {key or 'EXECUTION'}:\n      found {shown(mine)}\n      calm  {shown(theirs)}")
    return said


def unfinished(row: list[Any]) -> bool:
    return bool(row) and row[-1]["EventType"].endswith("Started")


def shown(row: list[Any] | None) -> str:
    if row is None:
        return "nothing"
    short = [f"{event['EventType']} {json.dumps({k: v for k, v in event.items() if k not in ('EventType', 'Id')}, default=str)}" for event in row]
    return "; ".join(short)[:1500]
