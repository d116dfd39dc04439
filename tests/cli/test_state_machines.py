"""The verbs on executions of state machines: the same ones, named by id, name or ARN, beside executions of functions."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from conftest import ROLE, Dev, client, create_function, until
from test_executions import ID, rows

Definition = dict[str, Any]

PASS: Definition = {"StartAt": "Say", "States": {"Say": {"Type": "Pass", "Result": {"hello": "you"}, "End": True}}}
FAIL: Definition = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "NotToday", "Cause": "it rains"}}}
WAIT: Definition = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture(scope="module")
def states(dev: Dev) -> Any:
    return client(dev, "stepfunctions")


@pytest.fixture
def machine(states: Any) -> Callable[..., str]:
    """Creates a state machine; its name."""

    def create(definition: Definition, **more: Any) -> str:
        name = more.pop("name", f"cli-{secrets.token_hex(4)}")
        states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, **more)
        return name

    return create


def arn(resource: str) -> str:
    return f"arn:aws:states:us-east-1:000000000000:{resource}"


def test_start_prints_the_id_and_waits_for_the_result(dev: Dev, machine) -> None:
    name = machine(PASS)
    started = dev.good("start", name)
    assert ID.fullmatch(started.out.strip()) and started.err == ""
    assert dev.good("start", name, "--wait").out == '{"hello":"you"}\n'
    for named in (arn(f"stateMachine:{name}"), f"stateMachine:{name}"):
        assert dev.good("start", named, "--wait").out == '{"hello":"you"}\n', named
    as_json = dev.good("start", name, "--name", "said", "-o", "json").json()
    assert as_json["arn"] == arn(f"execution:{name}:said") and as_json["existing"] is False


def test_start_of_a_failing_execution_exits_with_1(dev: Dev, machine) -> None:
    failed = dev.run("start", machine(FAIL), "--wait")
    assert (failed.code, failed.out) == (1, "")
    assert "FAILED: it rains" in failed.err
    bare = dev.run("start", machine({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "NotToday"}}}), "--wait", "-o", "json")
    assert (bare.code, bare.json()["error"]) == (1, {"kind": "NotToday"})


def test_one_name_is_one_execution(dev: Dev, machine) -> None:
    for definition in (WAIT, PASS):
        name = machine(definition)
        first = dev.good("start", name, "--name", "once", "--input", "1").out
        assert dev.good("start", name, "--name", "once", "--input", "1").out == first
        other = dev.run("start", name, "--name", "once", "--input", "2")
        assert (other.code, other.out) == (4, ""), other
        assert "E0113" in other.err and arn(f"execution:{name}:once") in other.err
    assert dev.run("start", name, "--name", "a:b").code == 6


def test_an_execution_is_named_by_id_arn_or_name(dev: Dev, machine) -> None:
    name, called = machine(WAIT), f"named-{secrets.token_hex(4)}"
    id = dev.good("start", name, "--name", called).out.strip()
    for named in (id, called, arn(f"execution:{name}:{called}")):
        assert dev.describe(named)["execution"]["id"] == id, named
    assert dev.good("stop", called).out == "STOPPED\n"


def test_a_name_that_several_have_leads_to_their_arns(dev: Dev, machine) -> None:
    called = f"twice-{secrets.token_hex(4)}"
    name = machine(PASS)
    dev.good("start", name, "--name", called)
    dev.good("start", "greeting", "--name", called)
    both = dev.run("describe", called)
    assert (both.code, both.out) == (4, "")
    assert "E0113" in both.err and arn(f"execution:{name}:{called}") in both.err and ":function:greeting:" in both.err


def test_a_name_of_a_function_and_of_a_machine_has_to_say_which(dev: Dev, machine) -> None:
    machine(PASS, name="greeting")
    either = dev.run("start", "greeting", "--wait")
    assert (either.code, either.out) == (4, "") and "stateMachine:greeting" in either.err
    assert dev.good("start", "stateMachine:greeting", "--wait").out == '{"hello":"you"}\n'
    assert dev.good("start", "function:greeting", "--wait", "--input", '"me"').out == '{"hello":"me"}\n'
    client(dev, "stepfunctions").delete_state_machine(stateMachineArn=arn("stateMachine:greeting"))
    until(lambda: dev.run("start", "greeting").code == 0, "the machine is deleted")


def test_versions_and_aliases_are_started(dev: Dev, states, machine) -> None:
    name = machine(PASS)
    made = states.publish_state_machine_version(stateMachineArn=arn(f"stateMachine:{name}"))["stateMachineVersionArn"]
    states.create_state_machine_alias(name="live", routingConfiguration=[{"stateMachineVersionArn": made, "weight": 100}])
    states.update_state_machine(stateMachineArn=arn(f"stateMachine:{name}"), definition=json.dumps(FAIL))
    for qualifier in ("1", "live"):
        assert dev.good("start", f"{name}:{qualifier}", "--wait").out == '{"hello":"you"}\n', qualifier
    assert dev.run("start", name, "--wait").code == 1
    missing = dev.run("start", f"{name}:2")
    assert missing.code == 3 and "E0101" in missing.err


def test_list_shows_every_kind(dev: Dev, machine) -> None:
    name, prefix = machine(PASS), f"kinds-{secrets.token_hex(4)}"
    dev.good("start", name, "--name", f"{prefix}-machine", "--wait", "--attribute", "squad=blue")
    dev.good("start", "greeting", "--name", f"{prefix}-function", "--wait", "--attribute", "squad=blue")
    listed = rows(dev.good("list", "--name-prefix", prefix).out)
    assert [row[1:4] for row in listed] == [
        ["greeting", f"{prefix}-function", "SUCCEEDED"],
        [name, f"{prefix}-machine", "SUCCEEDED"],
    ]
    found = dev.good("list", "-o", "json", "--state-machine", name).json()["executions"]
    assert [(row["kind"], row["definition"], row["state_machine"]) for row in found] == [("STATE_MACHINE", name, name)]
    assert "function" not in found[0] and found[0]["arn"] == arn(f"execution:{name}:{prefix}-machine")
    by_attribute = dev.good("list", "-o", "json", "--attribute", "squad=blue", "--name-prefix", prefix).json()["executions"]
    assert [row["kind"] for row in by_attribute] == ["FUNCTION", "STATE_MACHINE"]


def test_describe_shows_input_output_and_states(dev: Dev, machine) -> None:
    name = machine(PASS)
    execution = dev.good("start", name, "--input", '{"a":1}').out.strip()
    text = dev.good("describe", execution).out
    facts = dict(re.split(r"\s+", line, maxsplit=1) for line in text.split("\n\n")[0].splitlines())
    assert (facts["id"], facts["machine"], facts["status"]) == (execution, name, "SUCCEEDED")
    assert (facts["input"], facts["result"]) == ('{"a":1}', '{"hello":"you"}')
    assert ["PASS", "Say", "SUCCEEDED"] in [row[1:4] for row in rows(text.split("\n\n")[1])]
    failed = dev.good("start", machine(FAIL)).out.strip()
    assert "error     it rains" in dev.good("describe", failed).out.splitlines()
    assert dev.describe(failed)["error"] == {"kind": "NotToday", "message": "it rains"}


def test_describe_says_what_it_waits_for(dev: Dev, states, machine) -> None:
    activity = states.create_activity(name=f"cli-{secrets.token_hex(4)}")["activityArn"]
    work = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": activity, "End": True}}}
    for definition, what, state in ((WAIT, "time", "Rest"), (work, "task", "Work")):
        execution = dev.good("start", machine(definition)).out.strip()
        found = dev.describe(execution)["waiting_for"]
        assert [(wait["what"], wait["name"]) for wait in found] == [(what, state)]
        assert (found[0]["until"] is not None) == (what == "time")
        dev.good("stop", execution, "--reason", "no longer wanted")
        described = dev.describe(execution)
        assert (described["execution"]["status"], described["error"]["message"]) == ("STOPPED", "no longer wanted")
        assert described["waiting_for"] == []


def test_history_is_listed_as_every_history(dev: Dev, states, machine) -> None:
    name = machine(PASS)
    execution = dev.good("start", name, "--name", f"told-{secrets.token_hex(4)}", "--input", '{"a":1}').out.strip()
    forward = rows(dev.good("history", execution).out)
    assert [row[:2] for row in forward] == [["1", "ExecutionStarted"], ["2", "PassStateEntered"], ["3", "PassStateExited"], ["4", "ExecutionSucceeded"]]
    assert [row[2] for row in forward[1:3]] == ["Say", "Say"]
    at = datetime.fromisoformat(forward[1][3])
    assert abs((datetime.now(timezone.utc) - at).total_seconds()) < 60
    assert rows(dev.good("history", "--reverse", "--limit", "2", execution).out) == forward[:1:-1]
    ours = dev.good("-o", "json", "history", execution).json()["events"]
    theirs = states.get_execution_history(executionArn=dev.describe(execution)["execution"]["arn"])["events"]
    assert [(event["EventId"], event["EventType"], event["PreviousEventId"]) for event in ours] == [
        (event["id"], event["type"], event["previousEventId"]) for event in theirs
    ]
    assert ours[1]["PassStateEnteredDetails"] == theirs[1]["stateEnteredEventDetails"]


def test_a_redrive_goes_on_from_what_failed(dev: Dev, machine) -> None:
    definition = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Next": "Task"},
            "Task": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:later:$LATEST", "End": True},
        },
    }
    execution = dev.good("start", machine(definition), "--input", '"you"').out.strip()
    until(lambda: dev.describe(execution)["execution"]["status"] == "FAILED", "its function is not there")
    # What failed is a function that does not exist yet.
    create_function(client(dev, "lambda"), "later", "cli.greeting")
    again = dev.good("redrive", "-o", "json", execution).json()
    assert again["execution"]["id"] == execution
    until(lambda: dev.describe(execution)["execution"]["status"] == "SUCCEEDED", "it ends well")
    assert dev.describe(execution)["result"] == {"hello": "you"}
    types = [event["EventType"] for event in dev.good("-o", "json", "history", execution).json()["events"]]
    assert types.index("ExecutionFailed") + 1 == types.index("ExecutionRedriven") and types.count("PassStateEntered") == 1
    refused = dev.run("redrive", execution)
    assert refused.code == 4 and "E0140" in refused.err


def test_logs_of_a_machine_are_its_groups_lines(dev: Dev, machine) -> None:
    group = f"/machines/{secrets.token_hex(4)}"
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"}}
    name = machine(PASS, loggingConfiguration={"level": "ALL", "includeExecutionData": True, "destinations": [destination]})
    executions = [dev.good("start", name).out.strip() for _ in range(2)]

    def lines(*words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in dev.good("logs", name, *words).out.splitlines()]

    logged = until(lambda: (found := lines()) if len(lines()) >= 8 else None, "both are logged")
    assert [line["type"] for line in logged].count("ExecutionSucceeded") == 2
    one = dev.describe(executions[0])["execution"]["arn"]
    for named in (one, executions[0]):
        assert {line["execution_arn"] for line in lines("--execution", named)} == {one}, named
    quiet = dev.good("logs", machine(PASS))
    assert (quiet.out, quiet.code) == ("", 0)


def test_what_is_not_there(dev: Dev) -> None:
    for words in (("start", "stateMachine:nobody"), ("start", arn("stateMachine:nobody")), ("logs", arn("stateMachine:nobody"))):
        missing = dev.run(*words)
        assert (missing.code, missing.out) == (3, ""), words
        assert "E0101" in missing.err
    missing = dev.run("describe", arn("execution:nobody:one"))
    assert missing.code == 3 and "E0106" in missing.err


def test_what_state_machines_do_not_do_is_refused(dev: Dev, machine) -> None:
    execution = dev.good("start", machine(WAIT)).out.strip()
    for words in (("pause", execution), ("fork", execution, "--at", "1")):
        refused = dev.run(*words)
        assert (refused.code, refused.out) == (4, "") and "E0113" in refused.err, (words, refused)
    dev.good("stop", execution)
    assert dev.good("delete", execution).out != ""
    until(lambda: dev.run("describe", execution).code == 3, "it is gone")
