"""kill -9 of the server while state machines run: functions, waits, maps, branches, callbacks, activities, nested executions.

50 kills, drawn by a fixed seed; each execution must be the same as one that nobody disturbed (`machine_sameness.py`).
"""

from __future__ import annotations

import json
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import machine_scenarios
import pytest
from machine_sameness import differences, faults
from machine_scenarios import Actors, Scenario, machine, task
from served import Server, nobody_left, until
from states_api import REGION, Played, States

KILLS = int(os.environ.get("MACHINE_KILLS", "50"))
SEED = 20261121
SERVERS = 3


class Killed:
    """A server that plays scenarios and is killed in each of them."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "data", "--no-demo", "--region", REGION, "--python", sys.executable)
        self.server.start()
        self.door = States(f"http://127.0.0.1:{self.server.port}")
        self.actors = Actors(self.door, folder / "tokens")
        self.calm: dict[str, tuple[str, Played, list[int]]] = {}
        self.runs = self.kills = 0

    def undisturbed(self, scenario: Scenario) -> tuple[str, Played, list[int]]:
        """The machine, its run, and how many events somebody saw who looked all the time: a turn writes several at once."""
        if scenario.id not in self.calm:
            made = machine_scenarios.prepare(self.door, scenario, self.actors.folder)
            seen: set[int] = set()
            name = f"calm-{scenario.id}"
            played = machine_scenarios.play(self.door, self.actors, scenario, made, name, lambda execution: seen.add(len(self.door.history(execution))))
            self.calm[scenario.id] = made, played, sorted(seen - {len(played.events)})
        return self.calm[scenario.id]

    def play(self, scenario: Scenario, part: float) -> list[str]:
        """What a kill changed that it must not have, when the server is hit so far into the history."""
        made, calm, seen_before = self.undisturbed(scenario)
        boundary = seen_before[int(part * len(seen_before))] if seen_before else 1
        hit: list[int] = []

        def look(execution: str) -> None:
            seen = 0 if hit else len(self.door.history(execution))
            if boundary <= seen < len(calm.events):
                hit.append(seen)
                self.server.end()
                self.server.start()

        self.runs += 1
        played = machine_scenarios.play(self.door, self.actors, scenario, made, f"killed-{self.runs}-of-many", look)
        self.kills += len(hit)
        said = self.judge(scenario, played, calm)
        return [f"{scenario.id}, killed at {hit} of {len(calm.events)} events: {line}" for line in said]

    def judge(self, scenario: Scenario, played: Played, calm: Played) -> list[str]:
        if not scenario.outcome_alone:
            return differences(played, calm, scenario.concurrent)
        said = faults(played.events)
        if (played.status, played.described.get("output")) != (calm.status, calm.described.get("output")):
            said.append(f"it ended {played.described}, without a kill {calm.described}")
        return said

    def all(self, drawn: list[tuple[Scenario, float]]) -> list[str]:
        try:
            return [line for scenario, part in drawn for line in self.play(scenario, part)]
        finally:
            self.server.end()
            nobody_left(self.server.folder)


@pytest.mark.skipif(KILLS == 0, reason="MACHINE_KILLS is 0")
def test_a_kill_changes_nothing_that_a_state_machine_shows(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    scenarios = machine_scenarios.own()
    drawn = [(scenarios[number % len(scenarios)], chance.random()) for number in range(KILLS)]
    servers = [Killed(tmp_path / str(number)) for number in range(SERVERS)]
    with ThreadPoolExecutor(SERVERS) as pool:
        runs = [pool.submit(server.all, drawn[number::SERVERS]) for number, server in enumerate(servers)]
    said = [line for run in runs for line in run.result()]
    assert said == [], "\n".join(said)
    kills = sum(server.kills for server in servers)
    assert kills >= 0.8 * len(drawn), f"{kills} kills in {len(drawn)} runs prove too little"
    print(f"{kills} kills in {len(drawn)} runs, each of which ended as one that nobody disturbed")


def test_a_redrive_goes_on_after_a_kill(tmp_path: Path) -> None:
    """What failed is redriven, the server is killed, and what had succeeded before the failure has run once."""
    once = task(Parameters={"n": 1}, ResultPath="$.once", Next="Rest")
    failing = task(Parameters={"n": 2, "fails": 1, "attempt.$": "$$.Execution.RedriveCount"}, ResultPath="$.twice")
    killed = Killed(tmp_path)
    server, door = killed.server, killed.door
    try:
        rest = {"Type": "Wait", "Seconds": 1, "Next": "Fails"}
        scenario = Scenario("redriven", machine("Once", Once=once, Rest=rest, Fails=failing), "{}", functions=True)
        made = machine_scenarios.prepare(door, scenario, killed.actors.folder)
        failed = machine_scenarios.play(door, killed.actors, scenario, made, "to-be-redriven")
        assert (failed.status, failed.described["error"]) == ("FAILED", "ValueError")
        door.ask("RedriveExecution", executionArn=failed.arn)
        server.end()
        server.start()
        redriven = followed(door, failed.arn)
        assert redriven.status == "SUCCEEDED", redriven.described
        assert redriven.described["redriveCount"] == 1
        assert faults(redriven.events) == []
        types = [event["type"] for event in redriven.events]
        assert types[: len(failed.events)] == [event["type"] for event in failed.events], "what was recorded stays"
        assert types.count("ExecutionRedriven") == 1
        assert types.count("LambdaFunctionSucceeded") == 2, "what had succeeded did not run again"
    finally:
        server.end()
        nobody_left(server.folder)


def followed(door: States, execution: str) -> Played:
    until(lambda: door.describe(execution)["status"] != "RUNNING", f"{execution} ends")
    return door.played(execution)


def test_a_redriven_map_repeats_its_failed_iteration_alone_after_a_kill(tmp_path: Path) -> None:
    """Of two iterations the second fails; redriven, with a kill, it runs again and the first does not."""
    killed = Killed(tmp_path)
    server, door = killed.server, killed.door
    try:
        each = task(Parameters={"n.$": "$", "fails.$": "$$.Map.Item.Index", "attempt.$": "$$.Execution.RedriveCount"})
        walk = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": {"StartAt": "Each", "States": {"Each": each}}, "End": True}
        scenario = Scenario("redriven-map", machine("All", All=walk), "[7,8]", functions=True)
        made = machine_scenarios.prepare(door, scenario, killed.actors.folder)
        failed = machine_scenarios.play(door, killed.actors, scenario, made, "map-to-be-redriven")
        assert failed.status == "FAILED", failed.described
        door.ask("RedriveExecution", executionArn=failed.arn)
        server.end()
        server.start()
        redriven = followed(door, failed.arn)
        assert redriven.status == "SUCCEEDED", redriven.described
        assert json.loads(redriven.described["output"]) == [{"n": 7, "doubled": 14}, {"n": 8, "doubled": 16}]
        succeeded = [event for event in redriven.events if event["type"] == "LambdaFunctionSucceeded"]
        assert len(succeeded) == 2, "the iteration that had succeeded did not run again"
        assert faults(redriven.events) == []
    finally:
        server.end()
        nobody_left(server.folder)
