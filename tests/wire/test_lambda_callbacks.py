"""Callbacks: success, failure, heartbeat, timeouts, and everything that arrives late or for nobody."""

from __future__ import annotations

import base64
import json
import re
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def waiting(durable, executions):
    """Starts an execution and waits until it is suspended on its callback; gives its ARN and the callback's details."""

    def start(**options):
        arn = executions.start(durable("approval"), options)
        details = executions.event(arn, "CallbackStarted")["CallbackStartedDetails"]
        executions.event(arn, "InvocationCompleted")
        return arn, details

    return start


def test_success_delivers_the_very_bytes(client, waiting, executions):
    arn, details = waiting()
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", details["CallbackId"])
    assert len(details["CallbackId"]) <= 1024
    assert "Timeout" not in details and "HeartbeatTimeout" not in details
    client.send_durable_execution_callback_success(CallbackId=details["CallbackId"], Result=b'{"status":  "approved"}')
    assert json.loads(executions.finished(arn)["Result"]) == '{"status":  "approved"}'
    done = executions.event(arn, "CallbackSucceeded")
    assert done["CallbackSucceededDetails"]["Result"]["Payload"] == '{"status":  "approved"}'
    assert done["Name"] == "approval"
    assert executions.types(arn) == [
        "ExecutionStarted", "CallbackStarted", "InvocationCompleted", "CallbackSucceeded", "InvocationCompleted", "ExecutionSucceeded",
    ]  # fmt: skip


def test_success_without_a_result_is_null(client, waiting, executions):
    arn, details = waiting()
    client.send_durable_execution_callback_success(CallbackId=details["CallbackId"])
    assert executions.finished(arn)["Result"] == "null"


def test_failure_carries_its_error(client, waiting, executions):
    arn, details = waiting()
    error = {"ErrorType": "RejectedError", "ErrorMessage": "not approved", "ErrorData": "{}", "StackTrace": ["a", "b"]}
    client.send_durable_execution_callback_failure(CallbackId=details["CallbackId"], Error=error)
    described = executions.finished(arn)
    assert described["Status"] == "FAILED"
    assert described["Error"]["ErrorMessage"] == "not approved"
    assert executions.event(arn, "CallbackFailed")["CallbackFailedDetails"]["Error"]["Payload"] == error


def test_first_answer_wins(client, waiting, executions):
    arn, details = waiting()
    client.send_durable_execution_callback_success(CallbackId=details["CallbackId"], Result=b"1")
    executions.finished(arn)
    for call, fields in (
        (client.send_durable_execution_callback_success, {"Result": b"2"}),
        (client.send_durable_execution_callback_failure, {"Error": {"ErrorType": "Late"}}),
        (client.send_durable_execution_callback_heartbeat, {}),
    ):
        with pytest.raises(ClientError) as caught:
            call(CallbackId=details["CallbackId"], **fields)
        assert caught.value.response["Error"]["Code"] in ("CallbackTimeoutException", "ResourceNotFoundException")
    assert executions.describe(arn)["Result"] == '"1"'
    assert executions.types(arn).count("CallbackSucceeded") == 1


def test_timeout(client, waiting, executions):
    arn, details = waiting(timeout=1)
    assert details["Timeout"] == 1
    assert executions.finished(arn)["Error"]["ErrorMessage"] == "Callback timed out"
    error = executions.event(arn, "CallbackTimedOut")["CallbackTimedOutDetails"]["Error"]["Payload"]
    assert (error["ErrorType"], error["ErrorMessage"]) == ("Callback.Timeout", "Callback timed out")
    with pytest.raises(client.exceptions.CallbackTimeoutException) as caught:
        client.send_durable_execution_callback_success(CallbackId=details["CallbackId"])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_heartbeat_timeout(waiting, executions):
    arn, details = waiting(heartbeat=1)
    assert details["HeartbeatTimeout"] == 1
    executions.finished(arn)
    error = executions.event(arn, "CallbackTimedOut")["CallbackTimedOutDetails"]["Error"]["Payload"]
    assert (error["ErrorType"], error["ErrorMessage"]) == ("Callback.Heartbeat", "Callback timed out on heartbeat")


def test_heartbeats_keep_a_callback_open(client, waiting, executions):
    arn, details = waiting(heartbeat=2)
    for _ in range(4):
        time.sleep(1)
        client.send_durable_execution_callback_heartbeat(CallbackId=details["CallbackId"])
    client.send_durable_execution_callback_success(CallbackId=details["CallbackId"], Result=b"1")
    assert executions.finished(arn)["Status"] == "SUCCEEDED"
    assert "CallbackTimedOut" not in executions.types(arn)


def test_unknown_callbacks(client, waiting):
    _, details = waiting(timeout=60)
    known = base64.b64decode(details["CallbackId"])
    forged = base64.b64encode(known[:-1] + bytes([known[-1] ^ 1])).decode()
    for callback in (forged, base64.b64encode(b"nobody ? > here").decode()):
        with pytest.raises(ClientError) as caught:
            client.send_durable_execution_callback_success(CallbackId=callback, Result=b"1")
        assert caught.value.response["Error"]["Code"] in ("ResourceNotFoundException", "InvalidParameterValueException")
    client.send_durable_execution_callback_success(CallbackId=details["CallbackId"], Result=b"1")


def test_result_at_the_limit_and_one_above(client, waiting, executions):
    arn, details = waiting()
    at_limit = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    with pytest.raises(ClientError) as caught:
        client.send_durable_execution_callback_success(CallbackId=details["CallbackId"], Result=at_limit + b" ")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 413)
    client.send_durable_execution_callback_success(CallbackId=details["CallbackId"], Result=at_limit)
    assert executions.finished(arn)["Status"] == "SUCCEEDED"
