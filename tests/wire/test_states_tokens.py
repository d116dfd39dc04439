"""Activities and task tokens through Step Functions' API: who gets which task, and what becomes of the answers."""

from __future__ import annotations

import json
import secrets
import threading
import time

import pytest


@pytest.fixture
def activity(states):
    arn = states.create_activity(name=f"wire-{secrets.token_hex(4)}")["activityArn"]
    yield arn
    states.delete_activity(activityArn=arn)


def task(resource: str, **fields) -> dict:
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **fields}}}


def test_a_worker_takes_a_task_and_answers_it(states, machine, machines, activity, refused):
    arn = machines.start(machine(task(activity)), {"x": [1, 2]})
    work = states.get_activity_task(activityArn=activity, workerName="worker-1")
    assert json.loads(work["input"]) == {"x": [1, 2]}
    token = {"taskToken": work["taskToken"]}
    states.send_task_success(**token, output='{"y": 1}')
    shown = machines.ended(arn)
    assert (shown["status"], json.loads(shown["output"])) == ("SUCCEEDED", {"y": 1})
    events = {event["type"]: event for event in machines.events(arn)}
    assert events["ActivityScheduled"]["activityScheduledEventDetails"] == {
        "resource": activity,
        "input": work["input"],
        "inputDetails": {"truncated": False},
    }
    assert events["ActivityStarted"]["activityStartedEventDetails"] == {"workerName": "worker-1"}
    assert json.loads(events["ActivitySucceeded"]["activitySucceededEventDetails"]["output"]) == {"y": 1}
    over = "Task Timed Out: 'Provided task does not exist anymore'"
    for call, fields in ((states.send_task_success, {"output": "1"}), (states.send_task_failure, {}), (states.send_task_heartbeat, {})):
        assert refused("TaskTimedOut", call, **token, **fields) == over


def test_a_worker_fails_a_task(states, machine, machines, activity):
    arn = machines.start(machine(task(activity)))
    work = states.get_activity_task(activityArn=activity)
    states.send_task_failure(taskToken=work["taskToken"], error="Sad", cause="because")
    shown = machines.ended(arn)
    assert (shown["status"], shown["error"], shown["cause"]) == ("FAILED", "Sad", "because")
    events = {event["type"]: event for event in machines.events(arn)}
    assert events["ActivityStarted"]["activityStartedEventDetails"] == {}
    assert events["ActivityFailed"]["activityFailedEventDetails"] == {"error": "Sad", "cause": "because"}


def test_a_poll_waits_for_a_task(states, machine, machines, activity):
    got: list = []
    poll = threading.Thread(target=lambda: got.append(states.get_activity_task(activityArn=activity)))
    poll.start()
    time.sleep(0.3)
    arn = machines.start(machine(task(activity)), {"late": True})
    poll.join(20)
    assert json.loads(got[0]["input"]) == {"late": True}
    states.send_task_success(taskToken=got[0]["taskToken"], output="{}")
    assert machines.ended(arn)["status"] == "SUCCEEDED"


def test_each_task_goes_to_one_worker(states, machine, machines, activity):
    wanted = machine(task(activity))
    arns = [machines.start(wanted, {"n": n}) for n in range(12)]
    got: list = []

    def work() -> None:
        while len(got) < 12:
            one = states.get_activity_task(activityArn=activity)
            got.append(json.loads(one["input"])["n"])
            states.send_task_success(taskToken=one["taskToken"], output=one["input"])

    workers = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for one in workers:
        one.start()
    assert {json.loads(machines.ended(arn)["output"])["n"] for arn in arns} == set(range(12))
    assert sorted(got) == list(range(12))


def test_heartbeats_keep_a_task(states, machine, machines, activity, refused):
    arn = machines.start(machine(task(activity, HeartbeatSeconds=2, TimeoutSeconds=60)))
    work = states.get_activity_task(activityArn=activity)
    for _ in range(3):
        time.sleep(1)
        states.send_task_heartbeat(taskToken=work["taskToken"])
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    shown = machines.ended(arn)
    assert (shown["status"], shown["error"]) == ("FAILED", "States.Timeout")
    details = next(event for event in machines.events(arn) if event["type"] == "ActivityScheduled")["activityScheduledEventDetails"]
    assert (details["timeoutInSeconds"], details["heartbeatInSeconds"]) == (60, 2)
    refused("TaskTimedOut", states.send_task_success, taskToken=work["taskToken"], output="1")


def test_what_is_no_token_or_no_output_is_refused(states, machine, machines, activity, refused):
    calls = ((states.send_task_success, {"output": "1"}), (states.send_task_failure, {}), (states.send_task_heartbeat, {}))
    for call, fields in calls:
        for wrong in ("x", "A" * 92, "!" * 2048):
            assert refused("InvalidToken", call, taskToken=wrong, **fields) == "Invalid Token: 'Invalid token'"
        refused("ValidationException", call, taskToken="x" * 2049, **fields)
    arn = machines.start(machine(task(activity)))
    token = states.get_activity_task(activityArn=activity)["taskToken"]
    for wrong in ("not json", "", "{"):
        refused("InvalidOutput", states.send_task_success, taskToken=token, output=wrong)
    refused("ValidationException", states.send_task_success, taskToken=token, output=json.dumps("x" * 262_144))
    refused("ValidationException", states.send_task_failure, taskToken=token, error="e" * 257)
    other = token[:-6] + ("AAAAA=" if not token.endswith("AAAAA=") else "BBBBB=")
    refused("InvalidToken", states.send_task_success, taskToken=other, output="1")
    states.send_task_success(taskToken=token, output=json.dumps("x" * (262_144 - 2)))
    assert len(machines.ended(arn)["output"]) == 262_144


def test_a_token_belongs_to_one_attempt(states, machine, machines, activity, refused):
    retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    arn = machines.start(machine(task(activity, Retry=retry)))
    first = states.get_activity_task(activityArn=activity)["taskToken"]
    states.send_task_failure(taskToken=first, error="Again")
    second = states.get_activity_task(activityArn=activity)["taskToken"]
    assert first != second
    refused("TaskTimedOut", states.send_task_success, taskToken=first, output="1")
    states.send_task_success(taskToken=second, output="2")
    assert machines.ended(arn)["output"] == "2"


def test_the_tasks_of_a_stopped_execution_are_over(states, machine, machines, activity, refused):
    arn = machines.start(machine(task(activity)))
    token = states.get_activity_task(activityArn=activity)["taskToken"]
    states.stop_execution(executionArn=arn)
    refused("TaskTimedOut", states.send_task_success, taskToken=token, output="1")
    refused("TaskTimedOut", states.send_task_heartbeat, taskToken=token)


def test_polls_are_of_activities_that_are_there(states, machine, machines, activity, refused):
    states.delete_activity(activityArn=activity)
    assert refused("ActivityDoesNotExist", states.get_activity_task, activityArn=activity) == f"Activity Does Not Exist: '{activity}'"
    refused("InvalidArn", states.get_activity_task, activityArn="x")
    refused("ValidationException", states.get_activity_task, activityArn=activity, workerName="w" * 81)
    shown = machines.ended(machines.start(machine(task(activity))))
    assert (shown["status"], shown["error"]) == ("FAILED", "States.Runtime")
    assert shown["cause"].endswith(f"The activity {activity} does not exist.")
