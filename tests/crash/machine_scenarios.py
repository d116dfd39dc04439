"""State machines that the crash tests play: recorded cases, which need nobody, and our own, with functions, callbacks and workers."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import functions
from served import Gone
from states_api import ACCOUNT, PATIENCE_S, REGION, Played, States, arn

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "asl" / "cases.jsonl"
# Drawn by lot or by the clock: every run has its own.
CHANCE = re.compile(r"MathRandom|\$random\(|\$millis\(|\$now\(")
# What runs side by side may take turns; without a wait one turn does it all, in one order.
BRANCHES, WAITS = re.compile(r'"(Map|Parallel)"'), re.compile(r'"Wait"')
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:machine"
# Long enough for somebody who looks to see that it runs.
TAKES_S = 0.1
INVOKE = "arn:aws:states:::lambda:invoke"

Json = dict[str, Any]


@dataclass
class Scenario:
    id: str
    definition: str
    input: str | None = None
    # See `machine_sameness`.
    concurrent: bool = False
    chance: bool = False
    # Whether a crash shows in the history, and nothing but the outcome stays: a claim that nobody heard of is made up for by a retry, and a token
    # can be answered before the call that handed it out has returned.
    outcome_alone: bool = False
    # Whether somebody outside acts: time must not be skipped over them.
    answered: bool = False
    activity: bool = False
    functions: bool = False
    # Of the machines that it starts, by name.
    nested: dict[str, str] = field(default_factory=dict)


def recorded() -> list[Scenario]:
    """The recorded executions that come to an end by themselves."""
    found = []
    for line in RECORDED.read_text().splitlines():
        case = json.loads(line)
        if case["kind"] != "execution" or case["expect"]["status"] in ("RUNNING", "ABORTED"):
            continue
        text = case["definition"]
        side_by_side = bool(BRANCHES.search(text) and WAITS.search(text))
        found.append(Scenario(case["id"], text, case["input"], side_by_side, bool(CHANCE.search(text))))
    # Those with more than one turn first: what is wrong is seen soon.
    return sorted(found, key=lambda scenario: not (BRANCHES.search(scenario.definition) or WAITS.search(scenario.definition)))


def machine(first: str, **states: Json) -> str:
    return json.dumps({"StartAt": first, "States": states})


def task(resource: str = FUNCTION, **more: Any) -> Json:
    return {"Type": "Task", "Resource": resource, **({"End": True} if "Next" not in more else {}), **more}


def wait(seconds: int, **more: Any) -> Json:
    return {"Type": "Wait", "Seconds": seconds, **({"End": True} if "Next" not in more else {}), **more}


def doubled(number: int, **more: Any) -> Json:
    return task(Parameters={"n": number, "takes": TAKES_S}, ResultPath=f"$.r{number}", **more)


def again(attempts: int, **more: Any) -> list[Json]:
    return [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": attempts, "BackoffRate": 1.0, **more}]


def own() -> list[Scenario]:
    """One for each way in which an execution can be away from its server."""
    called = {"FunctionName": FUNCTION, "Payload": {"n": 4, "takes": TAKES_S}}
    asked = {"FunctionName": FUNCTION, "Payload": {"token.$": "$$.Task.Token", "key.$": "$$.Execution.Name"}}
    attempts = {"n": 5, "takes": TAKES_S, "fails": 2, "attempt.$": "$$.State.RetryCount"}
    child = arn("stateMachine", "child")
    told = {"StateMachineArn": child, "Input": {"n": 6}}
    iteration = {"StartAt": "Each", "States": {"Each": task(Parameters={"n.$": "$", "takes": TAKES_S})}}
    branches = [
        {"StartAt": "One", "States": {"One": doubled(1)}},
        {"StartAt": "Rest", "States": {"Rest": wait(1, Next="Two"), "Two": doubled(2)}},
        {"StartAt": "Three", "States": {"Three": doubled(3, Next="Same"), "Same": {"Type": "Pass", "End": True}}},
    ]
    # Nobody races with the failure: the first branch has ended, and the second would wait for a day.
    one_fails = [
        {"StartAt": "Same", "States": {"Same": {"Type": "Pass", "End": True}}},
        {"StartAt": "Day", "States": {"Day": wait(86_400)}},
        {"StartAt": "No", "States": {"No": wait(1, Next="Fails"), "Fails": {"Type": "Fail", "Error": "No"}}},
    ]
    caught = [{"ErrorEquals": ["ValueError"], "ResultPath": "$.caught", "Next": "Instead"}]
    instead = {"Type": "Pass", "Result": "instead", "ResultPath": "$.end", "End": True}
    working = task(arn("activity", "work"), HeartbeatSeconds=2, TimeoutSeconds=60, Retry=again(5))
    return [
        Scenario("task", machine("A", A=doubled(1, Next="B"), B=doubled(2, Next="C"), C=doubled(3)), "{}", functions=True),
        Scenario("invoke", machine("A", A=task(INVOKE, Parameters=called, OutputPath="$.Payload")), "{}", functions=True),
        Scenario("retry", machine("A", A=task(Parameters=attempts, Retry=again(3))), "{}", functions=True),
        Scenario("catch", machine("A", A=task(Parameters={"n": 1, "fails": 9}, Catch=caught), Instead=instead), "{}", functions=True),
        Scenario("wait", machine("A", A=wait(1, Next="B"), B=doubled(2, Next="C"), C=wait(1)), '{"a":1}', functions=True),
        Scenario("map", machine("A", A={"Type": "Map", "MaxConcurrency": 2, "ItemProcessor": iteration, "End": True}), "[1,2,3,4,5]", concurrent=True, functions=True),
        Scenario("parallel", machine("A", A={"Type": "Parallel", "Branches": branches, "End": True}), "{}", concurrent=True, functions=True),
        Scenario("fails", machine("A", A={"Type": "Parallel", "Branches": one_fails, "End": True}), "{}"),
        Scenario("callback", machine("A", A=task(f"{INVOKE}.waitForTaskToken", Parameters=asked)), "{}", answered=True, functions=True, outcome_alone=True),
        Scenario("activity", machine("A", A=working), '{"n":8}', answered=True, activity=True, outcome_alone=True),
        Scenario("nested", machine("A", A=task("arn:aws:states:::states:startExecution.sync:2", Parameters=told)), "{}", nested={"child": machine("W", W=wait(1))}),
    ]  # fmt: skip


class Actors:
    """Who answers callbacks and works on activities, for one server."""

    def __init__(self, door: States, folder: Path) -> None:
        self.door, self.folder = door, folder
        self.answered: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def callbacks(self) -> None:
        for file in sorted(self.folder.glob("[!.]*")):
            token = json.loads(file.read_text())["token"]
            if token not in self.answered:
                self.door.settle("SendTaskSuccess", taskToken=token, output='{"answered":true}')
                self.answered.add(token)

    def work(self, activity: str, over: threading.Event) -> None:
        """One worker, until it is over. It asks with little patience: its question may have been put to a server that is gone."""
        while not over.is_set():
            try:
                status, given = self.door.once("GetActivityTask", {"activityArn": activity, "workerName": "one"}, timeout_s=3)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.02)
                continue
            if status == 200 and given.get("taskToken"):
                self.door.settle("SendTaskSuccess", taskToken=given["taskToken"], output=json.dumps({"worked": given["input"]}))


def prepare(door: States, scenario: Scenario, folder: Path) -> str:
    """What the scenario needs on a server; the ARN of its machine. Twice is once."""
    if scenario.functions and door.call("GET", "/2015-03-31/functions/machine")[0] == 404:
        functions.create(door, "machine", 30, durable=False, TOKENS=folder)
    for name, definition in scenario.nested.items():
        door.create(name, definition)
    if scenario.activity:
        door.ask("CreateActivity", name="work")
    return door.create(re.sub(r"[^A-Za-z0-9_-]+", "-", scenario.id)[-80:], scenario.definition)


def play(
    door: States, actors: Actors, scenario: Scenario, machine_arn: str, name: str, look: Callable[[str], None] = lambda execution: None
) -> Played:
    """One execution to its end; `look` is called again and again while it runs."""
    over = threading.Event()
    worker = threading.Thread(target=actors.work, args=(arn("activity", "work"), over), daemon=True) if scenario.activity else None
    if worker:
        worker.start()
    try:
        execution = door.start(machine_arn, name, scenario.input)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            look(execution)
            if door.describe(execution)["status"] != "RUNNING":
                return door.played(execution)
            if time.monotonic() > deadline:
                last = [event["type"] for event in door.history(execution)[-5:]]
                raise Gone(f"it hangs after {last}")
            if scenario.answered:
                actors.callbacks()
            time.sleep(0.005)
    finally:
        over.set()
        if worker:
            worker.join(timeout=30)
