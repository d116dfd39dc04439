"""What state machines ask Step Functions for by `aws-sdk:sfn`: starts, answers to task tokens, the work of activities."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from test_states_services import Runs, one_task, runs  # noqa: F401

SDK = "arn:aws:states:::aws-sdk:sfn:"


@pytest.fixture
def activity(states: Any) -> Iterator[str]:
    arn = states.create_activity(name=f"a-{secrets.token_hex(6)}")["activityArn"]
    yield arn
    states.delete_activity(activityArn=arn)


def worker(activity: str, answer: str, **arguments: Any) -> dict[str, Any]:
    """A machine that takes one task of the activity and answers it."""
    return {
        "StartAt": "Take",
        "States": {
            "Take": {
                "Type": "Task",
                "Resource": SDK + "getActivityTask",
                "Parameters": {"ActivityArn": activity, "WorkerName": "machine"},
                "Next": "Answer",
            },
            "Answer": {
                "Type": "Task",
                "Resource": SDK + answer,
                "Parameters": {"TaskToken.$": "$.TaskToken", **arguments},
                "End": True,
            },
        },
    }


def test_a_machine_does_the_work_of_an_activity(runs: Runs, activity: str):  # noqa: F811
    asks = runs.start(one_task(activity), {"n": 1})
    works = runs.start(worker(activity, "sendTaskSuccess", **{"Output.$": "$.Input"}))
    assert runs.ended(works)["output"] == "{}"
    assert json.loads(runs.ended(asks)["output"]) == {"n": 1}
    assert runs.event(asks, "ActivityStarted")["activityStartedEventDetails"] == {"workerName": "machine"}
    taken = next(event for event in runs.events(works) if event["type"] == "TaskSucceeded")["taskSucceededEventDetails"]
    assert (taken["resourceType"], taken["resource"]) == ("aws-sdk:sfn", "getActivityTask")
    assert set(json.loads(taken["output"])) == {"Input", "TaskToken"}


def test_a_machine_fails_an_activity(runs: Runs, activity: str):  # noqa: F811
    asks = runs.start(one_task(activity))
    runs.ended(runs.start(worker(activity, "sendTaskFailure", Error="Tired", Cause="It is late")))
    ended = runs.ended(asks)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Tired", "It is late")


def test_a_machine_keeps_an_activity_alive(runs: Runs, activity: str):  # noqa: F811
    asks = runs.start(one_task(activity, HeartbeatSeconds=3))
    machine = worker(activity, "sendTaskHeartbeat")
    machine["States"]["Take"]["Next"] = "Wait"
    machine["States"]["Wait"] = {"Type": "Wait", "Seconds": 2, "Next": "Answer"}
    machine["States"]["Answer"] |= {"ResultPath": None, "Next": "WaitMore"}
    del machine["States"]["Answer"]["End"]
    machine["States"]["WaitMore"] = {"Type": "Wait", "Seconds": 2, "Next": "End"}
    machine["States"]["End"] = {
        "Type": "Task",
        "Resource": SDK + "sendTaskSuccess",
        "Parameters": {"TaskToken.$": "$.TaskToken", "Output": {"alive": True}},
        "End": True,
    }
    runs.start(machine)
    assert json.loads(runs.ended(asks)["output"]) == {"alive": True}


def test_a_start_answers_with_the_members_of_the_api(runs: Runs, machine: Callable[..., str]):  # noqa: F811
    child = machine({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    call = one_task(SDK + "startExecution", Parameters={"StateMachineArn": child, "Input": {"a": 1}, "Name": "once"})
    output = runs.output(call)
    assert set(output) == {"ExecutionArn", "StartDate"} and output["StartDate"].endswith("Z")
    assert json.loads(runs.ended(output["ExecutionArn"])["output"]) == {"a": 1}


@pytest.mark.parametrize(
    ("action", "arguments", "error", "said"),
    [
        ("sendTaskSuccess", {"TaskToken": "none", "Output": "no json"}, "InvalidToken", "Invalid Token: 'Invalid token'"),
        ("sendTaskFailure", {"TaskToken": "none"}, "InvalidToken", "Invalid Token: 'Invalid token'"),
        ("sendTaskHeartbeat", {"TaskToken": "none"}, "InvalidToken", "Invalid Token: 'Invalid token'"),
        (
            "getActivityTask",
            {"ActivityArn": "arn:aws:states:us-east-1:000000000000:activity:none"},
            "ActivityDoesNotExist",
            "Activity Does Not Exist: 'arn:aws:states:us-east-1:000000000000:activity:none'",
        ),
        (
            "startExecution",
            {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:none"},
            "StateMachineDoesNotExist",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:000000000000:stateMachine:none'",
        ),
    ],
)
def test_refusals_are_those_of_the_api(runs: Runs, action: str, arguments: Any, error: str, said: str):  # noqa: F811
    name, cause = runs.failure(one_task(SDK + action, Parameters=arguments))
    assert name == f"Sfn.{error}Exception"
    assert cause is not None and cause.startswith(f"{said} (Service: Sfn, Status Code: 400, Request ID: ")
    assert cause.endswith(") (SDK Attempt Count: 1)")


def test_an_output_that_is_no_json_is_refused_and_the_token_stays_good(runs: Runs, activity: str, states: Any):  # noqa: F811
    asks = runs.start(one_task(activity))
    token = states.get_activity_task(activityArn=activity)["taskToken"]
    arguments = {"TaskToken": token, "Output": "no json"}
    name, _ = runs.failure(one_task(SDK + "sendTaskSuccess", Parameters=arguments))
    assert name == "Sfn.InvalidOutputException"
    runs.output(one_task(SDK + "sendTaskSuccess", Parameters={"TaskToken": token, "Output": {"good": 1}}))
    assert json.loads(runs.ended(asks)["output"]) == {"good": 1}
    name, _ = runs.failure(one_task(SDK + "sendTaskSuccess", Parameters={"TaskToken": token, "Output": {"other": 1}}))
    assert name == "Sfn.TaskTimedOutException"
