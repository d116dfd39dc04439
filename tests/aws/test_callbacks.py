"""The callback handler alone: the seed's answers, what is kept, and what is never overwritten."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cloud import TABLE
from conftest import Stage, until
from moto.dynamodb.models import dynamodb_backends
from test_flow import start, success

OTHERS = 10_000


def post(stage: Stage, body: Any, path: str = "/callbacks", function: str = "CallbackHandler") -> tuple[int, dict[str, Any]]:
    event = {"httpMethod": "POST", "path": path, "body": body if isinstance(body, str) else json.dumps(body)}
    answer = stage.gateway.invoke(function, event)
    assert answer["headers"] == {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"}
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{not json", "Invalid JSON in request body"),
        ("null", "Invalid JSON in request body"),
        ("", "Request body is empty or invalid JSON"),
        ("{}", "Request body is empty or invalid JSON"),
        ("[1]", "Missing required field: token"),
        ({"status": "SUCCESS", "result": {}}, "Missing required field: token"),
        ({"token": "t", "result": {}}, "Missing required field: status"),
        ({"token": "t", "status": "DONE"}, "Invalid status value: DONE. Must be SUCCESS or FAILURE"),
        ({"token": "t", "status": None}, "Invalid status value: None. Must be SUCCESS or FAILURE"),
        ({"token": "t", "status": "SUCCESS"}, "SUCCESS status requires 'result' field"),
        ({"token": "t", "status": "FAILURE"}, "FAILURE status requires 'error' field"),
    ],
)
def test_refusals_have_the_seeds_texts(stage: Stage, body: Any, text: str) -> None:
    assert post(stage, body) == (400, {"error": text})


def item(stage: Stage, token: str) -> dict[str, Any]:
    return stage.cloud.record(f"callback#{hashlib.sha256(token.encode()).hexdigest()}")


def test_a_token_is_found_among_ten_thousand_and_what_came_first_stays(stage: Stage) -> None:
    """Defects 5 and 7. The others are put where moto keeps them, as writing them by its API takes a minute."""
    workflow = "callback-many"
    start(stage, workflow)
    task = stage.dispatched()
    table = next(backend.get_table(TABLE) for regions in dynamodb_backends.values() for backend in regions.values() if TABLE in backend.tables)
    for n in range(OTHERS):
        other = {"workflow_id": {"S": f"callback#other-{n}"}, "callback_token": {"S": f"sha256:{n}"}}
        table.put_item(other)
    assert success(task, {"summary": "first"}).get("duplicate") is None
    assert success(task, {"summary": "first"})["duplicate"] is True
    assert success(task, {"summary": "second"})["conflict"] is True
    token = task["payload"]["callback_token"]
    kept = item(stage, token)
    assert kept["result"] == {"summary": "first"} and kept["delivery"] == "delivered"
    history = stage.cloud.callbacks(workflow)
    assert [(entry["result"]["summary"], entry["delivery"]) for entry in history] == [("first", "delivered"), ("second", "conflict")]
    analysis = stage.dispatched()
    assert analysis["payload"]["research_data"] == {"summary": "first"}, "the workflow heard of the first alone"


def test_a_token_that_nobody_waits_for_is_kept_and_answered_alike(stage: Stage) -> None:
    code, answer = post(stage, {"token": "unknown-1", "status": "SUCCESS", "result": {}}, "/callbacks/flow-x")
    assert code == 200 and sorted(answer) == ["status", "timestamp", "token"]
    kept = item(stage, "unknown-1")
    assert (kept["delivery"], kept["result"], kept["callback_workflow_id"]) == ("orphan", {}, "flow-x")


def test_the_lines_and_figures_of_a_callback_are_logged(stage: Stage) -> None:
    post(stage, {"token": "unknown-2", "status": "FAILURE", "error": "broken"})
    digest = hashlib.sha256(b"unknown-2").hexdigest()[:8]

    def printed() -> list[dict[str, Any]]:
        """All of this callback, once the last of them is there: the figures follow it."""
        found = [json.loads(line[line.index("{") :]) for line in stage.lines("CallbackHandler") if "{" in line]
        return found if "_aws" in found[-1] and any(line.get("token") == digest for line in found) else []

    lines = until(printed, "the callback's lines")
    mine = [line["event_type"] for line in lines if line.get("token") == digest]
    assert mine == ["callback_processing", "callback_stored", "workflow_not_found", "callback_completed"]
    figures = [line for line in lines if "_aws" in line]
    directive = figures[-1]["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "ResearchWorkflow/Callbacks" and directive["Dimensions"] == [["FunctionName"]]
    assert figures[-1]["FunctionName"] == "CallbackHandler"
    assert {metric["Name"] for metric in directive["Metrics"]} >= {"StorageFailures", "ServerErrors", "ClientErrors", "Latency"}


class Refusing:
    """DynamoDB that has no capacity for the first writes, and then passes everything on."""

    def __init__(self, upstream: str, refusals: int) -> None:
        self.refused, lock = 0, threading.Lock()
        refusing = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                target = self.headers.get("x-amz-target", "")
                with lock:
                    refuse = target.endswith("UpdateItem") and refusing.refused < refusals
                    refusing.refused += refuse
                if refuse:
                    status, reply = 400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}'
                else:
                    request = urllib.request.Request(upstream, body, dict(self.headers.items()))
                    try:
                        with urllib.request.urlopen(request, timeout=30) as answer:
                            status, reply = answer.status, answer.read()
                    except urllib.error.HTTPError as error:
                        status, reply = error.code, error.read()
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.0")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_throttled_writes_are_tried_again_and_then_told(stage: Stage) -> None:
    for function, refusals, expected in (("Throttled", 2, 200), ("Starved", 1_000, 500)):
        refusing = Refusing(stage.cloud.url, refusals)
        stage.create(function, "callback.handler", {"AWS_ENDPOINT_URL_DYNAMODB": refusing.url}, program="callback-handler")
        code, answer = post(stage, {"token": f"{function}-1", "status": "SUCCESS", "result": 1}, function=function)
        assert code == expected, answer
        refusing.server.shutdown()
        if expected == 200:
            assert refusing.refused == 2 and item(stage, "Throttled-1")["result"] == 1
        else:
            assert answer == {"error": "Failed to store callback result"} and refusing.refused == 4, "three repetitions"


@pytest.mark.parametrize(
    ("program", "handler", "missing"),
    [
        ("callback-handler", "callback.handler", ["ARTIFACT_BUCKET", "WORKFLOW_TABLE"]),
        ("bootstrap", "research.api_handler", ["ARTIFACT_BUCKET", "WORKFLOW_TABLE", "CALLBACK_API_URL"]),
        (
            "bootstrap",
            "research.handler",
            ["ARTIFACT_BUCKET", "WORKFLOW_TABLE", "CALLBACK_API_URL", "RESEARCHER_AGENT_ARN", "ANALYST_AGENT_ARN", "WRITER_AGENT_ARN"],
        ),
    ],
)
def test_defect_9_missing_variables_are_named_at_start(programs: dict[str, Path], program: str, handler: str, missing: list[str]) -> None:
    environment = {"_HANDLER": handler, "AWS_REGION": "eu-west-1", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}
    done = subprocess.run([programs[program]], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert all(f"{name} is required and not set" in done.stderr for name in missing), done.stderr
