"""What is done to a callback, and what has to be true of it whatever write the server was killed at.

Everything that was acknowledged before the kill is there, once and with the same result. What was not acknowledged is asked for again, as a client
would: it is there, or it is not, but never half. The execution ends as it must, and whoever wants to hear of it does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from callback_world import World
from sameness import faults

QUIET = ("InvocationCompleted",)
LARGE = {"report": "x" * 300_000}


class Case:
    """One play of a scenario, with one kill at most."""

    def __init__(self, world: World, name: str, at: int = 0, blow: str = "before"):
        self.world, self.name, self.at, self.blow = world, name, at, blow
        self.execution = ""
        self.token = ""
        self.callback = ""

    def arm(self) -> None:
        self.world.killer.arm(self.at, self.blow)

    # Steps.

    def begin(self, function: str = "raw", **more: Any) -> None:
        body = {"name": self.name, "input": {"mark": self.name, **more}}
        status, answer = self.world.ask("POST", f"/definitions/{function}/start", body)
        assert status in (200, 201, 202), answer
        self.execution = answer["id"] if "id" in answer else answer["execution"]["id"]

    def wait(self) -> None:
        """Until its callback waits; the worker has the token."""
        self.token = self.world.until(lambda: self.world.tokens.get(self.name), "a callback")
        self.callback = self.world.get(f"/executions/{self.execution}/callbacks")["callbacks"][0]["id"]

    def send(self, verb: str, body: Any) -> tuple[int, Any, bool]:
        """Answers the callback; whether the request was sent more than once."""
        kills = self.world.kills
        text = body if isinstance(body, str) else json.dumps(body)
        status, answer = self.world.ask("POST", f"/callbacks/{self.callback}/{verb}", text, Authorization=f"Bearer {self.token}")
        return status, answer, self.world.kills > kills

    def settle(self, verb: str, body: Any) -> None:
        """The first answer: taken now, or before the kill that nobody was told of."""
        status, answer, again = self.send(verb, body)
        assert status == 200, answer
        assert answer["outcome"] == "applied" or again and answer.get("duplicate"), answer

    def repeat(self, verb: str, body: Any) -> None:
        """What was acknowledged is known."""
        status, answer, _ = self.send(verb, body)
        assert (status, answer.get("duplicate")) == (200, True), answer

    # Promises.

    def described(self) -> dict[str, Any]:
        return self.world.get(f"/executions/{self.execution}")

    def ended(self, status: str) -> dict[str, Any]:
        def closed() -> dict[str, Any] | None:
            found = self.described()
            return found if found["execution"]["status"] not in ("RUNNING", "PAUSING") else None

        found = self.world.until(closed, f"the end of {self.name}")
        assert found["execution"]["status"] == status, found
        return found

    def events(self) -> list[dict[str, Any]]:
        return self.world.get(f"/executions/{self.execution}/history?limit=1000&data=true")["events"]

    def history(self, *kinds: str) -> list[dict[str, Any]]:
        """Legal, and of these events, each once and in this order."""
        events = self.events()
        assert faults(events) == []
        found = [event["EventType"] for event in events if event["EventType"] not in QUIET]
        assert found == list(kinds), found
        return events

    def tried(self) -> dict[str, Any]:
        return self.world.get(f"/executions/{self.execution}/callbacks")

    def applied(self, *verbs: str) -> None:
        """What was taken stands among the attempts, each once."""
        found = [attempt["verb"] for attempt in self.tried()["attempts"] if attempt["outcome"] == "applied"]
        assert found == list(verbs), found

    def letters(self) -> list[dict[str, Any]]:
        return self.world.get(f"/dead-letters?execution={self.execution}&state=dead")["letters"]

    def told(self, *kinds: str) -> None:
        """At least once each."""
        for kind in kinds:
            self.world.until(lambda kind=kind: (kind, self.name) in self.world.sink.told, f"{kind} of {self.name}")

    def seen(self) -> Any:
        """All that is shown of it, which no later life of the server changes."""
        return [self.described()["execution"], self.events(), self.tried(), self.letters()]


def settled(case: Case) -> None:
    """A callback that was answered with success, as every way to answer leaves it."""
    case.ended("SUCCEEDED")
    case.history("ExecutionStarted", "CallbackStarted", "CallbackSucceeded", "ExecutionSucceeded")
    case.told("execution.started", "callback.processed", "execution.succeeded")


def result(case: Case) -> Any:
    return case.world.get(f"/executions/{case.execution}/result")


def succeed(case: Case) -> None:
    """The whole of it: from the start to the end."""
    case.arm()
    case.begin()
    case.wait()
    case.settle("succeed", {"for": case.name})
    settled(case)
    assert result(case) == {"for": case.name}
    case.repeat("succeed", {"for": case.name})
    case.applied("succeed")
    assert case.letters() == []


def fail(case: Case) -> None:
    error = {"kind": "Agent.Broken", "message": case.name}
    case.begin()
    case.wait()
    case.arm()
    case.settle("fail", error)
    found = case.ended("FAILED")
    assert case.name in json.dumps(found["execution"].get("error") or found.get("error")), found
    case.history("ExecutionStarted", "CallbackStarted", "CallbackFailed", "ExecutionFailed")
    case.told("callback.processed", "execution.failed")
    case.repeat("fail", error)
    case.applied("fail")


def seeds(case: Case) -> None:
    """The seeds' route, whose every answer is 200."""
    case.begin()
    case.wait()
    case.arm()
    body = {"token": case.token, "status": "SUCCESS", "result": {"for": case.name}}
    kills = case.world.kills
    status, answer = case.world.ask("POST", "/callbacks", body)
    assert status == 200 and not {"conflict", "late", "orphan"} & answer.keys(), answer
    assert not answer.get("duplicate") or case.world.kills > kills, answer
    settled(case)
    assert case.name in json.dumps(result(case))
    status, answer = case.world.ask("POST", "/callbacks", body)
    assert status == 200 and answer.get("duplicate"), answer
    case.applied("succeed")


