"""callback, approve and reject."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from conftest import Dev, until


def outcome(dev: Dev, execution: str) -> dict:
    return until(lambda: (found := dev.describe(execution))["execution"]["status"] != "RUNNING" and found, f"{execution} ends")


def test_succeed(dev: Dev, waiting) -> None:
    execution, callback = waiting()
    answered = dev.good("callback", "succeed", callback, "--result", '{"b":1.50,"a":true}')
    assert (answered.out, answered.err) == ("", "")
    ended = outcome(dev, execution)
    # The SDK hands the text on as it came.
    assert (ended["execution"]["status"], ended["result"]) == ("SUCCEEDED", '{"b":1.50,"a":true}')


def test_succeed_without_a_result(dev: Dev, waiting) -> None:
    execution, callback = waiting()
    dev.good("callback", "succeed", callback)
    assert outcome(dev, execution)["execution"]["status"] == "SUCCEEDED"


def test_fail(dev: Dev, waiting) -> None:
    execution, callback = waiting()
    dev.good("callback", "fail", callback, "--error", "Refused", "--message", "not like this")
    ended = outcome(dev, execution)
    assert ended["execution"]["status"] == "FAILED"
    assert "not like this" in ended["error"]["message"]


def test_heartbeat_keeps_it_alive(dev: Dev, waiting) -> None:
    silent, _ = waiting('{"heartbeat": 3}')
    alive, callback = waiting('{"heartbeat": 3}')
    before = time.monotonic()
    while time.monotonic() - before < 5:
        dev.good("callback", "heartbeat", callback)
        time.sleep(0.5)
    described = dev.describe(alive)
    assert described["execution"]["status"] == "RUNNING"
    assert described["waiting_for"][0]["last_heartbeat_at"]
    assert outcome(dev, silent)["execution"]["status"] == "FAILED", "nobody spoke for it"
    dev.good("callback", "succeed", callback)
    assert outcome(dev, alive)["execution"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize("verb", ["succeed", "fail", "heartbeat"])
def test_a_callback_that_is_not_there(dev: Dev, verb: str) -> None:
    missing = dev.run("callback", verb, "nobody")
    assert (missing.code, missing.out) == (3, "")
    assert "Callback not found" in missing.err


def test_a_result_that_is_not_json(dev: Dev, waiting) -> None:
    execution, callback = waiting()
    assert dev.run("callback", "succeed", callback, "--result", "yes please").code == 2
    assert dev.describe(execution)["execution"]["status"] == "RUNNING"
    dev.good("stop", execution)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A server with the research workflow."""
    server = Dev(tmp_path_factory.mktemp("demo"))
    try:
        yield server
    finally:
        server.end()


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_workflow_that_is_not_there(demo: Dev, verb: str) -> None:
    missing = demo.run(verb, "nobody")
    assert (missing.code, missing.out) == (3, "")
    assert "Workflow not found" in missing.err


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("approve", "--feedback", "shorter, please", "--by", "a test"), "COMPLETED"),
        (("reject", "--reason", "not this one", "--by", "a test"), "REJECTED"),
    ],
)
def test_a_decision(demo: Dev, words: tuple[str, ...], end: str) -> None:
    workflow = f"decided-{end.lower()}"
    execution = demo.good("start", "ResearchWorkflow", "--input", f'{{"topic": "Heat pumps", "workflow_id": "{workflow}"}}').out.strip()
    waits = lambda: any(wait["name"] == "human_approval" for wait in demo.describe(execution)["waiting_for"])  # noqa: E731
    until(waits, "it asks for approval")
    # The callback is there a moment before the request for approval has been recorded.
    decided = until(lambda: (made := demo.run(words[0], workflow, *words[1:])).code != 4 and made, "it can be decided")
    assert (decided.code, decided.out) == (0, "decision_recorded\n"), decided
    again = demo.run("approve", workflow)
    assert again.code == 4 and again.out == "", "the first decision stands"
    ended = outcome(demo, execution)
    assert ended["result"]["status"] == end
    if end == "REJECTED":
        assert ended["result"]["reason"] == "not this one"
