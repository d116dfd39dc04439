"""The server's log: the research workflow's names and shape, and the three questions that its README asks of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import requests

from conftest import Server, everstep, until

GROUP = "/everstep/callbacks"


def flow(server: Server) -> None:
    """One callback that succeeds, one that fails, one that is nonsense."""
    server.function("waits")
    server.answer(server.waiting("fine"), status="SUCCESS", result={"ok": True})
    server.answer(server.waiting("broken"), status="FAILURE", error="it broke")
    requests.post(f"{server.url}/callbacks", data=b"{", timeout=30)
    server.ended("fine")
    server.ended("broken")


def ask(server: Server, text: str) -> list[dict[str, str]]:
    """What Logs Insights answers."""
    logs = server.client("logs")
    now = int(time.time())
    started = logs.start_query(logGroupName=GROUP, startTime=now - 3600, endTime=now + 3600, queryString=text)
    answer = until(lambda: (a := logs.get_query_results(queryId=started["queryId"]))["status"] == "Complete" and a, "the query")
    return [{field["field"]: field["value"] for field in row} for row in answer["results"]]


def query(server: Server, text: str, rows: int) -> list[dict[str, str]]:
    """What Logs Insights answers, once it knows so many rows: lines are written beside the requests."""

    def look() -> list[dict[str, str]] | None:
        groups = server.client("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
        found = ask(server, text) if groups else []
        return found if len(found) >= rows else None

    return until(look, f"{rows} rows of {text}")


def test_the_three_questions_of_the_readme_are_answered_by_queries(serve: Callable[..., Server]) -> None:
    server = serve()
    flow(server)
    failed = query(
        server,
        'fields @timestamp, token_hash, status | filter event_type = "callback_processing" and status = "FAILURE" | sort @timestamp desc',
        1,
    )
    assert len(failed) == 1 and failed[0]["status"] == "FAILURE" and len(failed[0]["token_hash"]) == 12
    both = query(
        server,
        'filter event_type in ["callback_received", "callback_completed"] | stats count() as lines by request_id | sort lines desc',
        3,
    )
    assert sorted(row["lines"] for row in both) == ["1", "2", "2"], "the nonsense was received and not completed"
    # Everything that was said is there by now.
    assert ask(server, 'fields @timestamp, error | filter event_type = "storage_error"') == []


def test_they_are_answered_by_jq_and_by_the_command_line_too(serve: Callable[..., Server]) -> None:
    server = serve()
    flow(server)

    def lines() -> list[dict[str, Any]]:
        done = everstep("--url", server.url, "-o", "json", "logs", GROUP, "--filter", '{ $.event_type = "callback_completed" }')
        assert done.returncode == 0, done.stderr
        return [json.loads(json.loads(line)["message"]) for line in done.stdout.splitlines()]

    found = until(lambda: (all_ := lines()) if len(lines()) >= 2 else None, "two lines")
    assert len(found) == 2
    # What the log on standard error says has the members of the seeds beside each other: `jq 'select(.event_type == …)'`.
    processing = [line for line in server.log() if line.get("event_type") == "callback_processing"]
    assert [line["status"] for line in processing] == ["SUCCESS", "FAILURE"]
    assert all({"timestamp", "level", "request_id"} <= line.keys() for line in processing)
    text = server.log_path.read_text()
    selected = [line for line in text.splitlines() if '"event_type":"callback_processing"' in line and '"status":"FAILURE"' in line]
    assert len(selected) == 1


def test_a_log_for_people(serve: Callable[..., Server]) -> None:
    server = serve("", "--log-format", "text")
    requests.post(f"{server.url}/callbacks", data=b"{", timeout=30)
    text = until(lambda: "parse_error" in (t := server.log_path.read_text()) and t, "the line")
    assert not [line for line in text.splitlines() if line.startswith("{")]
    grep = subprocess.run(["grep", "-c", "event_type=\"parse_error\"", str(server.log_path)], capture_output=True, text=True)
    assert grep.returncode in (0, 1)
