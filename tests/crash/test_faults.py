"""Faults from outside: workers that die or hang, addresses and folders that are taken, stores that are damaged or too new, a full disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from functions import create, described, executions, identifier, start
from served import Server, Unreachable, nobody_left, until

SEED = 20261121
CONFLICT, REFUSED = 4, 6


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", "--no-demo")
    yield server
    server.end()
    nobody_left(server.folder)


def invocations(folder: Path) -> list[int]:
    noted = folder / "invocations"
    return [int(line) for line in noted.read_text().split()] if noted.exists() else []


def ended(server: Server, name: str) -> dict[str, Any]:
    row = until(lambda: (row := executions(server, "held")[name])["Status"] != "RUNNING" and row, f"the end of {name}")
    assert row["Status"] == "SUCCEEDED", row
    return row


def errors_of_invocations(server: Server, row: dict[str, Any]) -> list[str | None]:
    events = server.history(identifier(row), data=True)
    details = [event["InvocationCompletedDetails"] for event in events if event["EventType"] == "InvocationCompleted"]
    return [detail.get("Error", {}).get("Payload", {}).get("ErrorType") for detail in details]


def test_a_worker_that_is_killed_costs_an_invocation_and_not_the_execution(server: Server, tmp_path: Path) -> None:
    server.start()
    create(server, "held", 60, FOLDER=tmp_path)
    assert start(server, "held", "killed", '"input"') == 202
    [pid] = until(lambda: invocations(tmp_path), "an invocation")
    os.kill(pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    row = ended(server, "killed")
    assert errors_of_invocations(server, row) == ["Runtime.ExitError", None]
    assert len(invocations(tmp_path)) == 2
    assert described(server, row)[1]["Result"] == '"input"'


def test_a_worker_that_hangs_is_killed_and_replaced(server: Server, tmp_path: Path) -> None:
    server.start()
    create(server, "held", 2, FOLDER=tmp_path)
    assert start(server, "held", "stopped") == 202
    [pid] = until(lambda: invocations(tmp_path), "an invocation")
    os.kill(pid, signal.SIGSTOP)
    (tmp_path / "go").touch()
    row = ended(server, "stopped")
    assert errors_of_invocations(server, row) == ["Sandbox.Timedout", None]
    first, second = invocations(tmp_path)
    assert first == pid != second
    until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the worker that hung")


def test_an_address_that_is_in_use_is_e0109(server: Server) -> None:
    with socket.create_server(("127.0.0.1", server.port)):
        code, said = server.refuses_to_start()
    assert code == CONFLICT and "E0109" in said and f"127.0.0.1:{server.port} is in use" in said, (code, said)
    server.start()


def test_a_second_server_on_a_folder_is_e0124_and_disturbs_nobody(server: Server, tmp_path: Path) -> None:
    server.start()
    create(server, "held", 60, FOLDER=tmp_path)
    assert start(server, "held", "going") == 202
    [pid] = until(lambda: invocations(tmp_path), "an invocation")
    second = Server(server.folder, "--no-demo")
    code, said = second.refuses_to_start()
    assert code == CONFLICT and "E0124" in said and str(server.folder) in said, (code, said)
    (tmp_path / "go").touch()
    row = ended(server, "going")
    assert errors_of_invocations(server, row) == [None] and invocations(tmp_path) == [pid]


def test_a_store_of_a_later_format_is_e0125_and_stays_as_it_is(server: Server) -> None:
    # Written by a build whose only difference was `FORMAT = 2`. Git keeps no empty folders; the store wants its own.
    store = server.folder / "store"
    shutil.copytree(Path(__file__).parent / "fixtures" / "format-2", store)
    for keyspace in (store / "db" / "keyspaces").iterdir():
        (keyspace / "tables").mkdir(exist_ok=True)
    before = (store / "watermark").read_bytes()
    # The database may tidy its files when it is opened; what stands in them is the same, and refused again.
    for _ in range(2):
        code, said = server.refuses_to_start()
        assert code == REFUSED and "E0125" in said and "later version (format 2, this build reads 1)" in said, (code, said)
        assert before == (store / "watermark").read_bytes()


def test_damage_is_told_or_harmless_but_never_a_wrong_answer(server: Server, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    whole, truth = some_executions(server, tmp_path)
    told = 0
    for path, at in places(whole, chance):
        shutil.rmtree(server.folder)
        shutil.copytree(whole, server.folder)
        victim = server.folder / path.relative_to(whole)
        flip(victim, at)
        told += judge(server, truth, f"byte {at} of {victim}")
    assert told >= 10, f"only {told} damages were told: the test flips what nobody reads"


def some_executions(server: Server, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder as a crash leaves it, and the results that were acknowledged. One payload is large enough for a file of its own."""
    server.start()
    (tmp_path / "go").touch()
    create(server, "held", 60, FOLDER=tmp_path)
    truth = {f"e-{n}": f'"{n} ' + "x" * (60_000 if n == 3 else 100) + '"' for n in range(8)}
    for name, payload in truth.items():
        assert start(server, "held", name, payload) == 202
    for name, payload in truth.items():
        assert described(server, ended(server, name))[1]["Result"] == payload
    server.end()
    whole = tmp_path / "whole"
    shutil.copytree(server.folder, whole)
    return whole, truth


