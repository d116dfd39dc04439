"""Executions through Step Functions' API: started, described, listed, stopped, redriven."""

from __future__ import annotations

import json
import re
import secrets
import time

import pytest
from conftest import ROLE

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Sad", "Cause": "because"}}}
ECHO = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WORD = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def name() -> str:
    return f"wire-{secrets.token_hex(4)}"


def test_an_execution_is_described_from_its_beginning_to_its_end(states, machine, machines):
    arn = machine(PASS)
    started = states.start_execution(stateMachineArn=arn, name=(called := name()), input='{"x":  1}', traceHeader="Root=1-5")
    execution = started["executionArn"]
    assert execution == f"{arn.replace(':stateMachine:', ':execution:')}:{called}"
    shown = machines.ended(execution)
    assert shown["startDate"] == started["startDate"] and shown["stopDate"] >= shown["startDate"]
    assert abs(shown["startDate"].timestamp() - time.time()) < 60
    for key in ("ResponseMetadata", "startDate", "stopDate"):
        del shown[key]
    assert shown == {
        "executionArn": execution,
        "stateMachineArn": arn,
        "name": called,
        "status": "SUCCEEDED",
        "input": '{"x":  1}',
        "inputDetails": {"included": True},
        "output": '{"a":1}',
        "outputDetails": {"included": True},
        "traceHeader": "Root=1-5",
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    bare = states.describe_execution(executionArn=execution, includedData="METADATA_ONLY")
    assert "input" not in bare and "output" not in bare and bare["inputDetails"] == bare["outputDetails"] == {"included": False}


def test_failures_are_told(states, machine, machines):
    failed = machines.ended(machines.start(machine(FAIL)))
    assert (failed["status"], failed["error"], failed["cause"], failed["redriveStatus"]) == ("FAILED", "Sad", "because", "REDRIVABLE")
    assert "output" not in failed and "redriveStatusReason" not in failed
    silent = machines.ended(machines.start(machine({"StartAt": "F", "States": {"F": {"Type": "Fail"}}})))
    assert "error" not in silent and "cause" not in silent
    late = machines.ended(machines.start(machine({**WAIT, "TimeoutSeconds": 1})))
    assert late["status"] == "TIMED_OUT" and late["redriveStatus"] == "REDRIVABLE" and "cause" not in late


@pytest.mark.parametrize("text", ["2", '"some text"', "null", "[1, 2.50, 10000000000000000000001]", "{}"])
def test_every_json_value_is_an_input_and_stays_what_it_is(states, machine, machines, text):
    shown = machines.ended(states.start_execution(stateMachineArn=machine(ECHO), input=text)["executionArn"])
    assert (shown["status"], shown["input"]) == ("SUCCEEDED", text)
    assert shown["output"].replace(" ", "") == text.replace(" ", "") or text.startswith('"')


@pytest.mark.parametrize(
    "text, said",
    [
        ("not some json", f"Unrecognized token 'not': {WORD}"),
        ("{'not': 'json'", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ("", "Invalid execution input."),
        ("{", "Unexpected end-of-input"),
    ],
)
def test_what_is_no_json_is_no_input(states, machine, refused, text, said):
    message = refused("InvalidExecutionInput", states.start_execution, stateMachineArn=machine(PASS), input=text)
    assert message == f"Invalid State Machine Execution Input: '{said}'"


def test_inputs_are_at_most_256_kib(states, machine, machines, refused):
    arn = machine(ECHO)
    most = json.dumps("x" * (262_144 - 2))
    shown = machines.ended(states.start_execution(stateMachineArn=arn, input=most)["executionArn"])
    assert (shown["status"], shown["output"]) == ("SUCCEEDED", most)
    message = refused("ValidationException", states.start_execution, stateMachineArn=arn, input=json.dumps("x" * (262_144 - 1)))
    assert message == "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144"
    refused("ValidationException", states.start_execution, stateMachineArn=arn, input=json.dumps("\u20ac" * 90_000, ensure_ascii=False))


def test_a_name_is_one_execution(states, machine, machines, refused):
    arn = machine(WAIT)
    first = states.start_execution(stateMachineArn=arn, name="n", input='{"a": 1}')
    again = states.start_execution(stateMachineArn=arn, name="n", input='{"a": 1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(PASS))
    again = states.start_execution(stateMachineArn=arn, name="n", input='{"a": 1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    exists = f"Execution Already Exists: '{first['executionArn']}'"
    assert refused("ExecutionAlreadyExists", states.start_execution, stateMachineArn=arn, name="n", input="{}") == exists
    states.stop_execution(executionArn=first["executionArn"])
    assert refused("ExecutionAlreadyExists", states.start_execution, stateMachineArn=arn, name="n", input='{"a": 1}') == exists
    assert states.start_execution(stateMachineArn=machine(PASS), name="n")["executionArn"] != first["executionArn"]
    unnamed = {machines.start(arn) for _ in range(3)}
    assert len(unnamed) == 3 and all(re.fullmatch(r"[0-9a-f-]{36}", one.rsplit(":", 1)[1]) for one in unnamed)
    assert refused("InvalidName", states.start_execution, stateMachineArn=arn, name="a b") == "Invalid Name: 'a b'"
    refused("ValidationException", states.start_execution, stateMachineArn=arn, name="a" * 81)
    missing = f"{arn}-not"
    assert refused("StateMachineDoesNotExist", states.start_execution, stateMachineArn=missing) == f"State Machine Does Not Exist: '{missing}'"


def test_a_stopped_execution_says_why(states, machine, machines, refused):
    arn = machines.start(machine(WAIT))
    running = states.describe_execution(executionArn=arn)
    assert (running["status"], running["redriveStatusReason"]) == ("RUNNING", "Execution is RUNNING and cannot be redriven")
    assert "stopDate" not in running and "output" not in running
    stopped = states.stop_execution(executionArn=arn, error="E", cause="C")
    shown = states.describe_execution(executionArn=arn)
    assert (shown["status"], shown["error"], shown["cause"], shown["stopDate"]) == ("ABORTED", "E", "C", stopped["stopDate"])
    assert states.stop_execution(executionArn=arn)["stopDate"] == stopped["stopDate"]
    last = machines.events(arn)[-1]
    assert (last["type"], last["executionAbortedEventDetails"]) == ("ExecutionAborted", {"error": "E", "cause": "C"})
    silent = machines.start(machine(WAIT))
    states.stop_execution(executionArn=silent)
    last = machines.events(silent)[-1]
    assert (last["previousEventId"], last["executionAbortedEventDetails"]) == (0, {})
    refused("ValidationException", states.stop_execution, executionArn=arn, error="e" * 257)


def test_executions_that_are_not_there_are_told_apart(states, machine, machines, refused):
    arn = machines.start(machine(PASS))
    missing = f"{arn[:-4]}0000"
    here = "arn:aws:states:us-east-1:000000000000:"
    calls = (states.describe_execution, states.get_execution_history, states.stop_execution, states.redrive_execution, states.list_map_runs)
    for call in (*calls, states.describe_state_machine_for_execution):
        assert refused("ExecutionDoesNotExist", call, executionArn=missing) == f"Execution Does Not Exist: '{missing}'"
        assert refused("InvalidArn", call, executionArn="invalid_arn") == "Invalid Arn: 'Invalid ARN prefix: invalid_arn'"
        for kind, other in {"express": "express:a:b:c", "stateMachine": "stateMachine:a"}.items():
            message = refused("InvalidArn", call, executionArn=here + other)
            assert message == f"Invalid Arn: 'Resource type not valid in this context: {kind}'"


def test_executions_are_listed_by_status_the_newest_first(states, machine, machines, refused):
    arn = machine({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.wait", "BooleanEquals": True, "Next": "W"}], "Default": "S"},
        "W": WAIT["States"]["W"], "S": {"Type": "Succeed"},
    }})
    assert states.list_executions(stateMachineArn=arn)["executions"] == []
    done = [machines.start(arn, {"wait": False}) for _ in range(3)]
    for one in done:
        machines.ended(one)
    waiting = machines.start(arn, {"wait": True})
    listed = states.list_executions(stateMachineArn=arn)["executions"]
    assert [one["executionArn"] for one in listed] == [waiting, *reversed(done)]
    assert set(listed[0]) == {"executionArn", "stateMachineArn", "name", "status", "startDate", "redriveCount"}
    assert (listed[0]["status"], listed[1]["status"], listed[1]["stateMachineArn"], listed[1]["redriveCount"]) == ("RUNNING", "SUCCEEDED", arn, 0)
    by = lambda status: [one["executionArn"] for one in states.list_executions(stateMachineArn=arn, statusFilter=status)["executions"]]
    assert by("RUNNING") == [waiting] and by("SUCCEEDED") == list(reversed(done)) and by("FAILED") == by("TIMED_OUT") == by("PENDING_REDRIVE") == []
    states.stop_execution(executionArn=waiting)
    assert by("ABORTED") == [waiting] and by("RUNNING") == []
    message = refused("ValidationException", states.list_executions, stateMachineArn=arn, statusFilter="succeeded")
    assert message == (
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: "
        "Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
    )
    refused("StateMachineDoesNotExist", states.list_executions, stateMachineArn=f"{arn}-not")
    refused("ValidationException", states.list_executions)
    refused("ValidationException", states.list_executions, stateMachineArn=arn, redriveFilter="REDRIVEN")
    run = "arn:aws:states:us-east-1:000000000000:mapRun:a/b:c"
    refused("ResourceNotFound", states.list_executions, mapRunArn=run)
    refused("ResourceNotFound", states.describe_map_run, mapRunArn=run)
    refused("ResourceNotFound", states.update_map_run, mapRunArn=run, maxConcurrency=1)
    refused("InvalidArn", states.describe_map_run, mapRunArn=arn)
    assert states.list_map_runs(executionArn=waiting)["mapRuns"] == []


def test_executions_are_listed_in_pages(states, machine, machines, refused):
    arn = machine(PASS)
    started = [machines.start(arn) for _ in range(12)]
    for one in started:
        machines.ended(one)
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn, statusFilter="SUCCEEDED", PaginationConfig={"PageSize": 5})
    pages = [[one["executionArn"] for one in page["executions"]] for page in pages]
    assert [len(page) for page in pages] == [5, 5, 2] and sum(pages, []) == list(reversed(started))
    token = states.list_executions(stateMachineArn=arn, maxResults=5)["nextToken"]
    for fields in ({"stateMachineArn": machine(PASS)}, {"stateMachineArn": arn, "statusFilter": "FAILED"}):
        refused("InvalidToken", states.list_executions, nextToken=token, **fields)
    refused("ValidationException", states.list_executions, stateMachineArn=arn, nextToken="x" * 3097)
    refused("ValidationException", states.list_executions, stateMachineArn=arn, maxResults=1001)


def test_executions_keep_the_version_and_alias_they_were_started_with(states, machine, machines, refused):
    arn = machine(PASS, publish=True)
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(ECHO), publish=True)
    route = [{"stateMachineVersionArn": f"{arn}:1", "weight": 100}]
    states.create_state_machine_alias(name="live", routingConfiguration=route)
    latest, version, alias = (machines.start(one, {"x": 1}) for one in (arn, f"{arn}:1", f"{arn}:live"))
    shown = machines.ended(latest)
    assert json.loads(shown["output"]) == {"x": 1} and "stateMachineVersionArn" not in shown and shown["stateMachineArn"] == arn
    shown = machines.ended(version)
    assert json.loads(shown["output"]) == {"a": 1} and shown["stateMachineVersionArn"] == f"{arn}:1" and "stateMachineAliasArn" not in shown
    assert shown["stateMachineArn"] == arn and version.count(":") == 7
    shown = machines.ended(alias)
    assert (shown["stateMachineVersionArn"], shown["stateMachineAliasArn"]) == (f"{arn}:1", f"{arn}:live")
    began = machines.events(alias)[0]["executionStartedEventDetails"]
    assert (began["stateMachineVersionArn"], began["stateMachineAliasArn"]) == (f"{arn}:1", f"{arn}:live")
    listed = lambda one: [it["executionArn"] for it in states.list_executions(stateMachineArn=one)["executions"]]
    assert listed(arn) == [alias, version, latest]
    assert sorted(listed(f"{arn}:1")) == sorted([version, alias]) and listed(f"{arn}:live") == [alias] and listed(f"{arn}:2") == []
    row = states.list_executions(stateMachineArn=f"{arn}:live")["executions"][0]
    assert (row["stateMachineVersionArn"], row["stateMachineAliasArn"]) == (f"{arn}:1", f"{arn}:live")
    refused("StateMachineDoesNotExist", states.start_execution, stateMachineArn=f"{arn}:3")
    refused("StateMachineDoesNotExist", states.start_execution, stateMachineArn=f"{arn}:dead")
    refused("ResourceNotFound", states.list_executions, stateMachineArn=f"{arn}:3")


def test_an_alias_divides_its_starts(states, machine, machines):
    arn = machine(PASS, publish=True)
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(ECHO), publish=True)
    routes = [{"stateMachineVersionArn": f"{arn}:{version}", "weight": 50} for version in (1, 2)]
    alias = states.create_state_machine_alias(name="both", routingConfiguration=routes)["stateMachineAliasArn"]
    executions = [machines.start(alias) for _ in range(60)]
    took = [machines.ended(one)["stateMachineVersionArn"] for one in executions]
    assert {one: took.count(one) > 5 for one in took} == {f"{arn}:1": True, f"{arn}:2": True}


