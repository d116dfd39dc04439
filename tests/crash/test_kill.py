"""kill -9 of the server at random moments under load, through the public door.

P1: nothing that was acknowledged is missing after any restart. P2: a step whose result was acknowledged never runs again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

from functions import create, described, executions, identifier, start
from served import Server, Unreachable, nobody_left

ROUNDS = int(os.environ.get("KILL_ROUNDS", "50"))
SEED = 20261121
EXECUTIONS_PER_ROUND = 12


class Load:
    """Starts executions and answers their callbacks; remembers what the server acknowledged."""

    def __init__(self, server: Server, ledger: Path):
        self.server, self.ledger = server, ledger
        self.started: dict[str, float] = {}
        self.answered: dict[str, str] = {}
        self.wanted = threading.Semaphore(0)
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.count = 0
        self.threads = [threading.Thread(target=self.start_some) for _ in range(3)]
        self.threads.append(threading.Thread(target=self.answer_some))
        for thread in self.threads:
            thread.start()

    def start_some(self) -> None:
        while not self.ended.is_set():
            if not self.wanted.acquire(timeout=0.1):
                continue
            with self.lock:
                self.count += 1
                name = f"execution-{self.count}"
            try:
                status = start(self.server, "ledger", name)
            except Unreachable:
                continue  # Not acknowledged: it may or may not exist.
            if status == 202:
                self.started[name] = time.time()

    def callbacks(self) -> dict[str, str]:
        if not self.ledger.exists():
            return {}
        lines = (line.split() for line in self.ledger.read_text().splitlines() if line.startswith("callback "))
        return {line[1]: line[2] for line in lines if len(line) == 3}

    def answer_some(self) -> None:
        while not self.ended.is_set():
            for name, callback in self.callbacks().items():
                if name in self.answered:
                    continue
                path = f"/2025-12-01/durable-execution-callbacks/{urllib.parse.quote(callback, safe='')}/succeed"
                answer = json.dumps({"for": name})
                try:
                    status, _ = self.server.call("POST", path, answer)
                except Unreachable:
                    continue
                if status == 200:
                    self.answered[name] = answer
            time.sleep(0.02)

    def stop(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(timeout=60)


def steps_run_again(ledger: Path) -> list[str]:
    acknowledged, again = set(), []
    for line in ledger.read_text().splitlines():
        kind, *step = line.split()
        if kind == "ack":
            acknowledged.add(tuple(step))
        elif kind == "run" and tuple(step) in acknowledged:
            again.append(line)
    return again


def test_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    ledger = tmp_path / "ledger.txt"
    server = Server(tmp_path / "data", "--no-demo")
    server.start()
    create(server, "ledger", 60, LEDGER=ledger)
    load = Load(server, ledger)
    try:
        for round_number in range(ROUNDS):
            for _ in range(EXECUTIONS_PER_ROUND):
                load.wanted.release()
            time.sleep(chance.uniform(0.02, 0.8))
            server.end()
            acknowledged, answered = set(load.started), list(load.answered)
            server.start()
            missing = acknowledged - set(executions(server, "ledger"))
            assert not missing, f"round {round_number}: acknowledged and gone: {sorted(missing)}"
            check_answers(server, load, answered, chance)
        closed = wait_until_closed(server, load)
    finally:
        load.stop()
        server.end(signal.SIGTERM)
    nobody_left(server.folder)
    assert len(load.started) >= ROUNDS, "the load was too small to prove anything"
    for name in load.started:
        assert closed[name]["Status"] == "SUCCEEDED", closed[name]
    assert steps_run_again(ledger) == []
    print(f"{ROUNDS} kills, {len(load.started)} acknowledged starts, {len(load.answered)} acknowledged callbacks, none lost")


def check_answers(server: Server, load: Load, answered: list[str], chance: random.Random) -> None:
    """Of the callbacks that were acknowledged before the kill, the latest and some others are in the history with their result."""
    found = executions(server, "ledger")
    for name in {*answered[-1:], *chance.sample(answered, min(len(answered), 4))}:
        events = server.history(identifier(found[name]), data=True)
        results = [e["CallbackSucceededDetails"]["Result"]["Payload"] for e in events if e["EventType"] == "CallbackSucceeded"]
        assert results == [load.answered[name]], f"{name}: acknowledged {load.answered[name]}, kept {results}"


def wait_until_closed(server: Server, load: Load, seconds: float = 180) -> dict[str, dict[str, Any]]:
    deadline = time.time() + seconds
    while time.time() < deadline:
        found = executions(server, "ledger")
        if all(name in found and found[name]["Status"] != "RUNNING" for name in load.started):
            check_results(server, found, load)
            return found
        time.sleep(0.2)
    running = [name for name in load.started if found.get(name, {}).get("Status") == "RUNNING"]
    raise AssertionError(f"still running after {seconds} s: {running[:5]}; of {len(running)}")


def check_results(server: Server, found: dict[str, dict[str, Any]], load: Load) -> None:
    for name, answer in list(load.answered.items()):
        status, execution = described(server, found[name])
        assert status == 200, execution
        assert execution["Result"] == answer, f"{name}: the acknowledged callback is not its result"
