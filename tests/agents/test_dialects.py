"""Every dialect against a real peer, called as a function of the server: by its name, through Lambda's Invoke."""


import pytest
import requests
from served import eventually

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/researcher-x1"
# name, peer, its bindings, what the calls look like
A2A = {
    "jsonrpc": ("v1.py", ["JSONRPC", "HTTP+JSON", "0.3"], ("/rpc", "1.0")),
    "rest": ("v1.py", ["HTTP+JSON"], ("/rest/message:send", "1.0")),
    "compatible": ("v1.py", ["0.3"], ("/rpc", None)),
    "old": ("v03.py", [], ("/", None)),
}


@pytest.fixture(params=A2A)
def a2a(request, everstep, peer):
    script, bindings, call = A2A[request.param]
    python = {"python": request.getfixturevalue("python_of_a2a03")} if script == "v03.py" else {}
    found = peer(script, *bindings, **python)
    # Without list of tasks, a call whose end is not known is made again.
    everstep.agent(request.param, url=found.url, on_unknown="resend")
    return request.param, found, call


def test_a_task_is_done_in_the_dialect_that_the_card_names(everstep, a2a):
    name, found, (path, version) = a2a
    payload = {"topic": "storage", "n": 1, "half": 0.5, "deep": [{"m": -3}], "text": "ä€😀"}
    assert everstep.invoke(name, payload) == payload
    posts = [call for call in found.seen()["calls"] if call["method"] == "POST"]
    assert (posts[0]["path"], posts[0]["version"]) == (path, version)
    message = found.seen()["messages"][-1]
    assert message["data"] == payload and message["id"] and message["context"]


def test_whole_numbers_come_back_whole(everstep, a2a):
    name, _, _ = a2a
    answer = everstep.client.invoke(FunctionName=name, Payload=b'{"n":1,"big":9007199254740991}')
    assert answer["Payload"].read() in (b'{"n":1,"big":9007199254740991}', b'{"big":9007199254740991,"n":1}')


def test_an_artifact_in_pieces_is_put_together(everstep, a2a):
    name, _, _ = a2a
    assert everstep.invoke(name, {"do": "pieces", "pieces": ['{"a":', " [1,", "2]}"]}) == {"a": [1, 2]}
    assert everstep.invoke(name, {"do": "pieces", "pieces": ["one ", "two"]}) == "one two"


def test_a_failure_has_the_agents_words(everstep, a2a):
    name, _, _ = a2a
    error = everstep.failure(name, {"do": "fail", "message": "no such topic"})
    assert (error["errorType"], error["errorMessage"]) == ("AgentExecutionError", "no such topic")


def test_a_stop_reaches_the_agent(everstep, a2a):
    name, found, _ = a2a
    before = len(found.seen()["cancelled"])
    execution = everstep.begin(name, {"do": "hold", "mark": "stop"})
    eventually(lambda: any(message["data"].get("mark") == "stop" for message in found.seen()["messages"]))
    calls = len(found.seen()["calls"])
    # It is asked about the task: so its name is known.
    eventually(lambda: len(found.seen()["calls"]) > calls + 1)
    everstep.call("POST", f"/executions/{execution}/stop", {})
    eventually(lambda: len(found.seen()["cancelled"]) > before)


def test_files_in_results(everstep, peer):
    found = peer("v1.py", "JSONRPC", "HTTP+JSON", "0.3")
    everstep.agent("files", url=found.url)
    assert everstep.invoke("files", {"do": "raw", "raw": "eyJhIjogMX0=", "media_type": "application/json"}) == {"a": 1}
    assert everstep.invoke("files", {"do": "raw", "raw": "aGk=", "media_type": "text/plain"}) == "hi"


def test_agentcore_by_the_official_sdk(everstep, peer):
    runtime = peer("runtime.py", "http")
    everstep.agent("runtime", arn=ARN, endpoint=runtime.url, on_unknown="resend", completion="reply")
    answer = everstep.invoke("runtime", {"topic": "storage"})
    session = answer.pop("session")
    assert answer == {"echo": {"topic": "storage"}} and len(session) >= 33
    # A stream comes together; a second task has a session of its own.
    assert everstep.invoke("runtime", {"do": "stream", "pieces": [{"a": 1}, "two"]}) == [{"a": 1}, "two"]
    first, second = runtime.seen()["invocations"][-2:]
    assert first["session"] == session != second["session"] and first["query"] == "qualifier=DEFAULT"
    error = everstep.failure("runtime", {"do": "fail", "message": "it broke"})
    assert "RuntimeClientError" in error["errorMessage"]


