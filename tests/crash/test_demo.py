"""`everstep demo research` in front of a user: its files, its end, and what is left of it when it is killed."""

from __future__ import annotations

import html
import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from served import BINARY, Server, nobody_left, processes_of, until

SEED = 20261121
CORPUS = Path(__file__).parents[2] / "apps" / "agents" / "corpus"
CITATION = re.compile(r"^\d+\. “(?P<sentence>.*)” \((?P<title>.*), `(?P<file>[^`]+)`\)$", re.MULTILINE)
DEMO = [BINARY, "demo", "research"]
STEPS = (
    "init_workflow",
    "research_phase_dispatch",
    "analysis_phase_dispatch",
    "request_approval",
    "writing_phase_dispatch",
    "finalize_workflow",
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def demo(place: Path, *arguments: str, seconds: int = 90) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)


def reports(place: Path) -> dict[str, str]:
    """The Markdown reports by workflow."""
    return {path.stem.removeprefix("report-"): path.read_text() for path in place.glob("report-*.md")}


def plain(text: str) -> str:
    """A source's words without its marks, in one line."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", text))
    return re.sub(r"\s+", " ", text.replace("*", "").replace("_", ""))


def check_report(text: str) -> None:
    citations = list(CITATION.finditer(text))
    assert len(citations) >= 10, text[-2000:]
    for citation in citations:
        source = plain((CORPUS / citation["file"]).read_text())
        assert plain(citation["sentence"]) in source, f"not in {citation['file']}: {citation['sentence']}"


def read_back(place: Path, workflow: str) -> list[dict[str, Any]]:
    """The workflow's history, from a server on the folder that the demo left."""
    server = Server(place / ".everstep", "--no-demo")
    server.start()
    try:
        rows = server.get(f"/executions?function=ResearchWorkflow&name_prefix={workflow}&limit=2")["executions"]
        assert len(rows) == 1, rows
        return server.history(rows[0]["id"])
    finally:
        server.end()


def runs_of_steps(place: Path, workflow: str) -> list[tuple[float, str]]:
    """When the code of which step began, as the function's own log says."""
    runs = []
    for line in (place / ".everstep" / "logs" / "ResearchWorkflow.log").read_text().splitlines():
        # A file begins with a head of its own.
        message = json.loads(line).get("message", "")
        said = json.loads(message) if message.startswith("{") else {}
        if said.get("event") == "step_starting" and said.get("workflow_id") == workflow:
            runs.append((datetime.fromisoformat(said["timestamp"]).timestamp(), said["step"]))
    return runs


def check_steps(place: Path, workflow: str) -> None:
    events = read_back(place, workflow)
    succeeded = {event["Name"]: event["EventTimestamp"] for event in events if event["EventType"] == "StepSucceeded"}
    assert set(STEPS) <= set(succeeded), succeeded
    names = [event["Name"] for event in events if event["EventType"] == "StepSucceeded"]
    assert len(names) == len(set(names)), f"a step succeeded twice: {names}"
    again = [(step, at) for at, step in runs_of_steps(place, workflow) if at > succeeded[step] + 0.001]
    assert not again, f"steps that had succeeded ran again: {again}, {succeeded}"


