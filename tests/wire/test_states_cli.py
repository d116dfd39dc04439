"""The AWS CLI against Step Functions' API, unchanged; only `--endpoint-url` is another one."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import REGION, ROLE

CHAIN = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}


@pytest.fixture
def aws(endpoint):
    """Runs `aws stepfunctions WORDS` and reads what it prints."""
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PAGER": "",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }

    def run(*words: str, fails: bool = False) -> Any:
        command = [sys.executable, str(Path(sysconfig.get_paths()["scripts"]) / "aws"), "--endpoint-url", endpoint, "--output", "json", "stepfunctions"]
        done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, timeout=120)
        assert (done.returncode != 0) == fails, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip().startswith("{") else done.stdout + done.stderr

    return run


def test_the_life_of_a_state_machine_by_the_command_line(aws, tmp_path):
    name = f"cli-{secrets.token_hex(4)}"
    definition = tmp_path / "machine.asl.json"
    definition.write_text(json.dumps(CHAIN))
    file = f"file://{definition}"
    assert aws("validate-state-machine-definition", "--definition", file)["result"] == "OK"
    made = aws("create-state-machine", "--name", name, "--role-arn", ROLE, "--definition", file, "--publish", "--tags", "key=team,value=one")
    machine = ("--state-machine-arn", made["stateMachineArn"])
    assert made["stateMachineVersionArn"] == f"{made['stateMachineArn']}:1"
    route = f"stateMachineVersionArn={made['stateMachineVersionArn']},weight=100"
    alias = aws("create-state-machine-alias", "--name", "live", "--routing-configuration", route)["stateMachineAliasArn"]
    execution = aws("start-execution", "--state-machine-arn", alias, "--name", "one", "--input", '{"a": 1}')["executionArn"]
    deadline = time.monotonic() + 30
    while (shown := aws("describe-execution", "--execution-arn", execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
    assert (shown["status"], json.loads(shown["output"]), shown["stateMachineAliasArn"]) == ("SUCCEEDED", {"a": 1}, alias)
    events = aws("get-execution-history", "--execution-arn", execution, "--page-size", "2")["events"]
    assert [event["type"] for event in events][0::5] == ["ExecutionStarted", "ExecutionSucceeded"]
    assert [one["name"] for one in aws("list-executions", *machine)["executions"]] == ["one"]
    assert aws("list-tags-for-resource", "--resource-arn", made["stateMachineArn"])["tags"] == [{"key": "team", "value": "one"}]
    assert "ExecutionAlreadyExists" in aws("start-execution", *machine, "--name", "one", fails=True)
    aws("delete-state-machine", *machine)
    assert "StateMachineDoesNotExist" in aws("describe-state-machine", *machine, fails=True)


def test_synchronous_calls_by_the_command_line(aws):
    """They would go to another host, whose name leads nowhere: the environment says that they do not."""
    name = f"cli-{secrets.token_hex(4)}"
    made = aws("create-state-machine", "--name", name, "--role-arn", ROLE, "--type", "EXPRESS", "--definition", json.dumps(CHAIN))
    done = aws("start-sync-execution", "--state-machine-arn", made["stateMachineArn"], "--input", "[1]")
    assert (done["status"], done["output"]) == ("SUCCEEDED", "[1]")
    aws("delete-state-machine", "--state-machine-arn", made["stateMachineArn"])
