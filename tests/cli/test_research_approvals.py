"""The research workflow's review gate is an approval: page, list and command line decide it, and the seeds' routes decide the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import Dev, client, everstep, until


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    server = Dev(tmp_path_factory.mktemp("research"), POLL_SECONDS="1")
    yield server
    server.end()


def record(dev: Dev, workflow: str) -> dict[str, Any]:
    return requests.get(f"{dev.url}/workflows/{workflow}", timeout=60).json()


def shown(dev: Dev, approval: str) -> dict[str, Any]:
    return dev.good("-o", "json", "approvals", "show", approval).json()


def asked(dev: Dev, workflow: str, status: str = "AWAITING_APPROVAL", round_: int = 1) -> dict[str, Any]:
    """The workflow's approval, once it is asked."""

    def look() -> Any:
        found = record(dev, workflow).get("approval") if record(dev, workflow).get("status") == status else None
        approval = shown(dev, found["id"]) if found else None
        return approval if approval and approval["round"] == round_ else None

    return until(look, f"{workflow} is asked about")


def start(dev: Dev, topic: str) -> str:
    return requests.post(f"{dev.url}/workflows", json={"topic": topic}, timeout=60).json()["workflow_id"]


def ended(dev: Dev, workflow: str) -> dict[str, Any]:
    return until(lambda: (found := record(dev, workflow))["status"] in ("COMPLETED", "REJECTED", "FAILED") and found, f"{workflow} ends")


def route(dev: Dev, workflow: str, **body: Any) -> requests.Response:
    return requests.post(f"{dev.url}/workflows/{workflow}/approve", json=body, timeout=60)


def test_an_approval_decides_the_gate(dev: Dev) -> None:
    workflow = start(dev, "Heat pumps in old houses")
    approval = asked(dev, workflow)
    assert (approval["status"], approval["title"]) == ("PENDING", "Go on to the report on Heat pumps in old houses?")
    assert approval["details"]["workflow_id"] == workflow and approval["summary"]
    assert approval["id"] in dev.good("approvals", "list", "--status", "pending").out
    page = requests.get(approval["url"], timeout=60)
    assert page.status_code == 200
    # Its digest is that of what lies behind the link, or of what is shown.
    kept = approval["artifacts"]
    content = requests.get(kept[0]["url"], timeout=60).content if kept else json.dumps(approval["details"]["analysis"], indent=2, ensure_ascii=False).encode()
    assert hashlib.sha256(content).hexdigest() == approval["details"]["analysis_sha256"]

    dev.good("approvals", "approve", approval["id"], "--by", "ann", "--comment", "Begin with the costs")
    assert ended(dev, workflow)["status"] == "COMPLETED"
    late = route(dev, workflow, approved=False)
    assert (late.status_code, late.json()["error"]) == (409, f"Workflow {workflow} is not awaiting approval, it has been decided: {approval['url']}")


def test_the_seeds_route_decides_the_same_gate(dev: Dev) -> None:
    workflow = start(dev, "Paper over screens")
    approval = asked(dev, workflow)
    answer = route(dev, workflow, approved=True, approved_by="carl")
    assert (answer.status_code, answer.json()["status"]) == (200, "decision_recorded")
    over = until(lambda: (found := shown(dev, approval["id"]))["status"] != "PENDING" and found, "the approval ends")
    assert over["status"] == "CANCELLED"
    assert over["result"]["reason"] == "Nobody waits for it any more" or "answered" in over["result"]["reason"]
    refused = dev.run("approvals", "reject", approval["id"], "--by", "ann")
    assert refused.code == 4 and "E0223" in refused.err, refused
    assert ended(dev, workflow)["status"] == "COMPLETED"


def test_wanted_changes_go_to_the_writer_and_come_back(dev: Dev) -> None:
    workflow = start(dev, "Rain gardens")
    first = asked(dev, workflow)
    dev.good("approvals", "changes", first["id"], "--by", "ann", "--comment", "Say first what to do")
    second = asked(dev, workflow, round_=2)
    assert second["previous"] == first["id"]
    assert second["title"] == "Publish the report on Rain gardens?"
    assert second["details"]["report_sha256"] != first["details"]["analysis_sha256"]
    dev.good("approvals", "reject", second["id"], "--by", "ann", "--comment", "Still too long")
    done = ended(dev, workflow)
    assert (done["status"], done["rejection_reason"]) == ("REJECTED", "Still too long")
    assert [(wish["feedback"], wish["requested_by"]) for wish in done["change_requests"]] == [("Say first what to do", "ann")]


