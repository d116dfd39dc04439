"""What people are told of approvals, by every kind of sink; and each person's own link, which is in that person's message alone."""

from __future__ import annotations

import email
import json
import re
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import REGION, Receiver, Server, until
from outside import CREDENTIALS, SECRET, aws, free_port, queue, read, sink
from standardwebhooks import Webhook

QUESTION = {
    "title": "Publish the report?",
    "summary": "Three sources agree.",
    "details": {"workflow_id": "w-7"},
    "artifacts": [{"title": "Analysis", "url": "https://example.org/analysis.pdf"}],
    "expires_in": "2d",
}


class Box:
    """A mail server's letters: envelope recipients and message."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], Message]] = []
        self.refuse = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuse:
            self.refuse -= 1
            # As some servers do: with what they did not like.
            body = email.message_from_bytes(envelope.content).get_payload(decode=True).decode()
            return "451 not now: " + " ".join(body.split())[:400]
        self.letters.append((list(envelope.rcpt_tos), email.message_from_bytes(envelope.content)))
        return "250 taken"

    def to(self, address: str) -> list[Message]:
        return [message for recipients, message in list(self.letters) if recipients == [address]]


@pytest.fixture
def box() -> Iterator[Box]:
    from aiosmtpd.controller import Controller

    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    box.port = controller.port  # type: ignore[attr-defined]
    controller.start()
    yield box
    controller.stop()


def mail(box: Box, name: str, on: list[str], **members: Any) -> str:
    sender = {"from": "Everstep <everstep@example.org>"}
    return sink("smtp", on, name=name, server="127.0.0.1", port=box.port, security="none", **sender, **members)  # type: ignore[attr-defined]


def ask(server: Server, **more: Any) -> dict[str, Any]:
    answer = requests.post(f"{server.url}/approvals", json={**QUESTION, **more}, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()


def text(message: Message) -> str:
    return message.get_payload(decode=True).decode()


def link_in(server: Server, words: str) -> str:
    links = re.findall(rf"{server.url}/approvals/link/[A-Za-z0-9_-]+", words)
    assert len(links) == 1, words
    return links[0]


def decide(link: str, decision: str = "approve", **more: str) -> requests.Response:
    """As the page behind the link sends it."""
    page = requests.get(link, timeout=30)
    assert page.status_code == 200, page.text
    digest = re.search(r'name="digest" value="([0-9a-f]+)"', page.text)
    assert digest, page.text
    return requests.post(link, data={"decision": decision, "digest": digest[1], **more}, timeout=30)


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in list(receiver.requests)]


def test_every_kind_of_sink_tells_what_a_person_needs(serve: Callable[..., Server], receiver: Receiver, box: Box, moto: str) -> None:
    channel, pager = Receiver(), Receiver()
    mails, mails_arn = queue(moto, "approval-mail")
    topic = aws(moto, "sns").create_topic(Name="approvals")["TopicArn"]
    aws(moto, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=mails_arn)
    bus, bus_arn = queue(moto, "approval-bus")
    aws(moto, "events").put_rule(Name="approvals", EventPattern=json.dumps({"source": ["agent.orchestration"]}))
    aws(moto, "events").put_targets(Rule="approvals", Targets=[{"Id": "bus", "Arn": bus_arn}])
    every = ["approval.*"]
    settings = sink("webhook", every, name="hook", url=receiver.url, secret='{ env = "HOOK_SECRET" }')
    settings += sink("slack", every, name="channel", url=channel.url)
    settings += sink("pagerduty", every, name="pager", url=pager.url, routing_key='{ env = "ROUTING_KEY" }')
    settings += mail(box, "mail", every, recipients='["reviewers@example.org"]')
    settings += sink("sns", ["approval.requested"], name="sns", topic=topic, endpoint=moto)
    settings += sink("eventbridge", every, name="bus", region=REGION, endpoint=moto)
    server = serve(settings, HOOK_SECRET=SECRET, ROUTING_KEY="r-7", **CREDENTIALS)
    approval = ask(server, approvers=["ann@example.org", "group:board"], links=True)
    page = f"{server.url}/approvals/{approval['id']}/page"
    due = approval["due_at"]

    until(lambda: receiver.requests, "the webhook")
    _, headers, body = receiver.requests[0]
    event = Webhook(SECRET).verify(body, headers)
    told = event["data"]["detail"]
    assert event["type"] == "approval.requested"
    assert (told["workflow_id"], told["summary"], told["url"]) == ("w-7", "Three sources agree.", page)
    assert (told["approvers"], told["groups"]) == (["ann@example.org"], ["board"])
    assert told["due_at"] == due and told["digest"] == approval["digest"]
    assert told["artifacts"] == QUESTION["artifacts"]

    until(lambda: channel.requests, "the channel")
    words = bodies(channel)[0]
    assert words["text"] == "Approval required: workflow w-7: Publish the report?"
    for part in ("Three sources agree.", page, due):
        assert part in words["blocks"][1]["text"]["text"], words

    until(lambda: pager.requests, "the pager")
    began = bodies(pager)[0]
    assert (began["event_action"], began["payload"]["group"]) == ("trigger", "w-7")
    assert began["links"] == [{"href": page, "text": "Open"}]

    until(lambda: box.to("reviewers@example.org"), "the mail")
    letter = box.to("reviewers@example.org")[0]
    assert letter["Subject"] == "Approval required: workflow w-7: Publish the report?"
    for part in ("Three sources agree.", page, due):
        assert part in text(letter)

    message = read(moto, mails)[0]
    assert message["Subject"] == "Approval Required: Workflow w-7"
    shape = json.loads(message["Message"])
    assert list(shape) == ["workflow_id", "status", "analysis_summary", "review_url", "callback_url", "requested_at"]
    assert (shape["status"], shape["analysis_summary"], shape["callback_url"]) == ("approval_required", "Three sources agree.", page)
    assert shape["review_url"] == "https://example.org/analysis.pdf"

    decision = {"decision": "approve", "digest": approval["digest"], "by": "bea", "groups": ["board"]}
    assert requests.post(f"{server.url}/approvals/{approval['id']}/decide", json=decision, timeout=30).status_code == 200
    events: list[dict[str, Any]] = []
    until(lambda: len(events.__iadd__(read(moto, bus))) >= 2, "two events")
    by_type = {event["detail-type"]: event for event in events}
    assert by_type["ApprovalRequested"]["resources"] == ["w-7"]
    assert by_type["ApprovalRequested"]["detail"] == {**shape, "requested_at": by_type["ApprovalRequested"]["detail"]["requested_at"]}
    assert by_type["ApprovalDecided"]["detail"]["workflow_id"] == "w-7"

    until(lambda: len(pager.requests) >= 2, "the end of the incident")
    assert {event["event_action"] for event in bodies(pager)} == {"trigger", "resolve"}
    assert {event["dedup_key"] for event in bodies(pager)} == {began["dedup_key"]}
    until(lambda: [event for event in bodies(receiver) if event["type"] == "approval.decided"], "the decision")
    decided = [event for event in bodies(receiver) if event["type"] == "approval.decided"][0]["data"]["detail"]
    assert (decided["status"], decided["decided_by"], decided["workflow_id"]) == ("APPROVED", "bea", "w-7")
    until(lambda: len(channel.requests) >= 2 and len(box.letters) >= 2, "the decision in words")
    assert {"Approval decided (APPROVED): workflow w-7: Publish the report?"} == {bodies(channel)[1]["text"], box.letters[1][1]["Subject"]}
    # `approval.*` is for many: nobody's link is in what they got.
    everything = [body for one in (receiver, channel, pager) for _, _, body in one.requests]
    everything += [letter.as_bytes() for _, letter in box.letters] + [json.dumps([message, events]).encode()]
    assert not [one for one in everything if b"approvals/link/" in one]
    assert not [event for event in bodies(receiver) if event["type"] == "approval.invited"]
    channel.close()
    pager.close()


def test_each_persons_own_link_is_in_their_message_alone(serve: Callable[..., Server], receiver: Receiver, box: Box, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    common = Receiver()
    settings = mail(box, "people", ["approval.invited"], domains='["example.org"]', addresses='{ bob = "bob@mail.example" }')
    settings += sink("webhook", ["approval.invited"], name="gateway", url=receiver.url, secret='{ env = "HOOK_SECRET" }')
    settings += sink("webhook", ["*"], name="common", url=common.url, secret='{ env = "HOOK_SECRET" }')
    settings += sink("file", ["*"], name="file", path=str(file))
    server = serve(settings, HOOK_SECRET=SECRET, EVERSTEP_LOG="trace")
    # Each first message is refused with its own words, link and all.
    box.refuse = 2
    receiver.answers = [500]
    people = ["ann@example.org", "bob", "carl@elsewhere.example", "group:board"]
    approval = ask(server, approvers=people, quorum=2, links="6h")

    until(lambda: box.to("ann@example.org") and box.to("bob@mail.example"), "two mails")
    ann, bob = box.to("ann@example.org")[0], box.to("bob@mail.example")[0]
    assert ann["Subject"] == "You are asked to decide: workflow w-7: Publish the report?"
    for part in ("Three sources agree.", approval["due_at"], "decides once"):
        assert part in text(ann), text(ann)
    links = {"ann@example.org": link_in(server, text(ann)), "bob": link_in(server, text(bob))}
    assert len(set(links.values())) == 2

    until(lambda: len({event["data"]["detail"]["approver"] for event in bodies(receiver)}) == 3, "the gateway's three")
    by_gateway = {event["data"]["detail"]["approver"]: event["data"]["approve_url"] for event in bodies(receiver)}
    assert {name: by_gateway[name] for name in links} == links, "one link for each, by whichever way it comes"

    # Carl has no address here: that stands among the dead letters, and nobody is told instead.
    def dead() -> list[dict[str, Any]]:
        letters = server.get("/dead-letters")["letters"] if "letters" in server.get("/dead-letters") else server.get("/dead-letters")["dead_letters"]
        return [letter for letter in letters if "carl@elsewhere.example has no address" in json.dumps(letter)]

    until(dead, "the dead letter")
    assert {tuple(recipients) for recipients, _ in box.letters} == {("ann@example.org",), ("bob@mail.example",)}

    assert decide(links["ann@example.org"]).status_code == 200
    assert requests.get(links["ann@example.org"], timeout=30).status_code == 410, "it decides once"
    assert decide(links["bob"], comment="Go on").status_code == 200
    shown = server.get(f"/approvals/{approval['id']}")
    assert shown["status"] == "APPROVED"
    assert {vote["by"]: vote["via"] for vote in shown["votes"]} == {"ann@example.org": "link", "bob": "link"}
    until(lambda: [event for event in bodies(common) if event["type"] == "approval.decided"], "the decision")

    # Neither what many read nor what the server keeps has a link in it.
    tokens = [link.rsplit("/", 1)[1] for link in by_gateway.values()]
    kept = [json.dumps(server.get(path)) for path in ("/dead-letters?state=all", f"/approvals/{approval['id']}", f"/approvals/{approval['id']}/audit")]
    kept += [server.log_path.read_text(), file.read_text(), json.dumps(bodies(common))]
    kept += [path.read_bytes().decode("latin-1") for path in server.folder.rglob("*") if path.is_file()]
    for token in tokens:
        # Its first letters say which approval and which link it is; from the key's mark on they open it.
        assert not [place for place in kept if token[40:] in place]
    common.close()


def test_reminders_escalation_and_expiry_are_told_in_their_time(serve: Callable[..., Server], receiver: Receiver, box: Box) -> None:
    settings = sink("webhook", ["approval.*"], name="hook", url=receiver.url, secret='{ env = "HOOK_SECRET" }')
    settings += mail(box, "people", ["approval.invited"], domains='["example.org"]')
    server = serve(settings, "--clock", "skip", HOOK_SECRET=SECRET)
    escalation = {"to": ["eve@example.org"], "after": "20h"}
    ask(server, approvers=["ann@example.org"], links="12h", expires_in="24h", reminders=["4h", "16h"], escalation=escalation)
    kinds = ["requested", "reminded", "reminded", "escalated", "expired"]
    until(lambda: len(receiver.requests) >= len(kinds), "five notices")
    events = sorted((event["timestamp"], event["type"], event["data"]["detail"]) for event in bodies(receiver))
    assert [name for _, name, _ in events] == [f"approval.{kind}" for kind in kinds]
    for _, _, told in events:
        assert (told["workflow_id"], told["summary"]) == ("w-7", "Three sources agree.")
    assert (events[3][2]["approvers"], events[4][2]["reason"]) == (["ann@example.org", "eve@example.org"], "Approval timed out")
    until(lambda: len(box.letters) >= 4, "four mails")
    subjects = [letter["Subject"].split(":")[0] for letter in box.to("ann@example.org")]
    assert sorted(subjects) == ["You are asked to decide", "You are still asked to decide", "You are still asked to decide"]
    assert len(box.to("eve@example.org")) == 1
    by_subject = [link_in(server, text(letter)) for letter in box.to("ann@example.org")]
    assert len(set(by_subject)) == 2, "the second reminder comes after the first link's time: it has a new one"
