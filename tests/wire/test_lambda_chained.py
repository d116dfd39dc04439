"""Chained invokes: functions that durable functions invoke, as the SDK and the API show them."""

from __future__ import annotations

import json

import pytest

MIB = 1_048_576


@pytest.fixture(scope="session")
def function(create):
    """A function of `functions/chained.py`, created once: durable unless it is told otherwise."""
    made: dict[str, str] = {}

    def get(name: str, durable: bool = True, **fields) -> str:
        if name not in made:
            config = {"ExecutionTimeout": fields.pop("execution", 3600), "RetentionPeriodInDays": 1} if durable else None
            made[name] = create(f"chained.{name}", durable=config, **fields)
        return made[name]

    return get


@pytest.fixture
def invoked(function, executions):
    """Starts a parent that invokes `target`; returns its ARN."""

    def start(target: str, payload=None, **event) -> str:
        return executions.start(function("invokes"), {"target": target, "payload": payload, **event})

    return start


def answer(executions, arn: str) -> dict:
    described = executions.finished(arn)
    assert described["Status"] == "SUCCEEDED", described
    return json.loads(described["Result"])


def test_a_durable_target_is_an_execution_of_its_own(client, function, invoked, executions):
    target = function("answers")
    arn = invoked(f"{target}:$LATEST", {"a": 1})
    assert answer(executions, arn)["result"] == {"input": {"a": 1}, "arn": target}
    started = executions.event(arn, "ChainedInvokeStarted")["ChainedInvokeStartedDetails"]
    assert started["FunctionName"] == f"{target}:$LATEST"
    assert started["ExecutedVersion"] == "$LATEST"
    assert json.loads(started["Input"]["Payload"]) == {"a": 1}
    child = executions.describe(started["DurableExecutionArn"])
    assert (child["Status"], json.loads(child["InputPayload"])) == ("SUCCEEDED", {"a": 1})
    listed = client.list_durable_executions_by_function(FunctionName=target)["DurableExecutions"]
    assert [one["DurableExecutionArn"] for one in listed] == [started["DurableExecutionArn"]]


def test_the_outcome_stands_behind_the_invocation_that_could_not_know_it(function, invoked, executions):
    arn = invoked(f"{function('answers')}:$LATEST")
    executions.finished(arn)
    types = executions.types(arn)
    assert types.index("InvocationCompleted") < types.index("ChainedInvokeSucceeded")


def test_a_plain_target_is_called_with_the_tenant(function, invoked, executions):
    target = function("tenant", durable=False)
    arn = invoked(target, {"b": 2}, tenant="blue")
    assert answer(executions, arn)["result"] == {"tenant": "blue", "event": {"b": 2}}
    started = executions.event(arn, "ChainedInvokeStarted")["ChainedInvokeStartedDetails"]
    assert started["TenantId"] == "blue"
    assert "DurableExecutionArn" not in started


def test_tenant_of_a_synchronous_invoke_reaches_the_function(client, function):
    called = client.invoke(FunctionName=function("tenant", durable=False), TenantId="green", Payload=b"{}")
    assert json.load(called["Payload"])["tenant"] == "green"


@pytest.mark.parametrize(
    ("target", "kind", "text"),
    [
        ("no-such-function", "ResourceNotFoundException", "Function not found: "),
        ("{waits}", "InvalidParameterValueException", "You cannot invoke a durable function using an unqualified ARN."),
        ("{waits}:77", "ResourceNotFoundException", "Function not found: "),
    ],
)
def test_what_cant_be_invoked_fails_the_operation(function, invoked, executions, target, kind, text):
    arn = invoked(target.format(waits=function("waits")))
    error = executions.event(arn, "ChainedInvokeFailed")["ChainedInvokeFailedDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == kind
    assert error["ErrorMessage"].startswith(text)
    assert "error" in answer(executions, arn)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("arn:aws:lambda:mars-north-1:000000000000:function:f:1", "Cannot start a CHAINED_INVOKE on a function in another region."),
        ("111111111111:function:f:1", "Cannot start a CHAINED_INVOKE on a function in another account."),
        ("not a name", "Invalid function ARN 'not a name'"),
    ],
)
def test_foreign_and_impossible_names_refuse_the_checkpoint(client, puppet, target, text):
    one = puppet()
    update = {"Id": "c", "Type": "CHAINED_INVOKE", "Action": "START", "ChainedInvokeOptions": {"FunctionName": target}}
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        one.checkpoint(update)
    assert caught.value.response["Error"]["Message"] == text


def test_a_stopped_child_stops_the_operation(client, function, invoked, executions):
    arn = invoked(f"{function('waits')}:$LATEST")
    child = executions.event(arn, "ChainedInvokeStarted")["ChainedInvokeStartedDetails"]["DurableExecutionArn"]
    executions.event(child, "WaitStarted")
    client.stop_durable_execution(DurableExecutionArn=child, Error={"ErrorType": "ByHand", "ErrorMessage": "enough"})
    stopped = executions.event(arn, "ChainedInvokeStopped")["ChainedInvokeStoppedDetails"]["Error"]["Payload"]
    assert stopped == {"ErrorType": "ByHand", "ErrorMessage": "enough"}
    assert "enough" in answer(executions, arn)["error"]


def test_a_child_past_its_execution_timeout_has_timed_out(create, invoked, executions):
    target = create("chained.waits", durable={"ExecutionTimeout": 1, "RetentionPeriodInDays": 1})
    arn = invoked(f"{target}:$LATEST")
    error = executions.event(arn, "ChainedInvokeTimedOut")["ChainedInvokeTimedOutDetails"]["Error"]["Payload"]
    assert error == {"ErrorType": "ChainedInvoke.Timeout", "ErrorMessage": "CHAINED_INVOKE timed out after 1 seconds."}


def test_a_plain_function_past_its_timeout_has_timed_out(function, invoked, executions):
    arn = invoked(function("slow", durable=False, Timeout=1))
    error = executions.event(arn, "ChainedInvokeTimedOut")["ChainedInvokeTimedOutDetails"]["Error"]["Payload"]
    assert error["ErrorMessage"] == "CHAINED_INVOKE timed out after 1 seconds."


def test_results_are_taken_up_to_a_mebibyte(function, invoked, executions):
    plain, durable = function("lengthy", durable=False), f"{function('large')}:$LATEST"
    for target in (plain, durable):
        assert len(answer(executions, invoked(target, MIB - 2))["result"]) == MIB - 2, "with its quotes at the limit"
    assert "must be less than or equal to 1048576 bytes" in answer(executions, invoked(plain, MIB))["error"]


def test_input_above_a_mebibyte_is_refused(client, puppet, function):
    one = puppet()
    options = {"ChainedInvokeOptions": {"FunctionName": function("tenant", durable=False)}}
    update = {"Id": "c", "Type": "CHAINED_INVOKE", "Action": "START", "Payload": json.dumps("x" * MIB), **options}
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        one.checkpoint(update)
    assert caught.value.response["Error"]["Message"] == "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes."
