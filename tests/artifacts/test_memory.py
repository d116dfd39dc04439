"""A large artifact costs no memory, whichever way it comes and goes: the server stays as small as it was.

`cargo xtask bench artifacts` measures the same ways with 1 GiB.
"""

from __future__ import annotations

import pytest
from conftest import Server
from emulators import STORES
from measure import MIB, Ways

LENGTH = 64 * MIB
# A link is read as what it leads to; and the emulator takes its time.
WAYS = {"folder": ["PUT", "GET", "callback", "input"], "s3": ["PUT", "GET"]}
# One part of an upload and its copy on the way, a few pieces, and what the allocator keeps of them.
BOUND = 48 * MIB


@pytest.mark.parametrize("kind", list(WAYS))
def test_a_large_artifact_costs_no_memory(kind: str, tmp_path):
    for store in STORES[kind](tmp_path):
        server = Server(tmp_path / "server", "--artifacts", store.url, *store.arguments, **store.environment)
        ways = Ways(server, LENGTH)
        for way, does in ways.all().items():
            if not any(chosen in way for chosen in WAYS[kind]):
                continue
            grown = ways.grown(does)
            assert grown < BOUND, f"{way}: {grown / MIB:.1f} MiB more for {LENGTH / MIB:.0f} MiB"
        server.end()