def progress(case: Case) -> None:
    """A progress report that was acknowledged is shown until the end."""
    case.begin()
    case.wait()
    case.arm()
    for percent in (40, 60):
        status, answer, _ = case.send("progress", {"percent": percent, "message": case.name})
        assert status == 200, answer
        shown = case.tried()["callbacks"][0]["progress"]
        assert (shown["percent"], shown["message"]) == (percent, case.name), shown
    case.settle("succeed", {"for": case.name})
    settled(case)
    taken = [attempt["verb"] for attempt in case.tried()["attempts"] if attempt["outcome"] == "applied"]
    assert taken.count("succeed") == 1 and taken[-1] == "succeed" and "note" in taken, taken


def late(case: Case) -> None:
    """An answer for an execution that was stopped: refused, and kept."""
    case.begin()
    case.wait()
    case.arm()
    status, answer = case.world.ask("POST", f"/executions/{case.execution}/stop", {"kind": "Test", "message": "enough"})
    assert status == 200, answer
    status, answer, again = case.send("succeed", {"late": case.name})
    assert (status, answer["code"]) == (410, "E0119"), answer
    case.ended("STOPPED")
    case.history("ExecutionStarted", "CallbackStarted", "ExecutionStopped")
    kept = case.letters()
    assert [letter["topic"] for letter in kept] == ["callback.late"] * len(kept) and 1 <= len(kept) <= 1 + again, kept
    shown = case.world.get(f"/dead-letters/{kept[0]['id']}")
    assert shown["payload"] == {"late": case.name}, shown
    case.applied()
    case.told("execution.stopped", "callback.processed")


def conflict(case: Case) -> None:
    """The same again, and another answer: the first stands, the other is kept."""
    case.begin()
    case.wait()
    case.arm()
    case.settle("succeed", {"for": case.name})
    case.repeat("succeed", {"for": case.name})
    status, answer, again = case.send("succeed", {"other": case.name})
    assert (status, answer["code"]) == (409, "E0192"), answer
    settled(case)
    assert result(case) == {"for": case.name}
    kept = case.letters()
    assert [letter["topic"] for letter in kept] == ["callback.conflict"] * len(kept) and 1 <= len(kept) <= 1 + again, kept
    case.applied("succeed")


def approval(case: Case) -> None:
    """Asked for by a person's name, decided, and brought to the callback."""
    case.begin()
    case.wait()
    case.arm()
    body = {"title": f"Publish {case.name}?", "approvers": ["ann"], "name": f"a-{case.name}", "callback": case.token}
    status, asked = case.world.ask("POST", "/approvals", body)
    assert status in (200, 201), asked
    path = f"/approvals/{asked['id']}"
    decision = {"by": "ann", "decision": "approve", "digest": asked["digest"], "comment": case.name}
    status, decided = case.world.ask("POST", f"{path}/decide", decision)
    assert (status, decided["status"]) == (200, "APPROVED"), decided
    settled(case)
    outcome = result(case)
    assert (outcome["decision"], outcome["approval_id"], outcome["approved_by"]) == ("APPROVED", asked["id"], "ann"), outcome
    assert len(outcome["decisions"]) == 1, outcome
    case.world.until(lambda: ("approval.decided", f"a-{case.name}") in case.world.sink.told, "the decision")
    status, again = case.world.ask("POST", f"{path}/decide", decision)
    assert (status, again["duplicate"], again["status"]) == (200, True, "APPROVED"), again
    case.applied("succeed")


