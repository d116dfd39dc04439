"""What an agent asks goes to people, and what they say to the agent: once, over restarts, and no longer than anybody wants to know it."""

import json
import re
import secrets

import pytest
import requests
from served import PEER_KEY, Everstep, eventually

PEERS = {"v1": ("v1.py", ["JSONRPC", "HTTP+JSON", "0.3"]), "rest": ("v1.py", ["HTTP+JSON"]), "v03": ("v03.py", [])}


@pytest.fixture(params=PEERS)
def asks(request, everstep, peer):
    """Declares an agent of its own; returns its name and the peer."""
    script, bindings = PEERS[request.param]
    python = {"python": request.getfixturevalue("python_of_a2a03")} if script == "v03.py" else {}
    found = peer(script, *bindings, **python)

    def declare(**members):
        name = f"{request.param}-{secrets.token_hex(4)}"
        everstep.agent(name, url=found.url, on_unknown="resend", **members)
        return name

    return declare, found


def question_of(everstep, execution, but=()):
    """The approval by which the agent of this execution asks."""

    def find():
        waits = everstep.call("GET", f"/executions/{execution}")["waiting_for"]
        asked = [wait["agent"]["asks_by"] for wait in waits if wait.get("agent")]
        return next((id for id in asked if id and id not in but), None)

    return everstep.call("GET", f"/approvals/{eventually(find)}")


def decide(everstep, approval, **members):
    body = {"decision": "approve", "digest": approval["digest"], "by": "ann", **members}
    return everstep.call("POST", f"/approvals/{approval['id']}/decide", body)


def ended(everstep, execution):
    return eventually(lambda: (found := everstep.call("GET", f"/executions/{execution}"))["execution"]["status"] != "RUNNING" and found)


def answers(peer, task):
    return [answer for answer in peer.seen()["answers"] if answer["task"] == task]


def test_people_answer_and_the_agent_goes_on(everstep, asks):
    declare, peer = asks
    name = declare(questions_to=["ann", "group:board"])
    execution = everstep.begin(name, {"do": "ask", "question": "Which decade?"})
    approval = question_of(everstep, execution)
    assert (approval["title"], approval["summary"], approval["requester"]) == (f"The agent {name} asks", "Which decade?", f"agent {name}")
    assert approval["approvers"] == [{"user": "ann"}, {"group": "board"}]
    assert approval["details"]["agent"] == name and approval["details"]["execution"] == execution
    assert list(approval["form"]["properties"]) == ["answer"]
    (waits,) = everstep.call("GET", f"/executions/{execution}")["waiting_for"]
    task = waits["agent"]["task"]
    assert waits["agent"]["name"] == name and waits["text"].startswith(f"waiting for {name} (agent, task {task}), since")
    assert ", last heartbeat " in waits["text"] and f"Which decade? (asked by approval {approval['id']})" in waits["text"]
    assert f"waits     for {name} (agent, task {task})" in everstep.everstep("describe", execution)
    decide(everstep, approval, form={"answer": "the nineties"})
    assert ended(everstep, execution)["result"] == {"answer": "the nineties"}
    assert [answer["text"] for answer in answers(peer, task)] == ["the nineties"]


def test_a_second_question_of_one_task_with_the_same_words(everstep, asks):
    declare, peer = asks
    execution = everstep.begin(declare(), {"do": "ask", "question": "which?", "more": ["which?", "who?"]})
    seen, given = [], ["one", "two", '{"three": 3}']
    for answer in given:
        approval = question_of(everstep, execution, but=seen)
        seen.append(approval["id"])
        everstep.everstep("approvals", "approve", approval["id"], "--by", "ann", "--form", json.dumps({"answer": answer}))
    assert ended(everstep, execution)["result"] == {"answer": {"three": 3}}
    assert len(seen) == len(set(seen)) == 3
    told = [json.loads(answer["text"]) if answer["text"].startswith("{") else answer["text"] for answer in peer.seen()["answers"][-3:]]
    assert told == ["one", "two", {"three": 3}]


