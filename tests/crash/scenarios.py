"""Scenarios of AWS's conformance suite, played against a server that may be gone at any moment.

A scenario is a requirement with the function that answers it, one fixed input, and its scripted callbacks. Who plays it asks again until
it is answered, as every client of a durable service does; the names of executions and the ids of callbacks make that harmless.
"""

from __future__ import annotations

import copy
import http.client
import json
import sys
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import yaml

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance" / "durable"
sys.path.insert(0, str(CONFORMANCE))

import catalog as catalogs  # noqa: E402
import stand_ins  # noqa: E402
import suite as suites  # noqa: E402

from sameness import ENDINGS, Allowance, Played  # noqa: E402
from served import Gone  # noqa: E402

REGION = "us-west-2"
PATIENCE_S = 90
PAUSE_S = 0.03
# Functions whose steps run at most once per retry.
AT_MOST_ONCE = {"1-17", "1-18"}
# Suites whose operations run side by side, and those of their functions that end before all of their branches have.
CONCURRENT = {"map", "parallel"}
EARLY = {"8-6", "8-7", "8-8", "8-10", "8-13", "8-17", "8-18", "9-5", "9-6", "9-7", "9-9", "9-10"}


@dataclass
class Scenario:
    requirement: suites.Requirement
    key: str
    content: dict[str, Any]
    input: Any
    actions: list[Any] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.requirement.id

    @property
    def skips(self) -> bool:
        """Where nobody acts from outside, time need not pass."""
        return not self.actions

    def allowance(self, killed_workers: int) -> Allowance:
        concurrent = self.requirement.suite in CONCURRENT
        return Allowance(killed_workers, self.id in AT_MOST_ONCE, concurrent, self.id in EARLY)


def all_of(catalog: catalogs.Catalog) -> list[Scenario]:
    """Every requirement of the suite that has a function, with its variables filled in once and for all."""
    sys.path.insert(0, str(suites.obtain()))
    from aws_durable_execution_conformance_tests.callback import CallbackAction
    from aws_durable_execution_conformance_tests.variables import PlaceholderContext

    found = []
    for requirement in suites.requirements(suites.released_requirements(suites.CACHE)):
        if requirement.id not in catalog.answers:
            continue
        content = yaml.safe_load(requirement.path.read_text(encoding="utf-8"))
        context = PlaceholderContext()
        context.resolve_variables(content.get("Variables"))
        actions = [CallbackAction.from_dict(context.substitute(raw)) for raw in content.get("CallbackActions") or []]
        found.append(Scenario(requirement, catalog.answers[requirement.id], content, context.substitute(content.get("Input")), actions))
    return found


class Door:
    """The Lambda API of a server, asked again while it is away. `alive` says whether it is worth going on."""

    def __init__(self, endpoint: str, alive: Callable[[], bool] = lambda: True) -> None:
        self.host = urllib.parse.urlparse(endpoint).netloc
        self.alive = alive

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.alive():
            connection = http.client.HTTPConnection(self.host, timeout=15)
            try:
                connection.request(method, path, body, headers or {})
                response = connection.getresponse()
                text = response.read()
                if response.status < 500 and response.status != 429:
                    return response.status, dict(response.getheaders()), text
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(PAUSE_S)
        raise Gone(f"no answer to {method} {path}")

    def json(self, path: str) -> Any:
        status, _, text = self.ask("GET", path)
        if status != 200:
            raise Gone(f"GET {path}: {status} {text!r}")
        return json.loads(text)

    def execution(self, arn: str, more: str = "") -> Any:
        return self.json(f"/2025-12-01/durable-executions/{urllib.parse.quote(arn, safe='')}{more}")

    def history(self, arn: str) -> list[dict[str, Any]]:
        return self.execution(arn, "/history?IncludeExecutionData=true&MaxItems=1000")["Events"]

    def count(self, function: str) -> int:
        return len(self.json(f"/2025-12-01/functions/{function}/durable-executions?MaxItems=1000")["DurableExecutions"])

    def start(self, function: str, name: str, payload: Any) -> str:
        headers = {"X-Amz-Invocation-Type": "Event", "X-Amz-Durable-Execution-Name": name}
        path = f"/2015-03-31/functions/{function}/invocations?Qualifier=%24LATEST"
        status, answered, text = self.ask("POST", path, json.dumps(payload).encode(), headers)
        if status != 202:
            raise Gone(f"the start of {name} was answered {status}: {text!r}")
        return {key.lower(): value for key, value in answered.items()}["x-amz-durable-execution-arn"]

    def answer(self, callback: str, action: Any) -> tuple[int, bytes]:
        operation = {"success": "succeed", "failure": "fail", "heartbeat": "heartbeat"}[action.operation]
        body, headers = b"", {}
        if action.payload is not None and operation == "succeed":
            body = json.dumps(action.payload).encode()
        elif operation == "fail":
            body, headers = json.dumps(action.payload or {}).encode(), {"Content-Type": "application/json"}
        path = f"/2025-12-01/durable-execution-callbacks/{urllib.parse.quote(callback, safe='')}/{operation}"
        status, _, text = self.ask("POST", path, body, headers)
        return status, text


