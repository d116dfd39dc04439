"""What the contract with an agent can do, verb by verb, against the official SDKs: in A2A 1.0 by JSON-RPC and by HTTP+JSON, in 0.3 as version 1
of the SDK keeps it, and in 0.3 itself; and Bedrock AgentCore, called by AWS's own SDK, each call's signature checked."""

import json
import os
import pathlib
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT
from served import KEYS, eventually


class Speaker:
    """`crates/agent/examples/speak.rs`."""

    def __init__(self):
        subprocess.run(["cargo", "build", "-q", "-p", "everstep-agent", "--features", "aws", "--example", "speak"], cwd=ROOT, check=True)
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.process = subprocess.Popen(
            [target / "debug/examples/speak"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**others, **KEYS, "AWS_EC2_METADATA_DISABLED": "true"},
            text=True,
        )

    def ask(self, verb, **members):
        self.process.stdin.write(json.dumps({"do": verb, **members}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def speaker():
    speaker = Speaker()
    yield speaker
    speaker.close()


KINDS = {
    "a2a-1.0": ("v1.py", ["JSONRPC", "HTTP+JSON", "0.3"]),
    "a2a-1.0-rest": ("v1.py", ["HTTP+JSON"]),
    "a2a-0.3": ("v1.py", ["0.3"]),
    "old": ("v03.py", []),
}


@pytest.fixture(params=KINDS)
def agent(request, peer, speaker):
    script, bindings = KINDS[request.param]
    python = {"python": request.getfixturevalue("python_of_a2a03")} if script == "v03.py" else {}
    found = peer(script, *bindings, **python)

    def ask(verb, **members):
        return speaker.ask(verb, url=found.url, **members)

    ask.is_old = request.param == "old"
    ask.peer, ask.dialect = found, "a2a-0.3" if request.param == "old" else request.param
    return ask


def ids():
    return {"message": str(uuid.uuid4()), "context": str(uuid.uuid4())}


def until(agent, task, state):
    return eventually(lambda: (said := agent("get", task=task))["state"] == state and said)


def test_the_card_says_the_dialect(agent):
    assert agent("profile") == {"dialect": agent.dialect, "streaming": True, "push": True}


def test_a_question_is_answered_in_the_same_task(agent):
    sent = agent("send", payload={"do": "ask", "question": "which?"}, **ids())
    asked = until(agent, sent["task"], "needs-input")
    assert asked["said"] == "which?"
    answered = agent("answer", task=sent["task"], message=str(uuid.uuid4()), payload={"choice": 1})
    assert answered["task"]["id"] == sent["task"]["id"]
    assert until(agent, sent["task"], "done")["said"] == {"answer": {"choice": 1}}


def test_a_task_is_found_again_where_that_can_be_asked(agent):
    names = ids()
    if agent.dialect == "a2a-0.3":
        assert agent("find", **names) == {"found": None}
        return
    assert agent("find", **names) == {"found": False}
    sent = agent("send", payload={"do": "hold"}, **names)
    found = agent("find", **names)
    assert found["task"] == sent["task"] and found["state"] == "working"
    # Another message of the same context is another task.
    assert agent("find", message="other", context=names["context"]) == {"found": False}
    assert agent("cancel", task=sent["task"])["state"] == "canceled"


def test_a_cancelled_task_stays_so(agent):
    sent = agent("send", payload={"do": "hold"}, **ids())
    assert agent("cancel", task=sent["task"])["state"] == "canceled"
    assert sent["task"]["id"] in agent.peer.seen()["cancelled"]
    assert agent("cancel", task=sent["task"])["state"] == "canceled"
    assert agent("get", task=sent["task"])["state"] == "canceled"


def test_a_task_that_nobody_knows_is_lost(agent):
    task = {"dialect": agent.dialect, "id": str(uuid.uuid4())}
    assert [agent(verb, task=task)["state"] for verb in ("get", "cancel")] == ["lost", "lost"]


def test_a_stream_is_followed_to_its_end(agent):
    # While it is followed, a server of the SDK for 0.3 appends each piece twice to what it keeps.
    pieces = ["[1, 2]"] if agent.is_old else ["[1,", " 2", "]"]
    sent = agent("send", payload={"do": "wait", "pieces": pieces}, **ids())
    assert sent["state"] == "working"
    calls = len(agent.peer.seen()["calls"])
    with ThreadPoolExecutor() as pool:
        followed = pool.submit(agent, "follow", task=sent["task"])
        eventually(lambda: len(agent.peer.seen()["calls"]) > calls)
        agent.peer.release()
        told = followed.result(timeout=60)
    assert told[-1]["state"] == "done" and told[-1]["said"] == [1, 2], told
    assert until(agent, sent["task"], "done")["said"] == [1, 2]


def test_pushes_come_with_their_token_until_they_are_dropped(agent, listener):
    names = ids()
    sent = agent("send", payload={"do": "ask", "question": "which?"}, push=f"{listener.url}/push", **names)
    path, headers, _ = listener.seen.get(timeout=30)
    headers = {name.lower(): value for name, value in headers.items()}
    assert path == "/push" and headers["x-a2a-notification-token"] == "token-of-this-push"
    until(agent, sent["task"], "needs-input")
    assert agent("drop_push", task=sent["task"], message=names["message"]) == {}


ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/researcher-x1"


@pytest.fixture
def runtime(peer, speaker):
    def start(kind, **members):
        found = peer("runtime.py", kind)

        def ask(verb, **more):
            return speaker.ask(verb, url=ARN, endpoint=found.url, **members, **more)

        ask.peer = found
        return ask

    return start


def test_a_runtime_of_agentcore_answers_and_streams(runtime):
    ask, names = runtime("http"), ids()
    first = ask("send", payload={"topic": "storage"}, **names)["said"]
    assert first["echo"] == {"topic": "storage"} and len(first["session"]) >= 33
    # What follows a task up reaches its session, another task another one.
    assert ask("send", payload={}, **names)["said"]["session"] == first["session"]
    assert ask("send", payload={}, **ids())["said"]["session"] != first["session"]
    streamed = ask("send", payload={"do": "stream", "pieces": [{"a": 1}, "two"]}, **ids())
    assert (streamed["state"], streamed["said"]) == ("done", [{"a": 1}, "two"])
    assert {call["query"] for call in ask.peer.seen()["invocations"]} == {"qualifier=DEFAULT"}


def test_a_runtime_that_refuses_is_called_once(runtime):
    ask = runtime("http")
    for payload, code in ({"do": "fail", "message": "it broke"}, "RuntimeClientError"), ({"do": "throttle"}, "ThrottlingException"):
        before = len(ask.peer.seen()["invocations"])
        assert code in ask("send", payload=payload, **ids())["error"]
        assert len(ask.peer.seen()["invocations"]) == before + 1, "a second try might be a second task"


def test_a2a_goes_through_a_runtime(runtime):
    ask, names = runtime("a2a", dialect="a2a-1.0"), ids()
    sent = ask("send", payload={"topic": "storage"}, **names)
    said = eventually(lambda: (said := ask("get", task=sent["task"]))["state"] == "done" and said)
    assert said["said"] == {"echo": {"topic": "storage"}}
    assert ask("find", **names)["task"] == sent["task"]
    held = ask("send", payload={"do": "hold"}, **ids())
    assert ask("cancel", task=held["task"])["state"] == "canceled"
    sessions = [call["session"] for call in ask.peer.seen()["invocations"]]
    assert len(set(sessions)) == 2 and {call["version"] for call in ask.peer.seen()["invocations"]} == {"1.0"}


def test_a_session_is_ended(runtime):
    ask = runtime("http")
    task = {"dialect": "agentcore", "id": "t", "context_id": "c"}
    assert ask("cancel", task=task)["state"] == "canceled"
    (session,) = ask.peer.seen()["stopped"]
    assert len(session) >= 33


def test_our_own_agents_in_both_of_their_dialects(speaker, start_agent):
    researcher = start_agent("researcher")
    payload = {"task": "research", "topic": "Long-duration energy storage", "parameters": {"max_results": 3}}
    sent = speaker.ask("send", url=researcher.url, payload=payload, **ids())
    new = eventually(lambda: (said := speaker.ask("get", url=researcher.url, task=sent["task"]))["state"] == "done" and said)
    legacy = {"url": researcher.url, "dialect": "legacy", "payload": payload}
    old = speaker.ask("send", completion="reply", **legacy, **ids())
    assert old["state"] == "done" and new["said"]["summary"] == old["said"]["summary"]
    # With an address for its result, it answers that it has taken the task.
    taken = speaker.ask("send", push="http://127.0.0.1:1/callbacks/w", **legacy, **ids())
    assert taken["state"] == "working"
