#!/usr/bin/env python3
"""Every recorded execution of a state machine, and ours, with a crash at every boundary: `cargo xtask conformance asl --crash`.

    python tests/crash/machines_at_boundaries.py --binary target/debug/everstep-crash [--blows before,after] [--match RE] [--at 2] [--own]

As `crash_at_boundaries.py` for durable functions: a boundary is a commit that takes some execution on. An execution is played once without a
crash, which counts its boundaries, and then once for each boundary and each blow, with one crash each; each run must be the same as the calm
one (`machine_sameness.py`). One server plays many of them, so that it has seen hundreds of crashes in the end.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import machine_scenarios  # noqa: E402
from crash_server import BLOWS, CrashServer  # noqa: E402
from machine_sameness import differences, faults  # noqa: E402
from machine_scenarios import Actors, Scenario  # noqa: E402
from served import Gone  # noqa: E402
from states_api import Played, States  # noqa: E402

SHOWN_MAX = 5


class Stage:
    """A server for one scenario after another. Time is skipped where nobody outside acts."""

    def __init__(self, binary: str, folder: Path, skips: bool) -> None:
        folder.mkdir(parents=True)
        self.server = CrashServer(binary, folder, skips)
        self.door = States(self.server.endpoint, self.server.alive)
        self.actors = Actors(self.door, folder / "tokens")
        self.runs = 0

    def play(self, scenario: Scenario, machine: str) -> Played:
        self.runs += 1
        return machine_scenarios.play(self.door, self.actors, scenario, machine, f"run-{self.runs}-of-many")

    def calm(self, scenario: Scenario) -> tuple[str, Played, int]:
        machine = machine_scenarios.prepare(self.door, scenario, self.actors.folder)
        self.server.tell("arm 0 after")
        played = self.play(scenario, machine)
        return machine, played, int(self.server.tell("count")[1])

    def crashed(self, scenario: Scenario, machine: str, at: int, blow: str) -> tuple[Played, int]:
        self.server.tell(f"arm {at} {blow}")
        played = self.play(scenario, machine)
        return played, int(self.server.tell("count")[2])


class Told:
    """What became of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.errors: list[str] = []
        self.boundaries = self.crashes = 0
        self.seconds = 0.0

    def show(self) -> None:
        if not self.errors:
            return
        print(f"FAILED {self.scenario.id}: {self.boundaries} boundaries, {self.crashes} crashes", flush=True)
        for error in self.errors[:SHOWN_MAX]:
            print(f"    {error}", flush=True)


class Judge:
    """Plays scenarios at all of their boundaries, on servers of its own."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options, self.work = options, work
        self.stages: dict[bool, Stage] = {}
        self.made = 0

    def stage(self, skips: bool) -> Stage:
        if skips not in self.stages:
            self.made += 1
            self.stages[skips] = Stage(self.options.binary, self.work / str(self.made), skips)
        return self.stages[skips]

    def leave(self, skips: bool) -> None:
        """What a run left undone must not disturb the next one."""
        stage = self.stages.pop(skips, None)
        if stage:
            stage.server.end()

    def end(self) -> None:
        for skips in list(self.stages):
            self.leave(skips)

    def scenario(self, scenario: Scenario) -> Told:
        told, begun = Told(scenario), time.monotonic()
        try:
            self.boundaries(scenario, told)
        except Exception as error:  # noqa: BLE001 (whatever it is, it fails this scenario only)
            stage = self.stages.get(not scenario.answered)
            said = f"; the server said {stage.server.log.read_text()[-600:]}" if stage else ""
            told.errors.append(f"{type(error).__name__}: {error}{said}")
            self.leave(not scenario.answered)
        told.seconds = time.monotonic() - begun
        return told

    def boundaries(self, scenario: Scenario, told: Told) -> None:
        stage = self.stage(not scenario.answered)
        machine, calm, told.boundaries = stage.calm(scenario)
        told.errors += [f"without a crash: {fault}" for fault in faults(calm.events)]
        for at in [self.options.at] if self.options.at else range(1, told.boundaries + 1):
            for blow in self.options.blows:
                played, fallen = stage.crashed(scenario, machine, at, blow)
                told.crashes += fallen
                said = self.judge(scenario, played, calm)
                told.errors += [f"at boundary {at} of {told.boundaries}, {blow}: {line}" for line in said]
                if len(told.errors) >= SHOWN_MAX:
                    return

    def judge(self, scenario: Scenario, played: Played, calm: Played) -> list[str]:
        if not scenario.outcome_alone:
            return differences(played, calm, scenario.concurrent, scenario.chance)
        said = [f"illegal: {fault}" for fault in faults(played.events)]
        if (played.status, played.described.get("output")) != (calm.status, calm.described.get("output")):
            said.append(f"it ended {played.described}, without a crash {calm.described}")
        return said


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=os.environ.get("EVERSTEP_CRASH_BIN"), help="everstep-crash (or EVERSTEP_CRASH_BIN)")
    parser.add_argument("--blows", default="before,after", help="comma-separated: before, after, worker")
    parser.add_argument("--match", default="", help="only scenarios whose id has this regular expression in it")
    parser.add_argument("--at", type=int, help="one boundary alone")
    parser.add_argument("--own", action="store_true", help="only our own scenarios")
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 2))
    parser.add_argument("--keep", type=Path, help="keep the servers' folders and logs here")
    options = parser.parse_args()
    options.blows = [blow for blow in options.blows.split(",") if blow]
    if not options.binary or set(options.blows) - set(BLOWS):
        parser.error("give --binary, and --blows out of " + ", ".join(BLOWS))
    return options


def take(left: queue.SimpleQueue[Scenario]) -> Scenario | None:
    try:
        return left.get_nowait()
    except queue.Empty:
        return None


def main() -> int:
    options = arguments()
    skipped = 0
    scenarios = machine_scenarios.own()
    if not options.own and machine_scenarios.RECORDED.exists():
        scenarios += machine_scenarios.recorded()
    elif not options.own:
        skipped = 1
        print(f"SKIPPED the recorded executions: {machine_scenarios.RECORDED} is not here")
    left: queue.SimpleQueue[Scenario] = queue.SimpleQueue()
    for scenario in scenarios:
        if re.search(options.match, scenario.id):
            left.put(scenario)
    told: list[Told] = []
    writing = threading.Lock()

    def work(number: int) -> None:
        judge = Judge(options, folder / str(number))
        try:
            while (scenario := take(left)) is not None:
                done = judge.scenario(scenario)
                with writing:
                    told.append(done)
                    done.show()
                    if len(told) % 100 == 0:
                        print(f"{len(told)} of {len(told) + left.qsize()}", flush=True)
        finally:
            judge.end()

    with tempfile.TemporaryDirectory(prefix="crash-") as temporary, ThreadPoolExecutor(options.workers) as pool:
        folder = options.keep or Path(temporary)
        for worker in [pool.submit(work, number) for number in range(options.workers)]:
            worker.result()
    failed = sum(bool(one.errors) for one in told)
    boundaries, crashes = sum(one.boundaries for one in told), sum(one.crashes for one in told)
    print(f"{boundaries} boundaries, {crashes} crashes: {', '.join(options.blows)}")
    print(f"{len(told) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not told else 0


if __name__ == "__main__":
    sys.exit(main())
