"""`everstep dev --functions DIR`: manifests, reloading, functions that run elsewhere, and how processes are limited."""

from __future__ import annotations

import json
import sysconfig
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from conftest import PATIENCE_S, Dev, until

PACKAGES = sysconfig.get_paths()["purelib"]

WAITS = """
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig

VERSION = "{version}"

@durable_execution
def handler(event, context: DurableContext):
    before = context.step(lambda _: VERSION, name="before")
    said = context.create_callback(name="ask").result()
    return {{"before": before, "after": VERSION, "said": said}}

def plain(event, context):
    return {{"version": VERSION, "event": event}}
"""


def manifest(version: str = "one") -> str:
    return f"""
[functions.waits]
runtime = "python"
handler = "app.handler"
timeout = 60
durable = {{ execution_timeout = 600 }}
environment = {{ PYTHONPATH = {json.dumps(PACKAGES)} }}

[functions.plain]
runtime = "python3.12"
handler = "app.plain"
environment = {{ PYTHONPATH = {json.dumps(PACKAGES)} }}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., Dev]]:
    begun: list[Dev] = []

    def begin(*words: str) -> Dev:
        begun.append(Dev(tmp_path / "server", "--no-demo", "--functions", str(tmp_path / "functions"), *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def write(folder: Path, name: str, text: str) -> None:
    (folder / "functions").mkdir(exist_ok=True)
    (folder / "functions" / name).write_text(text)


def client(dev: Dev):
    return boto3.client(
        "lambda", endpoint_url=dev.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )


def call(dev: Dev, function: str, payload: object = None) -> object:
    answer = client(dev).invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    return json.loads(answer["Payload"].read())


def callback(dev: Dev, execution: str) -> str | None:
    events = dev.good("-o", "json", "history", execution).json()["events"]
    started = [event for event in events if event["EventType"] == "CallbackStarted"]
    suspended = any(event["EventType"] == "InvocationCompleted" for event in events)
    return started[0]["CallbackStartedDetails"]["CallbackId"] if started and suspended else None


def test_a_running_execution_keeps_its_code_when_the_file_changes(server: Callable[..., Dev], tmp_path: Path) -> None:
    write(tmp_path, "everstep.toml", manifest())
    write(tmp_path, "app.py", WAITS.format(version="one"))
    dev = server()
    assert "function waits: durable python3.13" in dev.log.read_text()
    execution = dev.good("start", "waits").out.strip()
    ask = until(lambda: callback(dev, execution), "it waits")
    write(tmp_path, "app.py", WAITS.format(version="two"))
    until(lambda: "reloaded waits: 1 running execution keeps the code it began with" in dev.log.read_text(), "the reload")
    until(lambda: call(dev, "plain", 1) == {"version": "two", "event": 1}, "the new code")
    dev.good("callback", "succeed", ask, "--result", '"yes"')
    until(lambda: dev.describe(execution)["execution"]["status"] != "RUNNING", "its end")
    assert dev.describe(execution)["result"] == {"before": "one", "after": "one", "said": '"yes"'}
    before = dev.log.read_text().count("reloaded")
    dev.end()
    again = server()
    assert "function waits: durable python3.13" in again.log.read_text() and "reloaded" not in again.log.read_text()
    assert before == 2, "one for each function"


def test_a_broken_manifest_says_where_and_changes_nothing(server: Callable[..., Dev], tmp_path: Path) -> None:
    write(tmp_path, "everstep.toml", manifest())
    write(tmp_path, "app.py", WAITS.format(version="one"))
    dev = server()
    write(tmp_path, "everstep.toml", manifest() + "\n[functions.third]\nruntime = 'python'\nhandlr = 'app.plain'\n")
    # A reader may come while the file is being written: that is another fault, and not the last.
    until(lambda: "handlr" in dev.log.read_text(), "the fault")
    log = dev.log.read_text()
    assert "not loaded" in log and "everstep.toml" in log and "what was registered before stays" in log
    assert call(dev, "plain", 1) == {"version": "one", "event": 1}
    write(tmp_path, "everstep.toml", manifest().replace("functions.plain", "functions.third"))
    until(lambda: "function third" in dev.log.read_text(), "the third function")
    assert call(dev, "third", 3) == {"version": "one", "event": 3}


TEMPLATE = """
Globals:
  Function:
    Runtime: python3.13
    Timeout: 60
    Environment:
      Variables: {PYTHONPATH: %s}
Resources:
  Target:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.plain}
  Main:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.shows
      AutoPublishAlias: live
      DurableConfig: {ExecutionTimeout: 600, RetentionPeriodInDays: 3}
      Environment:
        Variables: {TARGET: !Sub "${Target.Arn}:$LATEST"}
      FunctionUrlConfig: {AuthType: NONE}
