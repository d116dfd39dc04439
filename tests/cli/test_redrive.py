"""redrive: a failed execution goes on from what failed, on the unmodified SDK."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from beyond import World
from conftest import Dev, until


@pytest.fixture
def world(dev: Dev, tmp_path: Path) -> World:
    return World(dev, tmp_path)


def types(world: World, execution: str) -> list[str]:
    return [event["EventType"] for event in world.dev.good("-o", "json", "history", execution).json()["events"]]


def test_what_failed_runs_again_and_what_succeeded_does_not(world: World) -> None:
    world.fails("tried")
    world.fails("second")
    execution = world.start("order", "--input", "7")
    assert world.ended(execution)["execution"]["status"] == "FAILED"
    assert world.ran() == ["first", "tried", "instead", "inside", "second"]
    world.fails("second", False)
    world.fails("tried", False)
    redriven = world.dev.good("redrive", "--wait", execution)
    assert redriven.out == '[7,"first","second","last"]\n'
    assert world.ran()[5:] == ["second", "last"], "the failure that the code had handled stays handled"
    history = types(world, execution)
    assert history.index("ExecutionFailed") + 1 == history.index("ExecutionRedriven")
    assert history[-1] == "ExecutionSucceeded"


def test_redrive_says_what_it_undoes(world: World) -> None:
    world.fails("second")
    execution = world.start("order")
    world.ended(execution)
    redriven = world.dev.good("redrive", execution, "-o", "json").json()
    assert [operation["name"] for operation in redriven["operations"]] == ["inner", "second"]
    assert redriven["execution"]["status"] == "RUNNING"
    failed = world.ended(execution)
    assert failed["execution"]["status"] == "FAILED"
    assert world.ran().count("first") == 1 and world.ran().count("second") == 2
    table = world.dev.good("redrive", execution).out.splitlines()
    assert [line.split()[-1] for line in table] == ["NAME", "inner", "second"]


def test_a_redrive_is_listed_as_running_and_kept_as_long_as_before(world: World) -> None:
    world.fails("second")
    execution = world.start("order", "--name", "listed")
    world.ended(execution)
    function = world.function("order")

    def listed(status: str) -> list[str]:
        page = world.dev.good("list", "-o", "json", "--function", function, "--status", status).json()
        return [row["id"] for row in page["executions"]]

    assert listed("failed") == [execution]
    world.fails("second", False)
    world.dev.good("redrive", "--wait", execution)
    assert (listed("failed"), listed("running"), listed("succeeded")) == ([], [], [execution])
    again = world.dev.good("start", function, "--name", "listed").out.strip()
    assert again == execution, "it still has its name"


def test_only_the_failed_branches_of_a_map_run_again(world: World) -> None:
    world.fails("b")
    execution = world.start("branches", "--input", '["a","b","c"]')
    assert world.ended(execution)["execution"]["status"] == "FAILED"
    before = world.ran()
    world.fails("b", False)
    redriven = world.dev.good("redrive", "--wait", execution)
    assert redriven.out == '["a","b","c"]\n'
    assert world.ran()[len(before) :] == [name for name in ("b", "c") if name == "b" or "c" not in before]


def test_a_failed_callback_is_asked_for_again_under_another_id(world: World) -> None:
    execution = world.start("asking")
    asked = world.folder / "asked"
    first = until(lambda: asked.exists() and asked.read_text(), "it asks")
    world.dev.good("callback", "fail", first, "--error", "Refused")
    assert world.ended(execution)["execution"]["status"] == "FAILED"
    world.dev.good("redrive", execution)
    second = until(lambda: asked.read_text() != first and asked.read_text(), "it asks again")
    late = world.dev.run("callback", "succeed", first)
    assert late.code != 0, "the former id is closed"
    world.dev.good("callback", "succeed", second, "--result", '"yes"')
    assert world.ended(execution)["execution"]["status"] == "SUCCEEDED"


def test_a_stopped_execution_goes_on_with_what_it_waited_for(world: World) -> None:
    execution = world.start("slow", "--input", "1")
    callback = until(lambda: waiting_callback(world, execution), "it waits for its callback")
    world.dev.good("stop", execution)
    assert world.dev.run("callback", "succeed", callback).code != 0
    world.dev.good("redrive", execution)
    world.dev.good("callback", "succeed", callback, "--result", "5")
    assert world.ended(execution)["result"] == ["5", "after"]
    assert world.ran() == ["before", "after"]


def waiting_callback(world: World, execution: str) -> str | None:
    events = world.dev.good("-o", "json", "history", execution).json()["events"]
    started = [event for event in events if event["EventType"] == "CallbackStarted"]
    return started[0]["CallbackStartedDetails"]["CallbackId"] if started else None


def test_aws_history_stays_within_its_own_events(world: World) -> None:
    world.fails("second")
    execution = world.start("order")
    world.ended(execution)
    world.fails("second", False)
    arn = world.dev.describe(execution)["execution"]["arn"]
    world.dev.good("redrive", "--wait", execution)
    client = boto3.client(
        "lambda", endpoint_url=world.dev.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    events = client.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True, MaxItems=1000)["Events"]
    known = client.meta.service_model.shape_for("EventType").enum
    assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))
    assert {event["EventType"] for event in events} <= set(known)
    resumed = next(event for event in events if event["EventType"] == "ExecutionResumed")
    assert resumed["ExecutionResumedDetails"]["Reason"]["Payload"] == "Redriven"


def test_what_runs_or_has_succeeded_is_not_redriven(world: World) -> None:
    done = world.start("order")
    world.ended(done)
    waits = world.start("slow", "--input", "1")
    for execution in (done, waits):
        refused = world.dev.run("redrive", execution)
        assert (refused.code, refused.out) == (4, ""), refused
        assert "E0140" in refused.err
    missing = world.dev.run("redrive", "01a1fd55-b070-7cca-9e02-0055fd5a0082")
    assert missing.code == 3 and "E0106" in missing.err
    world.dev.good("stop", waits)
