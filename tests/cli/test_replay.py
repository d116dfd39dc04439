"""replay: a recorded execution against other code, on the unmodified SDK: the first divergence is told, and nothing happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from beyond import World
from conftest import Dev, Ended, until

HEAD = """
import os
from pathlib import Path
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import Duration, MapConfig, StepConfig
from aws_durable_execution_sdk_python.retries import RetryPresets

ONCE = StepConfig(retry_strategy=RetryPresets.none())
WORLD = Path(os.environ["WORLD"])

def run(name):
    def body(_):
        (WORLD / "replayed").write_text(name)
        return name
    return body
"""

# What `order` of functions/beyond.py does, in lines that the cases change.
ORDER = '''
@durable_execution
def order(event, context):
    first = context.step(run("first"), name="first", config=ONCE)
    context.step(run("tried"), name="tried", config=ONCE)
    def inner(child):
        child.step(run("inside"), name="inside", config=ONCE)
        return child.step(run("second"), name="second", config=ONCE)
    second = context.run_in_child_context(inner, name="inner")
    return [event, first, second, context.step(run("last"), name="last", config=ONCE)]
'''


@pytest.fixture
def world(dev: Dev, tmp_path: Path) -> World:
    return World(dev, tmp_path)


@pytest.fixture
def recorded(world: World) -> str:
    execution = world.start("order", "--input", "7")
    assert world.ended(execution)["execution"]["status"] == "SUCCEEDED"
    return execution


def replay(world: World, execution: str, code: str, *words: str) -> Ended:
    folder = world.folder / "code"
    folder.mkdir(exist_ok=True)
    (folder / "beyond.py").write_text(HEAD + code)
    return world.dev.run("replay", execution, "--code", str(folder), *words)


def changed(old: str, new: str) -> str:
    assert ORDER.count(old) == 1, old
    return ORDER.replace(old, new)


def test_the_same_code_matches_and_runs_no_body(world: World, recorded: str) -> None:
    before = world.ran()
    same = replay(world, recorded, ORDER)
    assert (same.code, same.out) == (0, "matches: 6 operations, to the end\n"), same
    as_json = replay(world, recorded, ORDER, "-o", "json").json()
    assert (as_json["verdict"], as_json["divergence"]) == ("matches", None)
    assert not (world.folder / "replayed").exists() and world.ran() == before, "no body of a recorded step has run"
    assert len(world.dev.good("list", "-o", "json", "--function", world.function("order")).json()["executions"]) == 1


CASES = {
    "renamed": ('name="tried"', 'name="tested"', "identity", 2),
    "renamed inside a context": ('name="second"', 'name="seconds"', "identity", 5),
    "another type": ('context.step(run("tried"), name="tried", config=ONCE)', 'context.wait(Duration.from_seconds(1), name="tried")', "identity", 2),
    "inserted": ('    def inner', '    context.step(run("new"), name="new", config=ONCE)\n    def inner', "identity", 3),
    "inserted at the end": ('    return [event, first', '    context.step(run("a"), name="last", config=ONCE)\n    return [event, first', "inserted", None),
    "removed": ('    context.step(run("tried"), name="tried", config=ONCE)\n', "", "identity", 2),
    "removed at the end": ('context.step(run("last"), name="last", config=ONCE)]', '"last"]', "removed", 6),
    "removed at the end of a context": ('return child.step(run("second"), name="second", config=ONCE)', 'return "second"', "removed", 5),
    "another result": ("return [event, first", "return [first, event", "result", None),
    "another end": ("    return [event", '    raise ValueError("no")\n    return [event', "end", None),
    "no answer": ("    return [event", '    os._exit(3)\n    return [event', "code", None),
}


@pytest.mark.parametrize("case", CASES, ids=[name.replace(" ", "-") for name in CASES])
def test_a_divergence_is_told_with_its_operation(world: World, recorded: str, case: str) -> None:
    old, new, kind, operation = CASES[case]
    found = replay(world, recorded, changed(old, new), "-o", "json")
    assert found.code == 1, found
    divergence = found.json()["divergence"]
    assert (divergence["kind"], divergence["operation"]) == (kind, operation), divergence
    assert f"diverges ({kind})" in found.err and "recorded:" in found.err and "code:" in found.err
    assert world.ran() == ["first", "tried", "inside", "second", "last"]


def test_steps_that_changed_places_are_found(world: World, recorded: str) -> None:
    first, tried = 'run("first"), name="first"', 'run("tried"), name="tried"'
    swapped = ORDER.replace(first, "%").replace(tried, first).replace("%", tried)
    found = replay(world, recorded, swapped, "-o", "json").json()["divergence"]
    assert (found["kind"], found["operation"]) == ("identity", 1)


SLOW = '''
@durable_execution
def slow(event, context):
    context.step(run("before"), name="before", config=ONCE)
    context.wait(Duration.from_seconds(event), name="pause")
    answer = context.create_callback(name="answer").result()
    return [answer, context.step(run("after"), name="after", config=ONCE)]
'''


def test_a_recording_that_waits_is_an_end_and_no_divergence(world: World) -> None:
    execution = world.start("slow", "--input", "1")
    until(lambda: waits(world, execution) == ["callback"], "it waits for its callback")
    same = replay(world, execution, SLOW)
    assert (same.code, same.out) == (0, "matches: 3 operations, then the recording ends: callback 3 (answer) waits\n"), same
    later = replay(world, execution, SLOW.replace('name="after"', 'name="afterwards"'))
    assert later.code == 0, "what was not recorded may change"
    renamed = replay(world, execution, SLOW.replace('name="answer"', 'name="reply"'))
    assert renamed.code == 1 and "callback 3 (answer)" in renamed.err
    gone = replay(world, execution, SLOW.replace('context.create_callback(name="answer").result()', "1"))
    assert gone.code == 1 and "diverges" in gone.err
    assert world.status(execution) == "RUNNING"
    world.dev.good("stop", execution)


def waits(world: World, execution: str) -> list[str]:
    return [waiting["what"] for waiting in world.dev.describe(execution)["waiting_for"]]


BRANCHES = '''
@durable_execution
def branches(event, context):
    def branch(child, item, index, items):
        return child.step(run(item), name=item, config=ONCE)
    result = context.map(event, branch, name="branches", config=MapConfig(max_concurrency=1))
    result.throw_if_error()
    return result.get_results()
'''


def test_maps_are_replayed_branch_by_branch(world: World) -> None:
    execution = world.start("branches", "--input", '["a","b"]')
    assert world.ended(execution)["execution"]["status"] == "SUCCEEDED"
    assert replay(world, execution, BRANCHES).code == 0
    renamed = replay(world, execution, BRANCHES.replace("name=item", 'name=item + "x"'))
    assert renamed.code == 1 and "identity" in renamed.err
    gone = replay(world, execution, BRANCHES.replace("context.map(event", "context.map(event[:1]"))
    assert gone.code == 1, gone


def test_a_map_that_gains_or_loses_items_names_the_branch(world: World) -> None:
    execution = world.start("branches", "--input", '["a","b","c","d"]')
    recorded = world.ended(execution)
    assert recorded["execution"]["status"] == "SUCCEEDED"
    once = world.ran()
    more = replay(world, execution, BRANCHES.replace("context.map(event", 'context.map(event + ["e"]'), "-o", "json")
    found = more.json()["divergence"]
    assert (more.code, found["kind"], found["operation"]) == (1, "inserted", None), found
    assert found["asked"].startswith("context"), found
    for kept, lost in ((2, {"c", "d"}), (3, {"d"}), (1, {"b", "c", "d"})):
        fewer = replay(world, execution, BRANCHES.replace("context.map(event", f"context.map(event[:{kept}]"), "-o", "json")
        found = fewer.json()["divergence"]
        # Branches run at once: which of those that are gone comes first is chance.
        branches = [step["parent"] for step in recorded["operations"] if step["name"] in lost]
        assert (fewer.code, found["kind"]) == (1, "removed") and found["operation"] in branches, found
    assert world.ran() == once


def test_code_that_does_not_start_is_no_divergence(world: World, recorded: str) -> None:
    none = replay(world, recorded, ORDER, "--python", "/nowhere/python")
    assert none.code == 7 and "the code does not start" in none.err and "EVERSTEP_PYTHON" in none.err, none
    package = replay(world, recorded, "import a_package_that_is_not_there\n" + ORDER, "-o", "json")
    assert package.code == 7 and package.json()["verdict"] == "not_started", package
    assert "a_package_that_is_not_there" in package.json()["reason"] and "diverges" not in package.err
    handler = replay(world, recorded, ORDER, "--handler", "nothing.order")
    assert handler.code == 7 and "nothing" in handler.err, handler
    spelled = replay(world, recorded, changed("def order(event, context):", "def order(event, context)"))
    assert spelled.code == 7 and "does not start" in spelled.err, spelled


def test_a_failed_execution_matches_its_failure(world: World) -> None:
    world.fails("second")
    execution = world.start("order", "--input", "7")
    assert world.ended(execution)["execution"]["status"] == "FAILED"
    same = replay(world, execution, ORDER)
    assert same.code == 0, same
    caught = changed(
        'second = context.run_in_child_context(inner, name="inner")',
        'try:\n        second = context.run_in_child_context(inner, name="inner")\n    except Exception:\n        second = 2',
    )
    found = replay(world, execution, caught, "-o", "json").json()["divergence"]
    assert found["kind"] == "inserted" and found["asked"] == "step (last)", found


def test_what_cannot_be_replayed(world: World, recorded: str) -> None:
    missing = world.dev.run("replay", "01a1fd55-b070-7cca-9e02-0055fd5a0082", "--code", ".")
    assert missing.code == 3 and "E0106" in missing.err
    nowhere = world.dev.run("replay", recorded, "--code", str(world.folder / "nowhere"))
    assert (nowhere.code, nowhere.out) == (2, "")
