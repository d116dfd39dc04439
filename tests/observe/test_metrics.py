"""`GET /metrics`: what is told is true, is in a form that Prometheus' own parser takes, and is what alarms and dashboard ask for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from conftest import ROOT, Receiver, Server, everstep, until

RULES = ROOT / "deploy/prometheus/everstep.rules.yml"
DASHBOARD = ROOT / "deploy/grafana/everstep.json"
NAME = re.compile(r"\beverstep_[a-z0-9_]+")


class Scrape:
    """All samples of one moment."""

    def __init__(self, server: Server):
        answer = requests.get(f"{server.url}/metrics", timeout=30)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        self.samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels."""
        fitting = [s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        return sum(fitting)


def test_what_happens_is_counted(serve: Callable[..., Server]) -> None:
    server = serve()
    server.function("waits")
    token = server.waiting("one")
    before = Scrape(server)
    assert before.value("everstep_executions_open", age="1m") == 1
    assert before.value("everstep_executions_total", definition="waits", status="RUNNING") == 1
    assert server.answer(token, status="SUCCESS", result={"ok": True}).status_code == 200
    assert server.answer(token, status="DONE").status_code == 400
    assert server.ended("one")["status"] == "SUCCEEDED"
    after = Scrape(server)
    assert after.value("everstep_executions_total", definition="waits", status="SUCCEEDED") == 1
    until(lambda: Scrape(server).value("everstep_executions_open") == 0, "the walk through open executions")
    assert after.value("everstep_callback_events_total", event_type="callback_completed") == 1
    assert after.value("everstep_callback_events_total", event_type="validation_error") == 1
    assert after.value("everstep_callback_events_total", event_type="storage_error") == 0
    callbacks = {"protocol": "callbacks", "method": "POST"}
    assert after.value("everstep_http_requests_total", status="200", **callbacks) == 1
    assert after.value("everstep_http_requests_total", status="400", **callbacks) == 1
    assert after.value("everstep_http_request_seconds_count", protocol="callbacks") == 2
    assert after.value("everstep_http_request_seconds_bucket", protocol="callbacks", le="+Inf") == 2
    assert after.value("everstep_commit_seconds_count") >= 2
    assert after.value("everstep_store_syncs_total") >= 2
    assert 5e6 < after.value("everstep_resident_bytes") < 1e9


def test_callbacks_are_counted_whatever_the_log_leaves_out(serve: Callable[..., Server]) -> None:
    server = serve("", EVERSTEP_LOG="off")
    assert requests.post(f"{server.url}/callbacks", data=b"{", timeout=30).status_code == 400
    assert Scrape(server).value("everstep_callback_events_total", event_type="parse_error") == 1
    assert server.log() == []


def test_a_task_that_is_out_is_counted_at_its_target(serve: Callable[..., Server]) -> None:
    server = serve()
    server.function("waits")
    tasks = [server.waiting(name) for name in ("a", "b")]
    # Both have suspended: nothing is out any more once their invocations have ended.
    until(lambda: Scrape(server).value("everstep_tasks_out") == 0, "an idle target")
    assert len(tasks) == 2


def test_an_agent_that_is_down_is_told_by_its_breaker(serve: Callable[..., Server], receiver: Receiver) -> None:
    server = serve()
    receiver.answers = [503] * 2
    members = {"url": f"{receiver.url}/agent", "dialect": "webhook", "on_unknown": "resend", "completion": "callback"}
    pauses = {"retry_first_ms": 50, "retry_max_ms": 50, "breaker_failures": 2, "breaker_open_ms": 2_000}
    requests.put(f"{server.url}/agents/down", json={**members, **pauses}, timeout=30).raise_for_status()
    requests.post(f"{server.url}/definitions/down/start", json={}, timeout=30).raise_for_status()

    def breaker() -> str:
        scrape = Scrape(server)
        (state,) = [s.labels["state"] for s in scrape.samples if s.name == "everstep_agent_breaker" and s.labels["agent"] == "down" and s.value == 1] or [""]
        return state

    until(lambda: breaker() == "open", "the breaker's opening")
    assert Scrape(server).value("everstep_agent_failures", agent="down") == 2
    until(lambda: breaker() == "closed", "the agent's return")
    assert Scrape(server).value("everstep_agent_failures", agent="down") == 0
    assert Scrape(server).value("everstep_agent_tasks", agent="down", state="out") == 1


def test_labels_do_not_grow_with_what_callers_make_up(serve: Callable[..., Server]) -> None:
    server = serve()

    def series() -> int:
        return len([s for s in Scrape(server).samples if s.name.startswith("everstep_http_requests_total")])

    requests.request("BREW", f"{server.url}/first", timeout=30)
    Scrape(server)
    before = series()
    for number in range(30):
        requests.request("BREW", f"{server.url}/path/{number}", timeout=30)
        requests.request(f"M{number}", f"{server.url}/{number}", timeout=30)
    assert series() == before


def exposed(server: Server) -> set[str]:
    return {sample.name for sample in Scrape(server).samples}


def asked(text: str) -> set[str]:
    return set(NAME.findall(text))


def test_alarms_and_dashboard_ask_for_what_is_there(serve: Callable[..., Server]) -> None:
    server = serve()
    server.function("waits")
    token = server.waiting("one")
    server.answer(token, status="SUCCESS", result=1)
    # An agent that is called again and again and a letter that nobody takes, so that every family has a sample.
    members = {"url": "http://127.0.0.1:9", "dialect": "webhook", "attempts": 1_000}
    requests.put(f"{server.url}/agents/gone", json=members, timeout=30).raise_for_status()
    requests.post(f"{server.url}/definitions/gone/start", json={}, timeout=30).raise_for_status()
    until(lambda: {"everstep_agent_breaker", "everstep_tasks_out"} <= exposed(server), "the agent's call")
    server.answer("nobody's", status="SUCCESS", result=1)
    requests.get(f"{server.url}/executions", timeout=30)
    names = exposed(server)
    rules = yaml.safe_load(RULES.read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    missing = asked(" ".join(expressions + queries)) - names
    assert missing == set(), f"asked for and not there: {missing}"
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}
    wanted = set(re.findall(r"everstep:[a-z0-9_:]+", " ".join(expressions + queries)))
    assert wanted <= recorded
    # Nothing is counted that nobody looks at: whoever adds a metric adds its place on the board.
    families = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in names}
    looked_at = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in asked(" ".join(expressions + queries))}
    assert families - looked_at <= {"everstep_execution_oldest_seconds"}


def test_the_alarms_ring_at_their_thresholds() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus, tests/debian.txt)")
    folder = RULES.parent
    checked = subprocess.run([promtool, "check", "rules", RULES.name], cwd=folder, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tried = subprocess.run([promtool, "test", "rules", "everstep.rules.test.yml"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_every_alarm_is_tried() -> None:
    rules = yaml.safe_load(RULES.read_text())
    alarms = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    tests = yaml.safe_load((RULES.parent / "everstep.rules.test.yml").read_text())
    tried = {case["alertname"] for test in tests["tests"] for case in test.get("alert_rule_test", []) if case["exp_alerts"]}
    assert alarms == tried


def test_metrics_need_a_key_once_there_is_one(serve: Callable[..., Server]) -> None:
    server = serve()
    made = everstep("-o", "json", "keys", "create", "watcher", "--role", "read", "--data", str(server.folder))
    key: dict[str, Any] = json.loads(made.stdout)
    server.end()
    server.start()
    assert requests.get(f"{server.url}/metrics", timeout=30).status_code == 401
    headers = {"Authorization": f"Bearer {key['EVERSTEP_API_KEY']}"}
    assert requests.get(f"{server.url}/metrics", headers=headers, timeout=30).status_code == 200