def test_an_execution_keeps_the_definition_it_began_with(states, machine, machines):
    arn = machine({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "A"}, "A": PASS["States"]["A"]}})
    first = states.describe_state_machine(stateMachineArn=arn)
    execution = machines.start(arn)
    new = states.update_state_machine(stateMachineArn=arn, definition=json.dumps(FAIL), roleArn=f"{ROLE}2")
    assert machines.ended(execution)["status"] == "SUCCEEDED"
    shown = states.describe_state_machine_for_execution(executionArn=execution)
    assert (shown["definition"], shown["roleArn"], shown["stateMachineArn"], shown["name"]) == (first["definition"], ROLE, arn, first["name"])
    assert "revisionId" not in shown and shown["updateDate"] == first["creationDate"]
    later = machines.start(arn)
    assert machines.ended(later)["error"] == "Sad"
    shown = states.describe_state_machine_for_execution(executionArn=later)
    assert (json.loads(shown["definition"]), shown["revisionId"], shown["updateDate"]) == (FAIL, new["revisionId"], new["updateDate"])


def test_the_executions_of_a_deleted_machine_end_and_stay(states, machine, machines, refused):
    arn = machine(WAIT)
    execution = machines.start(arn)
    states.delete_state_machine(stateMachineArn=arn)
    assert machines.ended(execution)["status"] == "ABORTED"
    machines.until(lambda: arn not in [one["stateMachineArn"] for one in states.list_state_machines(maxResults=1000)["stateMachines"]])
    refused("StateMachineDoesNotExist", states.start_execution, stateMachineArn=arn)
    assert json.loads(states.describe_state_machine_for_execution(executionArn=execution)["definition"]) == WAIT
    assert machines.types(execution)[-1] == "ExecutionAborted"


