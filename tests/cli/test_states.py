"""`everstep states`: definitions of state machines checked, one state tested, a whole run."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import everstep

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"b.$": "$.a"}, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Sad", "Cause": "because"}}}
WRONG = """{
  "StartAt": "A",
  "States": {
    "A": {"Type": "Pass", "Next": "Nowhere"}
  }
}
"""


def written(folder: Path, definition) -> str:
    file = folder / "machine.asl.json"
    file.write_text(definition if isinstance(definition, str) else json.dumps(definition))
    return str(file)


def test_what_is_wrong_is_shown_where_it_is(tmp_path):
    ended = everstep("states", "validate", written(tmp_path, WRONG))
    assert ended.code == 1 and ended.out == ""
    assert "error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: Nowhere" in ended.err
    assert "machine.asl.json:4:35" in ended.err and "^^^^^^^^^ /States/A/Next" in ended.err
    assert ended.err.rstrip().endswith("machine.asl.json: 2 errors")
    listed = everstep("-o", "json", "states", "validate", "-", stdin=WRONG)
    assert listed.code == 1
    assert listed.json() == [
        {
            "severity": "ERROR",
            "code": "MISSING_TRANSITION_TARGET",
            "message": "Missing 'Next' target: Nowhere",
            "location": "/States/A/Next",
            "line": 4,
            "column": 35,
        },
        {"severity": "ERROR", "code": "MISSING_END_STATE", "message": "Workflow has no terminal state", "location": None, "line": 6, "column": 2},
    ]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"StartAt": "ä', "\u0000", '{"StartAt": 5, "States": {"ü": []}}'])
def test_any_text_is_judged(tmp_path, text):
    ended = everstep("states", "validate", written(tmp_path, text))
    assert ended.code == 1 and "error[" in ended.err and "panicked" not in ended.err


def test_a_right_definition_is_right_for_what_it_is_asked_for(tmp_path):
    good = everstep("states", "validate", written(tmp_path, PASS))
    assert (good.code, good.out) == (0, "") and "is right" in good.err
    activity = "arn:aws:states:us-east-1:000000000000:activity:a"
    tasks = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "End": True}}}
    file = written(tmp_path, tasks)
    assert everstep("states", "validate", file).code == 0
    express = everstep("states", "validate", "--express", file)
    assert express.code == 1 and "Express state machine does not support Activity ARN" in express.err
    doubtful = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a": "$.b"}, "End": True}}}
    file = written(tmp_path, doubtful)
    warned = everstep("states", "validate", file)
    assert warned.code == 0 and "warning[NO_DOLLAR]" in warned.err
    assert everstep("states", "validate", "--deny-warnings", file).code == 1
    missing = everstep("states", "validate", str(tmp_path / "none.json"))
    assert missing.code == 1 and "can't be read" in missing.err


def test_a_state_is_tested_with_a_mock(dev, tmp_path):
    state = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "q", "MessageBody.$": "$.m"}, "End": True}
    file = written(tmp_path, state)
    tested = dev.good("-o", "json", "states", "test", file, "--input", '{"m": "hi"}', "--mock", '{"MessageId": "1"}', "--level", "debug").json()
    assert (tested["status"], tested["output"]) == ("SUCCEEDED", {"MessageId": "1"})
    assert tested["inspectionData"]["afterParameters"] == {"QueueUrl": "q", "MessageBody": "hi"}
    shown = dev.good("states", "test", file, "--input", '{"m": 1}', "--mock", '{"MessageId": "1"}')
    assert shown.out.splitlines() == ["status                 SUCCEEDED", 'output                 {"MessageId":"1"}']
    refused = dev.run("states", "test", file, "--mock", '{"MessageId": 1}')
    assert refused.code == 6 and "Field 'MessageId' must be a string" in refused.err
    assert dev.run("states", "test", file, "-i", '{"m": 1}', "--mock", '{"MessageId": 1}', "--validation", "none").code == 0
    failed = dev.run("states", "test", file, "-i", '{"m": 1}', "--mock-error", "SQS.Busy: later")
    assert failed.code == 1 and "cause                  later" in failed.out
    assert failed.err.strip() == "everstep: the state ended FAILED: SQS.Busy"


def test_a_state_of_a_machine_is_tested(dev, tmp_path):
    file = written(tmp_path, PASS)
    tested = dev.good("states", "test", file, "--state", "A", "--input", '{"a": 1}')
    assert 'output                 {"b":1}' in tested.out
    nobody = dev.run("states", "test", file, "--state", "B")
    assert nobody.code == 6 and "State not found in definition" in nobody.err


@pytest.fixture
def api():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            said = json.dumps({"key": self.headers.get("x-key"), "path": self.path}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_secrets_of_a_connection_are_shown_only_when_they_are_asked_for(dev, tmp_path, api):
    connections = dev.folder / ".everstep" / "connections.toml"
    connections.write_text('[shop]\napi_key = { name = "x-key", value = "hush-1" }\nquery = { token = "hush-2" }\n')
    connections.chmod(0o600)
    arn = "arn:aws:events:us-east-1:000000000000:connection/shop/1"
    parameters = {"ApiEndpoint": f"{api}/orders", "Method": "GET", "InvocationConfig": {"ConnectionArn": arn}}
    file = written(tmp_path, {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": parameters, "ResultPath": None, "End": True})
    hidden = dev.good("-o", "json", "states", "test", file, "--level", "trace").json()["inspectionData"]
    assert "hush" not in json.dumps(hidden["request"]) and hidden["request"]["url"] == f"{api}/orders"
    # What the API answers is never left out.
    assert "hush-1" in hidden["response"]["body"]
    shown = dev.good("-o", "json", "states", "test", file, "--level", "trace", "--reveal-secrets").json()["inspectionData"]
    assert "x-key: hush-1" in shown["request"]["headers"] and shown["request"]["url"].endswith("token=hush-2")
    connections.unlink()


def test_a_definition_is_run_to_its_end_on_a_server_that_runs(dev, tmp_path):
    ended = dev.good("states", "run", written(tmp_path, PASS), "--input", '{"a": [1, 2]}')
    assert ended.out == '{"b":[1,2]}\n'
    types = [line.split()[1] for line in ended.err.splitlines()]
    assert types == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert dev.good("states", "run", "-q", written(tmp_path, PASS), "-i", '{"a": 1}').err == ""
    failed = dev.run("states", "run", "-q", written(tmp_path, FAIL))
    assert failed.code == 1 and failed.err.strip() == "everstep: the execution ended FAILED: Sad: because"
    wrong = dev.run("states", "run", written(tmp_path, WRONG))
    assert wrong.code == 6 and "MISSING_TRANSITION_TARGET" in wrong.err


def test_without_a_server_there_is_one_for_the_command(tmp_path):
    folder = tmp_path / "nobody"
    folder.mkdir()
    waits = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": {"Type": "Pass", "Result": 7, "End": True}}}
    ended = everstep("states", "run", written(tmp_path, waits), folder=folder)
    assert (ended.code, ended.out) == (0, "7\n"), ended
    tested = everstep("-o", "json", "states", "test", "-", folder=folder, stdin='{"Type": "Succeed"}')
    assert tested.json() == {"status": "SUCCEEDED", "output": {}}
    assert list(folder.iterdir()) == []
