"""Answers that come in parts: InvokeWithResponseStream and function URLs that stream."""

from __future__ import annotations

import base64
import io
import json
import sys
import zipfile

import pytest
import requests
from conftest import FUNCTIONS


@pytest.fixture(scope="module")
def streams(client, create):
    """A function whose own runtime streams."""
    name = create("streams", Timeout=20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        bootstrap = zipfile.ZipInfo("bootstrap")
        bootstrap.external_attr = 0o755 << 16
        text = (FUNCTIONS / "streams.py").read_text().replace("/usr/bin/env python3", sys.executable, 1)
        archive.writestr(bootstrap, text)
    client.update_function_configuration(FunctionName=name, Runtime="provided.al2023")
    client.update_function_code(FunctionName=name, ZipFile=buffer.getvalue())
    return name


NODE = """
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const parts = awslambda.streamifyResponse(async (event, stream, context) => {
  if (event.refuses) throw new TypeError("before anything");
  stream.write("one ");
  while (event.go && !existsSync(event.go)) await sleep(20);
  if (event.fails) throw new RangeError("half-way");
  stream.end(context.awsRequestId ? "two" : "");
});

export const page = awslambda.streamifyResponse(async (_event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { "x-made-by": "node" } });
  out.end("<p>made</p>");
});
"""


@pytest.fixture(scope="module")
def node(client, create):
    """Makes a Node function on the bundled runtime that streams by `awslambda.streamifyResponse`."""

    def make(handler: str) -> str:
        name = create("streams", Timeout=20)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.mjs", NODE)
        client.update_function_configuration(FunctionName=name, Runtime="nodejs22.x", Handler=f"index.{handler}")
        client.update_function_code(FunctionName=name, ZipFile=buffer.getvalue())
        return name

    return make


def event(*parts: bytes, **fields) -> bytes:
    return json.dumps({"parts": [base64.b64encode(part).decode() for part in parts], **fields}).encode()


def test_parts_are_read_as_they_come(client, streams, tmp_path):
    go = tmp_path / "go"
    answer = client.invoke_with_response_stream(FunctionName=streams, Payload=event(b"one", b"two\x00", b"three", go=str(go)))
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"one"
    # The function waits for this file: what was read so far has come before its end.
    go.touch()
    rest = list(events)
    assert b"".join(event["PayloadChunk"]["Payload"] for event in rest[:-1]) == b"two\x00three"
    assert rest[-1] == {"InvokeComplete": {}}


def test_failure_half_way_is_told_at_the_end(client, streams):
    answer = client.invoke_with_response_stream(FunctionName=streams, Payload=event(b"some", fails=True))
    *parts, last = answer["EventStream"]
    assert b"".join(event["PayloadChunk"]["Payload"] for event in parts) == b"some"
    assert last["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert json.loads(last["InvokeComplete"]["ErrorDetails"]) == {"errorType": "Broken", "errorMessage": "half-way"}


def test_function_that_does_not_stream_answers_in_one_part(client, create):
    name = create("plain.echo")
    answer = client.invoke_with_response_stream(FunctionName=name, Payload=b'{"a": 1}', LogType="Tail")
    part, last = answer["EventStream"]
    assert json.loads(part["PayloadChunk"]["Payload"]) == {"a": 1}
    assert b"REPORT RequestId" in base64.b64decode(last["InvokeComplete"]["LogResult"])


def test_function_that_raises_has_no_part(client, create):
    answer = client.invoke_with_response_stream(FunctionName=create("plain.fails"), Payload=b'"x"')
    [last] = answer["EventStream"]
    assert json.loads(last["InvokeComplete"]["ErrorDetails"])["errorMessage"] == "refused: x"


def test_streamed_answer_of_a_plain_invoke_is_whole(client, streams):
    answer = client.invoke(FunctionName=streams, Payload=event(b"one", b"two"))
    assert answer["Payload"].read() == b"onetwo"


def test_durable_function_is_not_streamed(client, create):
    name = create("durable.greeting", durable={"ExecutionTimeout": 60})
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.invoke_with_response_stream(FunctionName=name, Qualifier="$LATEST")


def test_address_streams(client, streams, tmp_path):
    url = client.create_function_url_config(FunctionName=streams, AuthType="NONE", InvokeMode="RESPONSE_STREAM")["FunctionUrl"]
    go = tmp_path / "go"
    headers = {"Content-Type": "application/json"}
    with requests.post(url, data=event(b"one", b"two", go=str(go)), headers=headers, stream=True, timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/plain"
        read = answer.iter_content(3)
        assert next(read) == b"one"
        go.touch()
        assert b"".join(read) == b"two"
    said = json.dumps({"statusCode": 201, "headers": {"X-Mine": "here"}, "cookies": ["a=1"]}).encode()
    integrated = event(said + b"\0\0\0\0", b"\0\0\0\0bo", b"dy", type="application/vnd.awslambda.http-integration-response")
    answer = requests.post(url, data=integrated, headers=headers, timeout=30)
    assert (answer.status_code, answer.content, answer.headers["X-Mine"]) == (201, b"body", "here")
    assert answer.cookies["a"] == "1"
    with pytest.raises(requests.exceptions.RequestException):
        requests.post(url, data=event(b"some", fails=True), headers=headers, timeout=30)


def test_node_function_streams_as_it_writes(client, node, tmp_path):
    name, go = node("parts"), tmp_path / "go"
    answer = client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps({"go": str(go)}))
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"one "
    go.touch()
    *parts, last = events
    assert b"".join(event["PayloadChunk"]["Payload"] for event in parts) == b"two"
    assert last == {"InvokeComplete": {}}
    assert client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read() == b"one two"


def test_node_stream_that_fails_tells_it_at_its_end_or_at_once(client, node):
    name = node("parts")
    *parts, last = client.invoke_with_response_stream(FunctionName=name, Payload=b'{"fails": true}')["EventStream"]
    assert b"".join(event["PayloadChunk"]["Payload"] for event in parts) == b"one "
    assert json.loads(last["InvokeComplete"]["ErrorDetails"])["errorMessage"] == "half-way"
    [last] = client.invoke_with_response_stream(FunctionName=name, Payload=b'{"refuses": true}')["EventStream"]
    assert json.loads(last["InvokeComplete"]["ErrorDetails"])["errorType"] == "TypeError"


def test_node_http_answer_has_its_status_and_headers(client, node):
    name = node("page")
    url = client.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")["FunctionUrl"]
    answer = requests.get(url, timeout=30)
    assert (answer.status_code, answer.headers["x-made-by"], answer.text) == (201, "node", "<p>made</p>")