def test_a_failed_execution_is_redriven(states, machine, machines, refused):
    arn = machines.start(machine({**WAIT, "TimeoutSeconds": 1}))
    first = machines.ended(arn)
    token = secrets.token_hex(8)
    redriven = states.redrive_execution(executionArn=arn, clientToken=token)
    running = states.describe_execution(executionArn=arn)
    assert (running["status"], running["redriveCount"], running["redriveDate"]) == ("RUNNING", 1, redriven["redriveDate"])
    assert running["startDate"] == first["startDate"] and "stopDate" not in running
    assert states.redrive_execution(executionArn=arn, clientToken=token)["redriveDate"] == redriven["redriveDate"]
    message = refused("ExecutionNotRedrivable", states.redrive_execution, executionArn=arn)
    assert message == "Execution is RUNNING and cannot be redriven"
    states.stop_execution(executionArn=arn)
    states.redrive_execution(executionArn=arn)
    listed = states.list_executions(stateMachineArn=first["stateMachineArn"])["executions"]
    assert (listed[0]["redriveCount"], listed[0]["status"]) == (2, "RUNNING") and listed[0]["redriveDate"] >= redriven["redriveDate"]
    counts = [event["executionRedrivenEventDetails"]["redriveCount"] for event in machines.events(arn) if event["type"] == "ExecutionRedriven"]
    assert counts == [1, 2]
    states.stop_execution(executionArn=arn)
    done = machines.start(machine(PASS))
    machines.ended(done)
    refused("ExecutionNotRedrivable", states.redrive_execution, executionArn=done)
    refused("ValidationException", states.redrive_execution, executionArn=arn, clientToken="a b")


ODD = ['"\\ud800"', "[" * 100_000, "[" * 300 + "]" * 300, '{"a": 1, "a": 2}', "1e999999", '"\\u0000"', "-0", "\ufeff{}", "01", "1.", "[1,]", "NaN", '{"a": }', '"\t"']


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_inputs_are_taken_or_refused_and_break_nothing(states, machine, machines, text):
    arn = machine(ECHO)
    try:
        execution = states.start_execution(stateMachineArn=arn, input=text)["executionArn"]
    except states.exceptions.InvalidExecutionInput as error:
        assert str(error).endswith("'")
    else:
        shown = machines.ended(execution)
        assert (shown["status"], shown["input"], shown["output"]) == ("SUCCEEDED", text, text)
