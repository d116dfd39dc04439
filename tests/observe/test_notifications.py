"""`[[notify]]`: events reach every kind of sink in its own shape, at least once, and a sink that fails holds nobody up."""

from __future__ import annotations

import email
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cbor2
import pytest
import requests
from standardwebhooks import Webhook

from conftest import REGION, Receiver, Server, everstep, until
from outside import CREDENTIALS, SECRET, aws, free_port, queue, read, sink

DONE = {"Done": {"Type": "Pass", "Result": {"report": 7}, "End": True}}
BROKEN = {"Broken": {"Type": "Fail", "Error": "Boom", "Cause": "as the test wants it"}}


def webhook(receiver: Receiver, on: list[str], path: str = "/hook", **members: Any) -> str:
    return sink("webhook", on, url=receiver.url + path, secret='{ env = "HOOK_SECRET" }', **members)


def run(server: Server, states: dict[str, Any], machine: str = "shop", name: str = "order-1") -> None:
    arn = server.machine(machine, states)
    server.client("stepfunctions").start_execution(stateMachineArn=arn, name=name, input="{}")


def told(receiver: Receiver, count: int = 1) -> list[tuple[str, dict[str, str], bytes]]:
    until(lambda: len(receiver.requests) >= count, f"{count} requests")
    return receiver.requests


def test_a_webhook_is_signed_and_tells_what_happened(serve: Callable[..., Server], receiver: Receiver) -> None:
    server = serve(webhook(receiver, ["execution.failed"]), HOOK_SECRET=SECRET)
    run(server, DONE, "fine", "fine-1")
    run(server, BROKEN)
    path, headers, body = told(receiver)[0]
    assert path == "/hook"
    # The reference implementation of the scheme agrees, over the bytes as they came.
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "execution.failed"
    execution = event["data"]["execution"]
    assert (execution["definition"], execution["name"], execution["status"]) == ("shop", "order-1", "FAILED")
    assert execution["error"]["kind"] == "Boom"
    time.sleep(0.3)
    assert len(receiver.requests) == 1, "the one that succeeded was not asked for"


def test_a_callback_that_was_processed_is_told(serve: Callable[..., Server], receiver: Receiver) -> None:
    server = serve(webhook(receiver, ["callback.processed"]), HOOK_SECRET=SECRET)
    server.function("waits")
    token = server.waiting("research-1")
    server.answer(token, status="SUCCESS", result={"ok": True})
    _, headers, body = told(receiver)[0]
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "callback.processed"
    assert event["data"]["execution"]["name"] == "research-1"
    assert token not in body.decode()


def test_a_delivery_that_fails_is_tried_again_as_the_same_one(serve: Callable[..., Server], receiver: Receiver) -> None:
    receiver.answers = [503, 500]
    server = serve(webhook(receiver, ["execution.succeeded"]), HOOK_SECRET=SECRET)
    run(server, DONE)
    requests_ = told(receiver, 3)
    ids = {headers["webhook-id"] for _, headers, _ in requests_}
    assert len(ids) == 1
    for _, headers, body in requests_:
        Webhook(SECRET).verify(body, headers)


def test_an_event_survives_the_end_of_the_server(serve: Callable[..., Server], receiver: Receiver) -> None:
    receiver.answers = [503] * 2
    server = serve(webhook(receiver, ["execution.succeeded"]), HOOK_SECRET=SECRET)
    run(server, DONE)
    told(receiver)
    server.kill()
    server.start()
    told(receiver, 3)
    assert len({headers["webhook-id"] for _, headers, _ in receiver.requests}) == 1


def test_a_sink_that_hangs_holds_up_neither_the_others_nor_the_workflow(serve: Callable[..., Server], receiver: Receiver) -> None:
    other = Receiver()
    receiver.hold.clear()
    settings = webhook(receiver, ["execution.*"]) + sink("slack", ["execution.succeeded"], name="channel", url=other.url)
    server = serve(settings, HOOK_SECRET=SECRET)
    run(server, DONE)
    assert server.ended("order-1")["status"] == "SUCCEEDED"
    _, _, body = told(other)[0]
    assert json.loads(body)["text"] == "Execution order-1 of shop succeeded"
    other.close()