def test_by_a_link_without_an_account(everstep, asks):
    declare, _ = asks
    execution = everstep.begin(declare(questions_to=["zoe"]), {"do": "ask", "question": "Which <colour>?"})
    approval = question_of(everstep, execution)
    link = everstep.call("POST", f"/approvals/{approval['id']}/links", {"approver": "zoe"})["url"]
    browser = requests.Session()
    page = browser.get(link, timeout=60).text
    assert "Which &lt;colour&gt;?" in page and 'name="field.answer"' in page
    action = re.search(r'<form[^>]* action="([^"]+)"', page)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    place = requests.compat.urljoin(link, action[1]) if action else link
    sent = browser.post(place, data={**hidden, "decision": "approve", "field.answer": "blue"}, headers={"origin": everstep.url}, timeout=60)
    assert sent.ok, sent.text
    assert ended(everstep, execution)["result"] == {"answer": "blue"}


def test_killed_while_the_question_is_open(everstep, asks):
    declare, peer = asks
    execution = everstep.begin(declare(), {"do": "ask", "question": "still there?"})
    approval = question_of(everstep, execution)
    everstep.again()
    again = question_of(everstep, execution)
    assert again["id"] == approval["id"], "it is asked once"
    everstep.again()
    decide(everstep, again, form={"answer": "yes"})
    assert ended(everstep, execution)["result"] == {"answer": "yes"}
    assert len([answer for answer in peer.seen()["answers"] if answer["text"] == "yes"]) == 1


def test_a_refusal_cancels_the_agents_task(everstep, asks):
    declare, peer = asks
    execution = everstep.begin(declare(), {"do": "ask", "question": "may I?"})
    approval = question_of(everstep, execution)
    (waits,) = everstep.call("GET", f"/executions/{execution}")["waiting_for"]
    decide(everstep, approval, decision="reject", comment="No, never.")
    error = ended(everstep, execution)["error"]
    assert error["kind"] == "Agent.AnswerRefused"
    assert error["message"] == "What the agent asked was refused: No, never. (E0314)"
    eventually(lambda: waits["agent"]["task"] in peer.seen()["cancelled"])
    assert not answers(peer, waits["agent"]["task"])


def test_what_nobody_answers_fails_after_others_were_asked(everstep, asks):
    declare, peer = asks
    name = declare(questions_to=["ann"], questions_escalate_to=["chief"], question_timeout_s=1)
    execution = everstep.begin(name, {"do": "ask", "question": "anybody?"})
    approval = question_of(everstep, execution)
    error = ended(everstep, execution)["error"]
    assert (error["kind"], error["message"][-7:]) == ("Agent.NotAnswered", "(E0314)")
    approval = everstep.call("GET", f"/approvals/{approval['id']}")
    assert approval["status"] == "EXPIRED" and {"user": "chief", "escalated": True} in approval["approvers"]


def test_a_workflow_that_is_stopped_withdraws_its_question(everstep, asks):
    declare, peer = asks
    execution = everstep.begin(declare(), {"do": "ask", "question": "needless?"})
    approval = question_of(everstep, execution)
    (waits,) = everstep.call("GET", f"/executions/{execution}")["waiting_for"]
    everstep.call("POST", f"/executions/{execution}/stop", {})
    eventually(lambda: everstep.call("GET", f"/approvals/{approval['id']}")["status"] == "CANCELLED")
    eventually(lambda: waits["agent"]["task"] in peer.seen()["cancelled"])
    assert not [letter for letter in everstep.call("GET", "/dead-letters?topic=callback.late")["letters"] if letter["execution"] == execution]


def test_a_question_is_asked_rarely_while_people_think(everstep, asks):
    """Between two looks at the agent lies the longest pause: here one that no test waits for."""
    declare, peer = asks
    execution = everstep.begin(declare(poll_max_ms=600_000, push=False), {"do": "ask", "question": "slowly?"})
    approval = question_of(everstep, execution)
    calls = len(peer.seen()["calls"])
    everstep.call("GET", f"/approvals/{approval['id']}/audit")
    assert len(peer.seen()["calls"]) == calls
    decide(everstep, approval, form={"answer": "at once"})
    assert ended(everstep, execution)["result"] == {"answer": "at once"}


