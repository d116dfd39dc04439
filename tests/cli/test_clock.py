"""A day that nobody answers, in seconds: `everstep dev --clock skip`."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from conftest import Dev, create, until


def call(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_an_approval_that_nobody_gives_is_rejected_after_a_day(tmp_path: Path) -> None:
    # The agents work in real time while the clock jumps from look to look. With a look every 5 s of its own time a phase gives up after
    # some thousand looks, which are minutes here; with the workflow's own waits of up to ten minutes it would be after some thirty.
    server = Dev(tmp_path / "skip", "--clock", "skip", POLL_SECONDS="5")
    try:
        began = time.monotonic()
        workflow = call(f"{server.url}/workflows", {"topic": "Long-duration energy storage for a renewable grid"})["workflow_id"]
        record = until(lambda: closed(f"{server.url}/workflows/{workflow}"), f"{workflow} ends")
        assert (record["status"], record["rejection_reason"]) == ("REJECTED", "Approval timed out"), record
        assert time.monotonic() - began < 60
        # The record is closed by one of the workflow's last steps: the execution itself ends a little later.
        row = until(lambda: ended_row(server, workflow), f"the execution of {workflow} ends")
        result = server.describe(row["id"])["result"]
        assert (result["status"], result["reason"]) == ("REJECTED", "Approval timed out")
        events = {(event["EventType"], event.get("Name")): event for event in history(server, row["id"])}
        # The approval's time is over, which is what its callback is settled with.
        asked, given_up = events["CallbackStarted", "human_approval"], events["CallbackSucceeded", "human_approval"]
        waited = given_up["EventTimestamp"] - asked["EventTimestamp"]
        assert timedelta(hours=24) <= timedelta(seconds=waited) < timedelta(hours=24, minutes=1)
        started, ended = (datetime.fromisoformat(row[member]) for member in ("started_at", "ended_at"))
        assert ended - started >= timedelta(hours=24)
    finally:
        server.end()


def closed(url: str) -> Any:
    """A workflow's record once it has ended. It is made by the workflow's first step."""
    try:
        found = call(url)
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        return None
    return found if found["status"] in ("REJECTED", "COMPLETED", "FAILED") else None


def ended_row(server: Dev, workflow: str) -> Any:
    """The row of a workflow's execution once it has ended."""
    row = server.good("list", "-o", "json", "--name-prefix", workflow).json()["executions"][0]
    return row if "ended_at" in row else None


def history(server: Dev, execution: str) -> list[dict[str, Any]]:
    return server.good("history", "-o", "json", execution).json()["events"]


def test_a_task_that_waits_for_a_durable_function_keeps_no_clock_from_skipping(tmp_path: Path) -> None:
    server = Dev(tmp_path / "skip", "--no-demo", "--clock", "skip")
    try:
        create(server)
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
        states = boto3.client("stepfunctions", endpoint_url=server.url, **keys)
        # Nobody answers its callback, which times out after an hour.
        resource = "arn:aws:lambda:us-east-1:000000000000:function:approval:$LATEST"
        definition = {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": resource, "End": True}}}
        role = "arn:aws:iam::000000000000:role/test"
        machine = states.create_state_machine(name="asks", roleArn=role, definition=json.dumps(definition))["stateMachineArn"]
        began = time.monotonic()
        arn = states.start_execution(stateMachineArn=machine)["executionArn"]
        shown = until(lambda: (found := states.describe_execution(executionArn=arn))["status"] != "RUNNING" and found, "it ends")
        assert time.monotonic() - began < 60
        assert shown["status"] == "FAILED"
        assert shown["stopDate"] - shown["startDate"] >= timedelta(hours=1)
    finally:
        server.end()
