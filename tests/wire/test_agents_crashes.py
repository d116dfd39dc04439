"""A server that is killed between any two steps of an agent's task: the next one goes on with it, and no task is begun twice."""

from __future__ import annotations

import json
import secrets

import pytest
from agents_world import Peer, Server, eventually, peer, shared  # noqa: F401 (fixtures)


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.end()


@pytest.fixture
def mark():
    return secrets.token_hex(4)


def calls(peer: Peer, method: str) -> int:
    return peer.seen("calls").count(method)


def test_killed_before_the_agent_has_the_task(server, peer, mark):
    """The intent is durable, the message was never read: it is looked for, not found, and sent."""
    server.agent("agent", peer.url)
    peer.admin("manners", {"before": True})
    sent = calls(peer, "SendMessage")
    id = server.begin("agent", {"do": "echo", "value": "sent", "mark": mark})
    eventually(lambda: calls(peer, "SendMessage") > sent)
    server.kill()
    peer.admin("manners")
    looked = calls(peer, "ListTasks")
    server.start()
    assert server.result(id) == "sent"
    assert len(peer.messages(mark)) == 1
    assert calls(peer, "ListTasks") > looked


def test_killed_before_the_agents_reply(server, peer, mark):
    """The agent works on it, and nobody here knows: it is looked for, and found."""
    server.agent("agent", peer.url)
    peer.admin("manners", {"after": True})
    id = server.begin("agent", {"do": "hold", "value": "found", "mark": mark})
    peer.has(mark)
    server.again()
    peer.admin("manners")
    peer.admin("release")
    assert server.result(id) == "found"
    assert len(peer.messages(mark)) == 1


def test_killed_while_the_agent_works(server, peer, mark):
    """Its task is noted: it is asked for, and neither looked for nor sent."""
    server.agent("agent", peer.url)
    asked = calls(peer, "GetTask")
    id = server.begin("agent", {"do": "hold", "value": "there", "mark": mark})
    peer.has(mark)
    eventually(lambda: calls(peer, "GetTask") > asked)
    looked, sent = calls(peer, "ListTasks"), calls(peer, "SendMessage")
    server.again()
    peer.admin("release")
    assert server.result(id) == "there"
    assert (calls(peer, "ListTasks"), calls(peer, "SendMessage")) == (looked, sent)


def test_the_agent_ends_while_nobody_listens(server, peer, mark):
    server.agent("agent", peer.url)
    id = server.begin("agent", {"do": "hold", "value": "meanwhile", "mark": mark})
    peer.has(mark)
    server.kill()
    pushes = len(peer.seen("pushes"))
    peer.admin("release")
    eventually(lambda: len(peer.seen("pushes")) > pushes)
    server.start()
    assert server.result(id) == "meanwhile"
    assert len(peer.messages(mark)) == 1


def test_killed_after_the_result(server, peer, mark):
    """A result that was taken is there, and the agent is not asked again."""
    server.agent("agent", peer.url)
    id = server.begin("agent", {"do": "echo", "value": "kept", "mark": mark})
    assert server.result(id) == "kept"
    server.again()
    assert server.result(id) == "kept"
    assert len(peer.messages(mark)) == 1