def agent(case: Case) -> None:
    """A task of an agent that pushes: it gets the task once, and its push is only a reason to ask it."""
    case.arm()
    case.begin("agent")
    task = case.world.until(lambda: case.world.agent.of(case.name), "a task at the agent")[0]
    case.world.agent.finish(task, {"for": case.name})
    push = case.world.agent.pushes[task["id"]]
    body = {"statusUpdate": {"taskId": task["id"], "contextId": task["contextId"], "status": task["status"]}}
    status, answer = case.world.ask("POST", "/" + push["url"].split("/", 3)[3], body, X_A2A_Notification_Token=push["token"])
    assert status == 204, answer
    case.ended("SUCCEEDED")
    assert result(case) == {"for": case.name}
    assert len(case.world.agent.of(case.name)) == 1, "the agent was given the task twice"
    case.told("execution.started", "execution.succeeded")


def large(case: Case) -> None:
    """A result above the threshold: its artifact is whole before anybody is told of it."""
    case.begin()
    case.wait()
    case.arm()
    case.settle("succeed", LARGE)
    settled(case)
    reference = result(case)
    assert reference["artifact_type"] == "s3_reference", reference
    path = f"/executions/{case.execution}/result?resolve=true"
    status, text = case.world.ask("GET", path, Authorization=f"Bearer {case.world.key}")
    assert (status, text) == (200, LARGE), (status, str(text)[:200])
    case.repeat("succeed", LARGE)
    case.applied("succeed")


def recovery(case: Case) -> None:
    """Killed again while it finds out what the first kill has left."""
    case.begin()
    case.wait()
    case.settle("succeed", {"for": case.name})
    case.world.server.process.kill()
    case.world.server.process.wait()
    case.world.start_armed(case.arm)
    settled(case)
    assert result(case) == {"for": case.name}
    case.repeat("succeed", {"for": case.name})
    case.applied("succeed")


def cascade(case: Case) -> None:
    """A chain of three executions, at whose end an agent works and a person is asked: the first is cancelled, and all of it ends."""
    world = case.world
    case.begin(depth=2, agent=True)
    token = world.until(lambda: world.tokens.get(case.name), "the callback of the last")
    task = world.until(lambda: world.agent.of(case.name), "a task at the agent")[0]
    body = {"title": f"Publish {case.name}?", "approvers": ["ann"], "name": f"a-{case.name}", "callback": token}
    status, asked = world.ask("POST", "/approvals", body)
    assert status in (200, 201), asked
    case.arm()
    status, cancelled = world.ask("POST", f"/executions/{case.execution}/cancel", {"reason": f"enough of {case.name}"})
    assert (status, cancelled["status"]) == (200, "STOPPED"), cancelled
    case.history("ExecutionStarted", "ChainedInvokeStarted", "ExecutionStopped")
    below = case
    for kinds in (["ChainedInvokeStarted"], ["CallbackStarted", "ChainedInvokeStarted"]):
        parent = below
        [arn] = [event["ChainedInvokeStartedDetails"]["DurableExecutionArn"] for event in parent.events() if "ChainedInvokeStartedDetails" in event]
        below = Case(world, arn.rsplit("/", 1)[1])
        below.execution = below.name
        error = json.dumps(below.ended("STOPPED"))
        assert "Everstep.Cancelled" in error and "cancelled by parent" in error and parent.execution in error, error
        assert f"enough of {case.name}" in error, error
        below.history("ExecutionStarted", *kinds, "ExecutionStopped")
    world.until(lambda: task["status"]["state"] == "TASK_STATE_CANCELED", "the end of the agent's task")
    world.until(lambda: world.get(f"/approvals/{asked['id']}")["status"] == "CANCELLED", "the end of the approval")
    case.told("execution.stopped")
    assert len(world.agent.of(case.name)) == 1, "the agent was given the task twice"


SCENARIOS: dict[str, Callable[[Case], None]] = {
    scenario.__name__: scenario for scenario in (succeed, fail, seeds, progress, late, conflict, approval, agent, large, cascade, recovery)
}