def places(whole: Path, chance: random.Random) -> list[tuple[Path, int]]:
    """Bytes to flip: in the journal where it is in use, in some of the store's other files and in the payload beside it."""
    journal, others = [], []
    for path in sorted((whole / "store").rglob("*")) + sorted((whole / "blobs" / "payloads").rglob("*")):
        if not path.is_file() or path.name == "lock" or not path.stat().st_size:
            continue
        used = len(path.read_bytes().rstrip(b"\0"))
        if path.suffix == ".jnl":
            journal += [(path, chance.randrange(used)) for _ in range(12)]
        else:
            others.append((path, chance.randrange(max(used, 1))))
    sure = [place for place in others if "payloads" in place[0].parts or place[0].name == "watermark"]
    return journal + sure + chance.sample(others, 10)


def flip(path: Path, at: int) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))


def judge(server: Server, truth: dict[str, str], what: str) -> int:
    """1 if the damage was told, 0 if it did no harm. Anything else fails."""
    try:
        server.start()
    except AssertionError:
        server.process.wait(timeout=30)
        code, said = server.process.returncode, server.log().splitlines()[-1]
        assert code == REFUSED and "E0107" in said, f"{what}: {code} {said}"
        return 1
    try:
        return int(any(wrong_or_told(server, truth, what)))
    except Unreachable:
        # It met the damage later: it has to have gone with that word.
        server.process.wait(timeout=30)
        assert "E0107" in server.log().splitlines()[-1], f"{what}: {server.log()[-500:]}"
        return 1
    finally:
        server.end()


def wrong_or_told(server: Server, truth: dict[str, str], what: str) -> Iterator[bool]:
    status, text = server.call("GET", "/2025-12-01/functions/held/durable-executions?MaxItems=1000")
    if status != 200:
        assert b"E0107" in text, f"{what}: {status} {text!r}"
        yield True
        return
    found = executions(server, "held")
    assert set(found) == set(truth), f"{what}: {set(truth) - set(found)} are gone without a word"
    for name, payload in truth.items():
        status, answer = described(server, found[name])
        if status == 200:
            assert answer["Result"] == payload and answer["Status"] == "SUCCEEDED", f"{what}: a wrong answer: {answer}"
        else:
            assert "E0107" in str(answer), f"{what}: {status} {answer}"
        yield status != 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("size", [20_000, 120_000], ids=["in-the-journal", "beside-it"])
def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path, tmp_path: Path, size: int) -> None:
    server = Server(small_disk / "data", "--no-demo")
    server.log_path = tmp_path / "server.log"
    try:
        server.start()
        create(server, "held", 60, FOLDER=tmp_path)
        (tmp_path / "go").touch()
        acknowledged, refused = fill(server, size)
        assert len(acknowledged) > 10 and refused, f"{len(acknowledged)} starts, and the disk was not full"
        # Nothing that failed may have looked like anything else than the server's own fault.
        assert all(status in (0, 429, 500, 503) for status in refused), refused
        if until(lambda: server.process.poll() is not None or server.call("GET", "/health"), "an end or an answer") is True:
            assert server.process.returncode == REFUSED and "E0108" in server.log().splitlines()[-1], server.log()[-800:]
        server.end()
        subprocess.run(["mount", "-o", "remount,size=80m", str(small_disk)], check=True)
        server.start()
        found = executions(server, "held")
        assert not set(acknowledged) - set(found), f"acknowledged and gone: {set(acknowledged) - set(found)}"
        for name, payload in acknowledged.items():
            status, answer = described(server, ended(server, name))
            assert status == 200 and answer["Result"] == payload, f"{name}: {str(answer)[:300]}"
        assert start(server, "held", "after") == 202
        ended(server, "after")
    finally:
        server.end()
        nobody_left(server.folder)


def fill(server: Server, size: int) -> tuple[dict[str, str], list[int]]:
    """Starts executions until the server has refused a few; answers what it acknowledged."""
    acknowledged: dict[str, str] = {}
    refused: list[int] = []
    for number in range(3_000):
        payload = f'"{number} ' + "y" * size + '"'
        try:
            status = start(server, "held", f"f-{number}", payload)
        except Unreachable:
            status = 0
        if status == 202:
            acknowledged[f"f-{number}"] = payload
        else:
            refused.append(status)
            time.sleep(0.05)
        if len(refused) >= 5:
            break
    return acknowledged, refused
