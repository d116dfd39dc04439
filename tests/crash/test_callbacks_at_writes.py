"""P1, P2: the binary is killed -9 between two writes of a callback, and keeps what it has acknowledged. Three places of each scenario, drawn by a
fixed seed; `cargo xtask conformance callbacks --crash` goes through all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from callback_scenarios import SCENARIOS
from callback_world import World
from callbacks_at_writes import SEED, Plays, cases, drawn
from killer import BLOWS, compiled
from served import BINARY

EACH = 3


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    folder = tmp_path_factory.mktemp("writes")
    library = compiled(folder, BINARY)
    if isinstance(library, str):
        pytest.skip(library)
    world = World(folder, library)
    yield Plays(world)
    world.close()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_between_two_writes_loses_nothing_and_halves_nothing(plays: Plays, scenario: str) -> None:
    calls = plays.calm(scenario)
    assert any("fdatasync" in call for call in calls), "nothing was made durable, or it goes another way than the one that is counted"
    for scenario, at, blow in drawn(random.Random(SEED), list(cases(scenario, calls, BLOWS)), EACH):
        killed = plays.killed
        while plays.killed == killed:
            # What runs side by side is not grouped in the same way each time: a place behind the last write is taken nearer.
            plays.play(scenario, at, blow)
            assert at > 1 or plays.killed > killed, "not even the first write was seen"
            at //= 2
