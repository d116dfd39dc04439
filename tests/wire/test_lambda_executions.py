"""Durable executions through the public door: starting, names, reading them back, stopping."""

from __future__ import annotations

import json
import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+:(\$LATEST|\d+)/durable-execution/[\w-]{1,64}/[\w-]{1,64}")


def unique() -> str:
    return f"name-{secrets.token_hex(6)}"


def test_synchronous_invoke_waits_for_the_whole_execution(client, durable, executions):
    answer = client.invoke(FunctionName=durable("step_wait_step"), Qualifier="$LATEST", Payload=b"null")
    assert json.load(answer["Payload"]) == "hello, world"
    assert answer["ExecutedVersion"] == "$LATEST"
    arn = answer["DurableExecutionArn"]
    assert ARN.fullmatch(arn)
    assert executions.types(arn) == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert [event["EventId"] for event in executions.events(arn)] == list(range(1, 11))


def test_described_execution(client, durable, executions):
    name = unique()
    arn = executions.start(durable("greeting"), "World", DurableExecutionName=name)
    described = executions.finished(arn)
    assert described["DurableExecutionArn"] == arn
    assert described["DurableExecutionName"] == name
    assert described["FunctionArn"].startswith(arn.split("/")[0].removesuffix(":$LATEST"))
    assert described["Status"] == "SUCCEEDED"
    assert described["InputPayload"] == '"World"'
    assert described["Result"] == '"Hello, World!"'
    assert described["Version"] == "$LATEST"
    assert described["DurableConfig"]["ExecutionTimeout"] == 3600
    assert described["StartTimestamp"] <= described["EndTimestamp"]
    without = client.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=False)
    assert without["ExecutionDataIncluded"] is False
    assert not {"InputPayload", "Result"} & without.keys()


def test_failed_execution_is_a_function_error_with_its_error(client, durable, executions):
    answer = client.invoke(FunctionName=durable("raises"), Qualifier="$LATEST", Payload=b"null")
    assert answer["FunctionError"] == "Unhandled"
    body = json.load(answer["Payload"])
    assert (body["errorType"], body["errorMessage"]) == ("ValueError", "not today")
    described = executions.describe(answer["DurableExecutionArn"])
    assert described["Status"] == "FAILED"
    assert (described["Error"]["ErrorType"], described["Error"]["ErrorMessage"]) == ("ValueError", "not today")


def test_history_carries_or_leaves_out_the_data(client, durable, executions):
    arn = client.invoke(FunctionName=durable("greeting"), Qualifier="$LATEST", Payload=b'"World"')["DurableExecutionArn"]
    events = {event["EventType"]: event for event in executions.events(arn)}
    assert events["ExecutionStarted"]["ExecutionStartedDetails"]["Input"]["Payload"] == '"World"'
    assert events["StepSucceeded"]["StepSucceededDetails"]["Result"] == {"Payload": '"Hello, World!"', "Truncated": False}
    assert events["StepSucceeded"]["StepSucceededDetails"]["RetryDetails"]["CurrentAttempt"] == 1
    invocation = events["InvocationCompleted"]["InvocationCompletedDetails"]
    assert invocation["StartTimestamp"] <= invocation["EndTimestamp"]
    assert invocation["RequestId"]
    for event in executions.events(arn, IncludeExecutionData=False):
        assert "World" not in json.dumps(event, default=str)


def test_history_is_paged_and_reversed(client, durable, executions):
    arn = client.invoke(FunctionName=durable("step_wait_step"), Qualifier="$LATEST", Payload=b"null")["DurableExecutionArn"]
    pages = [
        page["Events"]
        for page in client.get_paginator("get_durable_execution_history").paginate(
            DurableExecutionArn=arn, PaginationConfig={"PageSize": 3}
        )
    ]
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert [event["EventId"] for page in pages for event in page] == list(range(1, 11))
    backwards = executions.events(arn, ReverseOrder=True)
    assert [event["EventId"] for event in backwards] == list(range(10, 0, -1))
    first = client.get_durable_execution_history(DurableExecutionArn=arn, ReverseOrder=True, MaxItems=4)
    second = client.get_durable_execution_history(DurableExecutionArn=arn, ReverseOrder=True, MaxItems=4, Marker=first["NextMarker"])
    assert [event["EventId"] for event in first["Events"] + second["Events"]] == list(range(10, 2, -1))
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        executions.events(arn, Marker="no marker of ours")