def test_a_run_ends_with_a_report_and_leaves_nobody_behind(place: Path) -> None:
    done = demo(place, "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("COMPLETED\n"), done.stdout
    [(workflow, text)] = reports(place).items()
    check_report(text)
    report = json.loads((place / f"report-{workflow}.json").read_text())
    assert report["workflow_id"] == workflow and report["report"]["markdown"]["content"] == text
    for name in STEPS:
        assert re.search(rf"\d\.\d s  ✓ {name}\b", done.stderr), f"{name} was not shown: {done.stderr}"
    nobody_left(place)
    again = demo(place, "--yes", "--new")
    assert again.returncode == 0 and "Resuming" not in again.stderr, again.stderr
    assert len(reports(place)) == 2
    nobody_left(place)
    check_steps(place, workflow)


def test_a_run_that_is_killed_goes_on_where_it_was(place: Path) -> None:
    chance = random.Random(SEED)
    # At once, in the server's start, and after each step has been shown, a moment later or not.
    moments = ["", "Topic", *STEPS[:-1]]
    resumed, workflows = 0, set()
    for shown in moments:
        killed_at(place, shown, chance.choice((0, 0.01, 0.05)))
        nobody_left(place)
        noted = place / ".everstep" / "demo-workflow"
        workflow = noted.read_text() if noted.exists() else None
        done = demo(place, "--yes")
        assert done.returncode == 0, f"after a kill at {shown!r}: {done.stderr}"
        if shown.endswith(("workflow", "dispatch", "approval")):
            assert re.search(rf"^Resuming workflow {workflow}: [1-9]\d* steps done", done.stderr, re.MULTILINE), done.stderr
            resumed += 1
            assert workflow in reports(place), f"another workflow was begun than {workflow}: {done.stderr}"
        workflows |= set(reports(place))
        nobody_left(place)
    assert resumed == len(STEPS) - 1
    for workflow in workflows:
        check_report(reports(place)[workflow])
        check_steps(place, workflow)


def killed_at(place: Path, shown: str, later: float) -> None:
    """Starts a demo that waits at its approval, and kills it alone, -9, once it has shown something."""
    approve = ["--yes"] if shown.startswith("writing") else []
    process = subprocess.Popen([*DEMO, *approve], cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = ""
    mark = f"✓ {shown}" if "_" in shown else shown
    while mark not in seen:
        line = process.stderr.readline()
        assert line, f"it ended before it showed {shown!r}: {seen}"
        seen += line
    time.sleep(later)
    process.kill()
    process.wait(timeout=30)
    process.stdout.close()
    process.stderr.close()


def test_a_run_whose_every_process_is_killed_goes_on(place: Path) -> None:
    process = subprocess.Popen([*DEMO, "--yes"], cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "✓ analysis_phase_dispatch" in line:
            break
    # Demo, server, agents, workers and their guards: the machine loses them all together.
    for pid, _ in processes_of(place):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # It ended with the one before.
    process.communicate(timeout=30)
    nobody_left(place)
    workflow = (place / ".everstep" / "demo-workflow").read_text()
    done = demo(place, "--yes")
    assert done.returncode == 0 and f"Resuming workflow {workflow}" in done.stderr, done.stderr
    check_report(reports(place)[workflow])
    check_steps(place, workflow)
    nobody_left(place)


class Terminal:
    """A demo at a terminal of its own."""

    def __init__(self, place: Path):
        leader, follower = pty.openpty()
        self.leader, self.shown = leader, ""
        self.process = subprocess.Popen(DEMO, cwd=place, stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)

    def read_until(self, words: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.shown:
            assert time.monotonic() < deadline and self.process.poll() is None, f"no {words!r}: {self.shown}"
            if select.select([self.leader], [], [], 0.2)[0]:
                self.shown += os.read(self.leader, 4096).decode(errors="replace")

    def type(self, line: str) -> None:
        os.write(self.leader, line.encode() + b"\n")

    def end(self) -> int:
        while self.process.poll() is None:
            if select.select([self.leader], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.leader, 4096).decode(errors="replace")
                except OSError:
                    break  # The other end is closed.
        code = self.process.wait(timeout=30)
        os.close(self.leader)
        return code


def test_a_rejection_at_the_terminal_ends_rejected(place: Path) -> None:
    terminal = Terminal(place)
    terminal.read_until("feedback for the writer:")
    terminal.type("n")
    assert terminal.end() == 1, terminal.shown
    assert "REJECTED" in terminal.shown and "Rejected in the terminal" in terminal.shown, terminal.shown
    assert not reports(place)
    nobody_left(place)


def test_a_rejection_from_elsewhere_ends_rejected(place: Path) -> None:
    process = subprocess.Popen(DEMO, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = ""
    while not (asked := re.search(r"everstep reject (\S+)", seen)):
        line = process.stderr.readline()
        assert line, f"it did not ask: {seen}"
        seen += line
    rejected = subprocess.run([BINARY, "reject", asked[1], "--reason", "too thin"], cwd=place, capture_output=True, text=True, timeout=60)
    assert rejected.returncode == 0, rejected.stderr
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and out == "REJECTED\n" and "too thin" in err, (process.returncode, out, err)
    nobody_left(place)


def test_feedback_at_the_terminal_reaches_the_report(place: Path) -> None:
    terminal = Terminal(place)
    terminal.read_until("feedback for the writer:")
    terminal.type("Please add more about cost")
    assert terminal.end() == 0, terminal.shown
    [(workflow, text)] = reports(place).items()
    check_report(text)
    notes = json.loads((place / f"report-{workflow}.json").read_text())["report"]["json"]["content"]["revision_notes"]
    assert notes and "cost" in json.dumps(notes), notes
    nobody_left(place)


def test_a_folder_that_somebody_else_serves_is_refused_in_his_words(place: Path) -> None:
    server = Server(place / ".everstep", "--no-demo")
    server.start()
    try:
        begun = time.monotonic()
        done = demo(place, "--yes")
        assert done.returncode == 1 and "E0124" in done.stderr and time.monotonic() - begun < 60, done.stderr
    finally:
        server.end()
    nobody_left(place)
    until(lambda: demo(place, "--yes").returncode == 0, "a run once the folder is free", 90)
    nobody_left(place)
