"""Functions as a resource, and Invoke of functions that are not durable."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError
from conftest import ROLE, code


def failure(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"], caught.value.response["Error"]["Message"]


def test_created_function_is_described_as_it_was_given(client, create):
    name = create("plain.echo", durable={"ExecutionTimeout": 60}, variables={"GREETING": "hi"}, Timeout=7, Description="echoes")
    configuration = client.get_function_configuration(FunctionName=name)
    assert configuration["FunctionName"] == name
    region, account = configuration["FunctionArn"].split(":")[3:5]
    assert configuration["FunctionArn"] == f"arn:aws:lambda:{region}:{account}:function:{name}"
    assert configuration["Handler"] == "plain.echo"
    assert configuration["Timeout"] == 7
    assert configuration["Description"] == "echoes"
    assert configuration["Version"] == "$LATEST"
    assert configuration["State"] == "Active"
    assert configuration["LastUpdateStatus"] == "Successful"
    assert configuration["Environment"]["Variables"]["GREETING"] == "hi"
    assert configuration["CodeSize"] == len(code())
    assert configuration["CodeSha256"] == base64.b64encode(hashlib.sha256(code()).digest()).decode()
    assert configuration["DurableConfig"]["ExecutionTimeout"] == 60
    assert configuration["DurableConfig"]["RetentionPeriodInDays"] == 14
    assert client.get_function(FunctionName=name)["Configuration"]["RevisionId"] == configuration["RevisionId"]


def test_name_is_taken_once(client, create):
    name = create("plain.echo")
    with pytest.raises(client.exceptions.ResourceConflictException) as caught:
        client.create_function(FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="plain.echo", Code={"ZipFile": code()})
    assert failure(caught)[0] == 409
    assert name in failure(caught)[1]


@pytest.mark.parametrize("config", [{"ExecutionTimeout": 31_622_401}, {"ExecutionTimeout": 60, "RetentionPeriodInDays": 91}])
def test_durable_config_beyond_its_range_is_refused(client, create, config):
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        create("plain.echo", durable=config)


def test_code_that_is_no_zip_is_refused(client):
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.create_function(FunctionName="wire-no-zip", Runtime="python3.12", Role=ROLE, Handler="a.b", Code={"ZipFile": b"no zip"})
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="wire-no-zip")


def test_durability_is_decided_at_creation(client, create):
    name = create("plain.echo")
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.update_function_configuration(FunctionName=name, DurableConfig={"ExecutionTimeout": 60})


def test_functions_are_listed_in_pages(client, create):
    mine = {create("plain.echo") for _ in range(3)}
    seen: list[str] = []
    pages = 0
    for page in client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}):
        assert len(page["Functions"]) <= 2
        seen += [function["FunctionName"] for function in page["Functions"]]
        pages += 1
    assert mine <= set(seen)
    assert len(seen) == len(set(seen))
    assert pages >= 2


def test_deleted_function_is_gone(client, create):
    name = create("plain.echo")
    client.delete_function(FunctionName=name)
    for call in (client.get_function, client.delete_function, client.invoke):
        with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
            call(FunctionName=name)
        assert failure(caught)[0] == 404
        assert name in failure(caught)[1]


def test_versions_keep_the_code_they_were_published_with(client, create):
    name = create("plain.version_one")
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    assert client.publish_version(FunctionName=name)["Version"] == "1", "unchanged code is not published again"
    client.update_function_configuration(FunctionName=name, Handler="plain.version_two")
    assert client.publish_version(FunctionName=name)["Version"] == "2"

    def call(**qualifier):
        answer = client.invoke(FunctionName=name, **qualifier)
        return answer["ExecutedVersion"], json.load(answer["Payload"])

    assert call(Qualifier="1") == ("1", "one")
    assert call(Qualifier="2") == ("2", "two")
    assert call() == ("$LATEST", "two")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        call(Qualifier="3")


def test_update_of_the_code_is_seen_by_the_next_invoke(client, create):
    name = create("plain.echo")
    before = client.get_function_configuration(FunctionName=name)
    assert json.load(client.invoke(FunctionName=name, Payload=b'"a"')["Payload"]) == "a"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("plain.py", "def echo(event, _):\n    return [event]\n")
    after = client.update_function_code(FunctionName=name, ZipFile=buffer.getvalue())
    assert after["CodeSha256"] == base64.b64encode(hashlib.sha256(buffer.getvalue()).digest()).decode()
    assert after["RevisionId"] != before["RevisionId"]
    assert json.load(client.invoke(FunctionName=name, Payload=b'"a"')["Payload"]) == ["a"]


def test_invoke_returns_what_the_function_returned(client, create):
    name = create("plain.echo")
    answer = client.invoke(FunctionName=name, Payload=json.dumps({"ü": [1, 2.5, None]}))
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert "DurableExecutionArn" not in answer
    assert json.load(answer["Payload"]) == {"ü": [1, 2.5, None]}


@pytest.mark.parametrize("form", ["{name}", "{name}:$LATEST", "{arn}", "{arn}:$LATEST", "{account}:function:{name}"])
def test_function_is_known_by_name_and_arn(client, create, form):
    name = create("plain.echo")
    arn = client.get_function_configuration(FunctionName=name)["FunctionArn"]
    reference = form.format(name=name, arn=arn, account=arn.split(":")[4])
    assert json.load(client.invoke(FunctionName=reference, Payload=b"1")["Payload"]) == 1


def test_function_sees_its_variables_and_context(client, create):
    name = create("plain.environment", variables={"GREETING": "hello"}, Timeout=20)
    seen = json.load(client.invoke(FunctionName=name)["Payload"])
    assert seen["variable"] == "hello"
    assert seen["name"] == name
    assert seen["version"] == "$LATEST"
    assert seen["arn"].endswith(f":function:{name}")
    assert 0 < seen["remaining"] <= 20_000


def test_raised_error_is_a_function_error(client, create):
    answer = client.invoke(FunctionName=create("plain.fails"), Payload=b'"x"')
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    error = json.load(answer["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "refused: x")
    assert error["stackTrace"]


def test_function_that_exits_is_reported_and_replaced(client, create):
    name = create("plain.exits")
    for _ in range(2):
        answer = client.invoke(FunctionName=name)
        assert answer["FunctionError"] == "Unhandled"
        error = json.load(answer["Payload"])
        assert error["errorType"] == "Runtime.ExitError"
        assert "exit status 7" in error["errorMessage"]


def test_function_past_its_timeout_is_killed(client, create):
    answer = client.invoke(FunctionName=create("plain.sleeps", Timeout=1))
    error = json.load(answer["Payload"])
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]


def test_dry_run_and_event_answer_at_once(client, create):
    name = create("plain.sleeps", Timeout=5)
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName=name, InvocationType="Event")["StatusCode"] == 202


@pytest.mark.parametrize("kind, limit", [("RequestResponse", 6 * 1024 * 1024), ("Event", 1024 * 1024)])
def test_payload_at_the_limit_and_one_above(client, create, kind, limit):
    name = create("plain.version_one")
    at_limit = b'"' + b"x" * (limit - 2) + b'"'
    assert client.invoke(FunctionName=name, InvocationType=kind, Payload=at_limit)["StatusCode"] in (200, 202)
    with pytest.raises(client.exceptions.RequestTooLargeException) as caught:
        client.invoke(FunctionName=name, InvocationType=kind, Payload=at_limit[:-1] + b'x"')
    assert failure(caught)[0] == 413


def test_payload_that_is_no_json_is_refused(client, create):
    with pytest.raises(client.exceptions.InvalidRequestContentException) as caught:
        client.invoke(FunctionName=create("plain.echo"), Payload=b"{not json")
    assert failure(caught)[0] == 400


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/2015-03-31/functions", b"{not json"),
        ("POST", "/2015-03-31/functions", b"[]"),
        ("GET", "/2015-03-31/no-such-thing", b""),
        ("PATCH", "/2015-03-31/functions", b"{}"),
        ("GET", "/2099-01-01/functions", b""),
    ],
)
def test_nonsense_is_a_clear_4xx_with_a_type(raw, method, path, body):
    answer = raw(method, path, body)
    assert 400 <= answer.status_code < 500
    assert answer.headers["x-amzn-ErrorType"]
    assert answer.json().get("message") or answer.json().get("Message")
