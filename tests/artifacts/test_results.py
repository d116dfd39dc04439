"""A result that is a reference is read as it is, or as what it leads to."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from urllib.parse import quote

import boto3
from conftest import BINARY, Server

CONTENT = json.dumps({"summary": "x" * 250_000})


def ended(server: Server, result: object) -> str:
    """An execution of a state machine with this result."""
    client = boto3.client(
        "stepfunctions", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    name = f"gives-{uuid.uuid4().hex[:8]}"
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": True}}}
    machine = client.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/test"
    )["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    deadline = time.monotonic() + 60
    while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return arn


def result(server: Server, execution: str, **query: str):
    return server.ask("GET", f"/executions/{quoted(execution)}/result", params=query)


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
        words = [BINARY, "--url", server.url, "result", execution]
        shown = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=server.folder)
        assert json.loads(shown.stdout) == reference, shown.stderr
        key = (server.folder / "data" / "key").read_text().strip()
        full = subprocess.run([*words, "--full", "--api-key", key], capture_output=True, text=True, timeout=60, cwd=server.folder)
        assert full.stdout.strip() == CONTENT, full.stderr
    finally:
        server.end()