def test_same_name_and_payload_is_the_same_execution(client, durable, executions):
    name, function = unique(), durable("one_wait")
    arn = executions.start(function, "x", DurableExecutionName=name)
    assert executions.start(function, "x", DurableExecutionName=name) == arn
    attached = client.invoke(FunctionName=function, Qualifier="$LATEST", DurableExecutionName=name, Payload=b'"x"')
    assert attached["DurableExecutionArn"] == arn
    assert json.load(attached["Payload"]) == "x"
    closed = client.invoke(FunctionName=function, Qualifier="$LATEST", DurableExecutionName=name, Payload=b'"x"')
    assert closed["DurableExecutionArn"] == arn
    assert json.load(closed["Payload"]) == "x"
    assert executions.types(arn).count("ExecutionStarted") == 1


def test_same_name_with_another_payload_is_refused(client, durable, executions):
    name, function = unique(), durable("one_wait")
    arn = executions.start(function, "x", DurableExecutionName=name)
    with pytest.raises(client.exceptions.DurableExecutionAlreadyStartedException) as caught:
        executions.start(function, "y", DurableExecutionName=name)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert caught.value.response["Error"]["Message"] == f"Execution already started: {arn}"


def test_names_are_separate_per_function_and_random_when_absent(durable, executions):
    name = unique()
    first = executions.start(durable("one_wait"), "x", DurableExecutionName=name)
    second = executions.start(durable("greeting"), "y", DurableExecutionName=name)
    assert first != second
    assert executions.start(durable("greeting"), "y") != executions.start(durable("greeting"), "y")


def test_durable_function_wants_a_qualifier(client, durable):
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        client.invoke(FunctionName=durable("greeting"), Payload=b'"x"')
    assert "unqualified" in caught.value.response["Error"]["Message"]


def test_execution_name_out_of_its_alphabet_is_refused(client, durable, executions):
    for name in ("with space", "x" * 65):
        with pytest.raises(client.exceptions.InvalidParameterValueException):
            executions.start(durable("greeting"), "x", DurableExecutionName=name)


def test_dry_run_starts_nothing(client, durable):
    function = durable("raises")
    before = client.list_durable_executions_by_function(FunctionName=function)["DurableExecutions"]
    assert client.invoke(FunctionName=function, Qualifier="$LATEST", InvocationType="DryRun")["StatusCode"] == 204
    assert client.list_durable_executions_by_function(FunctionName=function)["DurableExecutions"] == before


def test_running_execution_keeps_the_code_it_began_with(client, create, executions):
    function = create("durable.old_code", durable={"ExecutionTimeout": 60})
    client.publish_version(FunctionName=function)
    published, latest = executions.start(function, Qualifier="1"), executions.start(function)
    for arn in (published, latest):
        executions.event(arn, "InvocationCompleted")
    client.update_function_configuration(FunctionName=function, Handler="durable.new_code")
    assert executions.finished(published)["Result"] == '"old"'
    assert executions.finished(latest)["Result"] == '"old"'
    assert executions.finished(executions.start(function))["Result"] == '"new"'
    assert executions.describe(published)["Version"] == "1"


def test_listing_by_name_status_and_time(client, create, executions):
    function = create("durable.approval", durable={"ExecutionTimeout": 3600})
    started = datetime.now(UTC)
    arns = [executions.start(function, {"timeout": 600}, DurableExecutionName=f"list-{n}") for n in range(3)]
    client.stop_durable_execution(DurableExecutionArn=arns[1])
    executions.finished(arns[1])

    def listed(**filters):
        answer = client.list_durable_executions_by_function(FunctionName=function, **filters)
        return [found["DurableExecutionArn"] for found in answer["DurableExecutions"]]

    assert listed() == arns[::-1], "newest first"
    assert listed(ReverseOrder=True) == arns
    assert listed(DurableExecutionName="list-2") == [arns[2]]
    assert listed(Statuses=["STOPPED"]) == [arns[1]]
    assert set(listed(Statuses=["STOPPED", "RUNNING"])) == set(arns)
    assert set(listed(StartedAfter=started - timedelta(seconds=5), StartedBefore=started + timedelta(hours=1))) == set(arns)
    assert listed(StartedAfter=started + timedelta(hours=1)) == []
    assert listed(StartedBefore=started - timedelta(hours=1)) == []
    assert listed(Qualifier="$LATEST") == arns[::-1]
    paged = client.get_paginator("list_durable_executions_by_function").paginate(FunctionName=function, PaginationConfig={"PageSize": 2})
    assert [[found["DurableExecutionArn"] for found in page["DurableExecutions"]] for page in paged] == [[arns[2], arns[1]], [arns[0]]]
    for arn in arns:
        client.stop_durable_execution(DurableExecutionArn=arn)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.list_durable_executions_by_function(FunctionName="no-such-function")


