"""The worker's side of the API, spoken by the test itself through a puppet function: tokens, batches, answers, output rules."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest

STALE = "Invalid checkpoint token"


def step(action: str, id: str = "s1", **fields) -> dict:
    return {"Id": id, "Type": "STEP", "SubType": "Step", "Action": action, **fields}


def wait(seconds: int, id: str = "w1", **fields) -> dict:
    return {"Id": id, "Type": "WAIT", "SubType": "Wait", "Action": "START", "WaitOptions": {"WaitSeconds": seconds}, **fields}


def context(action: str, id: str = "c1", **fields) -> dict:
    return {"Id": id, "Type": "CONTEXT", "SubType": "RunInChildContext", "Action": action, **fields}


def answered(answer: dict) -> dict[str, dict]:
    return {operation["Id"]: operation for operation in answer["NewExecutionState"]["Operations"]}


def refused(client, call, text: str) -> None:
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        call()
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(text), message
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_invocation_event(puppet):
    one = puppet()
    event = one.invocation
    assert event["DurableExecutionArn"] == one.arn
    execution = event["InitialExecutionState"]["Operations"][0]
    assert (execution["Type"], execution["Status"]) == ("EXECUTION", "STARTED")
    assert execution["Id"] == one.arn.split("/")[-1], "the Python SDK finds the input by this"
    assert "folder" in json.loads(execution["ExecutionDetails"]["InputPayload"])
    assert isinstance(execution["StartTimestamp"], int)
    assert abs(execution["StartTimestamp"] / 1000 - time.time()) < 600, "milliseconds"
    assert not event["InitialExecutionState"].get("NextMarker")
    assert base64.b64decode(event["CheckpointToken"], validate=True)


def test_answer_shows_the_operations_of_the_batch(puppet):
    one = puppet()
    answer = answered(one.checkpoint(step("START", Name="greet"), step("SUCCEED", Payload='"hi"', Name="greet"), wait(3600)))
    assert answer["s1"]["Status"] == "SUCCEEDED"
    assert answer["s1"]["Name"] == "greet"
    assert answer["s1"]["SubType"] == "Step"
    assert answer["s1"]["StepDetails"]["Result"] == '"hi"'
    assert answer["s1"]["StepDetails"]["Attempt"] == 1
    assert answer["w1"]["Status"] == "STARTED"
    assert abs(answer["w1"]["WaitDetails"]["ScheduledEndTimestamp"].timestamp() - time.time() - 3600) < 60


def test_due_timer_fires_inside_an_empty_checkpoint(puppet):
    one = puppet()
    one.checkpoint(wait(1), step("START"))
    one.checkpoint(step("RETRY", Error={"ErrorType": "E"}, StepOptions={"NextAttemptDelaySeconds": 1}))
    assert answered(one.checkpoint()) == {}, "nothing is due yet"
    time.sleep(1.2)
    polled = answered(one.checkpoint())
    assert polled["w1"]["Status"] == "SUCCEEDED"
    assert polled["s1"]["Status"] == "READY"
    assert polled["s1"]["StepDetails"]["Attempt"] == 1
    assert answered(one.checkpoint()) == {}, "what has been seen is not sent again"


def test_retry_with_payload_keeps_the_polled_state(puppet, executions):
    one = puppet()
    one.checkpoint(step("START"))
    one.checkpoint(step("RETRY", Payload="41", StepOptions={"NextAttemptDelaySeconds": 1}))
    one.answer({"Status": "PENDING"})
    one.next()
    polled = one.operations()["s1"]
    assert polled["Status"] == "READY"
    assert polled["StepDetails"]["Result"] == "41"
    assert answered(one.checkpoint(step("START")))["s1"]["StepDetails"]["Result"] == "41"
    one.checkpoint(step("SUCCEED", Payload="42"))
    one.answer({"Status": "SUCCEEDED", "Result": "42"})
    assert executions.finished(one.arn)["Result"] == "42"
    polls = [event["StepSucceededDetails"] for event in executions.events(one.arn) if event["EventType"] == "StepSucceeded"]
    assert [poll["Result"]["Payload"] for poll in polls] == ["41", "42"]
    assert polls[0]["RetryDetails"] == {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 1}
    assert polls[1]["RetryDetails"]["CurrentAttempt"] == 2


def test_token_is_good_once(client, puppet):
    one = puppet()
    used = one.token
    one.checkpoint(step("START"), ClientToken="first")
    refused(client, lambda: one.checkpoint(step("SUCCEED"), CheckpointToken=used, ClientToken="second"), STALE)
    refused(client, lambda: client.get_durable_execution_state(DurableExecutionArn=one.arn, CheckpointToken=used), STALE)


def test_foreign_and_forged_tokens_are_refused_without_effect(client, puppet):
    one, other = puppet(), puppet()
    forged = base64.b64encode(base64.b64decode(one.token)[:-1] + bytes([base64.b64decode(one.token)[-1] ^ 1])).decode()
    for token in (other.token, forged, base64.b64encode(b"nonsense").decode()):
        refused(client, lambda token=token: client.checkpoint_durable_execution(
            DurableExecutionArn=one.arn, CheckpointToken=token, Updates=[step("START")]), STALE)  # fmt: skip
    assert answered(one.checkpoint(step("START")))["s1"]["Status"] == "STARTED"
    assert answered(other.checkpoint()) == {}


def test_token_of_an_ended_invocation_is_stale(client, puppet):
    one = puppet()
    one.checkpoint(wait(1))
    old = one.token
    one.answer({"Status": "PENDING"})
    one.next()
    refused(client, lambda: one.checkpoint(step("START"), CheckpointToken=old), STALE)
    assert one.operations()["w1"]["Status"] == "SUCCEEDED"
    assert "w1" in one.invocation["UpdatedOperationIds"]


def test_repeated_request_gets_the_identical_answer(raw, puppet, executions):
    one = puppet()
    body = json.dumps(
        {"CheckpointToken": one.token, "ClientToken": "again", "Updates": [step("START"), step("SUCCEED", Payload="1")]}
    ).encode()
    path = f"/2025-12-01/durable-executions/{quote(one.arn, safe='')}/checkpoint"
    first, second = (raw("POST", path, body, **{"Content-Type": "application/json"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert executions.types(one.arn).count("StepSucceeded") == 1


REFUSALS = [
    ([wait(5)], [wait(5)], "Cannot start a WAIT that already exist."),
    ([step("START")], [step("START")], "Invalid current STEP state to start."),
    ([step("START"), step("SUCCEED")], [step("FAIL", Error={"ErrorType": "E"})], "Invalid current STEP state to close."),
    ([step("START"), step("SUCCEED")], [step("RETRY", StepOptions={"NextAttemptDelaySeconds": 1})], "Invalid current STEP state to re-attempt."),
    ([step("START")], [step("RETRY")], "Invalid StepOptions for the given action."),
    ([context("START")], [context("START")], "Cannot start a CONTEXT that already exist."),
    ([context("START"), context("SUCCEED")], [context("FAIL")], "Invalid current CONTEXT state to close."),
    ([], [step("START", ParentId="nobody")], "Invalid parent operation id."),
    ([step("START")], [wait(5, ParentId="s1")], "Invalid parent operation id."),
    ([step("START", Name="a")], [step("SUCCEED", Name="b")], "Inconsistent operation name."),
    ([step("START")], [{**step("SUCCEED"), "SubType": "Other"}], "Inconsistent operation subtype."),
    ([step("START")], [context("SUCCEED", id="s1")], "Inconsistent operation type."),
    ([], [wait(5), wait(5)], "Cannot checkpoint multiple operations with the same ID."),
    ([], [{"Id": "e", "Type": "EXECUTION", "Action": "SUCCEED"}, step("START")], "EXECUTION checkpoint must be the last update."),
    ([step("START")], [step("FAIL", Payload="1")], "Cannot provide a Payload for FAIL action."),
    ([step("START")], [step("SUCCEED", Error={"ErrorType": "E"})], "Cannot provide an Error for SUCCEED action."),
    ([], [{**wait(5), "Action": "SUCCEED"}], "Invalid action for the given operation type."),
]  # fmt: skip


@pytest.mark.parametrize("before, batch, text", REFUSALS, ids=[text for _, _, text in REFUSALS])
def test_refused_batch_changes_nothing(client, puppet, executions, before, batch, text):
    one = puppet()
    if before:
        one.checkpoint(*before)
    events = executions.events(one.arn)
    good = {"Id": "good", "Type": "STEP", "SubType": "Step", "Action": "START"}
    refused(client, lambda: one.checkpoint(good, *batch), text)
    assert executions.events(one.arn) == events
    assert answered(one.checkpoint(good))["good"]["Status"] == "STARTED", "the token is still good"


def test_children_of_a_completed_context_are_left_out(client, puppet):
    one = puppet()
    one.checkpoint(context("START"), step("START", ParentId="c1"), step("SUCCEED", ParentId="c1", Payload="1"))
    one.checkpoint(context("SUCCEED", Payload="1"))
    one.checkpoint(context("START", id="c2"), step("START", id="s2", ParentId="c2"), step("SUCCEED", id="s2", ParentId="c2", Payload="2"))
    one.checkpoint(context("SUCCEED", id="c2", Payload="", ContextOptions={"ReplayChildren": True}), wait(1))
    one.answer({"Status": "PENDING"})
    one.next()
    operations = one.operations()
    assert set(operations) - {one.arn.split("/")[-1]} == {"c1", "c2", "s2", "w1"}
    assert operations["c2"]["ContextDetails"]["ReplayChildren"] is True
    assert operations["c1"]["ContextDetails"]["Result"] == "1"
    state = client.get_durable_execution_state(DurableExecutionArn=one.arn, CheckpointToken=one.token)
    assert "s1" not in {operation["Id"] for operation in state["Operations"]}


def test_state_is_paged_and_reading_spends_no_token(client, puppet):
    one = puppet()
    one.checkpoint(*[step("START", id=f"s{number}") for number in range(5)])
    ids, marker = [], {}
    while True:
        page = client.get_durable_execution_state(DurableExecutionArn=one.arn, CheckpointToken=one.token, MaxItems=2, **marker)
        assert len(page["Operations"]) <= 2
        ids += [operation["Id"] for operation in page["Operations"] if operation["Type"] == "STEP"]
        if not page.get("NextMarker"):
            break
        marker = {"Marker": page["NextMarker"]}
    assert ids == [f"s{number}" for number in range(5)], "in the order of their start"
    assert answered(one.checkpoint(step("SUCCEED", id="s0")))["s0"]["Status"] == "SUCCEEDED"


def test_checkpointed_result_is_kept_when_the_answer_is_empty(puppet, executions):
    one = puppet()
    answer = one.checkpoint({"Id": "execution-result-1", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": '"large"'})
    assert "CheckpointToken" not in answer
    one.answer({"Status": "SUCCEEDED", "Result": ""})
    assert executions.finished(one.arn)["Result"] == '"large"'
    types = executions.until(lambda: "InvocationCompleted" in executions.types(one.arn) and executions.types(one.arn))
    assert types.count("ExecutionSucceeded") == 1


@pytest.mark.parametrize(
    "told, text",
    [
        ({"Status": "PENDING"}, "Cannot return PENDING status with no pending operations."),
        ({"Status": "DONE"}, "Invalid Status in invocation output."),
        ({"Status": "SUCCEEDED", "Result": "1", "Error": {"ErrorType": "E"}}, "Cannot provide an Error for SUCCEEDED status."),
        ({"Status": "FAILED", "Result": "1"}, "Cannot provide a Result for FAILED status."),
    ],
)
def test_nonsense_as_the_functions_answer_fails_the_execution(puppet, executions, told, text):
    one = puppet()
    one.answer(told)
    described = executions.finished(one.arn)
    assert described["Status"] == "FAILED"
    assert described["Error"]["ErrorMessage"] == text


def test_crash_is_an_invocation_error_and_the_step_stays_started(puppet, executions):
    one = puppet()
    one.checkpoint(step("START"))
    one.answer("crash")
    one.next()
    assert one.operations()["s1"]["Status"] == "STARTED"
    completed = executions.event(one.arn, "InvocationCompleted")["InvocationCompletedDetails"]
    assert completed["Error"]["Payload"]["ErrorType"] == "Runtime.ExitError"
    one.checkpoint(step("SUCCEED", Payload="1"))
    one.answer({"Status": "SUCCEEDED", "Result": "1"})
    assert executions.finished(one.arn)["Status"] == "SUCCEEDED"
    assert executions.types(one.arn) == [
        "ExecutionStarted", "StepStarted", "InvocationCompleted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded",
    ]  # fmt: skip


def test_stop_makes_the_next_checkpoint_fail(client, puppet):
    one = puppet()
    one.checkpoint(step("START"))
    client.stop_durable_execution(DurableExecutionArn=one.arn)
    refused(client, lambda: one.checkpoint(step("SUCCEED")), STALE)


@pytest.mark.parametrize("size, fits", [(1024 * 1024, True), (1024 * 1024 + 1, False)])
def test_payload_of_an_operation_at_the_limit_and_one_above(client, puppet, size, fits):
    one = puppet()
    payload = '"' + "x" * (size - 2) + '"'
    if fits:
        assert len(answered(one.checkpoint(step("START"), step("SUCCEED", Payload=payload)))["s1"]["StepDetails"]["Result"]) == size
    else:
        refused(client, lambda: one.checkpoint(step("START"), step("SUCCEED", Payload=payload)), "")
        assert answered(one.checkpoint(step("START")))["s1"]["Status"] == "STARTED"


def test_code_that_differs_from_what_is_recorded_is_told_with_the_operation(client, puppet, raw):
    one = puppet()
    one.checkpoint(step("SUCCEED", Name="charge", Payload="1"))
    refused(client, lambda: one.checkpoint(step("START", Name="refund")), "Inconsistent operation name.")
    shown = raw("GET", "/executions/" + one.arn.split("/")[-1]).json()
    assert shown["divergence"] == "operation s1 was recorded with name charge; the code now says refund"