def test_what_is_refused_for_good_is_a_dead_letter(serve: Callable[..., Server], receiver: Receiver) -> None:
    receiver.answers = [410] * 5
    server = serve(webhook(receiver, ["execution.succeeded"]), HOOK_SECRET=SECRET)
    run(server, DONE)

    def dead() -> float:
        text = requests.get(f"{server.url}/metrics", timeout=30).text
        lines = [line for line in text.splitlines() if line.startswith("everstep_letters{") and 'state="dead"' in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    until(lambda: dead() == 1, "the dead letter")
    assert len(receiver.requests) == 1


def test_only_the_definitions_that_are_named_are_told_of(serve: Callable[..., Server], receiver: Receiver) -> None:
    server = serve(webhook(receiver, ["execution.succeeded"], definition="research-*"), HOOK_SECRET=SECRET)
    run(server, DONE, "shop", "one")
    run(server, DONE, "research-flow", "two")
    told(receiver)
    time.sleep(0.3)
    names = [json.loads(body)["data"]["execution"]["name"] for _, _, body in receiver.requests]
    assert names == ["two"]


def test_an_incident_begins_with_a_failure_and_ends_with_what_follows(serve: Callable[..., Server], receiver: Receiver) -> None:
    settings = sink(
        "pagerduty", ["execution.failed", "execution.reopened"], url=f"{receiver.url}/v2/enqueue", routing_key='{ env = "ROUTING_KEY" }'
    )
    server = serve(settings, ROUTING_KEY="r-7")
    arn = server.machine("shop", BROKEN)
    states = server.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=arn, name="order-1")["executionArn"]
    began = json.loads(told(receiver)[0][2])
    assert began["routing_key"] == "r-7"
    assert (began["event_action"], began["payload"]["severity"]) == ("trigger", "error")
    assert began["payload"]["summary"] == "Execution order-1 of shop failed"
    states.redrive_execution(executionArn=execution)

    def actions() -> list[tuple[str, str]]:
        events = [json.loads(body) for _, _, body in list(receiver.requests)]
        return [(event["event_action"], event["dedup_key"]) for event in events]

    # It fails again, and which of the two is told first is not promised.
    until(lambda: ("resolve", began["dedup_key"]) in actions(), "the end of the incident")


