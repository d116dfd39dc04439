"""People decide and a workflow goes on: `everstep approvals` against the real binary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Dev, create, until


def ask(dev: Dev, **more: Any) -> dict[str, Any]:
    request = {"title": "Publish?", "approvers": ["ann", "bob"], "requester": "carl", **more}
    return dev.good("-o", "json", "approvals", "ask", json.dumps(request)).json()


def shown(dev: Dev, approval: str) -> dict[str, Any]:
    return dev.good("-o", "json", "approvals", "show", approval).json()


def ended(dev: Dev, execution: str) -> dict[str, Any]:
    def closed() -> Any:
        described = dev.describe(execution)
        return described if described["execution"]["status"] != "RUNNING" else None

    return until(closed, f"{execution} ends")


def outcome(dev: Dev, execution: str) -> dict[str, Any]:
    """What the workflow got: a plain callback gives a text, waiting for one its JSON."""
    described = ended(dev, execution)
    result = described["result"]
    assert result is not None, described
    return json.loads(result) if isinstance(result, str) else result


def pending(dev: Dev, approver: str) -> list[dict[str, Any]]:
    return dev.good("-o", "json", "approvals", "list", "--status", "pending", "--approver", approver).json()["approvals"]


def asked_by_workflow(dev: Dev, title: str, **request: Any) -> tuple[str, str]:
    """Starts a function that asks people: the ids of its execution and of the approval."""
    payload = json.dumps({"title": title, **request})
    execution = dev.good("start", "asks", "--input", payload).out.strip()
    found = until(lambda: [row for row in pending(dev, "ann") if row["title"] == title], f"{title} is asked")
    return execution, found[0]["id"]


def test_a_workflow_asks_and_the_decision_resumes_it_once(dev: Dev) -> None:
    execution, approval = asked_by_workflow(dev, "resumed")
    assert dev.good("approvals", "approve", approval, "--by", "ann", "--comment", "Go on").out.strip() == "APPROVED"
    result = outcome(dev, execution)
    assert (result["approved"], result["feedback"], result["approved_by"], result["approval_id"]) == (True, "Go on", "ann", approval)
    assert result["decisions"][0]["via"] == "cli"
    # Again, and otherwise: neither reaches the workflow.
    assert dev.good("approvals", "approve", approval, "--by", "ann", "--comment", "Go on").out.strip() == "APPROVED"
    late = dev.run("approvals", "reject", approval, "--by", "ann")
    assert late.code == 4 and "E0223" in late.err, late
    events = dev.good("-o", "json", "history", execution).json()["events"]
    assert [event["EventType"] for event in events].count("CallbackSucceeded") == 1
    audit = dev.good("-o", "json", "approvals", "audit", approval).json()["audit"]
    assert [entry["event"] for entry in audit] == ["ApprovalRequested", "ApprovalVoted", "ApprovalDecided", "ApprovalVotedLate"]
    assert audit[0]["started_by"].rsplit(":", 1)[0].endswith("function:asks")


def test_a_request_for_changes_comes_back_as_another_round(dev: Dev, waiting: Callable[..., tuple[str, str]]) -> None:
    execution, callback = waiting()
    first = ask(dev, callback=callback)
    dev.good("approvals", "changes", first["id"], "--by", "bob", "--comment", "Shorter")
    result = outcome(dev, execution)
    assert (result["approved"], result["decision"], result["feedback"]) == (False, "CHANGES_REQUESTED", "Shorter")
    second = ask(dev, previous=first["id"], summary="shorter")
    assert (second["round"], second["previous"]) == (2, first["id"])


@pytest.mark.parametrize("how", ["stopped", "answered"])
def test_an_approval_ends_when_nobody_waits_for_it_any_more(dev: Dev, waiting: Callable[..., tuple[str, str]], how: str) -> None:
    execution, callback = waiting()
    approval = ask(dev, callback=callback)["id"]
    if how == "stopped":
        dev.good("stop", execution)
    else:
        dev.good("callback", "succeed", callback, "--result", "1")
    over = until(lambda: (found := shown(dev, approval))["status"] != "PENDING" and found, f"{approval} ends")
    assert over["status"] == "CANCELLED" and over["result"]["reason"], over
    refused = dev.run("approvals", "approve", approval, "--by", "ann")
    assert refused.code == 4 and "E0223" in refused.err


def test_what_is_taken_back_reaches_the_workflow_as_not_approved(dev: Dev, waiting: Callable[..., tuple[str, str]]) -> None:
    execution, callback = waiting()
    approval = ask(dev, callback=callback)["id"]
    dev.good("approvals", "cancel", approval, "--by", "carl", "--reason", "Not needed")
    result = outcome(dev, execution)
    assert (result["approved"], result["decision"], result["reason"]) == (False, "CANCELLED", "Not needed")


def test_places_comments_and_links(dev: Dev) -> None:
    approval = ask(dev, form={"type": "object", "required": ["budget"], "properties": {"budget": {"type": "integer"}}})["id"]
    dev.good("approvals", "comment", approval, "How much?", "--ask", "--by", "bob")
    dev.good("approvals", "delegate", approval, "--to", "dora", "--by", "ann")
    link = dev.good("approvals", "link", approval, "--approver", "dora", "--expires-in", "1h").out.strip()
    assert link.startswith(f"{dev.url}/approvals/link/")
    table = dev.good("approvals", "show", approval).out
    for part in ("Publish?", "bob", "dora", "How much?", "PENDING"):
        assert part in table, table
    wrong = dev.run("approvals", "approve", approval, "--by", "dora")
    assert wrong.code == 6 and "E0225" in wrong.err, wrong
    stale = dev.run("approvals", "approve", approval, "--by", "dora", "--digest", "00", "--form", '{"budget": 1}')
    assert stale.code == 4 and "E0221" in stale.err, stale
    dev.good("approvals", "approve", approval, "--by", "dora", "--form", '{"budget": 1}')
    assert shown(dev, approval)["result"]["form"] == {"budget": 1}
    assert shown(dev, approval)["links"][0]["state"] == "over"
    assert "ApprovalDelegated" in dev.good("approvals", "audit", approval).out


def test_a_day_after_a_restart_nobody_has_approved_by_saying_nothing(tmp_path: Path) -> None:
    """Research workflow, defect 16 and acceptance 6: reminders, escalation and expiry 24 h later, after the server was ended."""
    server = Dev(tmp_path / "day", "--no-demo")
    try:
        create(server)
        execution, approval = asked_by_workflow(
            server, "nobody answers", expires_in="24h", reminders=["4h", "12h"], escalation={"to": ["chief"], "after": "20h"}
        )
    finally:
        server.end()
    server = Dev(tmp_path / "day", "--no-demo", "--clock", "skip")
    try:
        result = outcome(server, execution)
        assert (result["approved"], result["decision"], result["reason"]) == (False, "EXPIRED", "Approval timed out")
        audit = server.good("-o", "json", "approvals", "audit", approval).json()["audit"]
        events = [entry["event"] for entry in audit]
        assert events == ["ApprovalRequested", "ApprovalReminded", "ApprovalReminded", "ApprovalEscalated", "ApprovalExpired"]
        row = server.describe(approval)["execution"]
        assert (row["kind"], row["status"]) == ("APPROVAL", "TIMED_OUT")
    finally:
        server.end()
