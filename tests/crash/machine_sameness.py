"""What it means that a crash changed nothing in an execution of a state machine.

A run with a crash is held against a run of the same machine, with the same input, without one. Everything that DescribeExecution and
GetExecutionHistory show has to be the same, but for

- times, request ids, task tokens, and the execution's own name, id and ARN, and those of executions that it started;
- where branches run side by side (`concurrent`), the order of events, and with it their numbers;
- of values that are drawn by lot (`chance`), all but their place and type.

Besides, a history has to be legal in itself (`faults`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from states_api import Played

ENDINGS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
VARYING = {
    "timestamp", "startDate", "stopDate", "StartDate", "StopDate", "RequestId", "SdkHttpMetadata", "SdkResponseMetadata", "token", "TaskToken",
}  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
# Long runs of the alphabet in which tokens are written.
TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{80,}")

Event = dict[str, Any]


def faults(events: list[Event]) -> list[str]:
    """What is wrong with a history, whatever it is the history of."""
    found = []
    ids = [event["id"] for event in events]
    if ids != list(range(1, len(events) + 1)):
        found.append(f"the event ids have gaps: {ids}")
    types = [event["type"] for event in events]
    if types.count("ExecutionStarted") != 1 or types[0] != "ExecutionStarted":
        found.append(f"{types.count('ExecutionStarted')} times ExecutionStarted, and first {types[:1]}")
    for before, after in zip(types, types[1:]):
        if before in ENDINGS and after != "ExecutionRedriven":
            found.append(f"{after} after {before}")
    for event in events[1:]:
        if not 0 <= event.get("previousEventId", 0) < event["id"]:
            found.append(f"event {event['id']} follows {event['previousEventId']}")
    times = [event["timestamp"] for event in events]
    if times != sorted(times):
        found.append(f"time goes back: {times}")
    # Of branches that are left at once, each is told by the same words.
    told_once = [event for event in events if not event["type"].endswith("Aborted")]
    said = Counter(json.dumps({key: value for key, value in event.items() if key not in ("id", "timestamp")}, sort_keys=True) for event in told_once)
    found += [f"{count} times {text}" for text, count in said.items() if count > 1]
    return found + crossings(events)


def crossings(events: list[Event]) -> list[str]:
    """States that are left more often than they were entered. One that is left by a failure has no exit of its own."""
    entered: Counter[str] = Counter()
    found = []
    for event in events:
        details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails")
        if not details:
            continue
        entered[details["name"]] += 1 if "stateEnteredEventDetails" in event else -1
        if entered[details["name"]] < 0:
            found.append(f"event {event['id']}: {details['name']} is left twice")
    return found


class Plain:
    """Takes out of what is shown what is a run's own."""

    def __init__(self, played: Played, chance: bool) -> None:
        self.chance = chance
        self.own = {played.arn: "<arn>", played.arn.rsplit(":", 1)[1]: "<name>"}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self(inner) for key, inner in value.items() if key not in VARYING}
        if isinstance(value, list):
            return [self(inner) for inner in value]
        if not isinstance(value, str):
            return type(value).__name__ if self.chance and isinstance(value, (int, float)) else value
        try:
            inner = json.loads(value)
        except ValueError:
            inner = None
        if isinstance(inner, (dict, list)) or self.chance and inner is not None:
            return self(inner)
        for text, place in self.own.items():
            value = value.replace(text, place)
        for pattern, place in ((UUID, "<uuid>"), (TIME, "<time>"), (TOKEN, "<token>")):
            value = pattern.sub(place, value)
        return value


def rows(played: Played, plain: Plain, concurrent: bool) -> list[Any]:
    """The events as they are compared."""
    if not concurrent:
        return plain(played.events)
    left = ("id", "previousEventId")
    free = [{key: value for key, value in event.items() if key not in left} for event in plain(played.events)]
    return sorted(free, key=lambda row: json.dumps(row, sort_keys=True))


def differences(found: Played, calm: Played, concurrent: bool = False, chance: bool = False) -> list[str]:
    """Everything that a crash changed and must not have."""
    said = [f"illegal: {fault}" for fault in faults(found.events)]
    mine, theirs = Plain(found, chance), Plain(calm, chance)
    shown, expected = mine(found.described), theirs(calm.described)
    said += [
        f"{key} is {shown.get(key)!r}, and without a crash {expected.get(key)!r}"
        for key in sorted(shown.keys() | expected.keys())
        if shown.get(key) != expected.get(key)
    ]
    if rows(found, mine, concurrent) != rows(calm, theirs, concurrent):
        said.append(first_difference(rows(found, mine, concurrent), rows(calm, theirs, concurrent)))
    return said


def first_difference(found: list[Any], calm: list[Any]) -> str:
    for number, (mine, theirs) in enumerate(zip(found, calm), 1):
        if mine != theirs:
            return f"row {number} of the history:\n      found {json.dumps(mine)[:700]}\n      calm  {json.dumps(theirs)[:700]}"
    longer, whose = (found, "the crashed") if len(found) > len(calm) else (calm, "the calm")
    rest = [row["type"] for row in longer[min(len(found), len(calm)) :]]
    return f"{len(found)} events, without a crash {len(calm)}: {whose} run goes on with {rest[:8]}"
