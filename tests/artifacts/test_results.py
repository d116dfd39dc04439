"""A result that is a reference is read as it is, or as what it leads to."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import boto3
import pytest
import requests
from conftest import BINARY, Server

ROLE = "arn:aws:iam::000000000000:role/test"
CONTENT = json.dumps({"summary": "x" * 250_000})


def states(server: Server):
    return boto3.client(
        "stepfunctions", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )


def ended(server: Server, result: object) -> str:
    """An execution of a state machine with this result."""
    client = states(server)
    name = f"gives-{uuid.uuid4().hex[:8]}"
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": True}}}
    machine = client.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    until_ended(client, arn)
    return arn


def until_ended(client, arn: str) -> dict:
    deadline = time.monotonic() + 60
    while (found := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def result(server: Server, execution: str, **query: str):
    return server.ask("GET", f"/executions/{quoted(execution)}/result", params=query)


def run(server: Server, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    words = (BINARY, "--url", server.url, *words)
    return subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=server.folder, env={**os.environ, **variables})


def said(server: Server, *words: str) -> str:
    done = run(server, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def quoted(text: str) -> str:
    return quote(text, safe="")


def test_a_claim_check_is_resolved_when_it_is_asked_for(tmp_path):
    server = Server(tmp_path / "server")
    try:
        etag = server.put("/artifacts/kept/results/one.json", CONTENT, content_type="application/json").headers["etag"]
        reference = {"artifact_type": "s3_reference", "s3_uri": "s3://kept/results/one.json"}
        execution = ended(server, reference)
        assert result(server, execution).json() == reference
        resolved = result(server, execution, resolve="true")
        assert (resolved.text == CONTENT, resolved.headers["etag"]) == (True, etag)
        plain = ended(server, {"a": 1})
        assert result(server, plain, resolve="true").json() == {"a": 1}
        gone = ended(server, {**reference, "s3_uri": "s3://kept/none"})
        assert result(server, gone, resolve="true").json()["code"] == "E0115"
        assert result(server, gone, resolve="perhaps").json()["code"] == "E0112"
        # The code of functions is nobody's result: without a key not even whether it is there is told.
        code = ended(server, {**reference, "s3_uri": "s3://everstep-code/x"})
        del server.session.headers["authorization"]
        assert result(server, code, resolve="true").json()["code"] in ("E0180", "E0186")
        key = (server.folder / "data" / "key").read_text().strip()
        assert json.loads(said(server, "result", execution, "--reference")) == reference
        assert said(server, "result", execution, "--api-key", key).strip() == CONTENT
        refused = run(server, "result", execution)
        assert refused.returncode != 0 and "E0180" in refused.stderr, "only who may read artifacts"
    finally:
        server.end()


def test_a_large_input_travels_as_a_reference_and_is_read_by_its_execution(tmp_path):
    """256 KiB is what a state machine takes; what is above is an artifact, from a file to the description's link."""
    server = Server(tmp_path / "server", "--artifact-days", "30", ARTIFACT_BUCKET="kept")
    try:
        key = (server.folder / "data" / "key").read_text().strip()
        ended(server, {})
        (machine,) = states(server).list_state_machines()["stateMachines"]
        text = json.dumps({"text": "x" * 300_000})
        (server.folder / "input.json").write_text(text)
        started = said(server, "start", machine["name"], "--name", "large", "--input", "@input.json", "--wait", "--api-key", key)
        assert json.loads(started) == {}, "the machine gives something else"
        shown = json.loads(said(server, "-o", "json", "describe", "large", "--api-key", key))
        reference, artifact = shown["input"], shown["input_artifact"]
        assert (reference["bucket"], reference["size_bytes"]) == ("kept", len(text))
        assert artifact["sha256"] in reference["key"] and artifact["expires_at"] > reference["timestamp"]
        assert requests.get(artifact["url"], timeout=60).text == text, "the link needs no key"
        assert f"artifact  input of {len(text)} bytes: http" in said(server, "describe", "large", "--api-key", key)
        assert said(server, "result", "large", "--input", "--api-key", key).strip() == text
        # A machine that hands its input on gives the reference, and a reader gets what is behind it.
        handing = states(server).create_state_machine(
            name="handing", definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}), roleArn=ROLE
        )["stateMachineArn"]
        waited = said(server, "start", handing, "--input", "@input.json", "--wait", "--api-key", key)
        assert waited.strip() == text
    finally:
        server.end()


def answering(body: bytes) -> ThreadingHTTPServer:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    page = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    return page


HANDLER = "def handler(event, context):\n    return {'text': 'x' * event['length']}\n"


@pytest.mark.parametrize("beyond", [True, False])
def test_what_a_task_gives_is_an_artifact_where_the_owner_asks_for_that(tmp_path, beyond: bool):
    """Without the option it is as with AWS: States.DataLimitExceeded."""
    body = json.dumps({"text": "y" * 400_000}).encode()
    page = answering(body)
    functions = tmp_path / "functions" / "long"
    functions.mkdir(parents=True)
    (functions / "handler.py").write_text(HANDLER)
    (functions / "everstep.toml").write_text("runtime = 'python'\nhandler = 'handler.handler'\n")
    options = ["--artifacts-beyond-limits"] if beyond else []
    server = Server(tmp_path / "server", "--functions", str(functions.parent), *options)
    try:
        client = states(server)
        function = "arn:aws:lambda:us-east-1:000000000000:function:long"
        http = {"ApiEndpoint": f"http://127.0.0.1:{page.server_port}/", "Method": "GET"}
        for number, (resource, given, path) in enumerate(
            [
                (function, {"length": 300_000}, ()),
                ("arn:aws:states:::lambda:invoke", {"FunctionName": "long", "Payload": {"length": 300_000}}, ("Payload",)),
                ("arn:aws:states:::http:invoke", http, ("ResponseBody",)),
            ]
        ):
            state = {"Type": "Task", "Resource": resource, "Parameters": given, "End": True}
            definition = json.dumps({"StartAt": "A", "States": {"A": state}})
            machine = client.create_state_machine(name=f"m{number}", definition=definition, roleArn=ROLE)["stateMachineArn"]
            arn = client.start_execution(stateMachineArn=machine)["executionArn"]
            found = until_ended(client, arn)
            if not beyond:
                assert (found["status"], found["error"]) == ("FAILED", "States.DataLimitExceeded"), resource
                continue
            assert found["status"] == "SUCCEEDED", found
            value = json.loads(found["output"])
            for member in path:
                value = value[member]
            content = server.ask("GET", f"/artifacts/{value['bucket']}/{value['key']}")
            assert value["size_bytes"] == len(content.content)
            assert content.json() == (json.loads(body) if path == ("ResponseBody",) else {"text": "x" * 300_000})
    finally:
        server.end()
        page.shutdown()


def test_what_cannot_be_is_refused_at_the_start(tmp_path):
    def refused(*words: str, **variables: str) -> str:
        words = (BINARY, "dev", "--no-demo", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), *words)
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, env={**os.environ, **variables}, stdin=subprocess.DEVNULL)
        assert done.returncode == 6 and "E0190" in done.stderr, done
        return done.stderr

    assert 'ARTIFACT_BUCKET) can\'t be "a/b"' in refused(ARTIFACT_BUCKET="a/b")
    assert "--artifact-bytes-min can't be 0" in refused("--artifact-bytes-min", "0")
    settings = tmp_path / "settings.toml"
    settings.write_text("[artifacts]\nbucket = 'everstep-code'\n")
    assert "[artifacts] bucket can't be" in refused("--config", str(settings))
