"""Pausing, resuming and deleting executions, over the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest


def wait(seconds: int, id: str = "w1") -> dict:
    return {"Id": id, "Type": "WAIT", "SubType": "Wait", "Action": "START", "WaitOptions": {"WaitSeconds": seconds}}


def conflict(client, call) -> str:
    with pytest.raises(client.exceptions.ResourceConflictException) as caught:
        call()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    return caught.value.response["Error"]["Message"]


def status(answer: dict) -> int:
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_paused_execution_is_not_invoked_until_it_is_resumed(client, durable, executions):
    arn = executions.start(durable("one_wait"), "x")
    executions.event(arn, "InvocationCompleted")
    before = executions.describe(arn)["ExpectedExecutionTimeoutTimestamp"]
    assert status(client.pause_durable_execution(DurableExecutionArn=arn, Reason="repair")) == 202
    paused = executions.describe(arn)
    assert paused["Status"] == "PAUSED"
    details = paused["PauseDetails"]
    assert (details["Reason"], details["ExecutionTimeoutPaused"]) == ("repair", True)
    assert abs(details["PauseRequestTimestamp"] - datetime.now(UTC)) < timedelta(minutes=10)
    last = paused["StartTimestamp"] + timedelta(days=366)
    assert abs(paused["ExpectedExecutionTimeoutTimestamp"] - last) < timedelta(seconds=1)
    assert "Reason" not in client.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=False)["PauseDetails"]
    executions.event(arn, "WaitSucceeded")
    time.sleep(0.5)
    assert executions.describe(arn)["Status"] == "PAUSED", "what it waited for has happened, and it is not invoked"
    assert status(client.resume_durable_execution(DurableExecutionArn=arn, Reason="mended")) == 202
    finished = executions.finished(arn)
    assert finished["Status"] == "SUCCEEDED"
    assert "PauseDetails" not in finished
    events = {event["EventType"]: event for event in executions.events(arn)}
    assert events["ExecutionPaused"]["ExecutionPausedDetails"]["Reason"] == {"Payload": "repair", "Truncated": False}
    assert events["ExecutionResumed"]["ExecutionResumedDetails"]["Reason"] == {"Payload": "mended", "Truncated": False}
    assert "ResumeRequestTimestamp" in events["ExecutionResumed"]["ExecutionResumedDetails"]
    assert before < last


def test_the_invocation_in_flight_loses_its_token_at_its_next_checkpoint(client, puppet, executions):
    one = puppet()
    client.pause_durable_execution(DurableExecutionArn=one.arn)
    assert executions.describe(one.arn)["Status"] == "PAUSING"
    answer = one.checkpoint(wait(3600))
    assert "CheckpointToken" not in answer
    assert executions.describe(one.arn)["Status"] == "PAUSED"
    one.answer({"Status": "PENDING"})
    executions.event(one.arn, "InvocationCompleted")
    client.resume_durable_execution(DurableExecutionArn=one.arn)
    one.next()
    assert one.operations()["w1"]["Status"] == "STARTED", "cut short, it is invoked although nothing is due"
    assert executions.describe(one.arn)["Status"] == "RUNNING"


def test_a_pause_that_has_not_begun_is_taken_back(client, puppet, executions):
    one = puppet()
    client.pause_durable_execution(DurableExecutionArn=one.arn)
    client.resume_durable_execution(DurableExecutionArn=one.arn)
    assert executions.describe(one.arn)["Status"] == "RUNNING"
    assert one.checkpoint(wait(3600))["CheckpointToken"]
    assert "ExecutionPaused" not in executions.types(one.arn)


def test_the_same_request_is_taken_once_and_another_one_is_a_conflict(client, durable, executions):
    arn = executions.start(durable("long_wait"))
    executions.event(arn, "InvocationCompleted")
    for _ in range(2):
        assert status(client.pause_durable_execution(DurableExecutionArn=arn, ClientToken="a")) == 202
    assert "already paused" in conflict(client, lambda: client.pause_durable_execution(DurableExecutionArn=arn, ClientToken="b"))
    for _ in range(2):
        assert status(client.resume_durable_execution(DurableExecutionArn=arn, ClientToken="a")) == 202
    assert "not paused" in conflict(client, lambda: client.resume_durable_execution(DurableExecutionArn=arn, ClientToken="b"))
    client.stop_durable_execution(DurableExecutionArn=arn)
    assert "not running" in conflict(client, lambda: client.pause_durable_execution(DurableExecutionArn=arn))


def test_paused_executions_are_listed_as_such(client, create, executions):
    name = create("durable.long_wait", durable={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1})
    arn = executions.start(name)
    executions.event(arn, "InvocationCompleted")
    client.pause_durable_execution(DurableExecutionArn=arn)

    def listed(word: str) -> list[str]:
        page = client.list_durable_executions_by_function(FunctionName=name, Statuses=[word])
        return [one["DurableExecutionArn"] for one in page["DurableExecutions"]]

    assert (listed("PAUSED"), listed("RUNNING")) == ([arn], [])
    client.resume_durable_execution(DurableExecutionArn=arn)
    assert (listed("PAUSED"), listed("RUNNING")) == ([], [arn])


def test_the_timeout_goes_on_when_it_is_asked_to(client, create, executions):
    arn = executions.start(create("durable.long_wait", durable={"ExecutionTimeout": 5, "RetentionPeriodInDays": 1}))
    client.pause_durable_execution(DurableExecutionArn=arn, ExecutionTimeoutPaused=False)
    executions.event(arn, "ExecutionTimedOut")
    assert executions.describe(arn)["Status"] == "TIMED_OUT"


def test_only_what_has_ended_is_deleted_and_then_it_is_gone(client, durable, executions):
    arn = executions.start(durable("long_wait"), "x" * 100_000, DurableExecutionName="to-be-deleted")
    executions.event(arn, "InvocationCompleted")
    assert "terminal" in conflict(client, lambda: client.delete_durable_execution(DurableExecutionArn=arn))
    client.stop_durable_execution(DurableExecutionArn=arn)
    answer = client.delete_durable_execution(DurableExecutionArn=arn)
    assert status(answer) == 202
    assert abs(answer["DeletionRequestTimestamp"] - datetime.now(UTC)) < timedelta(minutes=10)

    def gone() -> bool:
        try:
            return executions.describe(arn)["Status"] != "DELETING" and pytest.fail("neither going nor gone")
        except client.exceptions.ResourceNotFoundException:
            return True

    executions.until(gone)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.delete_durable_execution(DurableExecutionArn=arn)
    page = client.list_durable_executions_by_function(FunctionName=durable("long_wait"), DurableExecutionName="to-be-deleted")
    assert page["DurableExecutions"] == []
    again = executions.start(durable("long_wait"), "x" * 100_000, DurableExecutionName="to-be-deleted")
    assert again != arn, "the name is free"
    client.stop_durable_execution(DurableExecutionArn=again)
