"""What Task states call: functions, nested executions, HTTP APIs. All of it is real: a function host, a server of the test's own."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from conftest import KEYS, REGION

LAMBDA = "arn:aws:states:::lambda:invoke"
NESTED = "arn:aws:states:::states:startExecution"
HTTP = "arn:aws:states:::http:invoke"


def one_task(resource: str, **fields: Any) -> dict[str, Any]:
    """A machine with one Task state."""
    return {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": resource, "End": True, **fields}}}


class Runs:
    """Executions of machines that exist for one test."""

    def __init__(self, states: Any, machine: Callable[..., str]) -> None:
        self.states, self.machine = states, machine

    def start(self, definition: Any, given: Any = None, **fields: Any) -> str:
        arn = self.machine(definition, **fields)
        return self.states.start_execution(stateMachineArn=arn, input=json.dumps(given or {}))["executionArn"]

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.05)
        return value

    def describe(self, arn: str) -> dict[str, Any]:
        return self.states.describe_execution(executionArn=arn)

    def ended(self, arn: str, seconds: float = 30) -> dict[str, Any]:
        return self.until(lambda: (found := self.describe(arn))["status"] != "RUNNING" and found, seconds)

    def events(self, arn: str) -> list[dict[str, Any]]:
        return self.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]

    def event(self, arn: str, kind: str) -> dict[str, Any]:
        return self.until(lambda: next((event for event in self.events(arn) if event["type"] == kind), None))

    def types(self, arn: str) -> list[str]:
        return [event["type"] for event in self.events(arn)]

    def output(self, definition: Any, given: Any = None, seconds: float = 30) -> Any:
        """Runs to its success."""
        ended = self.ended(self.start(definition, given), seconds)
        assert ended["status"] == "SUCCEEDED", ended
        return json.loads(ended["output"])

    def failure(self, definition: Any, given: Any = None) -> tuple[str | None, str | None]:
        """Runs to its failure: error and cause."""
        ended = self.ended(self.start(definition, given))
        assert ended["status"] == "FAILED", ended
        return ended.get("error"), ended.get("cause")


@pytest.fixture(scope="session")
def runs(states: Any, machine: Callable[..., str]) -> Runs:
    return Runs(states, machine)


@pytest.fixture(scope="session")
def task(client: Any, create: Callable[..., str]) -> Callable[..., str]:
    """The ARN of the function `tasks.<name>`, made once per session and name."""
    made: dict[str, str] = {}

    def get(name: str, **fields: Any) -> str:
        if name not in made:
            function = create(f"tasks.{name}", **fields)
            made[name] = client.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
        return made[name]

    return get


class TestFunctions:
    def test_the_result_of_a_function_is_the_result_of_the_task(self, runs, task):
        arn = runs.start(one_task(task("echo")), {"loop": [1, 2.5, None, "ü"]})
        assert json.loads(runs.ended(arn)["output"]) == {"loop": [1, 2.5, None, "ü"]}
        assert runs.types(arn) == [
            "ExecutionStarted",
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded",
        ]

    def test_versions_and_aliases_are_called(self, runs, client, create):
        name = create("plain.version_one")
        number = client.publish_version(FunctionName=name)["Version"]
        client.update_function_configuration(FunctionName=name, Handler="plain.version_two")
        client.create_alias(FunctionName=name, Name="live", FunctionVersion=number)
        arn = client.get_function(FunctionName=name)["Configuration"]["FunctionArn"].removesuffix(":$LATEST")
        assert [runs.output(one_task(arn + end)) for end in ("", ":$LATEST", f":{number}", ":live")] == ["two", "two", "one", "one"]

    def test_an_error_of_the_function_is_the_error_of_the_task_with_its_document_as_the_cause(self, runs, task):
        error, cause = runs.failure(one_task(task("raises")))
        assert error == "CustomException"
        assert json.loads(cause)["errorMessage"] == "not today"
        assert json.loads(cause)["stackTrace"][0].startswith('  File "/var/task/tasks.py", line ')

    def test_lambda_invoke_writes_the_document_of_an_error_without_white_space(self, runs, task):
        error, cause = runs.failure(one_task(LAMBDA, Parameters={"FunctionName": task("raises"), "Payload": {}}))
        assert error == "CustomException"
        assert cause == json.dumps(json.loads(cause), separators=(",", ":"), ensure_ascii=False)

    def test_a_function_that_is_not_there_is_told_as_lambda_tells_it(self, runs, task):
        arn = task("echo").rsplit(":", 1)[0] + ":no-such-function"
        error, cause = runs.failure(one_task(arn))
        assert error == "Lambda.ResourceNotFoundException"
        assert cause.startswith(f"Function not found: {arn}:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ")

    def test_a_process_that_dies_is_an_error(self, runs, task):
        error, cause = runs.failure(one_task(task("exits")))
        assert error == "Runtime.ExitError"
        assert json.loads(cause)["errorType"] == "Runtime.ExitError"

    def test_a_function_whose_time_is_up_is_an_error(self, runs, create, client):
        name = create("tasks.sleeps", Timeout=1)
        error, cause = runs.failure(one_task(LAMBDA, Parameters={"FunctionName": name, "Payload": {"seconds": 20}}))
        assert error == "Sandbox.Timedout"
        assert "Task timed out after 1.00 seconds" in json.loads(cause)["errorMessage"]

    def test_a_function_that_may_not_run_is_throttled(self, runs, create, client):
        name = create("tasks.echo")
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        error, cause = runs.failure(one_task(LAMBDA, Parameters={"FunctionName": name}))
        assert error == "Lambda.TooManyRequestsException"
        assert cause.startswith("Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: ")

    def test_the_states_own_time_comes_first(self, runs, task):
        arn = runs.start(one_task(task("sleeps"), TimeoutSeconds=1), {"seconds": 5})
        ended = runs.ended(arn)
        assert (ended["status"], ended.get("error"), ended.get("cause")) == ("FAILED", "States.Timeout", None)
        assert "LambdaFunctionTimedOut" in runs.types(arn)

    def test_what_fails_is_tried_again_as_the_state_says(self, runs, task, tmp_path):
        retry = [{"ErrorEquals": ["CustomException"], "IntervalSeconds": 1, "BackoffRate": 1.0}]
        arn = runs.start(one_task(task("third_time"), Retry=retry), {"file": str(tmp_path / "lines")})
        assert json.loads(runs.ended(arn)["output"]) == 2
        assert runs.types(arn).count("LambdaFunctionFailed") == 2
        assert (tmp_path / "lines").read_text().count("\n") == 3

    def test_every_attempt_has_a_request_id_of_its_own(self, runs, task):
        machine = {
            "StartAt": "One",
            "States": {
                "One": {"Type": "Task", "Resource": task("request_id"), "ResultPath": "$.one", "Next": "Two"},
                "Two": {"Type": "Task", "Resource": task("request_id"), "ResultPath": "$.two", "End": True},
            },
        }
        output = runs.output(machine)
        assert output["one"] != output["two"]

    def test_a_durable_function_is_run_to_its_end(self, runs, client, durable):
        name = durable("one_wait")
        arn = client.get_function(FunctionName=name)["Configuration"]["FunctionArn"].removesuffix(":$LATEST")
        assert runs.output(one_task(arn + ":$LATEST"), {"a": 1}) == {"a": 1}
        error, cause = runs.failure(one_task(arn))
        assert error == "Lambda.InvalidParameterValueException"
        assert cause.startswith("You cannot invoke a durable function using an unqualified ARN.")
        failed = client.get_function(FunctionName=durable("raises"))["Configuration"]["FunctionArn"].removesuffix(":$LATEST")
        error, cause = runs.failure(one_task(failed + ":$LATEST"))
        assert (error, json.loads(cause)["errorMessage"]) == ("ValueError", "not today")


class TestInvoke:
    def test_the_result_is_lambdas_answer(self, runs, task):
        arn = runs.start(one_task(LAMBDA, Parameters={"FunctionName": task("echo"), "Payload.$": "$"}), {"a": 1.0})
        output = json.loads(runs.ended(arn)["output"])
        assert list(output) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
        assert (output["ExecutedVersion"], output["Payload"], output["StatusCode"]) == ("$LATEST", {"a": 1.0}, 200)
        http = output["SdkHttpMetadata"]
        assert http["HttpStatusCode"] == 200
        assert http["HttpHeaders"]["x-amzn-RequestId"] == output["SdkResponseMetadata"]["RequestId"]
        assert http["AllHttpHeaders"]["Content-Type"] == ["application/json"]
        assert "TaskSucceeded" in runs.types(arn)

    def test_a_payload_that_is_a_text_is_the_document_that_it_holds(self, runs, task):
        def echoed(payload: Any) -> Any:
            return runs.output(one_task(LAMBDA, Parameters={"FunctionName": task("echo"), "Payload": payload}))["Payload"]

        assert [echoed(json.dumps(value)) for value in ({"a": 1}, None, "x")] == [{"a": 1}, None, "x"]
        assert echoed("no document") == "no document"

    def test_a_qualifier_a_log_and_a_call_that_is_not_waited_for(self, runs, task):
        def called(**parameters: Any) -> Any:
            return runs.output(one_task(LAMBDA, Parameters={"FunctionName": task("echo"), **parameters}))

        assert called(Qualifier="$LATEST")["Payload"] == {}
        assert called(LogType="Tail")["LogResult"]
        assert called(InvocationType="Event")["StatusCode"] == 202
        assert called(InvocationType="DryRun")["StatusCode"] == 204

    def test_errors_have_lambdas_words(self, runs, task):
        def failed(**parameters: Any) -> tuple[str | None, str | None]:
            return runs.failure(one_task(LAMBDA, Parameters=parameters))

        assert failed(FunctionName=task("raises"))[0] == "CustomException"
        error, cause = failed(FunctionName="no-such-function")
        assert error == "Lambda.ResourceNotFoundException"
        assert ":function:no-such-function:$LATEST (Service: AWSLambda; Status Code: 404;" in cause

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_token_comes_back_from_a_function_that_answers_it(self, runs, task, fails):
        payload = {"token.$": "$$.Task.Token", "fails": fails}
        arn = runs.start(one_task(LAMBDA + ".waitForTaskToken", Parameters={"FunctionName": task("answers_token"), "Payload": payload}))
        ended = runs.ended(arn)
        if fails:
            assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Refused", "not today")
        else:
            assert json.loads(ended["output"]) == {"by": "the token"}

    def test_a_token_may_come_back_long_after_the_call(self, runs, task, states):
        parameters = {"FunctionName": task("echo"), "Payload": {"token.$": "$$.Task.Token"}}
        arn = runs.start(one_task(LAMBDA + ".waitForTaskToken", Parameters=parameters))
        submitted = runs.event(arn, "TaskSubmitted")["taskSubmittedEventDetails"]
        token = json.loads(submitted["output"])["Payload"]["token"]
        assert submitted["resource"] == "invoke.waitForTaskToken"
        assert runs.describe(arn)["status"] == "RUNNING"
        states.send_task_success(taskToken=token, output='"late"')
        assert runs.ended(arn)["output"] == '"late"'

    def test_what_there_is_not_is_named_with_what_there_is(self, runs):
        definition = one_task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody": "m"})
        error, cause = runs.failure(definition)
        assert error == "States.Runtime"
        assert "lambda:invoke, states:startExecution" in cause


WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": {"Type": "Pass", "End": True}}}
FAILS = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "SomeFailure", "Cause": "it is so"}}}


class TestNested:
    def test_a_start_is_the_result(self, runs, machine, states):
        child = machine(WAITS)
        arn = runs.start(one_task(NESTED, Parameters={"StateMachineArn": child, "Input": {"a": 1}, "Name": (name := secrets.token_hex(8))}))
        output = json.loads(runs.ended(arn)["output"])
        assert output["ExecutionArn"] == child.replace(":stateMachine:", ":execution:") + f":{name}"
        shown = states.describe_execution(executionArn=output["ExecutionArn"])
        assert json.loads(shown["input"]) == {"a": 1}
        assert output["StartDate"] == round(shown["startDate"].timestamp() * 1000)
        assert output["SdkHttpMetadata"]["HttpStatusCode"] == 200

    @pytest.mark.parametrize(("pattern", "shape"), [(".sync", str), (".sync:2", dict)])
    def test_an_end_is_the_result(self, runs, machine, pattern, shape):
        child = machine(WAITS)
        arn = runs.start(one_task(NESTED + pattern, Parameters={"StateMachineArn": child, "Input": {"a": 1}}))
        output = json.loads(runs.ended(arn)["output"])
        assert (output["Status"], output["StateMachineArn"]) == ("SUCCEEDED", child)
        assert isinstance(output["Output"], shape)
        told = json.loads(output["Output"]) if shape is str else output["Output"]
        assert told == {"a": 1}
        assert output["StopDate"] >= output["StartDate"]
        assert [kind for kind in runs.types(arn) if kind.startswith("Task")] == [
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
        ]

    def test_a_failed_child_fails_the_task_with_what_became_of_it(self, runs, machine):
        error, cause = runs.failure(one_task(NESTED + ".sync", Parameters={"StateMachineArn": (child := machine(FAILS))}))
        assert error == "States.TaskFailed"
        told = json.loads(cause)
        assert (told["Status"], told["Error"], told["Cause"], told["StateMachineArn"]) == ("FAILED", "SomeFailure", "it is so", child)

    def test_stopping_the_parent_stops_the_child(self, runs, machine, states):
        child = machine({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
        arn = runs.start(one_task(NESTED + ".sync:2", Parameters={"StateMachineArn": child}))
        submitted = runs.event(arn, "TaskSubmitted")["taskSubmittedEventDetails"]
        nested = json.loads(submitted["output"])["ExecutionArn"]
        assert runs.describe(nested)["status"] == "RUNNING"
        states.stop_execution(executionArn=arn)
        assert runs.ended(nested)["status"] == "ABORTED"

    def test_a_nested_execution_may_answer_by_the_token(self, runs, machine, task):
        child = machine(one_task(task("answers_token")))
        parameters = {"StateMachineArn": child, "Input": {"token.$": "$$.Task.Token"}}
        assert runs.output(one_task(NESTED + ".waitForTaskToken", Parameters=parameters)) == {"by": "the token"}

    def test_a_machine_that_is_not_there_and_a_name_that_is_taken(self, runs, machine, states):
        child = machine(WAITS)
        error, cause = runs.failure(one_task(NESTED, Parameters={"StateMachineArn": child + "-not"}))
        assert error == "StepFunctions.StateMachineDoesNotExistException"
        assert cause.startswith(
            f"State Machine Does Not Exist: '{child}-not' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: "
        )
        states.start_execution(stateMachineArn=child, name="taken", input='{"other": 1}')
        error, cause = runs.failure(one_task(NESTED, Parameters={"StateMachineArn": child, "Name": "taken"}))
        assert error == "StepFunctions.ExecutionAlreadyExistsException"
        assert cause.startswith("Execution Already Exists: '")

    def test_versions_and_aliases_are_started(self, runs, machine, states):
        child = machine(WAITS, publish=True)
        version = states.list_state_machine_versions(stateMachineArn=child)["stateMachineVersions"][0]["stateMachineVersionArn"]
        route = [{"stateMachineVersionArn": version, "weight": 100}]
        alias = states.create_state_machine_alias(name="live", routingConfiguration=route)["stateMachineAliasArn"]
        for arn in (version, alias):
            output = runs.output(one_task(NESTED, Parameters={"StateMachineArn": arn}))
            shown = states.describe_execution(executionArn=output["ExecutionArn"])
            assert shown["stateMachineVersionArn"] == version
            assert shown.get("stateMachineAliasArn") == (alias if arn == alias else None)
        states.delete_state_machine_alias(stateMachineAliasArn=alias)


class Api(BaseHTTPRequestHandler):
    """Answers with what it was sent, and with the status that the path names."""

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        said = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        body = json.dumps(said).encode()
        self.send_response(int(self.path[1:4]) if self.path[1:4].isdigit() else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """The URL of an HTTP server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class TestHttp:
    def test_the_result_is_the_apis_answer(self, runs, api):
        parameters = {
            "ApiEndpoint": f"{api}/things",
            "Method": "POST",
            "Headers": {"x-tenant": "7"},
            "QueryParameters": {"q": "a b", "n": ["1", "2"]},
            "RequestBody": {"a.$": "$.a"},
        }
        output = runs.output(one_task(HTTP, Parameters=parameters), {"a": [1, "x"]})
        assert (output["StatusCode"], output["StatusText"]) == (200, "OK")
        assert output["Headers"]["content-type"] == ["application/json"]
        said = output["ResponseBody"]
        assert (said["method"], said["path"]) == ("POST", "/things?q=a%20b&n=1&n=2")
        assert (said["headers"]["x-tenant"], json.loads(said["body"])) == ("7", {"a": [1, "x"]})

    def test_a_form_is_url_encoded(self, runs, api):
        parameters = {
            "ApiEndpoint": api,
            "Method": "POST",
            "RequestBody": {"customer": "7", "items": ["a", "b"]},
            "Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}},
        }
        said = runs.output(one_task(HTTP, Parameters=parameters))["ResponseBody"]
        assert said["body"] == "customer=7&items%5B%5D=a&items%5B%5D=b"
        assert said["headers"]["content-type"] == "application/x-www-form-urlencoded"

    def test_a_status_is_an_error_that_is_caught_by_its_number(self, runs, api):
        catch = [{"ErrorEquals": ["States.Http.StatusCode.404"], "ResultPath": "$.error", "Next": "Caught"}]
        definition = one_task(HTTP, Parameters={"ApiEndpoint": f"{api}/404", "Method": "GET"}, Catch=catch)
        definition["States"]["Caught"] = {"Type": "Pass", "End": True}
        assert runs.output(definition) == {"error": {"Error": "States.Http.StatusCode.404", "Cause": "Not Found"}}

    def test_addresses_inside_are_not_reached(self, runs):
        error, cause = runs.failure(one_task(HTTP, Parameters={"ApiEndpoint": "http://169.254.169.254/latest", "Method": "GET"}))
        assert error == "States.Permissions"
        assert "--http-allow" in cause

    def test_a_connection_that_is_not_there_is_an_error(self, runs, api):
        arn = "arn:aws:events:us-east-1:000000000000:connection/none/1"
        parameters = {"ApiEndpoint": api, "Method": "GET", "InvocationConfig": {"ConnectionArn": arn}}
        assert runs.failure(one_task(HTTP, Parameters=parameters))[0] == "Events.ConnectionResource.ResourceNotFound"


