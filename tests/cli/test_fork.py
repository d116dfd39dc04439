"""fork: an execution that begins with what another one had done before an operation, on the unmodified SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
from beyond import World
from conftest import Dev, until


@pytest.fixture
def world(dev: Dev, tmp_path: Path) -> World:
    return World(dev, tmp_path)


def types(world: World, execution: str) -> list[str]:
    return [event["EventType"] for event in world.dev.good("-o", "json", "history", execution).json()["events"]]


def test_what_came_before_is_taken_over_and_the_rest_runs(world: World) -> None:
    source = world.start("order", "--input", "7", "--attribute", "squad=red")
    assert world.ended(source)["execution"]["status"] == "SUCCEEDED"
    before = world.ran()
    forked = world.dev.good("fork", source, "--at", "second", "--input", '"new"', "--attribute", "case=3", "-o", "json").json()
    fork = forked["execution"]["id"]
    assert fork != source and forked["forked_from"]["execution"] == source
    described = world.ended(fork)
    assert described["result"] == ["new", "first", "second", "last"]
    assert world.ran()[len(before) :] == ["second", "last"], "what was taken over does not run again"
    assert described["forked_from"] == {"execution": source, "operation": 5}
    assert described["execution"]["attributes"] == {"squad": "red", "case": "3"}
    assert f"forked    from {source}, before operation 5" in world.dev.good("describe", fork).out
    assert world.dev.describe(source)["result"] == [7, "first", "second", "last"], "the source is left as it is"
    events = world.dev.good("-o", "json", "history", fork).json()["events"]
    assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))


def test_a_failed_execution_can_be_forked_with_another_input(world: World) -> None:
    world.fails("second")
    source = world.start("order", "--input", "1")
    assert world.ended(source)["execution"]["status"] == "FAILED"
    world.fails("second", False)
    done = world.dev.good("fork", source, "--at", "5", "--input", "2", "--wait")
    assert done.out == '[2,"first","second","last"]\n'
    assert world.status(source) == "FAILED"
    again = world.dev.good("fork", source, "--at", "0", "--wait")
    assert again.out == '[1,"first","second","last"]\n' and world.ran().count("first") == 2


def test_large_payloads_are_copied(world: World) -> None:
    large = "x" * 100_000
    (world.folder / "input.json").write_text(f'"{large}"')
    source = world.start("order", "--input", f"@{world.folder / 'input.json'}")
    world.ended(source)
    fork = world.dev.good("fork", source, "--at", "last").out.strip()
    assert world.ended(fork)["result"][0] == large
    assert world.dev.describe(fork)["input"] == large


def test_a_running_source_and_what_is_in_flight(world: World) -> None:
    source = world.start("slow", "--input", "1")
    until(lambda: "CallbackStarted" in types(world, source), "it waits for its callback")
    forked = world.dev.run("fork", source, "--at", "answer")
    fork = forked.out.strip()
    callback = until(lambda: callback_of(world, fork), "the fork asks, too")
    assert callback != callback_of(world, source)
    world.dev.good("callback", "succeed", callback, "--result", "2")
    assert world.ended(fork)["result"] == ["2", "after"]
    assert world.status(source) == "RUNNING"
    early = world.dev.run("fork", source, "--at", "pause")
    until(lambda: "WaitStarted" in types(world, early.out.strip()), "the wait is the fork's own")
    for execution in (source, early.out.strip()):
        world.dev.good("stop", execution)


def test_a_callback_in_flight_is_asked_for_under_the_forks_own_id(world: World) -> None:
    world.fails("c")
    source = world.start("asking")
    asked = world.folder / "asked"
    first = until(lambda: asked.exists() and asked.read_text(), "it asks")
    world.dev.good("callback", "succeed", first, "--result", '"one"')
    world.ended(source)
    submitter = next(op for op in world.dev.describe(source)["operations"] if op["kind"] == "STEP")
    forked = world.dev.run("fork", source, "--at", str(submitter["number"]))
    assert "In flight: CALLBACK" in forked.err and "under an id of the fork" in forked.err
    second = until(lambda: asked.read_text() != first and asked.read_text(), "the fork asks under its own id")
    world.dev.good("callback", "succeed", second, "--result", '"two"')
    assert world.ended(forked.out.strip())["result"] in ("two", '"two"')


def callback_of(world: World, execution: str) -> str | None:
    events = world.dev.good("-o", "json", "history", execution).json()["events"]
    started = [event for event in events if event["EventType"] == "CallbackStarted"]
    return started[0]["CallbackStartedDetails"]["CallbackId"] if started else None


def test_a_fork_is_idempotent_by_its_name(world: World) -> None:
    source = world.start("order")
    world.ended(source)
    first = world.dev.good("fork", source, "--at", "last", "--name", "mine").out
    assert world.dev.good("fork", source, "--at", "last", "--name", "mine").out == first
    other = world.dev.run("fork", source, "--at", "second", "--name", "mine")
    assert other.code == 4 and "E0113" in other.err


def test_operations_that_are_not_there_or_not_one(world: World) -> None:
    source = world.start("branches", "--input", '["a","a"]')
    world.ended(source)
    for at in ("nothing", "99"):
        missing = world.dev.run("fork", source, "--at", at)
        assert (missing.code, missing.out) == (3, "") and "E0141" in missing.err
    several = world.dev.run("fork", source, "--at", "a")
    assert several.code == 4 and "E0142" in several.err
