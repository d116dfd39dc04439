"""Bounds of an execution, as `everstep dev` is told them."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import ROLE, Dev, client, create, everstep, until


def test_an_execution_above_its_bounds_fails_with_awss_text(tmp_path: Path) -> None:
    for flag, text in [
        (("--max-operations", "1"), "Durable execution cannot have more than 1 operations."),
        (("--max-execution-bytes", "12"), "Durable execution cannot hold more than 12 bytes of data."),
    ]:
        dev = Dev(tmp_path / flag[0].strip("-"), "--no-demo", *flag)
        try:
            create(dev)
            execution = dev.good("start", "many", "--input", "9").out.strip()
            until(lambda: dev.describe(execution)["execution"]["status"] == "FAILED", "it fails")
            assert text in str(dev.describe(execution)["error"])
        finally:
            dev.end()


def test_a_state_machine_above_its_history_fails_with_awss_text(tmp_path: Path) -> None:
    dev = Dev(tmp_path, "--no-demo", "--history-events", "40")
    try:
        states = client(dev, "stepfunctions")
        never = {"Variable": "$.over", "IsPresent": True, "Next": "Over"}
        choice = {"Type": "Choice", "Choices": [never], "Default": "Round"}
        endless = {"StartAt": "Round", "States": {"Round": {"Type": "Pass", "Next": "Which"}, "Which": choice, "Over": {"Type": "Succeed"}}}
        states.create_state_machine(name="endless", definition=json.dumps(endless), roleArn=ROLE)
        failed = dev.run("start", "endless", "--name", "one", "--wait")
        assert failed.code == 1, failed
        events = dev.good("-o", "json", "history", "one").json()["events"]
        assert len(events) == 40 and events[-1]["EventType"] == "ExecutionFailed"
        assert events[-1]["ExecutionFailedDetails"]["error"] == "States.Runtime"
    finally:
        dev.end()


def test_bounds_are_numbers_above_nothing() -> None:
    for flag in ("--max-operations", "--max-execution-bytes", "--history-events"):
        assert everstep("dev", flag, "0").code == 2