def test_a_file_and_the_log_hear_of_everything(serve: Callable[..., Server], tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    server = serve(sink("file", ["*"], path=str(file)) + sink("log", ["execution.succeeded"], name="log"))
    run(server, DONE)
    until(lambda: file.exists() and file.read_text().count("\n") >= 2, "two events in the file")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(event["type"] for event in events) == ["execution.started", "execution.succeeded"]
    until(lambda: [line for line in server.log() if line.get("event_type") == "notification"], "the line in the log")
    line = [line for line in server.log() if line.get("event_type") == "notification"][0]
    assert (line["event"], line["workflow_id"]) == ("execution.succeeded", "order-1")


def test_a_mail_arrives(serve: Callable[..., Server]) -> None:
    from aiosmtpd.controller import Controller

    class Box:
        letters: list[bytes] = []

        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            self.letters.append(envelope.content)
            return "250 taken"

    port = free_port()
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        settings = sink(
            "smtp", ["execution.failed"], server="127.0.0.1", port=port, security="none",
            **{"from": "Everstep <everstep@example.org>", "recipients": '["ops@example.org"]'},
        )  # fmt: skip
        server = serve(settings)
        run(server, BROKEN)
        until(lambda: Box.letters, "a mail")
        mail = email.message_from_bytes(Box.letters[0])
        assert mail["Subject"] == "Execution order-1 of shop failed"
        assert mail["To"] == "ops@example.org"
        assert "Error: as the test wants it" in mail.get_payload(decode=True).decode()
    finally:
        controller.stop()


def test_sns_and_eventbridge_are_told_in_the_workflows_shapes(serve: Callable[..., Server], moto: str) -> None:
    mail, mail_arn = queue(moto, "mail")
    topic = aws(moto, "sns").create_topic(Name="alerts")["TopicArn"]
    aws(moto, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=mail_arn)
    bus, bus_arn = queue(moto, "bus")
    aws(moto, "events").put_rule(Name="all", EventPattern=json.dumps({"source": ["agent.orchestration"]}))
    aws(moto, "events").put_targets(Rule="all", Targets=[{"Id": "bus", "Arn": bus_arn}])
    settings = sink("sns", ["execution.failed"], topic=topic, endpoint=moto)
    settings += sink("eventbridge", ["execution.failed", "execution.succeeded"], name="bus", region=REGION, endpoint=moto)
    server = serve(settings, **CREDENTIALS)
    run(server, BROKEN, "shop", "w-1")
    run(server, DONE, "fine", "w-2")
    message = read(moto, mail)[0]
    assert message["Subject"] == "Execution w-1 of shop failed"
    body = json.loads(message["Message"])
    assert (body["event"], body["workflow_id"]) == ("execution.failed", "w-1")
    assert message["Message"] == json.dumps(body, indent=2, ensure_ascii=False), "the seeds' indent"
    events: list[dict[str, Any]] = []
    until(lambda: len(events.__iadd__(read(moto, bus))) >= 2, "two events")
    by_type = {event["detail-type"]: event for event in events}
    changed = by_type["WorkflowStateChanged"]
    assert changed["source"] == "agent.orchestration" and changed["resources"] == ["w-1"]
    at = changed["detail"].pop("at")
    assert at.endswith("Z")
    assert changed["detail"] == {"workflow_id": "w-1", "from": "RUNNING", "to": "FAILED", "current_step": None}
    completed = by_type["WorkflowCompleted"]
    assert completed["resources"] == ["w-2"]
    assert set(completed["detail"]) == {"workflow_id", "report_url", "completed_at"}


@pytest.fixture
def cloudwatch(moto: str) -> Iterator[str]:
    """CloudWatch as today's SDKs speak to it (RPC v2 in CBOR, compressed where it is worth it), in front of the AWS server, which speaks the older
    protocol alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/service/GraniteServiceVersion20100801/operation/PutMetricData", self.path
            assert self.headers["smithy-protocol"] == "rpc-v2-cbor"
            assert "/monitoring/aws4_request" in self.headers["authorization"]
            said = cbor2.loads(body)
            aws(moto, "cloudwatch").put_metric_data(Namespace=said["Namespace"], MetricData=said["MetricData"])
            self.send_response(200)
            self.send_header("smithy-protocol", "rpc-v2-cbor")
            self.send_header("content-type", "application/cbor")
            self.send_header("content-length", "1")
            self.end_headers()
            self.wfile.write(cbor2.dumps({}))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_figures_reach_cloudwatch(serve: Callable[..., Server], moto: str, cloudwatch: str) -> None:
    settings = f'[metrics.cloudwatch]\nnamespace = "Test"\nevery = 1\nregion = "{REGION}"\nendpoint = "{cloudwatch}"\n'
    settings += 'dimensions = { Stage = "test" }\n'
    server = serve(settings, **CREDENTIALS)
    for body in (b"{", b"{}", b"[]"):
        requests.post(f"{server.url}/callbacks", data=body, timeout=30)

    def counted(name: str) -> float:
        answer = aws(moto, "cloudwatch").get_metric_statistics(
            Namespace="Test",
            MetricName=name,
            Dimensions=[{"Name": "Stage", "Value": "test"}],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 3600,
            Period=7200,
            Statistics=["Sum", "SampleCount"],
        )
        return sum(point["Sum"] for point in answer["Datapoints"])

    until(lambda: counted("CallbackErrors") == 3, "three errors")
    assert counted("CallbackCount") == 3
    names = {metric["MetricName"] for metric in aws(moto, "cloudwatch").list_metrics(Namespace="Test")["Metrics"]}
    assert {"CallbackLatency", "StorageFailures", "WorkflowUpdateFailures", "CommandsWaiting"} <= names


def test_settings_that_are_wrong_end_the_start_with_their_place(tmp_path: Path) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text(sink("webhook", ["execution.failed"], url="https://example.org", secret='{ env = "NOT_SET_HERE" }'))
    words = ("--config", str(settings), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    done = everstep("dev", "--no-demo", *words)
    assert done.returncode == 6 and "everstep ready" not in done.stdout
    for part in ("E0190", str(settings), "ops", "NOT_SET_HERE is not set"):
        assert part in done.stderr, done.stderr


def test_the_doctor_names_what_is_missing_and_tells_the_sinks_that_work(tmp_path: Path, receiver: Receiver) -> None:
    settings = tmp_path / "s.toml"
    hook = webhook(receiver, ["execution.failed"])
    missing = sink("pagerduty", ["execution.failed"], name="pager", routing_key='{ env = "PAGER_KEY" }')
    settings.write_text(hook + missing)
    words = ("-o", "json", "doctor", "--config", str(settings), "--data", str(tmp_path / "data"), "--tell")
    done = everstep("--url", "http://127.0.0.1:9", *words, HOOK_SECRET=SECRET)
    assert done.returncode == 1
    looked = {one["what"] + ("" if one["ok"] else "!"): one["found"] for one in json.loads(done.stdout)["looked"]}
    assert looked["notify pager!"] == "the environment variable PAGER_KEY is not set"
    assert looked["notify ops"] == "took the test event"
    assert SECRET not in done.stdout + done.stderr
    event = Webhook(SECRET).verify(receiver.requests[0][2], receiver.requests[0][1])
    assert event["type"] == "everstep.test"
    settings.write_text(hook)
    assert everstep("--url", "http://127.0.0.1:9", *words, HOOK_SECRET=SECRET).returncode == 0


def test_no_secret_stands_in_the_log(serve: Callable[..., Server], receiver: Receiver) -> None:
    receiver.answers = [500]
    settings = webhook(receiver, ["execution.*"]) + sink("slack", ["*"], name="s", url='{ env = "SLACK" }')
    server = serve(settings, HOOK_SECRET=SECRET, SLACK="http://127.0.0.1:9/planted-secret", EVERSTEP_LOG="trace")
    run(server, DONE)
    told(receiver, 2)
    log = server.log_path.read_text()
    assert "planted-secret" not in log and SECRET not in log