class TestLogs:
    """What executions log, read as the logs of functions are."""

    @pytest.fixture
    def logs(self, endpoint: str) -> Any:
        return boto3.client("logs", endpoint_url=endpoint, region_name=REGION, **KEYS)

    @pytest.fixture
    def group(self) -> str:
        return f"/aws/vendedlogs/states/wire-{secrets.token_hex(4)}"

    def run(self, runs: Runs, group: str, definition: Any, level: str, included: bool = True) -> str:
        destination = {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"}}
        logging = {"level": level, "includeExecutionData": included, "destinations": [destination]}
        arn = runs.start(definition, {"a": 1}, loggingConfiguration=logging)
        runs.ended(arn)
        return arn

    def messages(self, logs: Any, runs: Runs, group: str, count: int) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            try:
                events = logs.filter_log_events(logGroupName=group)["events"]
            except logs.exceptions.ResourceNotFoundException:
                return []
            return [json.loads(event["message"]) for event in events]

        runs.until(lambda: len(read()) >= count)
        return sorted(read(), key=lambda message: int(message["id"]))

    def test_an_event_is_a_line(self, runs, logs, group):
        definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"b": 2}, "End": True}}}
        arn = self.run(runs, group, definition, "ALL")
        history = runs.events(arn)
        told = self.messages(logs, runs, group, len(history))
        assert [message["type"] for message in told] == [event["type"] for event in history]
        entered = told[1]
        assert entered["details"] == {"name": "P", "input": '{"a": 1}', "inputDetails": {"truncated": False}}
        assert (entered["id"], entered["previous_event_id"], entered["redrive_count"]) == ("2", "0", "0")
        assert entered["execution_arn"] == arn
        assert int(entered["event_timestamp"]) == round(history[1]["timestamp"].timestamp() * 1000)

    def test_the_level_chooses_and_data_may_stay_out(self, runs, logs, group):
        self.run(runs, group, FAILS, "ERROR", included=False)
        told = self.messages(logs, runs, group, 2)
        assert [message["type"] for message in told] == ["FailStateEntered", "ExecutionFailed"]
        assert told[0]["details"] == {"name": "F"}
        assert told[1]["details"] == {"error": "SomeFailure", "cause": "it is so"}

    def test_a_query_finds_what_was_logged(self, runs, logs, group):
        arn = self.run(runs, group, FAILS, "FATAL")
        self.messages(logs, runs, group, 1)
        now = int(time.time())
        text = "fields type, details.error | filter execution_arn like /execution/"
        query = logs.start_query(logGroupName=group, startTime=now - 600, endTime=now + 600, queryString=text)["queryId"]
        done = runs.until(lambda: (found := logs.get_query_results(queryId=query))["status"] == "Complete" and found)
        rows = [{field["field"]: field["value"] for field in row} for row in done["results"]]
        assert [(row["type"], row["details.error"]) for row in rows] == [("ExecutionFailed", "SomeFailure")], arn