"""


def test_a_sam_template_is_read(server: Callable[..., Dev], tmp_path: Path) -> None:
    write(tmp_path, "template.yaml", TEMPLATE % json.dumps(PACKAGES))
    write(tmp_path, "app.py", "import os\ndef shows(event, context): return os.environ['TARGET']\ndef plain(event, context): return event\n")
    dev = server()
    assert "Main: FunctionUrlConfig has no effect here" in dev.log.read_text()
    shown = client(dev).get_function_configuration(FunctionName="Main", Qualifier="live")
    assert (shown["Version"], shown["Timeout"], shown["DurableConfig"]["RetentionPeriodInDays"]) == ("1", 60, 3)
    expected = "arn:aws:lambda:us-east-1:000000000000:function:Target:$LATEST"
    assert shown["Environment"]["Variables"]["TARGET"] == expected


class Emulator(ThreadingHTTPServer):
    """What the runtime interface emulator is to a caller: one path, the function's answer, errors as a document."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EmulatorCall)
        self.seen: list[tuple[str, dict[str, str], object]] = []
        self.script: list[tuple[int, dict[str, str], object]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class EmulatorCall(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status, headers, answer = self.server.script.pop(0)
        if status == 0:
            self.close_connection = True
            return
        text = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    one = Emulator()
    yield one
    one.shutdown()
    one.server_close()


def elsewhere(url: str, more: str = "") -> str:
    return f'[functions.far]\ntarget = "{url}"\ndurable = true\n{more}[functions.near]\ntarget = "{url}"\n'


def test_a_durable_function_runs_elsewhere_and_its_failures_are_repeated(
    server: Callable[..., Dev], tmp_path: Path, emulator: Emulator
) -> None:
    write(tmp_path, "everstep.toml", elsewhere(emulator.url + "/2015-03-31/functions/function/invocations"))
    dev = server("--clock", "skip")
    emulator.script = [
        (0, {}, None),
        (503, {}, {"message": "busy"}),
        (200, {"X-Amz-Function-Error": "Unhandled"}, {"errorType": "ValueError", "errorMessage": "no"}),
        (200, {}, {"errorType": "KeyError", "errorMessage": "the emulator's way"}),
        (200, {}, {"Status": "SUCCEEDED", "Result": '"from afar"'}),
    ]
    done = dev.good("start", "far", "--wait", "--input", '{"a":1}')
    assert done.out == "from afar\n"
    assert len(emulator.seen) == 5
    path, headers, event = emulator.seen[0]
    assert path == "/2015-03-31/functions/function/invocations" and "authorization" not in headers
    assert event["DurableExecutionArn"].startswith("arn:aws:lambda:") and event["CheckpointToken"]
    assert event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]["InputPayload"] == '{"a":1}'
    execution = dev.good("-o", "json", "list", "--function", "far").json()["executions"][0]["id"]
    events = dev.good("-o", "json", "history", execution).json()["events"]
    errors = [
        event["InvocationCompletedDetails"].get("Error", {}).get("Payload", {}).get("ErrorType")
        for event in events
        if event["EventType"] == "InvocationCompleted"
    ]
    assert errors == ["Everstep.NoConnection", "Everstep.TargetRefused", "ValueError", "KeyError", None]


def test_a_plain_function_elsewhere_is_called_with_its_name_and_answers(
    server: Callable[..., Dev], tmp_path: Path, emulator: Emulator
) -> None:
    write(tmp_path, "everstep.toml", elsewhere(emulator.url))
    dev = server()
    emulator.script = [(200, {}, {"hello": 1}), (200, {"X-Amz-Function-Error": "Unhandled"}, {"errorType": "E", "errorMessage": "m"})]
    assert call(dev, "near", 7) == {"hello": 1}
    path, headers, event = emulator.seen[0]
    assert (path, headers["x-amz-invocation-type"], event) == ("/2015-03-31/functions/near/invocations", "RequestResponse", 7)
    failed = client(dev).invoke(FunctionName="near", Payload=b"7")
    assert failed["FunctionError"] == "Unhandled"


def test_calls_are_signed_for_a_region_with_the_function_s_own_keys(
    server: Callable[..., Dev], tmp_path: Path, emulator: Emulator
) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    keys = 'environment = { AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "secret" }\n'
    write(tmp_path, "everstep.toml", f'[functions.far]\ntarget = "{emulator.url}"\nregion = "eu-west-1"\n{keys}')
    dev = server()
    emulator.script = [(200, {}, "signed")]
    assert call(dev, "far", {"a": "b"}) == "signed"
    path, headers, event = emulator.seen[0]
    given = headers["authorization"]
    assert given.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") and "/eu-west-1/lambda/aws4_request" in given
    # botocore signs the same request again: the official client is the judge.
    names = given.split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest("POST", emulator.url + path, data=b'{"a": "b"}', headers={n: headers[n] for n in names if n != "host"})
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "lambda", "eu-west-1")
    del request.headers["x-amz-date"]
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert given.endswith(f"Signature={signature}")


def test_options_limit_the_processes_of_functions(server: Callable[..., Dev], tmp_path: Path) -> None:
    write(tmp_path, "everstep.toml", '[functions.pid]\nruntime = "python"\nhandler = "app.pid"\nmemory = 128\n')
    write(
        tmp_path,
        "app.py",
        "import os, time\n"
        "def pid(event, context):\n"
        "  kept = bytearray(os.urandom(1 << 20) * event)\n"
        "  time.sleep(2 if event else 0.2)\n"
        "  return os.getpid()\n",
    )
    dev = server("--max-workers", "1")
    pids: set[object] = set()
    calls = [threading.Thread(target=lambda: pids.add(call(dev, "pid", 0))) for _ in range(4)]
    for one in calls:
        one.start()
    for one in calls:
        one.join(PATIENCE_S)
    assert len(pids) == 1
    failed = client(dev).invoke(FunctionName="pid", Payload=b"300")
    assert json.loads(failed["Payload"].read())["errorType"] == "Runtime.OutOfMemory"


def test_a_folder_without_functions_is_told(server: Callable[..., Dev], tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    dev = server()
    assert "has an everstep.toml or a template.yaml" in dev.log.read_text()
