"""`POST /start-durable-execution`: what SAM CLI sends to an emulator that is not its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from conftest import Executions


def send(endpoint: str, **members: Any) -> requests.Response:
    return requests.post(f"{endpoint}/start-durable-execution", json=members, timeout=30)


def test_a_start_runs_with_its_own_timeout(endpoint: str, durable: Callable[[str], str], executions: Executions, client: Any) -> None:
    name = durable("greeting")
    members = {
        "AccountId": "123456789012",
        "FunctionName": name,
        "FunctionQualifier": "$LATEST",
        "ExecutionName": f"sam-{name}",
        "ExecutionTimeoutSeconds": 77,
        "ExecutionRetentionPeriodDays": 3,
        "Input": json.dumps("SAM"),
    }
    answer = send(endpoint, **members)
    assert answer.status_code == 200, answer.text
    arn = answer.json()["ExecutionArn"]
    assert f"function:{name}:$LATEST/durable-execution/sam-{name}/" in arn
    ended = executions.until(lambda: (found := executions.describe(arn))["Status"] == "SUCCEEDED" and found)
    assert json.loads(ended["Result"]) == "Hello, SAM!"
    started = executions.events(arn)[0]["ExecutionStartedDetails"]
    assert started["ExecutionTimeout"] == 77
    assert send(endpoint, **members).json()["ExecutionArn"] == arn
    assert send(endpoint, **{**members, "Input": "1"}).status_code == 409


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"FunctionName": "nobody"}, 404),
        ({"FunctionQualifier": "77"}, 404),
        ({"ExecutionName": "a b"}, 400),
        ({"ExecutionTimeoutSeconds": 0}, 400),
        ({"ExecutionRetentionPeriodDays": 91}, 400),
        ({"Input": "{"}, 400),
        ({"FunctionName": None}, 400),
    ],
)
def test_a_wrong_start_is_refused_with_a_code(endpoint: str, durable: Callable[[str], str], wrong: dict[str, Any], status: int) -> None:
    answer = send(endpoint, **{"FunctionName": durable("greeting"), **wrong})
    assert answer.status_code == status, answer.text
    assert answer.json()["code"].startswith("E0")


def test_a_plain_function_is_refused(endpoint: str, create: Callable[..., str]) -> None:
    answer = send(endpoint, FunctionName=create("plain.echo"))
    assert answer.status_code == 400
    assert "not a durable function" in answer.text
