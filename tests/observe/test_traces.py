"""Traces: the starter's context is kept with the execution, reaches functions and webhooks, and spans reach a collector by OTLP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from conftest import Receiver, Server, until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONTEXT = f"00-{TRACE}-{SPAN}-01"
X_RAY = f"Root=1-{TRACE[:8]}-{TRACE[8:]}"


def spans(receiver: Receiver) -> list[Any]:
    """All spans that the collector has."""
    found = []
    for path, headers, body in list(receiver.requests):
        assert path == "/v1/traces" and headers["content-type"] == "application/x-protobuf"
        export = ExportTraceServiceRequest.FromString(body)
        for resource in export.resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert names["service.name"] == "test"
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def kept(server: Server, name: str) -> str | None:
    """The context that stands with an execution, once it has ended."""
    return server.ended(name).get("attributes", {}).get("traceparent")


def test_spans_of_requests_turns_and_tasks_hang_together(serve: Callable[..., Server], receiver: Receiver, tmp_path: Path) -> None:
    settings = f'[telemetry]\nendpoint = "{receiver.url}"\nservice = "test"\nheaders = {{ x-key = {{ env = "COLLECTOR_KEY" }} }}\n'
    server = serve(settings, COLLECTOR_KEY="hush", OTEL_BSP_SCHEDULE_DELAY="200")
    server.function("waits")
    token = server.waiting("traced", traceparent=CONTEXT)
    server.answer(token, status="SUCCESS", result=1)
    server.ended("traced")
    # A task's span ends a moment after what it led to; the process sends what waits when it ends.
    until(lambda: sum(span.name == "task" for span in spans(receiver)) >= 2, "the spans of two tasks")
    server.end()
    all_spans = [span for span in spans(receiver) if span.trace_id.hex() == TRACE]
    assert receiver.requests[0][1]["x-key"] == "hush"
    by_name: dict[str, list[Any]] = {}
    for span in all_spans:
        by_name.setdefault(span.name, []).append(span)
    (request,) = by_name["POST lambda"]
    assert request.parent_span_id.hex() == SPAN
    assert request.kind == request.SPAN_KIND_SERVER
    assert len(by_name["turn"]) >= 3 and len(by_name["task"]) >= 2
    for below in by_name["turn"] + by_name["task"]:
        assert below.parent_span_id == request.span_id
        assert below.start_time_unix_nano <= below.end_time_unix_nano
    attributes = {a.key: a.value.string_value for a in by_name["turn"][0].attributes}
    assert attributes["everstep.definition"] == "waits"
    assert (tmp_path / "traced.trace").read_text().startswith(X_RAY)


def test_the_context_is_durable_and_reaches_functions_and_webhooks(serve: Callable[..., Server], receiver: Receiver, tmp_path: Path) -> None:
    settings = f'[[notify]]\nname = "a"\nto = "webhook"\non = ["execution.succeeded"]\nurl = "{receiver.url}"\nsecret = {{ env = "S" }}\n'
    server = serve(settings, S="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    server.function("waits")
    token = server.waiting("traced", traceparent=CONTEXT)
    assert (tmp_path / "traced.trace").read_text() == f"{X_RAY};Parent={SPAN};Sampled=1"
    server.kill()
    server.start()
    server.answer(token, status="SUCCESS", result=1)
    assert kept(server, "traced") == CONTEXT
    until(lambda: receiver.requests, "the webhook")
    assert receiver.requests[0][1]["traceparent"] == CONTEXT


def test_a_context_that_is_none_is_not_kept(serve: Callable[..., Server]) -> None:
    server = serve()
    server.machine("m", {"A": {"Type": "Pass", "End": True}})
    for number, context in enumerate(["00-0-0-0", "nonsense", f"00-{'0' * 32}-{SPAN}-01"]):
        answer = requests.post(
            f"{server.url}/definitions/m/start",
            data=json.dumps({"name": f"n{number}"}),
            headers={"traceparent": context},
            timeout=30,
        )
        assert answer.status_code == 201, answer.text
        assert kept(server, f"n{number}") is None
    good = requests.post(f"{server.url}/definitions/m/start", data=b'{"name": "good"}', headers={"traceparent": CONTEXT}, timeout=30)
    assert good.status_code == 201
    assert kept(server, "good") == CONTEXT


def test_a_collector_that_does_not_answer_holds_nothing_up(serve: Callable[..., Server]) -> None:
    server = serve('[telemetry]\nendpoint = "http://127.0.0.1:9"\n')
    server.machine("m", {"A": {"Type": "Pass", "End": True}})
    answer = requests.post(f"{server.url}/definitions/m/start", data=b'{"name": "n"}', timeout=30)
    assert answer.status_code == 201
    assert server.ended("n")["status"] == "SUCCEEDED"
    assert server.end() == 0


STATE = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
THEIRS = "0af7651916cd43dd8448eb211c80319c"


def test_agents_and_http_tasks_go_on_with_the_trace_and_what_they_say_back_is_linked(serve: Callable[..., Server], receiver: Receiver) -> None:
    collector = Receiver()
    server = serve(f'[telemetry]\nendpoint = "{collector.url}"\nservice = "test"\n', OTEL_BSP_SCHEDULE_DELAY="200")
    requests.put(f"{server.url}/agents/hook", json={"url": f"{receiver.url}/agent", "dialect": "webhook", "poll_first_ms": 50}, timeout=30).raise_for_status()
    call = {"ApiEndpoint": f"{receiver.url}/task", "Method": "POST", "RequestBody": {"a": 1}}
    states = {
        "Http": {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": call, "Next": "Agent"},
        "Agent": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "hook", "Payload": {}}, "End": True},
    }
    server.machine("m", states)
    started = requests.post(f"{server.url}/definitions/m/start", json={"name": "n"}, headers={"traceparent": CONTEXT, "tracestate": STATE}, timeout=30)
    assert started.status_code == 201, started.text
    until(lambda: len(receiver.requests) == 2, "the agent's task")
    (task_path, task, _), (agent_path, agent, body) = receiver.requests
    assert (task_path, agent_path) == ("/task", "/agent")
    callback = json.loads(body)["data"]["callback"]
    # The agent works in a trace of its own, and says so.
    told = {"token": callback["token"], "status": "SUCCESS", "result": 1}
    requests.post(callback["url"], json=told, headers={"traceparent": f"00-{THEIRS}-{SPAN}-01"}, timeout=30).raise_for_status()
    assert server.ended("n")["status"] == "SUCCEEDED"
    # A task's span ends a moment after what it led to.
    wanted = {headers["traceparent"].split("-")[2] for headers in (task, agent)}
    until(lambda: wanted <= {span.span_id.hex() for span in spans(collector)}, "the spans of both tasks")
    server.end()
    found = spans(collector)
    by_id = {span.span_id.hex(): span for span in found}
    for headers, name in ((task, "the HTTP task"), (agent, "the agent")):
        version, trace, span, flags = headers["traceparent"].split("-")
        assert (trace, flags, headers["tracestate"]) == (TRACE, "01", STATE), name
        assert by_id[span].name == "task", f"{name} hangs below the span of its task"
    (answer,) = [span for span in found if span.trace_id.hex() == THEIRS and span.name == "POST callbacks"]
    assert [link.trace_id.hex() for link in answer.links] == [TRACE]


def test_without_a_collector_the_starters_context_goes_on_as_it_is(serve: Callable[..., Server], receiver: Receiver) -> None:
    server = serve()
    members = {"url": f"{receiver.url}/agent", "dialect": "webhook", "completion": "callback"}
    requests.put(f"{server.url}/agents/hook", json=members, timeout=30).raise_for_status()
    for name, headers in (("told", {"traceparent": CONTEXT, "tracestate": STATE}), ("untold", {"tracestate": STATE})):
        requests.post(f"{server.url}/definitions/hook/start", json={"name": name}, headers=headers, timeout=30).raise_for_status()
        until(lambda: receiver.requests, "the agent's task")
        _, got, _ = receiver.requests.pop()
        if name == "told":
            assert (got["traceparent"], got["tracestate"]) == (CONTEXT, STATE)
        else:
            # A trace of the execution's own; vendors' words without one are nobody's.
            assert TRACE not in got["traceparent"] and "tracestate" not in got
        row = next(row for row in server.get("/executions?limit=10")["executions"] if row["name"] == name)
        # The stop is told in the same trace.
        requests.post(f"{server.url}/executions/{row['id']}/stop", json={}, timeout=30).raise_for_status()
        until(lambda: receiver.requests, "the cancellation")
        _, cancelled, body = receiver.requests.pop()
        assert json.loads(body)["type"] == "task.cancelled" and cancelled["traceparent"] == got["traceparent"]
