"""TestState: one state without an execution, with a mock or for real."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from conftest import ROLE

HTTP = "arn:aws:states:::http:invoke"
INVOKE = "arn:aws:states:::lambda:invoke"


@pytest.fixture(scope="module")
def test_state(states):
    """Calls TestState; `definition`, `input` and the texts inside may be JSON."""

    def call(definition, **fields):
        def text(value):
            return value if isinstance(value, str) else json.dumps(value)

        for name in ("input", "context", "variables"):
            if name in fields:
                fields[name] = text(fields[name])
        if "result" in fields.get("mock", {}):
            fields["mock"]["result"] = text(fields["mock"]["result"])
        answer = states.test_state(definition=text(definition), **fields)
        del answer["ResponseMetadata"]
        return answer

    return call


def test_the_data_is_shown_on_its_way(test_state):
    state = {"Type": "Pass", "Parameters": {"b.$": "$.a"}, "ResultPath": "$.c", "Assign": {"v.$": "$.b"}, "Next": "Other"}
    answer = test_state(state, input={"a": 1.50}, variables={"w": 2}, inspectionLevel="DEBUG")
    assert answer == {
        "status": "SUCCEEDED",
        "output": '{"a":1.5,"c":{"b":1.5}}',
        "nextState": "Other",
        # What is only passed on is as it was given.
        "inspectionData": {
            "input": '{"a": 1.5}',
            "afterInputPath": '{"a": 1.5}',
            "afterParameters": '{"b":1.5}',
            "afterResultSelector": '{"b":1.5}',
            "afterResultPath": '{"a":1.5,"c":{"b":1.5}}',
            "variables": '{"w":2,"v":1.5}',
        },
    }
    assert "inspectionData" not in test_state(state, input={"a": 1})


def test_a_state_of_a_machine_is_tested_by_its_name(test_state, refused, states):
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Fail", "Error": "Sad"}}}
    assert test_state(machine, stateName="A") == {"status": "SUCCEEDED", "output": "{}", "nextState": "B"}
    assert test_state(machine, stateName="B") == {"status": "FAILED", "error": "Sad"}
    message = refused("ValidationException", states.test_state, definition=json.dumps(machine), stateName="C")
    assert message == "State not found in definition"


def test_a_mock_takes_the_place_of_the_work(test_state):
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": "f"},
        "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 2, "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.why", "Next": "Mend"}],
        "End": True,
    }
    succeeded = test_state(state, mock={"result": {"Payload": {"x": 1}}})
    assert json.loads(succeeded["output"]) == {"Payload": {"x": 1}}
    error = {"errorOutput": {"error": "Lambda.ServiceException", "cause": "busy"}}
    again = test_state(state, mock=error, stateConfiguration={"retrierRetryCount": 1}, inspectionLevel="DEBUG")
    assert (again["status"], again["error"], again["cause"]) == ("RETRIABLE", "Lambda.ServiceException", "busy")
    assert again["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 4}
    caught = test_state(state, mock=error, stateConfiguration={"retrierRetryCount": 2})
    assert (caught["status"], caught["nextState"]) == ("CAUGHT_ERROR", "Mend")
    assert json.loads(caught["output"]) == {"why": {"Error": "Lambda.ServiceException", "Cause": "busy"}}


def test_the_context_object_names_no_real_execution(test_state, states):
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.context %}", "End": True}
    context = json.loads(test_state(state, roleArn=ROLE)["output"])
    execution, machine = context["Execution"], context["StateMachine"]
    assert execution["RoleArn"] == ROLE and execution["Input"] == {}
    assert execution["Id"].endswith(f":express:{machine['Name']}:{execution['Name']}")
    assert all(one["name"] != machine["Name"] for one in states.list_state_machines()["stateMachines"])


@pytest.mark.parametrize(
    "fields, code, said",
    [
        ({"definition": "{"}, "InvalidDefinition", "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION"),
        ({"input": "{"}, "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Unexpected end-of-input'"),
        ({"inspectionLevel": "ALL"}, "ValidationException", "Value 'ALL' at 'inspectionLevel' failed to satisfy constraint"),
        ({"roleArn": "me"}, "InvalidArn", "Invalid Arn: 'me'"),
        ({"mock": {"result": "1"}}, "ValidationException", "State type 'Pass' is not supported when a mock is specified"),
        ({"variables": "[]"}, "ValidationException", "Invalid variables provided: variables must be a JSON object"),
    ],
)
def test_what_can_not_be_tested_is_refused(states, refused, fields, code, said):
    fields = {"definition": '{"Type": "Pass", "End": true}', **fields}
    assert said in refused(code, states.test_state, **fields)


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


def test_a_function_is_called_for_real(test_state, create, refused, states):
    arn = function_arn(create("tasks.echo"))
    answer = test_state({"Type": "Task", "Resource": arn, "End": True}, roleArn=ROLE, input={"n": 4}, inspectionLevel="DEBUG")
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"n": 4})
    assert answer["inspectionData"]["result"] == answer["output"]
    as_bytes = {"Type": "Task", "Resource": function_arn(create("tasks.gives_bytes")), "End": True}
    assert json.loads(test_state(as_bytes, roleArn=ROLE)["output"]) == {"text": "told"}
    assert test_state(as_bytes, roleArn=ROLE, input={"whole": True})["output"] == '"told"'
    failing = create("tasks.raises")
    state = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": failing}, "End": True}
    state["Catch"] = [{"ErrorEquals": ["CustomException"], "Next": "Mend"}]
    failed = test_state(state, roleArn=ROLE, inspectionLevel="DEBUG")
    assert (failed["status"], failed["error"], failed["nextState"]) == ("CAUGHT_ERROR", "CustomException", "Mend")
    through = {**state, "Parameters": {"FunctionName": create("tasks.echo"), "Payload": {"n": 1}}}
    envelope = json.loads(test_state(through, roleArn=ROLE)["output"])
    assert envelope["Payload"] == {"n": 1} and envelope["SdkHttpMetadata"]["HttpHeaders"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert json.loads(failed["cause"])["errorType"] == "CustomException" and "result" not in failed["inspectionData"]
    message = refused("ValidationException", states.test_state, definition=json.dumps(state))
    assert message == "RoleArn must be specified when testing a Task state"


def test_a_function_that_does_not_exist_fails_the_state(test_state):
    answer = test_state({"Type": "Task", "Resource": function_arn("nobody"), "End": True}, roleArn=ROLE)
    assert (answer["status"], answer["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")


def test_a_nested_execution_is_started_for_real(test_state, states, machine, machines):
    arn = machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    state = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True}
    state["Parameters"] = {"StateMachineArn": arn, "Input": {"a": 1}}
    answer = test_state(state, roleArn=ROLE)
    started = json.loads(answer["output"])["ExecutionArn"]
    assert json.loads(machines.ended(started)["output"]) == {"a": 1}
    with pytest.raises(ClientError) as raised:
        test_state({**state, "Resource": state["Resource"] + ".sync"}, roleArn=ROLE)
    assert "startExecution.sync' when a mock is not specified" in raised.value.response["Error"]["Message"]


def test_a_wait_takes_its_time(test_state):
    began = time.monotonic()
    answer = test_state({"Type": "Wait", "SecondsPath": "$.s", "Next": "Then"}, input={"s": 1})
    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", "Then")
    assert time.monotonic() - began >= 1


@pytest.fixture(scope="module")
def api():
    """An HTTP API that tells what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = json.dumps({"path": self.path, "body": body.decode()}).encode()
            self.send_response(418 if self.path.startswith("/tea") else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_an_http_task_shows_what_it_sent_and_got(test_state, api):
    parameters = {"ApiEndpoint": f"{api}/path?q=1", "Method": "POST", "RequestBody": {"a": 1}, "Headers": {"x-own": "yes"}}
    state = {"Type": "Task", "Resource": HTTP, "Parameters": parameters, "End": True}
    answer = test_state(state, roleArn=ROLE, inspectionLevel="TRACE")
    assert answer["status"] == "SUCCEEDED", answer
    request, response = answer["inspectionData"]["request"], answer["inspectionData"]["response"]
    headers = request.pop("headers")
    assert headers.startswith("[") and headers.endswith("]") and "x-own: yes" in headers
    assert request == {"protocol": "http", "method": "POST", "url": f"{api}/path?q=1", "body": '{"a":1}'}
    assert "content-type: application/json" in response.pop("headers")
    said = json.loads(response.pop("body"))
    assert said == json.loads(answer["output"])["ResponseBody"] == {"path": "/path?q=1", "body": '{"a":1}'}
    assert response == {"protocol": "http", "statusCode": "200", "statusMessage": "OK"}
    parameters["ApiEndpoint"] = f"{api}/tea"
    failed = test_state(state, roleArn=ROLE, inspectionLevel="TRACE")
    assert (failed["status"], failed["error"]) == ("FAILED", "States.Http.StatusCode.418")
    assert failed["inspectionData"]["response"]["statusCode"] == "418"
    assert "request" not in test_state(state, roleArn=ROLE, inspectionLevel="DEBUG")["inspectionData"]
