"""`examples/research`: the eight examples of how a program uses the research workflow, run as their README says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from conftest import ROOT, Dev, surroundings, until

EXAMPLES = ROOT / "examples" / "research"
README = (EXAMPLES / "README.md").read_text()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    server = Dev(tmp_path_factory.mktemp("research"), POLL_SECONDS="1")
    yield server
    server.end()


def example(dev: Dev, command: str, **variables: str) -> str:
    """Output of a command as the README shows it, `python` being this one."""
    assert f"\n{command}\n" in README, f"the README does not show {command}"
    words = command.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
    done = subprocess.run(
        words,
        shell=True,
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=240,
        env=surroundings(EVERSTEP_ENDPOINT=dev.url, **variables),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def steady(output: str) -> list[str]:
    """Lines of an output without what differs from run to run: ids, sizes, and which phases were seen on the way."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", output)
    lines = re.sub(r"\d+ bytes", "N bytes", text).splitlines()
    seen = ("AWAITING_APPROVAL human_approval", "COMPLETED completed")
    return [line for line in lines if " of 3 phases, " not in line or (line.endswith(seen) and not line.startswith("3 of 3 phases, AWAITING"))]


def shown(command: str) -> list[str]:
    """What the README shows as the output of the commands among which this one is."""
    block = README.split(f"\n{command}\n", 1)[1].split("```text\n", 1)[1]
    return steady(block.split("```", 1)[0])


def record(dev: Dev, workflow_id: str) -> dict:
    return requests.get(f"{dev.url}/workflows/{workflow_id}", timeout=60).json()


def test_start_status_monitor_approve_and_report(dev: Dev):
    start = 'python example_usage.py start "Heat pumps in old houses"'
    started = example(dev, start)
    assert steady(started) == shown(start)
    workflow_id = started.split("workflow_id: ")[1].strip()
    commands = (
        "python example_usage.py monitor $ID AWAITING_APPROVAL",
        "python example_usage.py status $ID",
        "python example_usage.py approve $ID",
        "python example_usage.py monitor $ID",
        "python example_usage.py report $ID",
    )
    output = "".join(example(dev, command, ID=workflow_id) for command in commands)
    assert steady(output) == shown(commands[0])


def test_the_api_as_a_gateway_shows_it(dev: Dev):
    api = 'python example_usage.py api "Paper over screens"'
    lines = steady(example(dev, api))
    # How far it is by then, and how many others wait, is chance.
    chance = (" 200 INITIALIZING", " 200 RUNNING", " of them")
    assert [line for line in lines if not line.endswith(chance)] == [line for line in shown(api) if not line.endswith(chance)]
    assert len(lines) == len(shown(api)) and lines[1].startswith("GET /workflows/{id}: 200 ")


def test_the_whole_workflow_with_a_change_on_the_way(dev: Dev):
    full = 'python example_usage.py full "Rain gardens"'
    output = example(dev, full)
    assert steady(output) == shown(full)
    workflow_id = next(line for line in output.splitlines() if line.startswith("workflow_id: ")).split()[1]
    assert record(dev, workflow_id)["change_requests"][0]["feedback"] == "Say first what to do"


QUIET = "python quiet_agent.py 9301"
INSTEAD = """curl -X PUT $EVERSTEP_ENDPOINT/agents/researcher --json '{"url": "http://127.0.0.1:9301"}'"""


@pytest.fixture(scope="module")
def with_quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dev, str]]:
    """A server of its own with an agent in the researcher's place that never answers, on a free port."""
    assert f"\n{QUIET}\n{INSTEAD}\n" in README
    dev = Dev(tmp_path_factory.mktemp("quiet"), POLL_SECONDS="600")
    words = QUIET.replace("python", f"exec {shlex.quote(sys.executable)}").replace("9301", "0")
    process = subprocess.Popen(words, shell=True, cwd=EXAMPLES, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().split()[-1]
    instead = INSTEAD.replace("http://127.0.0.1:9301", url) + " --fail --silent"
    subprocess.run(instead, shell=True, check=True, stdout=subprocess.DEVNULL, env=surroundings(EVERSTEP_ENDPOINT=dev.url))
    yield dev, url
    process.kill()
    process.wait()
    dev.end()


def test_you_are_the_agent(with_quiet: tuple[Dev, str]):
    dev, quiet = with_quiet
    started = example(dev, 'python example_usage.py start "By hand"')
    workflow_id = started.split("workflow_id: ")[1].strip()
    until(lambda: requests.get(f"{quiet}/sent", timeout=60).json(), "the agent is sent its task")
    lines = example(dev, "python example_usage.py callback $AGENT", AGENT=quiet).splitlines()
    assert lines == ["200: callback_delivered", "200: callback_delivered", "the second time: duplicate is True"]
    example(dev, "python example_usage.py monitor $ID AWAITING_APPROVAL", ID=workflow_id)
    assert "research_phase" in [step["step_name"] for step in record(dev, workflow_id)["steps_completed"]]


def test_a_cancelled_workflow_reaches_its_agent_and_keeps_its_reason(with_quiet: tuple[Dev, str]):
    """`everstep cancel` and the REST routes end the execution, the record and the agent's task."""
    dev, quiet = with_quiet
    workflow_id = example(dev, 'python example_usage.py start "By hand"').split("workflow_id: ")[1].strip()
    until(lambda: "agent_task" in record(dev, workflow_id), "the record knows the agent's task")
    cancelled = dev.good("cancel", workflow_id, "--reason", "too dear")
    assert cancelled.out == "CANCELLED\nresearcher: its task is cancelled\n", cancelled
    again = requests.delete(f"{dev.url}/workflows/{workflow_id}", timeout=60)
    assert (again.status_code, again.json()["status"]) == (200, "CANCELLED"), again.text
    states = [task["status"]["state"] for task in requests.get(f"{quiet}/tasks", timeout=60).json()]
    assert states[-1] == "TASK_STATE_CANCELED"
    kept = record(dev, workflow_id)
    assert (kept["status"], kept["cancellation_reason"]) == ("CANCELLED", "too dear")
    listed = requests.get(f"{dev.url}/workflows?status=CANCELLED", timeout=60).json()["workflows"]
    assert [found["workflow_id"] for found in listed] == [workflow_id]
    execution = dev.good("list", "--status", "STOPPED", "-o", "json").json()
    assert workflow_id in json.dumps(execution), "the durable execution is stopped"
    late = requests.post(f"{dev.url}/workflows/{workflow_id}/approve", json={"approved": True}, timeout=60)
    assert late.status_code == 409
