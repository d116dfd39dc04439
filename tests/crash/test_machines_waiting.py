"""10,000 executions (`MACHINES_WAITING` for others) that wait, for a timer, for a worker or for a token, and a kill -9: all of them are there again, and go on."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from machine_sameness import faults
from machine_scenarios import machine, task, wait
from served import Server, nobody_left, until
from states_api import REGION, States, arn

WAITING = int(os.environ.get("MACHINES_WAITING", "10000"))
SEED = 20261121
CLIENTS = 16
SAMPLE = 20
# Generous: a debug build on a busy machine. What a release build needs stands in docs/measurements.md.
BACK_S_MAX = 60
RSS_BYTES_MAX = 600 << 20


def started(door: States, machines: list[str]) -> dict[str, list[str]]:
    """So many executions, in turns of the machines; their ARNs by machine."""

    def one(number: int) -> tuple[str, str]:
        made = machines[number % len(machines)]
        return made, door.start(made, f"waits-{number}", json.dumps({"number": number}))

    found: dict[str, list[str]] = {made: [] for made in machines}
    with ThreadPoolExecutor(CLIENTS) as pool:
        for made, execution in pool.map(one, range(WAITING)):
            found[made].append(execution)
    return found


def running(door: States, made: str) -> int:
    count, more = 0, {}
    while True:
        page = door.ask("ListExecutions", stateMachineArn=made, statusFilter="RUNNING", maxResults=1000, **more)
        count += len(page["executions"])
        if not page.get("nextToken"):
            return count
        more = {"nextToken": page["nextToken"]}


def resident(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def succeeds(door: States, execution: str, output: str) -> None:
    until(lambda: door.describe(execution)["status"] != "RUNNING", f"{execution} ends")
    played = door.played(execution)
    assert (played.status, played.described.get("output")) == ("SUCCEEDED", output), played.described
    assert faults(played.events) == []


@pytest.mark.skipif(WAITING == 0, reason="MACHINES_WAITING is 0")
def test_what_waits_is_there_again_after_a_kill_and_goes_on(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    arguments = ("--no-demo", "--region", REGION, "--python", sys.executable)
    server = Server(tmp_path / "data", *arguments)
    server.start()
    door = States(f"http://127.0.0.1:{server.port}")
    try:
        # Whoever holds the token is another execution: it is told in its input, which anybody may read.
        holder = door.create("holder", machine("Held", Held={"Type": "Pass", "End": True}))
        activity = door.ask("CreateActivity", name="work")["activityArn"]
        told = {"StateMachineArn": holder, "Name.$": "States.Format('held-{}', $.number)", "Input": {"token.$": "$$.Task.Token"}}
        timed = door.create("timed", machine("Day", Day=wait(86_400)))
        worked = door.create("worked", machine("Work", Work=task(activity)))
        asked = door.create("asked", machine("Ask", Ask=task("arn:aws:states:::states:startExecution.waitForTaskToken", Parameters=told)))
        begun = time.monotonic()
        made = started(door, [timed, worked, asked])
        all_submitted(door, made[asked])
        print(f"{WAITING} executions wait after {time.monotonic() - begun:.1f} s, {resident(server.process.pid) / 2**20:.0f} MiB")

        server.end()
        begun = time.monotonic()
        server.start()
        back = time.monotonic() - begun
        memory = resident(server.process.pid)
        print(f"back in {back:.2f} s, {memory / 2**20:.0f} MiB")
        assert back < BACK_S_MAX and memory < RSS_BYTES_MAX
        for machine_arn, executions in made.items():
            assert running(door, machine_arn) == len(executions), machine_arn

        for execution in chance.sample(made[asked], min(SAMPLE, len(made[asked]))):
            number = execution.rsplit("-", 1)[1]
            held = door.describe(arn("execution", f"holder:held-{number}"))
            door.settle("SendTaskSuccess", taskToken=json.loads(held["input"])["token"], output=f'"told {number}"')
            succeeds(door, execution, f'"told {number}"')
        for _ in range(min(SAMPLE, len(made[worked]))):
            given = door.ask("GetActivityTask", activityArn=activity, workerName="one")
            number = json.loads(given["input"])["number"]
            door.settle("SendTaskSuccess", taskToken=given["taskToken"], output=f'"done {number}"')
            succeeds(door, arn("execution", f"worked:waits-{number}"), f'"done {number}"')

        # A day passes.
        server.end()
        server.arguments = (*arguments, "--clock", "skip")
        server.start()
        until(lambda: running(door, timed) == 0, "a day passes", 120)
        for execution in chance.sample(made[timed], min(SAMPLE, len(made[timed]))):
            succeeds(door, execution, json.dumps({"number": int(execution.rsplit("-", 1)[1])}))
        left = WAITING // 3 - SAMPLE
        assert running(door, worked) >= left and running(door, asked) >= left, "what nobody answered waits on"
    finally:
        server.end()
        nobody_left(server.folder)


def all_submitted(door: States, executions: list[str]) -> None:
    """Waits until the last tokens have been handed out: their tasks are taken in no particular order."""
    for execution in executions:
        held = arn("execution", f"holder:held-{execution.rsplit('-', 1)[1]}")

        def is_there() -> bool:
            status, _ = door.once("DescribeExecution", {"executionArn": held})
            return status == 200

        until(is_there, f"{held} begins")
