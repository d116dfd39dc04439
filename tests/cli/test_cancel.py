"""`everstep cancel`: what an execution has started ends with it, and says why."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
import requests
from conftest import ROLE, Dev, client, until

CHAIN = json.dumps({"chain": ["delegates:$LATEST", "approval:$LATEST"]})


def events(dev: Dev, execution: str) -> list[dict[str, Any]]:
    return dev.good("-o", "json", "history", execution).json()["events"]


def children(dev: Dev, execution: str) -> list[str]:
    """The executions that chained invokes of this one have started."""
    found = [event.get("ChainedInvokeStartedDetails") for event in events(dev, execution)]
    return [details["DurableExecutionArn"].rsplit("/", 1)[1] for details in found if details]


def child(dev: Dev, execution: str) -> str:
    return until(lambda: children(dev, execution), f"a child of {execution}")[0]


def waits(dev: Dev, execution: str) -> str:
    until(lambda: any(event["EventType"] == "CallbackStarted" for event in events(dev, execution)), f"{execution} waits")
    return execution


def status(dev: Dev, execution: str) -> str:
    return dev.describe(execution)["execution"]["status"]


def stopped(dev: Dev, execution: str, parent: str | None, reason: str) -> None:
    until(lambda: status(dev, execution) == "STOPPED", f"the end of {execution}")
    said = json.dumps(dev.describe(execution))
    assert "Everstep.Cancelled" in said and reason in said, said
    assert (parent is None) == ("cancelled by parent" not in said), said
    assert parent is None or f"({parent})" in said or f"parent {parent}" in said, said


@pytest.fixture
def chain(dev: Dev) -> list[str]:
    """A chain of three executions; the last waits for its callback."""
    first = dev.good("start", "delegates", "--input", CHAIN).out.strip()
    second = child(dev, first)
    return [first, second, waits(dev, child(dev, second))]


def test_children_and_grandchildren_are_cancelled_with_the_reason(dev: Dev, chain: list[str]) -> None:
    first, second, third = chain
    assert dev.good("cancel", first, "--reason", "the budget is gone").out == "STOPPED\n"
    stopped(dev, first, None, "the budget is gone")
    stopped(dev, second, first, "the budget is gone")
    stopped(dev, third, second, "the budget is gone")
    assert dev.good("cancel", first).out == "STOPPED\n", "twice is once"


def test_without_a_cascade_children_go_on_until_a_later_cancel(dev: Dev, chain: list[str]) -> None:
    first, second, third = chain
    dev.good("cancel", first, "--reason", "alone", "--cascade", "false")
    assert [status(dev, each) for each in chain] == ["STOPPED", "RUNNING", "RUNNING"]
    dev.good("stop", second)
    assert status(dev, third) == "RUNNING"
    dev.good("cancel", first, "--reason", "all of it")
    stopped(dev, third, second, "all of it")


def test_a_redrive_begins_the_children_anew(dev: Dev, chain: list[str]) -> None:
    first, second, _ = chain
    dev.good("cancel", first, "--reason", "too early")
    stopped(dev, second, first, "too early")
    dev.good("redrive", first)
    again = until(lambda: (found := children(dev, first))[1:] and found[1], "a second child")
    assert again != second and status(dev, again) == "RUNNING"
    assert status(dev, second) == "STOPPED"
    dev.good("cancel", first, "--reason", "enough")
    stopped(dev, again, first, "enough")


def test_a_reason_has_a_limit_and_a_cascade_is_yes_or_no(dev: Dev) -> None:
    execution = dev.good("start", "approval", "--input", "{}").out.strip()
    refused = dev.run("cancel", execution, "--reason", "x" * 10_000)
    assert refused.code != 0 and "A reason has at most" in refused.err, refused
    assert dev.run("cancel", execution, "--cascade", "perhaps").code == 2
    answer = requests.post(f"{dev.url}/executions/{execution}/cancel", json={"cascade": "perhaps"}, timeout=60)
    assert answer.status_code == 400, answer.text
    assert status(dev, execution) == "RUNNING"
    dev.good("cancel", execution)


def test_one_that_has_ended_stays_as_it_is(dev: Dev) -> None:
    name = f"cancel-{secrets.token_hex(4)}"
    dev.good("start", "greeting", "--wait", "--name", name)
    assert dev.good("cancel", name).out == "SUCCEEDED\n"


@pytest.fixture
def machine(dev: Dev) -> Callable[..., str]:
    states = client(dev, "stepfunctions")

    def create(state: dict[str, Any], **others: Any) -> str:
        end = {} if others else {"End": True}
        definition = {"StartAt": "Work", "States": {"Work": {"Type": "Task", **end, **state}, **others}}
        name = f"cancel-{secrets.token_hex(4)}"
        return states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]

    return create


def one(dev: Dev, *filters: str) -> str:
    def found() -> list[dict[str, Any]]:
        return dev.good("-o", "json", "list", *filters).json()["executions"]

    return until(found, f"an execution with {filters}")[0]["id"]


def test_nested_state_machines_and_the_functions_that_they_call_are_cancelled(dev: Dev, machine) -> None:
    inner = machine({"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "approval:$LATEST", "Payload": {}}})
    outer = machine({"Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": {"StateMachineArn": inner, "Input": {}}})
    first = dev.good("start", outer).out.strip()
    second = one(dev, "--state-machine", inner.rsplit(":", 1)[1])
    third = waits(dev, one(dev, "--function", "approval", "--name-prefix", second))
    dev.good("cancel", first, "--reason", "no more")
    stopped(dev, first, None, "no more")
    until(lambda: status(dev, second) in ("STOPPED", "ABORTED"), "the end of the nested one")
    stopped(dev, third, second, "no more")


def test_a_function_that_has_a_token_is_cancelled_and_one_that_nobody_waits_for_goes_on(dev: Dev, machine) -> None:
    call = {"FunctionName": "approval:$LATEST", "Payload": {"token.$": "$$.Task.Token"}}
    token = machine({"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": call})
    first = dev.good("start", token).out.strip()
    second = waits(dev, one(dev, "--function", "approval", "--name-prefix", first))
    event = {"FunctionName": "approval:$LATEST", "InvocationType": "Event", "Payload": {}}
    rest = {"Type": "Wait", "Seconds": 3600, "End": True}
    begun = machine({"Resource": "arn:aws:states:::lambda:invoke", "Parameters": event, "Next": "Rest"}, Rest=rest)
    third = dev.good("start", begun).out.strip()
    fourth = waits(dev, one(dev, "--function", "approval", "--name-prefix", third))
    for execution in (third, first):
        dev.good("cancel", execution, "--reason", "over")
        stopped(dev, execution, None, "over")
    stopped(dev, second, first, "over")
    assert status(dev, fourth) == "RUNNING"
    dev.good("cancel", fourth)
