"""Histories of executions through Step Functions' API: every page, both ways, with and without data."""

from __future__ import annotations

import json

import pytest

CHAIN = {"StartAt": "S0", "States": {f"S{n}": {"Type": "Pass", **({"Next": f"S{n + 1}"} if n < 9 else {"End": True})} for n in range(10)}}


@pytest.fixture(scope="module")
def chain(machine, machines):
    arn = machines.start(machine(CHAIN), {"x": 1})
    machines.ended(arn)
    return arn


def test_events_are_as_the_service_writes_them(machines, chain):
    events = machines.events(chain)
    assert [event["id"] for event in events] == list(range(1, 23))
    assert [event["previousEventId"] for event in events] == [0, 0, *range(2, 22)]
    stamps = [event.pop("timestamp") for event in events]
    assert stamps == sorted(stamps)
    truncated = {"truncated": False}
    text = json.dumps({"x": 1})
    assert events[0]["executionStartedEventDetails"].pop("roleArn").startswith("arn:aws:iam::")
    assert events[0] == {
        "type": "ExecutionStarted",
        "id": 1,
        "previousEventId": 0,
        "executionStartedEventDetails": {"input": text, "inputDetails": truncated},
    }
    assert events[1]["stateEnteredEventDetails"] == {"name": "S0", "input": text, "inputDetails": truncated}
    assert events[2]["stateExitedEventDetails"] == {"name": "S0", "output": text, "outputDetails": truncated}
    assert events[-1]["executionSucceededEventDetails"] == {"output": text, "outputDetails": truncated}


def test_a_history_is_read_in_pages_both_ways(states, machines, chain, refused):
    whole = machines.events(chain)
    assert machines.events(chain, reverseOrder=True) == list(reversed(whole))
    for reverse in (False, True):
        expected = list(reversed(whole)) if reverse else whole
        for size in (1, 5, 7, 22, 23):
            pages = states.get_paginator("get_execution_history").paginate(
                executionArn=chain, reverseOrder=reverse, PaginationConfig={"PageSize": size}
            )
            pages = [page["events"] for page in pages]
            assert sum(pages, []) == expected and all(len(page) == size for page in pages[:-1])
    page = states.get_execution_history(executionArn=chain, maxResults=5)
    get = states.get_execution_history
    refused("InvalidToken", get, executionArn=chain, nextToken=page["nextToken"], reverseOrder=True)
    refused("InvalidToken", get, executionArn=chain, nextToken="nonsense")
    refused("ValidationException", get, executionArn=chain, maxResults=1001)
    assert "nextToken" not in get(executionArn=chain, maxResults=22)
    assert len(get(executionArn=chain, maxResults=0)["events"]) == 22


def test_data_is_left_out_where_it_is_not_wanted(machines, chain):
    bare = machines.events(chain, includeExecutionData=False)
    assert [event["type"] for event in bare] == machines.types(chain)
    assert bare[1]["stateEnteredEventDetails"] == {"name": "S0"}
    assert set(bare[0]["executionStartedEventDetails"]) == {"roleArn"}
    assert bare[-1]["executionSucceededEventDetails"] == {}
    assert "x" not in json.dumps(bare, default=str).replace("execution", "").replace("Exited", "").replace("Execution", "")


def test_variables_that_are_assigned_are_shown(machine, machines):
    states = {"A": {"Type": "Pass", "Assign": {"a": 1, "b": {"c": "d"}}, "End": True}}
    arn = machines.start(machine({"StartAt": "A", "States": states}))
    machines.ended(arn)
    exited = machines.events(arn)[2]["stateExitedEventDetails"]
    assert {name: json.loads(text) for name, text in exited["assignedVariables"].items()} == {"a": 1, "b": {"c": "d"}}
    assert exited["assignedVariablesDetails"] == {"truncated": False}


def test_a_map_and_its_iterations_are_shown(machine, machines):
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    arn = machines.start(machine({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}), [1, 2])
    assert json.loads(machines.ended(arn)["output"]) == [1, 2]
    events = {event["type"]: event for event in machines.events(arn)}
    assert events["MapStateStarted"]["mapStateStartedEventDetails"] == {"length": 2}
    assert events["MapIterationStarted"]["mapIterationStartedEventDetails"] == {"name": "M", "index": 1}
    assert events["MapIterationSucceeded"]["mapIterationSucceededEventDetails"] == {"name": "M", "index": 1}


def test_a_failed_expression_is_shown(machine, machines):
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $nothing.x %}", "End": True}
    arn = machines.start(machine({"StartAt": "A", "States": {"A": {**state, "Output": "{% $number('x') %}"}}}))
    assert machines.ended(arn)["error"] == "States.QueryEvaluationError"
    failed = next(event for event in machines.events(arn) if event["type"] == "EvaluationFailed")["evaluationFailedEventDetails"]
    assert (failed["error"], failed["state"], failed["location"]) == ("States.QueryEvaluationError", "A", "Output")
