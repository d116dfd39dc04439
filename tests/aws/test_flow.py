"""The whole workflow, and what it leaves in DynamoDB, S3, SNS and EventBridge, read back by boto3."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.request
from typing import Any

import requests
from cloud import BUCKET
from conftest import AGENTS, Stage, until

FOURTEEN_DAYS_S = 14 * 86_400


def start(stage: Stage, workflow: str, topic: str = "grids") -> dict[str, Any]:
    """As the seed's client does."""
    payload = {"topic": topic, "parameters": {"depth": "basic", "word_limit": 500}, "workflow_id": workflow}
    done = stage.functions.invoke(FunctionName="DurableControllerFunction", Payload=json.dumps(payload))
    return json.loads(done["Payload"].read())


def call_back(task: dict[str, Any], **outcome: Any) -> dict[str, Any]:
    """As an agent does, at the address that it was given."""
    payload = task["payload"]
    body = {"token": payload["callback_token"], **outcome}
    answer = requests.post(payload["callback_url"], json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def success(task: dict[str, Any], result: Any) -> dict[str, Any]:
    return call_back(task, status="SUCCESS", result=result)


def to_approval(stage: Stage, workflow: str, analysis: Any) -> None:
    success(stage.dispatched(), {"summary": "found"})
    success(stage.dispatched(), analysis)
    stage.status(workflow, "AWAITING_APPROVAL")


def approve(stage: Stage, workflow: str, **decision: Any) -> requests.Response:
    return requests.post(f"{stage.api}/approve/{workflow}", json=decision, timeout=60)


def test_the_workflow_completes_and_everything_is_where_the_seeds_look_for_it(stage: Stage) -> None:
    workflow, began = "flow-1", int(time.time())
    stage.cloud.bodies(stage.cloud.notified), stage.cloud.bodies(stage.cloud.told)
    answer = start(stage, workflow)
    assert answer == {
        "status": "PENDING",
        "workflow_id": workflow,
        "awaiting": "research_completion",
        "message": "Workflow suspended awaiting research completion",
    }

    research = stage.dispatched()
    assert research["arn"] == AGENTS["researcher"]
    session = research["headers"]["x-amzn-bedrock-agentcore-runtime-session-id"]
    assert 33 <= len(session) <= 256, "defect 12"
    assert research["request"]["jsonrpc"] == "2.0" and research["request"]["params"]["message"]["role"] == "user"
    assert research["payload"]["task"] == "research" and research["payload"]["parameters"] == {"depth": "basic", "word_limit": 500}
    assert research["payload"]["callback_url"] == f"{stage.api}/callbacks/{workflow}"
    assert success(research, {"summary": "found", "figure": 1.5})["status"] == "callback_delivered"

    analysis = stage.dispatched()
    assert analysis["payload"]["task"] == "analyze" and analysis["payload"]["research_data"] == {"summary": "found", "figure": 1.5}
    assert analysis["headers"]["x-amzn-bedrock-agentcore-runtime-session-id"] != session, "another step is another session"
    assert stage.cloud.record(workflow)["status"] == "RUNNING", "defect 6: a callback never ends the workflow"
    success(analysis, {"summary": "what it means"})
    record = stage.status(workflow, "AWAITING_APPROVAL")
    assert record["current_step"] == "human_approval"

    assert approve(stage, workflow, approved=True, feedback="shorter").json()["approved_by"].endswith("user/ann")
    writing = stage.dispatched()
    assert writing["payload"]["feedback"] == "shorter" and writing["payload"]["analysis"] == {"summary": "what it means"}
    success(writing, {"status": "completed", "report": {"markdown": "# Grids"}, "summary": "done"})
    record = stage.status(workflow, "COMPLETED")
    assert until(lambda: ended(stage, workflow), "the last event has been sent")["Status"] == "SUCCEEDED"
    assert [step["step_name"] for step in record["steps_completed"]] == ["research_phase", "analysis_phase", "writing_phase"]
    assert record["topic"] == "grids" and record["parameters"]["word_limit"] == 500 and "ttl" not in record

    report_is_in_the_bucket(stage, workflow, record)
    callbacks_are_kept(stage, workflow, [research, analysis, writing], began)
    events_are_told(stage, workflow, record)
    secrets = [task["payload"]["callback_token"] for task in (research, analysis, writing)]
    printed = {function: "".join(stage.lines(function)) for function in ("ResearchWorkflow", "CallbackHandler")}
    assert "workflow_finalized" in printed["ResearchWorkflow"] and "callback_completed" in printed["CallbackHandler"]
    assert not [function for function, lines in printed.items() if any(secret in lines for secret in secrets)]


def test_defect_11_the_payload_goes_in_and_the_response_comes_out(stage: Stage) -> None:
    """The runtime's API has `payload` and `response`; a `body` is in neither."""
    start(stage, "flow-payload")
    research = stage.dispatched()
    # The request's bytes are the payload itself: nothing is wrapped around it.
    assert set(research["request"]) == {"jsonrpc", "id", "method", "params"} and research["payload"]["topic"] == "grids"
    # The answer was read, else there would be no wait that the callback settles.
    assert success(research, {"summary": "found"})["status"] == "callback_delivered"
    assert stage.dispatched()["payload"]["research_data"] == {"summary": "found"}


def test_defect_12_what_follows_is_of_the_same_session(stage: Stage) -> None:
    workflow = "flow-session"
    start(stage, workflow)
    research = stage.dispatched()
    session = research["headers"]["x-amzn-bedrock-agentcore-runtime-session-id"]
    assert 33 <= len(session) <= 256
    until(lambda: "agent_task" in stage.cloud.record(workflow), "the record knows the agent's task")
    ended_ = requests.post(f"{stage.api}/workflows/{workflow}/cancel", json={"reason": "enough"}, timeout=60)
    assert ended_.status_code == 200, ended_.text
    assert (research["arn"], session) in stage.gateway.stopped, "the follow-up finds the session of the dispatch"


def report_is_in_the_bucket(stage: Stage, workflow: str, record: dict[str, Any]) -> None:
    key = f"reports/{workflow}/final_report.json"
    stored = stage.cloud.s3.get_object(Bucket=BUCKET, Key=key)
    assert stored["ServerSideEncryption"] == "AES256" and stored["ContentType"] == "application/json"
    report = json.loads(stored["Body"].read())
    assert report["report"] == {"markdown": "# Grids"} and record["report_s3_key"] == key
    assert "X-Amz-Expires=604800" in record["report_url"]
    with urllib.request.urlopen(record["report_url"], timeout=30) as fetched:
        assert json.loads(fetched.read()) == report
    markdown = stage.cloud.s3.get_object(Bucket=BUCKET, Key=f"reports/{workflow}/final_report.md")
    assert markdown["Body"].read() == b"# Grids" and markdown["ContentType"].startswith("text/markdown")
    shown = requests.get(f"{stage.api}/workflows/{workflow}", timeout=60).json()
    assert shown["status"] == "COMPLETED" and "revision" not in shown
    assert requests.get(shown["report_url"], timeout=30).json() == report, "a reader gets a link of its own"
    listed = requests.get(f"{stage.api}/workflows?status=COMPLETED", timeout=60).json()["workflows"]
    assert workflow in [item["workflow_id"] for item in listed]
    missing = requests.get(f"{stage.api}/workflows/nobody", timeout=60)
    assert (missing.status_code, missing.json()) == (404, {"error": "Workflow not found"})


def callbacks_are_kept(stage: Stage, workflow: str, tasks: list[dict[str, Any]], began: int) -> None:
    """Defects 4 and 5: each under a key of the table, found by its token without a scan, and by its workflow in order."""
    hashes = [hashlib.sha256(task["payload"]["callback_token"].encode()).hexdigest() for task in tasks]
    for digest, step in zip(hashes, ("research_phase", "analysis_phase", "writing_phase"), strict=True):
        item = stage.cloud.record(f"callback#{digest}")
        assert item["status"] == "SUCCESS" and item["step"] == f"{step}_await" and item["delivery"] == "delivered"
        assert item["callback_token"] == f"sha256:{digest}" and item["callback_workflow_id"] == workflow
        assert began + FOURTEEN_DAYS_S <= item["ttl"] <= int(time.time()) + FOURTEEN_DAYS_S
    first = stage.cloud.record(f"callback#{hashes[0]}")
    assert first["result"] == {"summary": "found", "figure": first["result"]["figure"]} and float(first["result"]["figure"]) == 1.5
    assert [item["callback_token"][7:] for item in stage.cloud.callbacks(workflow)] == hashes
    told = requests.get(f"{stage.api}/workflows/{workflow}/callbacks", timeout=60).json()["callbacks"]
    assert [item["status"] for item in told] == ["SUCCESS"] * 3 and "workflow_id" not in told[0]


def events_are_told(stage: Stage, workflow: str, record: dict[str, Any]) -> None:
    [envelope] = [body for body in stage.cloud.bodies(stage.cloud.notified) if workflow in body["Message"]]
    assert envelope["Subject"] == f"Approval Required: Workflow {workflow}"
    message = json.loads(envelope["Message"])
    assert envelope["Message"] == json.dumps(message, indent=2, ensure_ascii=False)
    expected = {"workflow_id": workflow, "status": "approval_required", "analysis_summary": "what it means", "review_url": None}
    expected["callback_url"] = f"{stage.api}/approve/{workflow}"
    assert {name: message[name] for name in expected} == expected
    told = [body for body in stage.cloud.bodies(stage.cloud.told) if body["resources"] == [workflow]]
    assert {body["source"] for body in told} == {"agent.orchestration"}
    by_type: dict[str, list[Any]] = {}
    for body in told:
        by_type.setdefault(body["detail-type"], []).append(body["detail"])
    assert by_type["ApprovalRequested"] == [message]
    completed = {name: record[name] for name in ("workflow_id", "report_url", "completed_at")}
    assert by_type["WorkflowCompleted"] == [completed]
    changes = {(detail["from"], detail["to"]) for detail in by_type["WorkflowStateChanged"]}
    assert {("INITIALIZING", "RUNNING"), ("RUNNING", "AWAITING_APPROVAL"), ("RUNNING", "COMPLETED")} <= changes


def test_large_results_travel_through_the_bucket(stage: Stage) -> None:
    workflow = "flow-large"
    start(stage, workflow)
    research = stage.dispatched()
    found = {"summary": "é" * 120_000}
    success(research, found)
    digest = hashlib.sha256(research["payload"]["callback_token"].encode()).hexdigest()
    analysis = stage.dispatched()
    reference = analysis["payload"]["research_data"]
    assert reference["artifact_type"] == "s3_reference" and reference["key"].startswith(f"callbacks/{digest}/")
    stored = stage.cloud.s3.get_object(Bucket=BUCKET, Key=reference["key"])
    assert json.loads(stored["Body"].read()) == found and stored["ServerSideEncryption"] == "AES256"
    assert stage.cloud.record(f"callback#{digest}")["result_location"] == reference["s3_uri"]

    key = f"artifacts/{workflow}/data.json"
    whole = {"summary": "s" * 300_000, "more": "m" * 210_000}
    stage.cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(whole))
    success(analysis, {"artifact_type": "s3_reference", "s3_uri": f"s3://{BUCKET}/{key}"})
    stage.status(workflow, "AWAITING_APPROVAL")
    review = stage.cloud.s3.get_object(Bucket=BUCKET, Key=f"approvals/{workflow}/analysis_results.json")
    assert json.loads(review["Body"].read()) == whole
    # The record says so before anybody is told.
    [notified] = until(lambda: [body for body in stage.cloud.bodies(stage.cloud.notified) if workflow in body["Subject"]], "a notification")
    message = json.loads(notified["Message"])
    assert len(notified["Message"]) < 256_000 and message["analysis_summary"].startswith("sss")
    assert "X-Amz-Expires=86400" in message["review_url"]
    assert requests.get(message["review_url"], timeout=30).json() == whole
    approve(stage, workflow, approved=False, reason="too long")
    record = stage.status(workflow, "REJECTED")
    assert record["rejection_reason"] == "too long" and record["current_step"] == "completed"