class TestAccess:
    @pytest.fixture
    def waits(self, everstep, asks):
        declare, peer = asks

        def begin(**members):
            execution = everstep.begin(declare(**members), {"do": "access", "question": "Log in, please."})
            return execution, question_of(everstep, execution), peer

        return begin

    def test_a_secret_is_chosen_by_name_and_kept_nowhere(self, everstep, waits):
        execution, approval, peer = waits(question_secrets=["PEER_KEY", "NOT_SET"])
        assert approval["title"].endswith("asks for access")
        assert approval["form"]["properties"]["secret"]["enum"] == ["PEER_KEY", "NOT_SET"]
        refused = requests.post(
            f"{everstep.url}/approvals/{approval['id']}/decide",
            json={"decision": "approve", "digest": approval["digest"], "by": "ann", "form": {"secret": "AWS_SECRET_ACCESS_KEY"}},
            timeout=60,
        )
        assert refused.status_code == 400 and "E0225" in refused.text
        decide(everstep, approval, form={"secret": "PEER_KEY"})
        # The peer echoes what it got, and should not have: the server's own words are looked at.
        assert ended(everstep, execution)["result"] == {"answer": {"credential": PEER_KEY}}
        shown = json.dumps([everstep.call("GET", f"/approvals/{approval['id']}{rest}") for rest in ("", "/audit")])
        shown += json.dumps(everstep.call("GET", f"/executions/{approval['id']}/history"))
        assert "PEER_KEY" in shown and PEER_KEY not in shown
        assert PEER_KEY not in (everstep.folder / "server.log").read_text()

    def test_a_secret_that_is_not_there_fails_the_step(self, everstep, waits):
        execution, approval, _ = waits(question_secrets=["NOT_SET"])
        decide(everstep, approval, form={"secret": "NOT_SET"})
        error = ended(everstep, execution)["error"]
        assert error["kind"] == "Agent.NotAnswered" and "NOT_SET" in error["message"] and "E0316" in error["message"]

    def test_or_access_is_given_elsewhere(self, everstep, waits):
        execution, approval, _ = waits()
        decide(everstep, approval, form={"granted": True})
        assert ended(everstep, execution)["result"] == {"answer": {"granted": True}}


def test_an_agent_that_goes_on_by_itself_needs_no_answer(everstep, peer):
    found = peer("v1.py", "JSONRPC", "HTTP+JSON", "0.3")
    everstep.agent("impatient", url=found.url)
    execution = everstep.begin("impatient", {"do": "ask_and_go_on", "question": "well?", "pieces": ["never mind"]})
    approval = question_of(everstep, execution)
    found.release()
    assert ended(everstep, execution)["result"] == "never mind"
    eventually(lambda: everstep.call("GET", f"/approvals/{approval['id']}")["status"] == "CANCELLED")


def test_a_program_asks_too(everstep, tmp_path):
    script = tmp_path / "asking.py"
    script.write_text(
        "import json, sys\n"
        "sys.stdin.readline()\n"
        "given = []\n"
        "for _ in range(2):\n"
        "    print(json.dumps({'question': {'text': 'how many?', 'least': 1}}), flush=True)\n"
        "    given.append(json.loads(sys.stdin.readline())['answer'])\n"
        "print(json.dumps({'result': given}), flush=True)\n"
    )
    everstep.agent("asking", command=["/usr/bin/env", "python3", str(script)])
    execution = everstep.begin("asking", {})
    seen = []
    for answer in ("3", "4"):
        approval = question_of(everstep, execution, but=seen)
        seen.append(approval["id"])
        assert approval["details"]["asked"] == {"text": "how many?", "least": 1}
        decide(everstep, approval, form={"answer": answer})
    assert ended(everstep, execution)["result"] == ["3", "4"]


@pytest.fixture
def listener_that_asks(listener):
    task = {"id": "t", "status": {"state": "input-required", "message": {"parts": [{"kind": "text", "text": "which?"}]}}}
    listener.answer = {"jsonrpc": "2.0", "id": "1", "result": task}
    return f"{listener.url}/invocations"


def test_an_agent_whose_dialect_takes_no_answers_is_told_off(everstep, listener_that_asks):
    everstep.agent("mute", url=listener_that_asks, dialect="legacy", on_unknown="resend")
    error = ended(everstep, everstep.begin("mute", {}))["error"]
    assert error["kind"] == "Agent.NotAnswered" and "E0315" in error["message"]