def test_a_task_of_a_state_machine_survives_too(server, peer, mark):
    server.agent("agent", peer.url)
    definition = {
        "StartAt": "Call",
        "States": {"Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "agent", "Payload.$": "$"}, "End": True}},
    }
    made = server.states.create_state_machine(name="calls", definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/test")
    started = server.states.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps({"do": "hold", "value": 7, "mark": mark}))
    peer.has(mark)
    server.again()
    peer.admin("release")
    found = eventually(lambda: (found := server.states.describe_execution(executionArn=started["executionArn"]))["status"] != "RUNNING" and found)
    assert json.loads(found["output"])["Payload"] == 7
    assert len(peer.messages(mark)) == 1


def test_a_stop_reaches_the_agent_although_the_server_is_killed(server, peer, mark):
    server.agent("agent", peer.url)
    asked, cancels = calls(peer, "GetTask"), calls(peer, "CancelTask")
    id = server.begin("agent", {"do": "hold", "mark": mark})
    task = peer.has(mark)["task"]
    eventually(lambda: calls(peer, "GetTask") > asked)
    peer.admin("manners", {"fail": 1000, "failing": ["CancelTask"]})
    server.call("POST", f"/executions/{id}/stop")
    eventually(lambda: calls(peer, "CancelTask") > cancels)
    server.kill()
    peer.admin("manners")
    assert task not in peer.seen("cancelled")
    server.start()
    eventually(lambda: task in peer.seen("cancelled"))


def asking(server, id):
    """The approval by which the agent of this execution asks."""

    def find():
        waits = [wait["agent"]["asks_by"] for wait in server.describe(id)["waiting_for"] if wait.get("agent")]
        return waits and waits[0]

    return server.call("GET", f"/approvals/{eventually(find)}")


def decide(server, approval, answer):
    body = {"decision": "approve", "digest": approval["digest"], "by": "ann", "form": {"answer": answer}}
    server.call("POST", f"/approvals/{approval['id']}/decide", body)


@pytest.mark.parametrize("dialect", ["a2a-1.0", "a2a-0.3"])
def test_killed_between_an_answer_and_its_record(server, peer, mark, dialect):
    """The agent has the answer and still thinks; nobody here knows: it is looked for in the task's history, and not sent again."""
    server.agent("agent", peer.url, dialect=dialect)
    id = server.begin("agent", {"do": "ask", "question": "which?", "mark": mark})
    task = peer.has(mark)["task"]
    approval = asking(server, id)
    peer.admin("manners", {"after": True, "ponder": True})
    decide(server, approval, '{"choice": 1}')
    heard = lambda: [answer for answer in peer.seen("answers") if answer["task"] == task]  # noqa: E731
    eventually(heard)
    server.kill()
    peer.admin("manners", {"ponder": True})
    send, get = ("SendMessage", "GetTask") if dialect == "a2a-1.0" else ("message/send", "tasks/get")
    sent, asked = calls(peer, send), calls(peer, get)
    server.start()
    # One look at the task, one for the answer, one at what has become of it.
    eventually(lambda: calls(peer, get) > asked + 2)
    peer.admin("release")
    assert server.result(id) == {"choice": 1}
    assert len(heard()) == 1 and calls(peer, send) == sent
    assert server.call("GET", f"/approvals/{approval['id']}")["status"] == "APPROVED"


def test_killed_before_an_answer_arrives(server, peer, mark):
    """The answer was never read: it is looked for, not found, and sent."""
    server.agent("agent", peer.url)
    id = server.begin("agent", {"do": "ask", "question": "which?", "mark": mark})
    task = peer.has(mark)["task"]
    approval = asking(server, id)
    peer.admin("manners", {"before": True})
    sent = calls(peer, "SendMessage")
    decide(server, approval, '{"choice": 2}')
    eventually(lambda: calls(peer, "SendMessage") > sent)
    server.kill()
    peer.admin("manners")
    server.start()
    assert server.result(id) == {"choice": 2}
    assert len([answer for answer in peer.seen("answers") if answer["task"] == task]) == 1


@pytest.mark.parametrize("policy", ["fail", "resend"])
def test_an_agent_that_can_not_be_asked_follows_its_policy(server, peer, mark, policy):
    """A2A 0.3 has no way to look for a task."""
    server.agent("agent", peer.url, dialect="a2a-0.3", on_unknown=policy)
    peer.admin("manners", {"after": True})
    sent = calls(peer, "message/send")
    id = server.begin("agent", {"do": "echo", "value": {"old": True}, "mark": mark})
    eventually(lambda: calls(peer, "message/send") > sent)
    peer.has(mark)
    server.kill()
    peer.admin("manners")
    peer.admin("release")
    server.start()
    if policy == "resend":
        assert server.result(id) == {"old": True}
        assert len(peer.messages(mark)) == 2
    else:
        assert server.error(id)["kind"] == "Agent.TaskUnknown"
        assert len(peer.messages(mark)) == 1