class Play:
    """One execution of a scenario, followed to its end; `look` is called on every history that is read."""

    def __init__(self, door: Door, scenario: Scenario, functions: dict[str, str], name: str) -> None:
        self.door, self.scenario, self.functions, self.name = door, scenario, functions, name
        self.look: Callable[[list[dict[str, Any]]], None] = lambda events: None
        self.pause_s = PAUSE_S
        self.left = list(scenario.actions)
        self.due: list[tuple[float, str, Any]] = []
        self.heard: set[str] = set()
        self.arn = ""

    def to_its_end(self) -> Played:
        before = self.counts()
        self.arn = self.door.start(self.functions[self.scenario.key], self.name, self.scenario.input)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            events = self.door.history(self.arn)
            self.look(events)
            if events[-1]["EventType"] in ENDINGS:
                break
            if time.monotonic() > deadline:
                last = [f"{event['EventType']} {event.get('Name') or ''}" for event in events[-5:]]
                raise Gone(f"it hangs after {len(events)} events: {last}")
            self.act(events)
            time.sleep(self.pause_s)
        played = self.played(self.arn)
        played.counts = {key: count - before[key] for key, count in self.counts().items()}
        return played

    def counts(self) -> dict[str, int]:
        """Executions of each function but those that are no durable functions."""
        return {key: self.door.count(name) for key, name in self.functions.items()}

    def played(self, arn: str) -> Played:
        told, events = self.door.execution(arn), self.door.history(arn)
        played = Played(arn, events, told["Status"], told.get("Result"), told.get("Error"))
        for event in events:
            child = (event.get("ChainedInvokeStartedDetails") or {}).get("DurableExecutionArn")
            if child and child != arn:
                played.children[event["Id"]] = self.played(child)
        return played

    def act(self, events: list[dict[str, Any]]) -> None:
        """Answers callbacks as the suite's script says: actions in their order, each once, a delay after its callback was seen or the
        action before it was sent."""
        now = time.monotonic()
        for at, callback, action in [entry for entry in self.due if entry[0] <= now]:
            status, text = self.door.answer(callback, action)
            if status != 200:
                raise Gone(f"{action.operation} of {callback} was answered {status}: {text!r}")
            self.due.remove((at, callback, action))
            if action.operation == "heartbeat":
                self.heard.discard(callback)
        if self.due:
            return
        for event in events:
            if event["EventType"] != "CallbackStarted":
                continue
            callback = event["CallbackStartedDetails"]["CallbackId"]
            if callback in self.heard:
                continue
            from aws_durable_execution_conformance_tests.validate import find_matching_action

            action, index = find_matching_action(event, self.left, set())
            self.heard.add(callback)
            if action is not None:
                del self.left[index]
                self.due.append((time.monotonic() + action.delay_seconds, callback, action))
                return


def register(endpoint: str, catalog: catalogs.Catalog, key: str) -> dict[str, str]:
    """Creates a scenario's function and those that it calls; answers their names by key."""
    # It notes the names in the catalogue, and each server has its own.
    catalog = copy.deepcopy(catalog)
    registered = catalogs.register(catalog, [key], stand_ins.client("lambda", endpoint, REGION), {}, REGION)
    if registered.refused:
        raise Gone(f"not created: {registered.refused}")
    return dict(registered.names)
