"""list: search over all functions by attribute, time, name, version and status, in stable pages."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from conftest import Dev, until


def found(dev: Dev, *words: str) -> list[str]:
    return [row["id"] for row in dev.good("list", "-o", "json", *words).json()["executions"]]


def begun(dev: Dev, function: str, *words: str) -> str:
    return dev.good("start", function, *words).out.strip()


def test_attributes_find_executions_over_all_functions(dev: Dev) -> None:
    red = begun(dev, "greeting", "--attribute", "team=red", "--attribute", "customer=42")
    other = begun(dev, "raises", "--attribute", "team=red", "--attribute", "customer=43")
    blue = begun(dev, "greeting", "--attribute", "team=blue", "--attribute", "customer=42")
    for execution in (red, other, blue):
        until(lambda: dev.describe(execution)["execution"]["status"] != "RUNNING", f"{execution} ends")
    assert found(dev, "--attribute", "team=red") == [other, red], "newest first"
    assert found(dev, "--attribute", "team=red", "--reverse") == [red, other]
    assert found(dev, "--attribute", "customer=42") == [blue, red]
    assert found(dev, "--attribute", "team=red", "--attribute", "customer=42") == [red]
    assert found(dev, "--attribute", "team=red", "--status", "failed") == [other]
    assert found(dev, "--attribute", "team=red", "--function", "greeting") == [red]
    assert found(dev, "--attribute", "team=re") == []
    assert dev.describe(red)["execution"]["attributes"] == {"customer": "42", "team": "red"}
    lines = dev.good("describe", red).out.splitlines()
    assert [line for line in lines if line.startswith("attribute")] == ["attribute customer=42", "attribute team=red"]


def test_invoke_takes_attributes_in_a_header(dev: Dev) -> None:
    client = boto3.client(
        "lambda", endpoint_url=dev.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    attributes = {"value": "order=7&place=K%C3%B6ln%20Nord"}
    client.meta.events.register("before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Everstep-Attributes", attributes["value"]))
    client.invoke(FunctionName="greeting", Qualifier="$LATEST", InvocationType="Event", Payload=b"{}")
    (execution,) = found(dev, "--attribute", "order=7")
    assert found(dev, "--attribute", "place=Köln Nord") == [execution]
    attributes["value"] = "bad key=1"
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.invoke(FunctionName="greeting", Qualifier="$LATEST", InvocationType="Event", Payload=b"{}")


def test_times_bound_a_list(dev: Dev) -> None:
    def now() -> str:
        return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    first = begun(dev, "greeting", "--name", "times-1")
    time.sleep(0.01)
    between = now()
    time.sleep(0.01)
    second = begun(dev, "greeting", "--name", "times-2")
    prefix = ("--name-prefix", "times-")
    assert found(dev, *prefix, "--started-after", between) == [second]
    assert found(dev, *prefix, "--started-before", between) == [first]
    assert found(dev, *prefix, "--started-after", "1h") == [second, first]
    assert found(dev, *prefix, "--started-before", "1d") == []
    later = (datetime.now(timezone.utc) + timedelta(days=1)).isoformat()
    assert found(dev, *prefix, "--started-after", later) == []
    wrong = dev.run("list", "--started-after", "yesterday")
    assert (wrong.code, wrong.out) == (2, "")


def test_pages_hold_while_executions_come_and_end(dev: Dev) -> None:
    mine = [begun(dev, "greeting", "--attribute", "page=yes") for _ in range(5)]
    seen: list[str] = []
    cursor: list[str] = []
    while True:
        page = dev.good("list", "-o", "json", "--attribute", "page=yes", "--limit", "2", *cursor).json()
        seen += [row["id"] for row in page["executions"]]
        if page["next"] is None:
            break
        cursor = ["--cursor", page["next"]]
        begun(dev, "greeting", "--attribute", "page=yes")
    assert seen == mine[::-1], "what came meanwhile is newer than the first page"
    other = dev.run("list", "--attribute", "page=no", *cursor)
    assert other.code == 6 and "E0112" in other.err, "a cursor belongs to its list"


def test_what_is_no_attribute_is_refused(dev: Dev) -> None:
    assert dev.run("start", "greeting", "--attribute", "team").code == 2
    for pair in ("a b=1", "a=", f"a={'x' * 257}", f"{'k' * 65}=1"):
        refused = dev.run("start", "greeting", "--attribute", pair)
        assert refused.code == 6 and "E0112" in refused.err, pair
    many = [word for number in range(33) for word in ("--attribute", f"k{number}=1")]
    assert dev.run("start", "greeting", *many).code == 6
