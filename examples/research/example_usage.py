"""The research workflow from the outside: eight things that a program does with it, against the endpoint of Everstep.

    everstep dev                                        # in another shell
    python example_usage.py full "Heat pumps in old houses"

boto3 speaks Lambda's API and urllib the REST routes; the same calls work against AWS without EVERSTEP_ENDPOINT, there with
API_URL for the address of the API.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import boto3

ENDPOINT = os.environ.get("EVERSTEP_ENDPOINT", "http://127.0.0.1:9070")
API_URL = os.environ.get("API_URL", ENDPOINT).rstrip("/")
CONTROLLER = "DurableControllerFunction"
OVER = ("COMPLETED", "REJECTED", "FAILED", "CANCELLED")


def lambda_client() -> Any:
    """Where nobody asks for keys, any will do."""
    return boto3.client(
        "lambda",
        endpoint_url=ENDPOINT,
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "any"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "any"),
    )


def invoke(payload: dict[str, Any]) -> dict[str, Any]:
    response = lambda_client().invoke(FunctionName=CONTROLLER, Payload=json.dumps(payload))
    result = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise RuntimeError(result.get("errorMessage", result))
    return result


def http(method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of a REST call; a refusal is an answer, too."""
    data = None if body is None else json.dumps(body).encode()
    url = path if path.startswith("http") else API_URL + path
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def start_workflow_example(topic: str) -> str:
    """Starts a workflow through Lambda's Invoke; the answer comes at once, the work goes on for hours."""
    result = invoke({"topic": topic, "parameters": {"depth": "comprehensive", "sources": ["academic", "industry"]}})
    print(f"{result['status']}: {result['message']}")
    print(f"workflow_id: {result['workflow_id']}")
    return result["workflow_id"]


def check_workflow_status(workflow_id: str) -> dict[str, Any]:
    """The record: where it stands and which phases are done."""
    status, record = http("GET", f"/workflows/{workflow_id}")
    if status == 404:
        raise SystemExit(f"There is no workflow {workflow_id}")
    print(f"status: {record['status']}, step: {record['current_step']}")
    for step in record["steps_completed"]:
        print(f"  done: {step['step_name']}")
    return record


def approve_workflow(workflow_id: str, approved: bool = True, feedback: str = "") -> dict[str, Any]:
    """A person's decision; the workflow goes on at once."""
    result = invoke({"action": "approve", "workflow_id": workflow_id, "approved": approved, "feedback": feedback})
    print(f"{result['status']}: approved is {result['approved']}")
    return result


def simulate_agent_callback(callback_url: str, token: str, result: Any) -> dict[str, Any]:
    """What an agent posts when it is done. The same again is told apart and changes nothing."""
    status, answer = http("POST", callback_url, {"token": token, "status": "SUCCESS", "result": result})
    print(f"{status}: {answer['status']}")
    return answer


def get_workflow_report(workflow_id: str) -> Any:
    """The final report, by its link; whoever has the link needs nothing else until it expires."""
    record = check_workflow_status(workflow_id)
    if record["status"] != "COMPLETED":
        raise SystemExit(f"There is no report yet: {record['status']}")
    with urllib.request.urlopen(record["report_url"], timeout=60) as response:
        report = json.load(response)
    print(f"report: {record['report_s3_key']}, {len(json.dumps(report))} bytes")
    return report


def api_gateway_example(topic: str) -> str:
    """The same over REST: start, look, list."""
    status, started = http("POST", "/workflows", {"topic": topic, "parameters": {"depth": "basic"}})
    print(f"POST /workflows: {status} {started['status']}")
    workflow_id = started["workflow_id"]
    deadline = time.monotonic() + 60
    # The workflow's first step makes the record, a moment after the start.
    while (looked := http("GET", f"/workflows/{workflow_id}"))[0] == 404 and time.monotonic() < deadline:
        time.sleep(0.1)
    status, record = looked
    print(f"GET /workflows/{{id}}: {status} {record.get('status', record.get('error'))}")
    status, refused = http("POST", "/workflows", {"parameters": {}})
    print(f"POST /workflows without a topic: {status} {refused['error']}")
    status, page = http("GET", "/workflows?status=AWAITING_APPROVAL")
    print(f"GET /workflows?status=AWAITING_APPROVAL: {status}, {len(page['workflows'])} of them")
    return workflow_id


def monitor_workflow_progress(workflow_id: str, until: tuple[str, ...] = (), seconds: float = 120) -> dict[str, Any]:
    """Looks again and again and tells what has changed, until it is over or as far as asked."""
    seen = None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status, record = http("GET", f"/workflows/{workflow_id}")
        now = (record.get("status", "not there yet"), record.get("current_step", ""))
        if now != seen:
            done = len(record.get("steps_completed", []))
            print(f"{done} of 3 phases, {now[0]} {now[1]}".rstrip())
            seen = now
        if now[0] in OVER or now[0] in until:
            return record
        time.sleep(0.2)
    raise SystemExit(f"{workflow_id} is still {seen}")


def full_workflow_example(topic: str) -> Any:
    """From the start to the report, with one change that the person asks for on the way."""
    workflow_id = start_workflow_example(topic)
    monitor_workflow_progress(workflow_id, until=("AWAITING_APPROVAL",))
    wish = {"decision": "changes_requested", "feedback": "Say first what to do", "approved_by": "ann"}
    status, answer = http("POST", f"/workflows/{workflow_id}/approve", wish)
    print(f"changes requested: {status} {answer['status']}")
    deadline = time.monotonic() + 120
    while http("GET", f"/workflows/{workflow_id}")[1].get("approval_round") != 2:
        if time.monotonic() > deadline:
            raise SystemExit("the writer's draft does not come")
        time.sleep(0.2)
    approve_workflow(workflow_id, feedback="Good")
    monitor_workflow_progress(workflow_id)
    return get_workflow_report(workflow_id)


def callback_example(agent_url: str) -> None:
    """You are the agent: `quiet_agent.py` keeps what it is sent, and its answer comes from here."""
    _, sent = http("GET", f"{agent_url}/sent")
    if not sent:
        raise SystemExit("The agent has been sent nothing yet")
    findings = {"summary": "Found by hand", "key_findings": ["One thing"], "sources": ["a book"]}
    simulate_agent_callback(sent["callback_url"], sent["callback_token"], findings)
    again = simulate_agent_callback(sent["callback_url"], sent["callback_token"], findings)
    print(f"the second time: duplicate is {again.get('duplicate', False)}")


def main(words: list[str]) -> None:
    verbs = {
        "start": start_workflow_example,
        "status": check_workflow_status,
        "approve": approve_workflow,
        "callback": callback_example,
        "report": get_workflow_report,
        "api": api_gateway_example,
        "monitor": lambda workflow_id, *until: monitor_workflow_progress(workflow_id, until),
        "full": full_workflow_example,
    }
    if len(words) < 2 or words[0] not in verbs:
        raise SystemExit(f"usage: example_usage.py {'|'.join(verbs)} TOPIC_OR_ID")
    verbs[words[0]](*words[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