def test_stop_closes_with_the_given_error_once(client, durable, executions):
    arn = executions.start(durable("long_wait"))
    executions.event(arn, "InvocationCompleted")
    error = {"ErrorType": "Operator", "ErrorMessage": "no longer needed"}
    stopped = client.stop_durable_execution(DurableExecutionArn=arn, Error=error)["StopTimestamp"]
    described = executions.describe(arn)
    assert described["Status"] == "STOPPED"
    assert described["Error"] == error
    assert abs((described["EndTimestamp"] - stopped).total_seconds()) < 1
    last = executions.events(arn)[-1]
    assert last["EventType"] == "ExecutionStopped"
    assert last["ExecutionStoppedDetails"]["Error"]["Payload"] == error
    again = client.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorType": "Other"})["StopTimestamp"]
    assert again == stopped
    assert executions.describe(arn)["Error"] == error


@pytest.mark.parametrize(
    "body",
    [
        {"ErrorMessage": 5},
        {"StackTrace": "one"},
        {"Error": {"ErrorMessage": "wrapped"}},
        {"ErrorMessage": "m" * 600_000, "ErrorData": "d" * 600_000},
        ["ErrorMessage"],
    ],
    ids=["number", "text", "wrapped", "long", "list"],
)
def test_stop_with_an_error_of_the_wrong_shape_is_refused_and_stops_nothing(client, raw, durable, executions, body):
    arn = executions.start(durable("long_wait"))
    executions.event(arn, "InvocationCompleted")
    answer = raw("POST", f"/2025-12-01/durable-executions/{quote(arn, safe='')}/stop", json.dumps(body).encode())
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "InvalidParameterValueException")
    assert executions.describe(arn)["Status"] == "RUNNING"
    client.stop_durable_execution(DurableExecutionArn=arn)


def test_execution_timeout(create, executions):
    arn = executions.start(create("durable.long_wait", durable={"ExecutionTimeout": 1}))
    assert executions.finished(arn)["Status"] == "TIMED_OUT"
    assert executions.types(arn)[-1] == "ExecutionTimedOut"


@pytest.mark.parametrize("call", ["get_durable_execution", "get_durable_execution_history", "stop_durable_execution"])
def test_unknown_execution(client, durable, executions, call):
    known = executions.start(durable("greeting"), "x")
    unknown = known.rsplit("/", 1)[0] + "/00000000-0000-4000-8000-000000000000"
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        getattr(client, call)(DurableExecutionArn=unknown)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_arn_may_be_encoded_or_plain_in_the_path(raw, durable, executions):
    arn = executions.start(durable("greeting"), "x")
    executions.finished(arn)
    for spelled in (quote(arn, safe=""), quote(arn, safe="/:$"), quote(arn, safe="/")):
        answer = raw("GET", f"/2025-12-01/durable-executions/{spelled}")
        assert answer.status_code == 200, spelled
        assert answer.json()["DurableExecutionArn"] == arn
        history = raw("GET", f"/2025-12-01/durable-executions/{spelled}/history?MaxItems=1")
        assert history.json()["Events"][0]["EventType"] == "ExecutionStarted"


def test_rest_times_are_epoch_seconds(raw, durable, executions):
    arn = executions.start(durable("greeting"), "x")
    executions.finished(arn)
    path = f"/2025-12-01/durable-executions/{quote(arn, safe='')}"
    described, history = raw("GET", path).json(), raw("GET", path + "/history").json()
    for moment in (described["StartTimestamp"], described["EndTimestamp"], *[event["EventTimestamp"] for event in history["Events"]]):
        assert isinstance(moment, (int, float))
        assert abs(moment - time.time()) < 600


def test_modelled_errors_carry_their_type(raw):
    arn = quote("arn:aws:lambda:us-west-2:000000000000:function:f:$LATEST/durable-execution/n/none", safe="")
    answer = raw("GET", f"/2025-12-01/durable-executions/{arn}")
    assert answer.status_code == 404
    assert answer.headers["x-amzn-ErrorType"].split(":")[0] == "ResourceNotFoundException"
    assert answer.json()["Type"] == "User"
