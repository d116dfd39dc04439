#!/usr/bin/env python3
"""Every scenario of AWS's conformance suite, with a crash at every boundary: `cargo xtask conformance durable --crash`.

    EVERSTEP_CRASH_BIN=target/debug/everstep-crash python tests/crash/crash_at_boundaries.py [--blows before,after,worker] [--suite step]
        [--only 1-6] [--at 5]

A boundary is a commit that takes some execution on (`tests/crash-server`). A scenario is played once without a crash, which counts its
boundaries, and then once for each boundary and each blow: the server ends before the commit, the server ends when the commit is durable and
nobody has heard of it, or the workers are killed at that moment. One crash a run, so that a run that differs names its cause and can be
played alone; each must be the same as the calm one (`sameness.py`).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import sameness  # noqa: E402
import scenarios  # noqa: E402
from crash_server import BLOWS, CrashServer  # noqa: E402
from scenarios import Door, Play, Scenario, catalogs, suites  # noqa: E402
from served import Gone  # noqa: E402


class Stage:
    """A server with a scenario's functions, and the calm run that the others are held against."""

    def __init__(self, binary: str, catalog: catalogs.Catalog, scenario: Scenario, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.scenario, self.runs = scenario, 0
        self.server = CrashServer(binary, folder, scenario.skips)
        self.door = Door(self.server.endpoint, self.server.alive)
        self.functions = scenarios.register(self.server.endpoint, catalog, scenario.key)

    def play(self) -> sameness.Played:
        self.runs += 1
        return Play(self.door, self.scenario, self.functions, f"run-{self.runs}").to_its_end()

    def calm(self) -> tuple[sameness.Played, int]:
        self.server.tell("arm 0 after")
        played = self.play()
        return played, int(self.server.tell("count")[1])

    def crashed(self, at: int, blow: str) -> tuple[sameness.Played, int, int]:
        """The run, how many blows fell, and how many workers they killed: the idle ones count, for each may have been given the next
        invocation before its end was seen."""
        self.server.tell(f"arm {at} {blow}")
        played = self.play()
        _, _, fallen, killed = self.server.tell("count")
        return played, int(fallen), int(killed)


class Judge:
    """Plays one scenario at all of its boundaries."""

    def __init__(self, options: argparse.Namespace, catalog: catalogs.Catalog, work: Path) -> None:
        self.options, self.catalog, self.work = options, catalog, work

    def scenario(self, scenario: Scenario) -> dict[str, Any]:
        begun = time.monotonic()
        told: dict[str, Any] = {"scenario": scenario, "errors": [], "boundaries": 0, "crashes": 0}
        try:
            self.boundaries(scenario, told)
        except Exception as error:  # noqa: BLE001 (whatever it is, it fails this scenario only)
            told["errors"].append(f"{scenario.id}: {type(error).__name__}: {error}")
        told["seconds"] = time.monotonic() - begun
        return told

    def boundaries(self, scenario: Scenario, told: dict[str, Any]) -> None:
        stages = 0
        stage = Stage(self.options.binary, self.catalog, scenario, self.work / scenario.id / "0")
        try:
            calm, count = stage.calm()
            told["boundaries"] = count
            told["errors"] += [f"{scenario.id} without a crash: {fault}" for fault in sameness.faults(calm.events)]
            for at in [self.options.at] if self.options.at else range(1, count + 1):
                for blow in self.options.blows:
                    fault = self.one(stage, calm, at, blow, told)
                    if fault:
                        again = f"--only {scenario.id} --at {at} --blows {blow}"
                        told["errors"].append(f"{scenario.id} at boundary {at} of {count}, {blow}: {fault}\n      alone: {again}")
                    if fault and fault.startswith("Gone"):
                        # What it left undone must not disturb the next run.
                        stage.server.end()
                        stages += 1
                        stage = Stage(self.options.binary, self.catalog, scenario, self.work / scenario.id / str(stages))
                    if len(told["errors"]) >= 5:
                        return
        finally:
            stage.server.end()

    def one(self, stage: Stage, calm: sameness.Played, at: int, blow: str, told: dict[str, Any]) -> str | None:
        try:
            played, fallen, killed = stage.crashed(at, blow)
        except Gone as error:
            return f"Gone: {error}; the server said {stage.server.log.read_text()[-600:]}"
        told["crashes"] += fallen
        said = sameness.differences(played, calm, stage.scenario.allowance(killed))
        return "\n      ".join(said) or None


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=os.environ.get("EVERSTEP_CRASH_BIN"), help="everstep-crash (or EVERSTEP_CRASH_BIN)")
    parser.add_argument("--blows", default=",".join(BLOWS), help="comma-separated: before, after, worker")
    parser.add_argument("--suite", default="", help="comma-separated suites; default: those enabled in functions.toml")
    parser.add_argument("--only", default="", help="comma-separated requirement ids (1-6) or suite numbers (1)")
    parser.add_argument("--at", type=int, help="one boundary alone")
    parser.add_argument("--workers", type=int, default=3 * (os.cpu_count() or 2))
    parser.add_argument("--keep", type=Path, help="keep the servers' folders and logs here")
    options = parser.parse_args()
    options.blows = [blow for blow in options.blows.split(",") if blow]
    if not options.binary or set(options.blows) - set(BLOWS):
        parser.error("give --binary, and --blows out of " + ", ".join(BLOWS))
    return options


def show(told: dict[str, Any]) -> None:
    state = "failed" if told["errors"] else "passed"
    requirement = told["scenario"].requirement
    figures = f"{told['boundaries']:>3} boundaries {told['crashes']:>3} crashes {told['seconds']:6.1f} s"
    print(f"{state:<7} {requirement.id:<6} {figures}  {requirement.description}", flush=True)
    for error in told["errors"]:
        print(f"    {error}", flush=True)


def main() -> int:
    options = arguments()
    catalog = catalogs.own(scenarios.CONFORMANCE / "functions.toml")
    suites.obtain()
    split = [part for part in options.suite.split(",") if part]
    selected = set(split) or catalog.enabled
    only = [part for part in options.only.split(",") if part]
    everything = scenarios.all_of(catalog)
    to_play = [s for s in everything if ("all" in selected or s.requirement.suite in selected) and suites.matches(s.requirement, only)]
    told = []
    with tempfile.TemporaryDirectory(prefix="crash-") as folder, ThreadPoolExecutor(options.workers) as pool:
        judge = Judge(options, catalog, options.keep or Path(folder))
        # The longest first, so that the last ones do not wait alone.
        order = sorted(to_play, key=lambda scenario: (scenario.skips, scenario.requirement.suite not in scenarios.CONCURRENT))
        for finished in as_completed([pool.submit(judge.scenario, scenario) for scenario in order]):
            told.append(finished.result())
            show(told[-1])
    failed = sum(bool(entry["errors"]) for entry in told)
    skipped = len(everything) - len(to_play)
    if skipped:
        print(f"skipped {skipped:>3} scenarios: not selected")
    boundaries, crashes = (sum(entry[what] for entry in told) for what in ("boundaries", "crashes"))
    print(f"{boundaries} boundaries, {crashes} crashes: {', '.join(options.blows)}")
    print(f"{len(told) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not told else 0


if __name__ == "__main__":
    sys.exit(main())
