"""The three agents as the official Python SDK for A2A sees them."""

import asyncio
import html
import re

import pytest
from a2a.client import ClientConfig, create_client
from a2a.types import a2a_pb2 as a2a
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError
from google.protobuf import json_format, struct_pb2
from conftest import CORPUS

TOPIC = "Long-duration energy storage for a renewable grid"


def message(message_id, payload, **configuration):
    data = json_format.ParseDict(payload, struct_pb2.Value())
    return a2a.SendMessageRequest(
        message=a2a.Message(message_id=message_id, role=a2a.ROLE_USER, parts=[a2a.Part(data=data)]),
        configuration=a2a.SendMessageConfiguration(**configuration),
    )


def with_client(url, work):
    """Runs `work(client)` with a client that has read the agent's card."""

    async def run():
        client = await create_client(url, ClientConfig(streaming=False))
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())


async def send(client, request):
    replies = [reply async for reply in client.send_message(request)]
    assert [reply.WhichOneof("payload") for reply in replies] == ["task"]
    return replies[0].task


def work(url, message_id, payload):
    return with_client(url, lambda client: send(client, message(message_id, payload)))


def output(task):
    assert task.status.state == a2a.TASK_STATE_COMPLETED, task
    assert [artifact.name for artifact in task.artifacts] == ["result"]
    (part,) = task.artifacts[0].parts
    return json_format.MessageToDict(part.data)


def text_of_source(path):
    """What a reader sees, made without any of the code under test."""
    raw = (CORPUS / path).read_text(encoding="utf-8")
    if path.endswith(".html"):
        raw = html.unescape(re.sub(r"<[^>]+>", "", raw))
    return " ".join(raw.split())


def test_the_chain_finds_what_is_planted_and_quotes_only_what_is_there(start_agent):
    researcher, analyst, writer = (start_agent(kind) for kind in ("researcher", "analyst", "writer"))
    findings = output(work(researcher.url, "r", {"task": "research", "topic": TOPIC, "parameters": {"max_results": 40}}))
    analysis = output(work(analyst.url, "a", {"task": "analyze", "research_data": findings, "topic": TOPIC}))
    (contradiction,) = analysis["contradictions"]
    assert contradiction["subject"] == "iron-air batteries" and contradiction["aspect"] == "efficiency"
    gaps = [gap["description"] for gap in analysis["gaps"]]
    assert any("lifetime of iron-air batteries" in gap for gap in gaps), gaps
    payload = {"task": "write_report", "analysis": analysis, "feedback": "Add a section on safety.", "topic": TOPIC}
    report = output(work(writer.url, "w", payload))
    citations = report["report"]["json"]["content"]["citations"]
    assert len(citations) > 10
    for citation in citations:
        quote = citation["quote"]
        assert quote["text"] in text_of_source(quote["path"])
        if quote["file_span"]:
            start, end = (int(place) for place in quote["file_span"])
            raw = (CORPUS / quote["path"]).read_bytes()[start:end].decode()
            assert " ".join(raw.split()) == quote["text"]
    markdown = report["report"]["markdown"]["content"]
    assert "## Safety" in markdown and contradiction["description"] in markdown


def test_a_push_arrives_and_is_what_the_sdk_calls_a_stream_response(start_agent, listener):
    researcher = start_agent("researcher")
    push = a2a.TaskPushNotificationConfig(
        id="p", url=f"{listener.url}/push", token="t", authentication=a2a.AuthenticationInfo(scheme="Bearer", credentials="c")
    )
    request = message("m", {"topic": TOPIC}, return_immediately=True, task_push_notification_config=push)
    task = with_client(researcher.url, lambda client: send(client, request))
    path, headers, body = listener.seen.get(timeout=30)
    headers = {name.lower(): value for name, value in headers.items()}
    assert path == "/push"
    assert headers["x-a2a-notification-token"] == "t" and headers["authorization"] == "Bearer c"
    pushed = json_format.ParseDict(body, a2a.StreamResponse())
    assert pushed.WhichOneof("payload") == "task" and pushed.task.id == task.id
    fetched = with_client(researcher.url, lambda client: client.get_task(a2a.GetTaskRequest(id=task.id)))
    assert output(pushed.task) == output(fetched)


def test_a_killed_agent_answers_a_repeated_message_with_the_same_task(start_agent):
    first = start_agent("researcher")
    task = work(first.url, "same", {"topic": TOPIC})
    first.kill()
    second = start_agent("researcher")
    again = work(second.url, "same", {"topic": TOPIC})
    assert again.id == task.id and output(again) == output(task)
    listed = with_client(second.url, lambda client: client.list_tasks(a2a.ListTasksRequest()))
    assert listed.total_size == 1


def test_errors_are_the_ones_the_sdk_knows(start_agent):
    researcher = start_agent("researcher")
    with pytest.raises(TaskNotFoundError):
        with_client(researcher.url, lambda client: client.get_task(a2a.GetTaskRequest(id="nobody")))
    task = work(researcher.url, "m", {"topic": TOPIC})
    with pytest.raises(TaskNotCancelableError):
        with_client(researcher.url, lambda client: client.cancel_task(a2a.CancelTaskRequest(id=task.id)))
    with pytest.raises(Exception, match="No valid payload found in request"):
        work(researcher.url, "bad", {"parameters": {}})
