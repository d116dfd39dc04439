"""CloudWatch Logs over what functions print, through boto3 as people use it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from conftest import KEYS, REGION, Executions

# The queries of the callback service's manual, as they are written there.
FAILED = """fields @timestamp, token, error
| filter event_type = "callback_processing" and status = "FAILURE"
| sort @timestamp desc"""
TRACKED = """fields @timestamp, token
| filter event_type in ["callback_received", "callback_completed"]
| stats count() by token"""
STORAGE = """fields @timestamp, token, error
| filter event_type = "storage_error"
| sort @timestamp desc"""
EVENTS = [
    {"event_type": "callback_received", "token": "t-1", "status": "SUCCESS"},
    {"event_type": "callback_completed", "token": "t-1", "status": "SUCCESS"},
    {"event_type": "callback_processing", "token": "t-2", "status": "FAILURE", "error": "no agent"},
    {"event_type": "storage_error", "token": "t-3", "error": "disk full"},
]


@pytest.fixture(scope="module")
def logs(endpoint: str) -> Any:
    return boto3.client("logs", endpoint_url=endpoint, region_name=REGION, **KEYS)


@pytest.fixture(scope="module")
def printed(client: Any, create: Callable[..., str]) -> tuple[str, str]:
    """A function that has printed the events, and its log stream."""
    name = create("logs.plain")
    stream = invoke(client, name, lines=["a plain line", *EVENTS], error="to stderr")
    return name, stream


def invoke(client: Any, name: str, **event: Any) -> Any:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def results(logs: Any, group: str, query: str, **fields: Any) -> list[dict[str, str]]:
    """Rows of a query without their pointers."""
    now = int(time.time())
    started = logs.start_query(logGroupName=group, startTime=now - 3600, endTime=now + 60, queryString=query, **fields)
    while (found := logs.get_query_results(queryId=started["queryId"]))["status"] in ("Scheduled", "Running"):
        time.sleep(0.05)
    assert found["status"] == "Complete"
    return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in found["results"]]


def test_events_are_there_when_the_answer_is(client: Any, logs: Any, create: Callable[..., str]) -> None:
    name = create("logs.plain")
    for number in range(5):
        invoke(client, name, lines=[f"line {number}"])
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern=f'"line {number}"')
        assert [event["message"] for event in found["events"]] == [f"line {number}"]


def test_a_group_has_a_stream_per_worker_with_lambda_s_lines(client: Any, logs: Any, printed: tuple[str, str]) -> None:
    name, stream = printed
    region = client.get_function_configuration(FunctionName=name)["FunctionArn"].split(":")[3]
    group = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"][0]
    assert group["arn"] == f"arn:aws:logs:{region}:000000000000:log-group:/aws/lambda/{name}:*"
    streams = logs.describe_log_streams(logGroupName=group["logGroupName"], orderBy="LastEventTime")["logStreams"]
    assert [found["logStreamName"] for found in streams] == [stream]
    assert "/[$LATEST]" in stream
    messages = [event["message"] for event in logs.get_log_events(logGroupName=group["logGroupName"], logStreamName=stream)["events"]]
    kinds = [message.split(" ")[0] for message in messages]
    assert kinds[0] == "START" and kinds[-2:] == ["END", "REPORT"]
    assert "a plain line" in messages and "to stderr" in messages


def test_pages_give_every_event_once(logs: Any, printed: tuple[str, str]) -> None:
    name, stream = printed
    group = f"/aws/lambda/{name}"
    whole = [event["eventId"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 2})
    assert [event["eventId"] for page in pages for event in page["events"]] == whole
    assert len(set(whole)) == len(whole) > 6
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, limit=2, **token)
        if page["nextForwardToken"] == token.get("nextToken"):
            break
        seen += [event["message"] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    assert len(seen) == len(whole)


@pytest.mark.parametrize(
    ("pattern", "tokens"),
    [
        ('{ $.event_type = "storage_error" }', ["t-3"]),
        ('{ ($.status = "FAILURE") || ($.error = "disk*") }', ["t-2", "t-3"]),
        ("{ $.event_type = callback_* && $.error NOT EXISTS }", ["t-1", "t-1"]),
        ("token -SUCCESS", ["t-2", "t-3"]),
        ("?disk ?agent", ["t-2", "t-3"]),
        ("%t-[13]%", ["t-1", "t-1", "t-3"]),
    ],
)
def test_filter_patterns(logs: Any, printed: tuple[str, str], pattern: str, tokens: list[str]) -> None:
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/{printed[0]}", filterPattern=pattern)["events"]
    assert [json.loads(event["message"])["token"] for event in found] == tokens


def test_the_queries_of_the_callback_service_run_as_written(logs: Any, printed: tuple[str, str]) -> None:
    group = f"/aws/lambda/{printed[0]}"
    failed = results(logs, group, FAILED)
    assert [(row["token"], row["error"]) for row in failed] == [("t-2", "no agent")] and "@timestamp" in failed[0]
    assert results(logs, group, TRACKED) == [{"token": "t-1", "count()": "2"}]
    assert [row["error"] for row in results(logs, group, STORAGE)] == ["disk full"]


def test_reports_are_queried_by_their_figures(logs: Any, printed: tuple[str, str]) -> None:
    query = 'filter @type = "REPORT" | stats count(*) as n, max(@memorySize / 1000 / 1000) as mb, max(@duration) > 0 as took by bin(1d)'
    (row,) = results(logs, f"/aws/lambda/{printed[0]}", query)
    assert (row["n"], row["mb"], row["took"]) == ("1", "128", "1")


def test_a_malformed_query_is_shown_its_place(logs: Any, printed: tuple[str, str]) -> None:
    with pytest.raises(logs.exceptions.MalformedQueryException) as refused:
        results(logs, f"/aws/lambda/{printed[0]}", "fields token | sort by token")
    place = refused.value.response["queryCompileError"]["location"]
    assert place == {"startCharOffset": 23, "endCharOffset": 28}


def test_errors_are_those_of_the_model(logs: Any, printed: tuple[str, str]) -> None:
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.filter_log_events(logGroupName="/aws/lambda/nobody")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName=f"/aws/lambda/{printed[0]}", logStreamName="none")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.filter_log_events(logGroupName=f"/aws/lambda/{printed[0]}", filterPattern="{ $.a = ")
    with pytest.raises(ClientError) as unknown:
        logs.describe_metric_filters()
    assert unknown.value.response["Error"]["Code"] == "UnknownOperationException"
    assert unknown.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_group_is_made_kept_and_deleted(logs: Any) -> None:
    name = f"/made/{time.time_ns()}"
    logs.create_log_group(logGroupName=name, tags={"team": "x"})
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=14)
    group = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    assert group["retentionInDays"] == 14
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"team": "x"}
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_the_tail_of_a_call_comes_with_its_answer(client: Any, create: Callable[..., str]) -> None:
    name = create("logs.plain")
    answer = client.invoke(FunctionName=name, LogType="Tail", Payload=json.dumps({"lines": ["first", *["ü" * 20] * 300]}))
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) <= 4096
    assert "first" not in tail.decode() and "ü" in tail.decode() and "\nREPORT RequestId: " in tail.decode()
    assert "LogResult" not in client.invoke(FunctionName=name, Payload="{}")
    again = client.invoke(FunctionName=name, LogType="Tail", Payload=json.dumps({"lines": ["second"]}))
    lines = base64.b64decode(again["LogResult"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ") and lines[1] == "second", "only of this call"


def test_the_tail_of_an_execution_is_of_all_its_invocations(client: Any, executions: Executions, create: Callable[..., str]) -> None:
    name = create("logs.durable", durable={"ExecutionTimeout": 60, "RetentionPeriodInDays": 1})
    other = executions.start(name, {"name": "other"})
    answer = client.invoke(FunctionName=name, Qualifier="$LATEST", LogType="Tail", Payload=json.dumps({"name": "mine"}))
    assert json.load(answer["Payload"]) == "done"
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "in a step of mine\n" in tail and "after the wait of mine\n" in tail
    assert tail.count("START RequestId: ") == 2 and "other" not in tail
    executions.finished(other)


def test_json_lines_are_json(client: Any, logs: Any, create: Callable[..., str]) -> None:
    name = create("logs.plain", LoggingConfig={"LogFormat": "JSON"})
    invoke(client, name, logged="by the logger")
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern='{ $.message = "by the logger" }')["events"]
    assert json.loads(events[0]["message"])["level"] == "INFO"
    rows = results(logs, f"/aws/lambda/{name}", 'filter type = "platform.report" | fields record.status, record.metrics.durationMs as ms')
    assert rows[0]["record.status"] == "success" and float(rows[0]["ms"]) > 0