def test_a_failed_agent_fails_the_workflow_with_its_words(stage: Stage) -> None:
    workflow = "flow-failure"
    start(stage, workflow)
    task = stage.dispatched()
    call_back(task, status="FAILURE", error="Agent timeout after 8 hours")
    record = stage.status(workflow, "FAILED")
    session = (task["arn"], task["headers"]["x-amzn-bedrock-agentcore-runtime-session-id"])
    assert session in stage.gateway.stopped, "nobody waits for the agent any more"
    assert record["current_step"] == "error"
    assert "Agent timeout after 8 hours" in record["error"]["error_message"]
    [item] = stage.cloud.callbacks(workflow)
    assert (item["status"], item["error"]) == ("FAILURE", "Agent timeout after 8 hours")


def test_a_workflow_is_never_overwritten(stage: Stage) -> None:
    workflow = "flow-twice"
    start(stage, workflow)
    stage.dispatched()
    before = stage.status(workflow, "RUNNING")
    again = start(stage, workflow)
    assert again["status"] == "PENDING", "the same start is the same workflow"
    other = start(stage, workflow, topic="something else")
    assert other["errorType"] == "WorkflowStateError", other
    # A record that belongs to another execution stays what it is, whoever starts under its id.
    stranger = {"workflow_id": "flow-taken", "topic": "theirs", "parameters": {}, "status": "RUNNING", "created_at": "2026-01-01T00:00:00Z"}
    stranger |= {"updated_at": "2026-01-01T00:00:00Z", "current_step": "research_phase", "execution_arn": "another", "steps_completed": []}
    stage.cloud.table.put_item(Item=stranger)
    start(stage, "flow-taken")
    execution = until(lambda: ended(stage, "flow-taken"), "the second workflow has failed")
    assert execution["Status"] == "FAILED"
    assert stage.cloud.record("flow-taken") == stranger
    after = stage.cloud.record(workflow)
    assert (after["topic"], after["execution_arn"]) == (before["topic"], before["execution_arn"])


