"""Every scenario of `callback_scenarios.py`, killed before, after and in the middle of every write. `cargo xtask conformance callbacks --crash` runs it.

    python callbacks_at_writes.py [--only SCENARIO] [--at N] [--blow before|after|half] [--sample N]
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from callback_scenarios import SCENARIOS, Case
from callback_world import World
from killer import BLOWS, compiled
from served import BINARY

SEED = 20261121
# How many calls more than in the calm run are tried: what runs side by side is not grouped in the same way each time.
MORE = 3


class Plays:
    """Plays of scenarios in one world. Each is looked at again in the next life of the server: what it showed then, it shows still."""

    def __init__(self, world: World):
        self.world, self.number, self.killed = world, 0, 0
        self.last: tuple[Case, Any] | None = None

    def play(self, scenario: str, at: int = 0, blow: str = "before") -> int:
        """How many calls were counted, up to the kill if there was one."""
        self.number += 1
        case = Case(self.world, f"{scenario}-{self.number}-{at}-{blow}", at, blow)
        try:
            SCENARIOS[scenario](case)
            self.world.quiet()
        finally:
            self.world.killer.disarm()
        count = self.world.killer.count
        self.killed += 0 < at <= count
        seen = case.seen()
        if self.last:
            before, then = self.last
            now = before.seen()
            assert now == then, f"{before.name} has changed with a later life of the server:\n{then}\n{now}"
        self.last = (case, seen)
        return count

    def calm(self, scenario: str) -> list[str]:
        """The writes that it has when nothing happens to it."""
        self.play(scenario)
        calls = self.world.killer.calls()
        assert calls, f"{scenario} writes nothing"
        return calls


def cases(scenario: str, calls: list[str], blows: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    for at, call in enumerate([*calls, *["write"] * MORE], 1):
        # Only what writes bytes has a middle.
        yield from ((scenario, at, blow) for blow in blows if blow != "half" or "write" in call.split()[0])


def drawn(chance: random.Random, all_of: list[tuple[str, int, str]], most: int) -> list[tuple[str, int, str]]:
    return sorted(chance.sample(all_of, min(most, len(all_of))), key=all_of.index)


def run(arguments: argparse.Namespace, folder: Path, library: Path) -> tuple[int, int]:
    world = World(folder, library)
    plays, failed, began = Plays(world), [], time.monotonic()
    try:
        chance, todo = random.Random(SEED), []
        for scenario in arguments.only or SCENARIOS:
            calls = plays.calm(scenario)
            print(f"{scenario}: {len(calls)} writes", flush=True)
            own = [case for case in cases(scenario, calls, arguments.blow or BLOWS) if arguments.at in (None, case[1])]
            todo += drawn(chance, own, arguments.sample or len(own))
        for number, (scenario, at, blow) in enumerate(todo):
            try:
                plays.play(scenario, at, blow)
            except Exception:
                failed.append((scenario, at, blow))
                print(f"FAILED {scenario} --at {at} --blow {blow}\n{traceback.format_exc()}", flush=True)
                print("  calls:\n    " + "\n    ".join(world.killer.calls()), flush=True)
                plays.last = None
            if number % 50 == 49:
                print(f"{number + 1} of {len(todo)}, {plays.killed} killed, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        world.close()
    print(f"{plays.killed} kills at a write in {len(todo)} cases, {time.monotonic() - began:.0f} s", flush=True)
    return len(todo) - len(failed), len(failed)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="this scenario; may be said again")
    parser.add_argument("--at", type=int, help="at this call alone, counted from 1")
    parser.add_argument("--blow", action="append", choices=BLOWS, help="before, after or in the middle of a call; all unless told")
    parser.add_argument("--sample", type=int, help="so many cases of each scenario, drawn by a fixed seed")
    parser.add_argument("--keep", action="store_true", help="leave the server's folder behind")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="everstep-writes-"))
    library = compiled(folder, BINARY)
    if isinstance(library, str):
        print(f"SKIPPED callbacks: {library}\n0 passed, 0 failed, 1 skipped")
        return 0
    passed, failed = run(arguments, folder, library)
    if not failed and not arguments.keep:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