def test_approvers_and_time_are_configured(dev: Dev) -> None:
    functions = client(dev, "lambda")
    before = functions.get_function_configuration(FunctionName="ResearchWorkflow")["Environment"]["Variables"]
    told = {"APPROVAL_APPROVERS": "ann,bob", "APPROVAL_TIMEOUT_HOURS": "0.004", "APPROVAL_REMINDERS": "2s"}
    functions.update_function_configuration(FunctionName="ResearchWorkflow", Environment={"Variables": {**before, **told}})
    workflow = start(dev, "Nobody answers")
    approval = asked(dev, workflow)
    assert [approver["user"] for approver in approval["approvers"]] == ["ann", "bob"]
    stranger = dev.run("approvals", "approve", approval["id"], "--by", "mallory")
    assert stranger.code != 0 and "E0222" in stranger.err, stranger
    claimed = route(dev, workflow, approved=True, approved_by="ann")
    assert claimed.status_code == 409 and "is decided by its approvers" in claimed.text, claimed.text
    done = ended(dev, workflow)
    assert (done["status"], done["rejection_reason"]) == ("REJECTED", "Approval timed out")
    over = shown(dev, approval["id"])
    assert (over["status"], over["reminded"]) == ("EXPIRED", 1)


def stream(dev: Dev, workflow: str, after: str | None = None, stop: str | None = None) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Server-sent events of a workflow, to the end or to the history's first event of this name: kind, id, data."""
    events = []
    headers = {"Last-Event-ID": after} if after else {}
    with requests.get(f"{dev.url}/workflows/{workflow}/events", headers=headers, stream=True, timeout=120) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
        lines: dict[str, str] = {}
        for line in answer.iter_lines(decode_unicode=True):
            if line:
                name, _, value = line.partition(":")
                lines[name] = value.strip()
                continue
            if "data" in lines:
                events.append((lines.get("event", "message"), lines.get("id"), json.loads(lines["data"])))
                if stop and events[-1][2].get("Name") == stop:
                    break
            lines = {}
    return events


def test_a_workflow_is_followed_while_it_runs_and_from_where_one_was(dev: Dev) -> None:
    workflow = start(dev, "Followed")
    first = stream(dev, workflow, stop="human_approval")
    assert first[-1][2]["EventType"] == "CallbackStarted"
    names = [data.get("Name") for _, _, data in first]
    for step in ("init_workflow", "research_phase_dispatch", "research_phase_await", "analysis_phase_dispatch"):
        assert step in names, names
    approval = asked(dev, workflow)
    dev.good("approvals", "approve", approval["id"], "--by", "ann")
    rest = stream(dev, workflow, after=first[-1][1])
    assert rest[-1][0] == "end" and rest[-1][2]["status"] == "SUCCEEDED"
    assert not {id_ for _, id_, _ in first if id_} & {id_ for _, id_, _ in rest if id_}, "nothing comes twice"
    numbers = [data["EventId"] for kind, _, data in first + rest if kind == "history"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "and nothing is missing"
    assert "finalize_workflow" in [data.get("Name") for _, _, data in rest]
    unknown = requests.get(f"{dev.url}/workflows/no-such-workflow/events", timeout=60)
    assert unknown.status_code == 404


def test_behind_a_closed_door_a_name_is_what_a_key_proves(tmp_path: Path) -> None:
    """Research workflow, defect 16: who approves is authenticated and recorded, on every way to the gate."""
    folder = tmp_path / "closed"
    folder.mkdir()
    keys = {}
    for name, role in (("root", "admin"), ("ann", "operate"), ("mallory", "operate")):
        made = everstep("keys", "create", name, "--role", role, folder=folder)
        keys[name] = {"Authorization": "Bearer " + made.out.split("EVERSTEP_API_KEY=")[1].strip()}
    dev = Dev(folder, POLL_SECONDS="1")
    try:

        def call(method: str, path: str, who: str | None, **body: Any) -> requests.Response:
            return requests.request(method, dev.url + path, headers=keys[who] if who else {}, json=body or None, timeout=60)

        functions = call("GET", "/2015-03-31/functions/ResearchWorkflow/configuration", "root").json()
        variables = {**functions["Environment"]["Variables"], "APPROVAL_APPROVERS": "ann"}
        told = call("PUT", "/2015-03-31/functions/ResearchWorkflow/configuration", "root", Environment={"Variables": variables})
        assert told.status_code == 200, told.text
        workflow = call("POST", "/workflows", "mallory", topic="Closed doors").json()["workflow_id"]

        def look() -> Any:
            found = call("GET", f"/workflows/{workflow}", "root").json()
            return found.get("approval") if found.get("status") == "AWAITING_APPROVAL" else None

        approval = until(look, "it is asked about, with the worker's own token")
        assert approval["approvers"] == ["ann"]
        path, decision = f"/workflows/{workflow}/approve", {"approved": True, "approved_by": "ann"}
        assert call("POST", path, None, **decision).status_code == 401
        assert call("POST", path, "mallory", **decision).status_code == 409
        digest = call("GET", f"/approvals/{approval['id']}", "root").json()["digest"]
        voted = call("POST", f"/approvals/{approval['id']}/decide", "mallory", decision="approve", digest=digest)
        assert voted.status_code == 403, voted.text
        decided = call("POST", path, "ann", **decision)
        assert decided.status_code == 200, decided.text
        assert (decided.status_code, decided.json()["approved_by"]) == (200, "ann"), decided.text
    finally:
        dev.end()