def test_agentcore_is_asked_again_after_a_while_when_it_throttles(everstep, peer):
    runtime = peer("runtime.py", "http")
    # A breaker that a single failure opens, for longer than any test: to be throttled is none.
    everstep.agent("throttled", arn=ARN, endpoint=runtime.url, completion="reply", breaker_failures=1, breaker_open_ms=3_600_000)
    before = len(runtime.seen()["throttled"])
    answer = everstep.invoke("throttled", {"throttle": 3})
    assert answer["echo"] == {"throttle": 3}
    throttled = runtime.seen()["throttled"][before:]
    assert throttled == [answer["session"]] * 3, "the same task each time"
    assert everstep.call("GET", "/agents/throttled")["state"]["breaker"] == "closed"
    everstep.agent("throttled", arn=ARN, endpoint=runtime.url, completion="reply", attempts=2)
    error = everstep.failure("throttled", {"throttle": 1_000})
    assert error["errorType"] == "AgentInvocationError" and "ThrottlingException" in error["errorMessage"]
    assert len(runtime.seen()["throttled"]) == before + 5


def test_a2a_inside_agentcore(everstep, peer):
    runtime = peer("runtime.py", "a2a")
    everstep.agent("inside", arn=ARN, endpoint=runtime.url, dialect="a2a-1.0")
    assert everstep.invoke("inside", {"topic": "storage"}) == {"echo": {"topic": "storage"}}
    sessions = {call["session"] for call in runtime.seen()["invocations"]}
    assert len(sessions) == 1, "what follows a task up goes to its session"
    assert {call["version"] for call in runtime.seen()["invocations"]} == {"1.0"}


def test_our_own_agents_in_both_of_their_dialects(everstep, start_agent):
    researcher = start_agent("researcher")
    task = {"task": "research", "topic": "Long-duration energy storage", "parameters": {"max_results": 3}}
    everstep.agent("researcher", url=researcher.url)
    members = {"url": researcher.url, "dialect": "legacy", "on_unknown": "resend"}
    everstep.agent("answering", completion="reply", **members)
    everstep.agent("calling-back", **members)
    results = [everstep.invoke(name, task) for name in ("researcher", "answering", "calling-back")]
    assert results[0]["summary"] and len({result["summary"] for result in results}) == 1


def test_a_webhook_answers_or_calls_back(everstep, listener):
    everstep.agent("hook", url=f"{listener.url}/hook", dialect="webhook", secret_env="WEBHOOK_SECRET", on_unknown="resend")
    execution = everstep.begin("hook", {"topic": "storage"})
    path, headers, body = listener.seen.get(timeout=30)
    headers = {name.lower(): value for name, value in headers.items()}
    assert path == "/hook" and body["type"] == "task.created" and body["data"]["payload"] == {"topic": "storage"}
    assert headers["webhook-id"] == body["data"]["task_id"] and headers["webhook-signature"].startswith("v1,")
    assert everstep.status(execution) == "RUNNING"
    callback = body["data"]["callback"]
    told = {"token": callback["token"], "status": "SUCCESS", "result": {"found": 1}}
    assert requests.post(callback["url"], json=told, timeout=30).ok
    eventually(lambda: everstep.status(execution) == "SUCCEEDED")


def test_a_program_of_this_machine(everstep, tmp_path):
    script = tmp_path / "agent.py"
    script.write_text(
        "import json, sys\n"
        "task = json.loads(sys.stdin.readline())\n"
        "print(json.dumps({'progress': {'percent': 50, 'message': 'half'}}), flush=True)\n"
        "print(json.dumps({'result': {'echo': task['payload']}}), flush=True)\n"
    )
    everstep.agent("program", command=["/usr/bin/env", "python3", str(script)], on_unknown="resend")
    assert everstep.invoke("program", {"topic": "storage"}) == {"echo": {"topic": "storage"}}
    script.write_text("import sys\nsys.exit('out of ideas')\n")
    error = everstep.failure("program", {})
    assert "out of ideas" in error["errorMessage"]
