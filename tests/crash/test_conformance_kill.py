"""Scenarios of AWS's conformance suite on the binary, with the server killed -9 once: a sample of 50, drawn by a fixed seed.

`cargo xtask conformance durable --crash` plays every scenario at every boundary, inside one process; here it is the real end of the real
process. Boundary N is the moment at which the public history shows N events. What follows must be the same as in a run without a crash
(`sameness.py`).
"""

from __future__ import annotations

import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sameness
import scenarios
from scenarios import Door, Play, Scenario, catalogs
from served import Server, nobody_left

SEED = 20261121
KILLS = int(os.environ.get("CONFORMANCE_KILLS", "50"))
AT_ONCE = 3 * (os.cpu_count() or 2)


def sample(everything: list[Scenario], chance: random.Random) -> list[tuple[Scenario, float]]:
    """Scenarios, and how far each has come when it is hit: from its first event to the last before its end."""
    drawn = chance.sample(everything, min(KILLS, len(everything)))
    return [(scenario, chance.random()) for scenario in drawn]


def killed(catalog: catalogs.Catalog, scenario: Scenario, part: float, folder: Path) -> tuple[list[str], int]:
    """What a kill changed that it must not have, and how many kills there were: none where the end came between two looks."""
    clock = ["--clock", "skip"] if scenario.skips else []
    server = Server(folder / "data", "--no-demo", "--region", scenarios.REGION, "--python", sys.executable, *clock)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server.port}"
        functions = scenarios.register(endpoint, catalog, scenario.key)
        door = Door(endpoint)
        calm = Play(door, scenario, functions, "calm").to_its_end()
        boundary = 1 + int(part * (len(calm.events) - 1))
        hit = Play(door, scenario, functions, "killed")
        kills: list[int] = []

        def look(events: list[sameness.Event]) -> None:
            if len(events) >= boundary and not kills and events[-1]["EventType"] not in sameness.ENDINGS:
                kills.append(len(events))
                server.end()
                server.start()

        hit.look, hit.pause_s = look, 0.001
        played = hit.to_its_end()
        said = sameness.differences(played, calm, scenario.allowance(0))
        return [f"{scenario.id} killed at {kills} of {len(calm.events)} events: {line}" for line in said], len(kills)
    except Exception as error:
        raise AssertionError(f"{scenario.id}, at {part:.2f} of its events: {error}; see {server.log_path}") from error
    finally:
        server.end()
        nobody_left(server.folder)


@pytest.mark.skipif(KILLS == 0, reason="CONFORMANCE_KILLS is 0")
def test_a_kill_changes_nothing_that_a_conformance_scenario_shows(tmp_path: Path) -> None:
    catalog = catalogs.own(scenarios.CONFORMANCE / "functions.toml")
    everything = [scenario for scenario in scenarios.all_of(catalog) if scenario.requirement.suite in catalog.enabled]
    drawn = sample(everything, random.Random(SEED))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(killed, catalog, scenario, part, tmp_path / scenario.id) for scenario, part in drawn]
    said = [line for run in runs for line in run.result()[0]]
    assert said == [], "\n".join(said)
    kills = sum(run.result()[1] for run in runs)
    assert kills >= 0.8 * len(drawn), f"{kills} kills in {len(drawn)} runs prove too little"
