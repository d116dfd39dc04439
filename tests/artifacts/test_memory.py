"""A large artifact costs no memory: 256 MB go in and out of a folder, 96 MB of S3, and the server stays as small as it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest
from conftest import Server
from emulators import STORES

MIB = 1 << 20
LENGTHS = {"folder": 256 * MIB, "s3": 96 * MIB}
# A measurement asks for more: ARTIFACT_MIB=1024, with pytest's -s to see the figure.
if "ARTIFACT_MIB" in os.environ:
    LENGTHS = dict.fromkeys(LENGTHS, int(os.environ["ARTIFACT_MIB"]) * MIB)
# One part of an upload and its copy on the way, a few pieces, and what the allocator keeps of them.
BOUND = 48 * MIB


def pieces(length: int, digest) -> Iterator[bytes]:
    """Every piece another one, none of them compressible."""
    base = hashlib.shake_256(b"everstep").digest(MIB)
    for number in range(length // MIB):
        piece = number.to_bytes(8, "big") + base[8:]
        digest.update(piece)
        yield piece


@pytest.mark.parametrize("kind", list(LENGTHS))
def test_a_large_artifact_costs_no_memory(kind: str, tmp_path):
    length = LENGTHS[kind]
    for store in STORES[kind](tmp_path):
        server = Server(tmp_path / "server", "--artifacts", store.url, *store.arguments, **store.environment)
        # What the first requests of any kind cost is not a large artifact's.
        server.put("/artifacts/b/warm", bytes(10 * MIB))
        assert len(server.ask("GET", "/artifacts/b/warm").content) == 10 * MIB
        server.forget_peak()
        before = server.memory("VmRSS")
        sent, got = hashlib.sha256(), hashlib.sha256()
        assert server.put("/artifacts/b/large", pieces(length, sent)).status_code == 201
        with server.ask("GET", "/artifacts/b/large", stream=True) as answer:
            for piece in answer.iter_content(MIB):
                got.update(piece)
        grown = server.memory("VmHWM") - before
        assert got.hexdigest() == sent.hexdigest() == answer.headers["etag"].strip('"')
        assert grown < BOUND, f"{grown / MIB:.1f} MiB more for {length / MIB:.0f} MiB"
        print(f"{kind}: {grown / MIB:.1f} MiB more at most for {length / MIB:.0f} MiB up and down")
        server.end()