def ended(stage: Stage, name: str) -> dict[str, Any] | None:
    found = stage.functions.list_durable_executions_by_function(FunctionName="ResearchWorkflow", DurableExecutionName=name)
    return next((execution for execution in found["DurableExecutions"] if execution["Status"] not in ("RUNNING",)), None)


def test_cancelling_a_workflow_reaches_its_agent(stage: Stage) -> None:
    workflow = "flow-cancelled"
    start(stage, workflow)
    task = stage.dispatched()
    session = (task["arn"], task["headers"]["x-amzn-bedrock-agentcore-runtime-session-id"])
    until(lambda: "agent_task" in (stage.cloud.record(workflow) or {}), "the record names the agent's task")
    ended_by = requests.post(f"{stage.api}/workflows/{workflow}/cancel", json={"reason": "no longer needed"}, timeout=60)
    assert (ended_by.status_code, ended_by.json()["status"]) == (200, "CANCELLED"), ended_by.text
    record = stage.status(workflow, "CANCELLED")
    assert record["cancellation_reason"] == "no longer needed" and session in stage.gateway.stopped
    late = success(task, {"summary": "too late"})
    assert late["late"] is True and stage.cloud.record(workflow)["status"] == "CANCELLED"
    [item] = stage.cloud.callbacks(workflow)
    assert item["delivery"] == "late" and item["result"] == {"summary": "too late"}
