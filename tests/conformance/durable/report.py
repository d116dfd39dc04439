"""How a run is shown: one line per case, the events of a failing case side by side, a JUnit file, the summary."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml
from suite import Requirement

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Outcome:
    """What became of one requirement; `errors` are the validator's words, `reason` says why a case was skipped."""

    requirement: Requirement
    state: str
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    reason: str = ""
    progress: list[str] = field(default_factory=list)
    placeholders: dict[str, Any] = field(default_factory=dict)
    history: Path | None = None
    optional: bool = False


def show(outcome: Outcome, verbose: bool) -> None:
    """Prints one outcome as soon as it is known; skipped cases are summed up at the end instead."""
    if outcome.state == SKIPPED:
        return
    requirement = outcome.requirement
    print(f"{outcome.state:<7} {requirement.id:<6} {outcome.seconds:5.1f} s  {requirement.description}", flush=True)
    if outcome.state == FAILED:
        for error in outcome.errors:
            print(f"          {error}")
        for line in side_by_side(outcome):
            print(f"          {line}")
    if verbose:
        for line in outcome.progress:
            print(f"        · {line}")


def side_by_side(outcome: Outcome) -> list[str]:
    """Expected and actual events by EventId; `!` marks those that the suite's matcher refuses."""
    from aws_durable_execution_conformance_tests.history import EventHistoryMatcher
    from aws_durable_execution_conformance_tests.variables import PlaceholderContext

    content = yaml.safe_load(outcome.requirement.path.read_text(encoding="utf-8"))
    expected = {event["EventId"]: event for event in content.get("ExpectedExecutionHistory", [])}
    events: list[dict[str, Any]] = []
    if outcome.history is not None and outcome.history.is_file():
        events = json.loads(outcome.history.read_text(encoding="utf-8")).get("Events", [])
    actual = {event["EventId"]: event for event in events}
    context = PlaceholderContext()
    context.resolve_variables({name: str(value) for name, value in outcome.placeholders.items()})
    lines = []
    for number in sorted(expected.keys() | actual.keys()):
        wanted, got = expected.get(number), actual.get(number)
        agrees = wanted is None or (got is not None and EventHistoryMatcher(context).match([wanted], [got]).success)
        lines.append(f"{' ' if agrees else '!'} {number:>3} expected {_short(wanted)}")
        lines.append(f"      actual   {_short(got)}")
    return lines


def _short(event: dict[str, Any] | None) -> str:
    if event is None:
        return "-"
    rest = {key: value for key, value in event.items() if key not in ("EventId", "EventType", "EventTimestamp")}
    return f"{event['EventType']} {json.dumps(rest, default=str, ensure_ascii=False)}"[:600]


def skipped_reasons(outcomes: list[Outcome]) -> list[str]:
    """One line per reason and suite, so that 130 skipped cases take ten lines."""
    groups: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.state == SKIPPED:
            groups.setdefault((outcome.requirement.suite, outcome.reason), []).append(outcome.requirement.id)
    return [f"skipped {len(ids):>3}  {suite}: {reason}" for (suite, reason), ids in groups.items()]


def count(outcomes: list[Outcome], state: str) -> int:
    return sum(outcome.state == state for outcome in outcomes)


def summary(outcomes: list[Outcome]) -> str:
    """The last line of a run; `cargo xtask conformance durable` reads it."""
    return ", ".join(f"{count(outcomes, state)} {state}" for state in (PASSED, FAILED, SKIPPED))


def junit(outcomes: list[Outcome], path: Path) -> None:
    """Writes the outcomes as a JUnit file, one test suite per requirement suite."""
    root = ElementTree.Element("testsuites")
    for suite in dict.fromkeys(outcome.requirement.suite for outcome in outcomes):
        cases = [outcome for outcome in outcomes if outcome.requirement.suite == suite]
        attributes = {"name": suite, "tests": len(cases), "failures": count(cases, FAILED), "skipped": count(cases, SKIPPED)}
        element = ElementTree.SubElement(root, "testsuite", {name: str(value) for name, value in attributes.items()})
        for case in cases:
            entry = ElementTree.SubElement(
                element,
                "testcase",
                {"classname": suite, "name": f"{case.requirement.id} {case.requirement.description}", "time": f"{case.seconds:.3f}"},
            )
            if case.state == FAILED:
                failure = ElementTree.SubElement(entry, "failure", {"message": case.errors[0] if case.errors else "failed"})
                failure.text = "\n".join([*case.errors, *side_by_side(case)])
            elif case.state == SKIPPED:
                ElementTree.SubElement(entry, "skipped", {"message": case.reason})
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
