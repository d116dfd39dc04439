"""Agents as functions: every way to one, what it tells and is told, and what is done when it misbehaves. The agent is a server of the official A2A
SDK in a process of its own."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess

import pytest
import requests
from agents_world import BINARY, Peer, Server, eventually, peer, shared  # noqa: F401 (fixtures)
from conftest import ROLE, code
from test_states_services import one_task


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("agents"))
    yield server
    server.end()


@pytest.fixture
def agent(server, peer):
    """A name of its own for each test, and the mark of its tasks."""

    def declare(**members):
        name = f"agent-{secrets.token_hex(4)}"
        server.agent(name, peer.url, **members)
        return name

    return declare


@pytest.fixture
def mark():
    return secrets.token_hex(4)


@pytest.fixture(scope="module")
def workflow(server):
    """A durable function on the unmodified Python SDK that invokes what its event names."""
    import sysconfig

    server.client.create_function(
        FunctionName="workflow",
        Runtime="python3.12",
        Role=ROLE,
        Handler="chained.invokes",
        Code={"ZipFile": code()},
        Timeout=60,
        Environment={"Variables": {"PYTHONPATH": sysconfig.get_paths()["purelib"]}},
        DurableConfig={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1},
    )
    return "workflow:$LATEST"


def machine(server, definition):
    name = f"machine-{secrets.token_hex(4)}"
    made = server.states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    return made["stateMachineArn"]


def run(server, definition, given=None):
    """Starts an execution of a state machine; returns its ARN."""
    return server.states.start_execution(stateMachineArn=machine(server, definition), input=json.dumps(given or {}))["executionArn"]


def ended(server, arn):
    return eventually(lambda: (found := server.states.describe_execution(executionArn=arn))["status"] != "RUNNING" and found)


class TestWays:
    """The payload is the message, the artifact's value is the result, whichever way an agent is invoked."""

    TASK = {"do": "echo", "value": {"found": ["a", "b"], "ok": True}}

    def test_invoke(self, server, agent):
        assert server.invoke(agent(), self.TASK) == self.TASK["value"]

    def test_invoke_by_version_and_alias(self, server, agent):
        name = agent()
        version = server.client.publish_version(FunctionName=name)["Version"]
        server.client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
        for qualifier in ("$LATEST", version, "live"):
            assert server.invoke(name, self.TASK, Qualifier=qualifier) == self.TASK["value"]
        arn = server.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        assert server.invoke(arn, self.TASK) == self.TASK["value"]

    def test_invoke_and_do_not_wait(self, server, agent, peer, mark):
        answer = server.client.invoke(FunctionName=agent(), InvocationType="Event", Payload=json.dumps({**self.TASK, "mark": mark}))
        assert answer["StatusCode"] == 202
        assert server.result(answer["DurableExecutionArn"]) == self.TASK["value"]
        assert len(peer.messages(mark)) == 1

    def test_the_same_name_is_the_same_task(self, server, agent, peer, mark):
        name = agent()
        for _ in range(2):
            assert server.invoke(name, {**self.TASK, "mark": mark}, DurableExecutionName=mark) == self.TASK["value"]
        assert len(peer.messages(mark)) == 1

    def test_from_a_durable_function(self, server, agent, workflow):
        invoked = server.invoke("workflow", {"target": agent(), "payload": self.TASK}, Qualifier="$LATEST")
        assert invoked == {"result": self.TASK["value"]}

    def test_from_a_state_machine(self, server, agent):
        name = agent()
        invoke = one_task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": name, "Payload.$": "$"}, OutputPath="$.Payload")
        arn = server.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        for definition in (invoke, one_task(arn)):
            found = ended(server, run(server, definition, self.TASK))
            assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", self.TASK["value"])

    def test_by_the_agents_address(self, server, peer, workflow, mark):
        url = f"{peer.url}/?of={mark}"
        server.agent(f"by-address-{mark}", url)
        invoked = server.invoke("workflow", {"target": url, "payload": self.TASK}, Qualifier="$LATEST")
        assert invoked == {"result": self.TASK["value"]}
        arn = run(server, one_task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": url, "Payload.$": "$"}, OutputPath="$.Payload"), self.TASK)
        assert json.loads(ended(server, arn)["output"]) == self.TASK["value"]

    def test_from_the_command_line(self, server, peer, mark):
        def everstep(*words):
            done = subprocess.run([BINARY, "--url", server.url, *words], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        name = f"cli-{mark}"
        assert everstep("agents", "add", name, peer.url, "--timeout", "60", "--set", "poll_first_ms=100") == name
        assert name in everstep("agents", "list")
        assert peer.url in everstep("agents", "show", name)
        called = everstep("agents", "call", name, json.dumps(self.TASK))
        assert json.loads(called) == self.TASK["value"]
        assert json.loads(everstep("start", name, "--input", json.dumps(self.TASK), "--wait")) == self.TASK["value"]
        held = everstep("agents", "call", name, json.dumps({"do": "hold", "mark": mark}), "--detach")
        task = peer.has(mark)["task"]
        assert everstep("agents", "cancel", held) == "STOPPED"
        eventually(lambda: task in peer.seen("cancelled"))
        everstep("agents", "remove", name)
        assert name not in everstep("agents", "list")


class TestResults:
    def test_a_failure_of_the_agent_is_the_error(self, server, agent, workflow):
        name = agent()
        task = {"do": "fail", "message": "no such topic"}
        error = server.invoke(name, task)["error"]
        assert (error["errorType"], error["errorMessage"]) == ("AgentExecutionError", "no such topic")
        assert server.invoke("workflow", {"target": name, "payload": task}, Qualifier="$LATEST") == {"error": "no such topic"}
        failed = ended(server, run(server, one_task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": name, "Payload.$": "$"}), task))
        assert (failed["status"], failed["error"]) == ("FAILED", "AgentExecutionError")

    def test_a_large_result_is_an_artifact_and_a_reference_to_it(self, server, agent):
        small = server.invoke(agent(), {"do": "large", "bytes": 199_990})
        assert len(small) == 199_990
        reference = server.invoke(agent(), {"do": "large", "bytes": 200_000})
        assert set(reference) == {"artifact_type", "s3_uri", "bucket", "key", "size_bytes", "timestamp"}
        assert (reference["artifact_type"], reference["size_bytes"]) == ("s3_reference", 200_002)
        assert reference["s3_uri"] == f"s3://{reference['bucket']}/{reference['key']}"
        key = (server.folder / "data" / "key").read_text().strip()
        stored = requests.get(f"{server.url}/artifacts/{reference['bucket']}/{reference['key']}", headers={"authorization": f"Bearer {key}"}, timeout=60)
        assert stored.json() == "x" * 200_000

    def test_100_mb_are_streamed(self, server, agent):
        size = 100_000_000
        before = memory_peak(server.process.pid)
        reference = server.invoke(agent(), {"do": "link", "file": str(size)})
        assert reference["size_bytes"] == size
        assert memory_peak(server.process.pid) - before < 40_000_000
        key = (server.folder / "data" / "key").read_text().strip()
        digest = hashlib.sha256()
        address = f"{server.url}/artifacts/{reference['bucket']}/{reference['key']}"
        with requests.get(address, headers={"authorization": f"Bearer {key}"}, stream=True, timeout=60) as stored:
            for piece in stored.iter_content(1 << 20):
                digest.update(piece)
        expected = hashlib.sha256(b'"' + b"x" * (size - 2) + b'"')
        assert digest.hexdigest() == expected.hexdigest()

    def test_a_body_that_stops_in_the_middle_is_given_up(self, server, agent):
        error = server.invoke(agent(call_timeout_s=1, attempts=2), {"do": "link", "file": "slow"})["error"]
        assert error["errorType"] == "AgentInvocationError"
        assert "E0303" in error["errorMessage"]

    def test_a_body_that_grows_when_it_is_unpacked_is_not_unpacked(self, server, agent):
        before = memory_peak(server.process.pid)
        error = server.invoke(agent(attempts=2), {"do": "link", "file": "bomb"}).get("error")
        assert error is not None and error["errorType"] == "AgentInvocationError"
        assert memory_peak(server.process.pid) - before < 40_000_000


def memory_peak(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class TestPushes:
    """A push is a reason to ask, and no more."""

    def test_a_push_is_followed_at_once(self, server, agent, peer, mark):
        name = agent(poll_first_ms=600_000, poll_max_ms=600_000)
        id = server.begin(name, {"do": "hold", "value": 1, "mark": mark})
        peer.has(mark)
        peer.admin("release")
        assert server.result(id) == 1

    @pytest.mark.parametrize("manner", ["drop", "twice", "reverse", "late"])
    def test_lost_repeated_reordered_and_late_pushes_change_nothing(self, server, agent, peer, mark, manner):
        peer.admin("manners", {"pushes": manner})
        id = server.begin(agent(), {"do": "echo", "value": [manner], "mark": mark})
        assert server.result(id) == [manner]
        peer.admin("release")
        assert server.result(id) == [manner]
        assert len(peer.messages(mark)) == 1

    def test_a_forged_push_is_refused_and_settles_nothing(self, server, agent, peer, mark):
        id = server.begin(agent(), {"do": "hold", "value": "true one", "mark": mark})
        task = peer.has(mark)
        forged = {"statusUpdate": {"taskId": task["task"], "contextId": task["context"], "status": {"state": "TASK_STATE_COMPLETED"}}}
        for token in ("nonsense", "AQED" + "A" * 88):
            answer = requests.post(f"{server.url}/a2a/push/x", json=forged, headers={"authorization": f"Bearer {token}", "a2a-version": "1.0"}, timeout=30)
            assert answer.status_code == 404 or answer.json()["orphan"], answer.text
        assert server.describe(id)["execution"]["status"] == "RUNNING"
        peer.admin("release")
        assert server.result(id) == "true one"

    def test_a_push_without_a_good_token_is_a_dead_letter(self, server, mark):
        status = {"state": "TASK_STATE_COMPLETED"}
        artifact = {"artifactId": "a", "name": "result", "parts": [{"data": {"mark": mark}}]}
        pushes = {
            "succeed": {"task": {"id": mark, "contextId": "c", "status": status, "artifacts": [artifact]}},
            "heartbeat": {"statusUpdate": {"taskId": mark, "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}},
        }
        for place, (verb, push) in enumerate(pushes.items()):
            path = f"/a2a/push/{mark}-{place}"
            answer = requests.post(server.url + path, json=push, headers={"x-a2a-notification-token": f"secret-{mark}"}, timeout=30)
            assert answer.json()["orphan"]
            letters = server.call("GET", "/dead-letters?topic=callback.orphan&limit=100")["letters"]
            (letter,) = [letter for letter in letters if letter["body"]["named"] == f"{mark}-{place}"]
            assert (letter["body"]["verb"], letter["source"]["via"]) == (verb, "a2a")
            assert letter["source"]["token_hash"] == hashlib.sha256(f"secret-{mark}".encode()).hexdigest()[:12]
            shown = server.call("GET", f"/dead-letters/{letter['id']}")
            assert mark in json.dumps(shown["payload"]) and f"secret-{mark}" not in json.dumps(shown)
            listed = subprocess.run([BINARY, "--url", server.url, "dead-letters", "list"], capture_output=True, text=True, timeout=60)
            assert listed.returncode == 0 and letter["id"] in listed.stdout

    def test_the_push_address_is_taken_back_at_the_end(self, server, agent, peer, mark):
        assert server.invoke(agent(), {"do": "echo", "value": 1, "mark": mark}) == 1
        eventually(lambda: "DeleteTaskPushNotificationConfig" in peer.seen("calls"))

    def test_progress_is_seen(self, server, agent, peer, mark):
        id = server.begin(agent(), {"do": "hold", "mark": mark})
        peer.has(mark)
        eventually(lambda: f"at work on {mark}" in json.dumps(server.describe(id)))
        peer.admin("release")
        server.ended(id)


class TestCancelling:
    def test_stopping_an_execution_cancels_the_agents_task(self, server, agent, peer, mark):
        id = server.begin(agent(), {"do": "hold", "mark": mark})
        task = peer.has(mark)["task"]
        server.call("POST", f"/executions/{id}/stop", {"message": "enough"})
        assert server.ended(id)["execution"]["status"] == "STOPPED"
        eventually(lambda: task in peer.seen("cancelled"))

    def test_stopping_a_workflow_cancels_the_tasks_of_its_agents(self, server, agent, peer, workflow, mark):
        answer = server.client.invoke(
            FunctionName="workflow",
            Qualifier="$LATEST",
            InvocationType="Event",
            Payload=json.dumps({"target": agent(), "payload": {"do": "hold", "mark": mark}}),
        )
        task = peer.has(mark)["task"]
        server.client.stop_durable_execution(DurableExecutionArn=answer["DurableExecutionArn"])
        eventually(lambda: task in peer.seen("cancelled"))

    def test_stopping_a_state_machine_cancels_the_tasks_of_its_agents(self, server, agent, peer, mark):
        definition = one_task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": agent(), "Payload.$": "$"})
        arn = run(server, definition, {"do": "hold", "mark": mark})
        task = peer.has(mark)["task"]
        server.states.stop_execution(executionArn=arn)
        eventually(lambda: task in peer.seen("cancelled"))

    def test_a_task_whose_time_is_over_is_cancelled(self, server, agent, peer, workflow, mark):
        name = agent(timeout_s=2)
        id = server.begin(name, {"do": "hold", "mark": mark})
        assert server.error(id)["kind"] == "Agent.Timeout"
        task = peer.has(mark)["task"]
        eventually(lambda: task in peer.seen("cancelled"))

    def test_an_agent_that_is_down_is_told_when_it_is_back(self, server, agent, peer, mark):
        id = server.begin(agent(), {"do": "hold", "mark": mark})
        task = peer.has(mark)["task"]
        peer.admin("manners", {"fail": 3, "failing": ["CancelTask"]})
        server.call("POST", f"/executions/{id}/stop")
        eventually(lambda: task in peer.seen("cancelled"))
        assert peer.seen("calls").count("CancelTask") >= 4


class TestFaults:
    def test_a_reply_that_is_lost_does_not_begin_a_second_task(self, server, agent, peer, mark):
        peer.admin("manners", {"lose": 1})
        id = server.begin(agent(), {"do": "echo", "value": "once", "mark": mark})
        assert server.result(id) == "once"
        assert len(peer.messages(mark)) == 1

    def test_what_passes_is_tried_again(self, server, agent, peer, mark):
        peer.admin("manners", {"fail": 3})
        id = server.begin(agent(), {"do": "echo", "value": "late", "mark": mark})
        assert server.result(id) == "late"
        assert len(peer.messages(mark)) == 1

    def test_what_does_not_pass_is_told(self, server, agent, peer, mark):
        peer.admin("manners", {"fail": 100})
        id = server.begin(agent(attempts=2), {"do": "echo", "mark": mark})
        error = server.error(id)
        assert error["kind"] == "AgentInvocationError" and "503" in error["message"]

    def test_throttling_is_waited_for(self, server, agent, peer, mark):
        peer.admin("manners", {"fail": 2, "status": 429})
        id = server.begin(agent(breaker_failures=1, breaker_open_ms=3_600_000), {"do": "echo", "value": 1, "mark": mark})
        assert server.result(id) == 1

    def test_after_failures_in_a_row_the_agent_is_left_alone_and_one_call_finds_out(self, server, agent, peer, mark):
        name = agent(breaker_failures=2, breaker_open_ms=1_000, attempts=50)
        peer.admin("manners", {"fail": 1000, "failing": ["SendMessage", "ListTasks"]})
        id = server.begin(name, {"do": "echo", "value": "back", "mark": mark})
        state = eventually(lambda: (state := server.call("GET", f"/agents/{name}")["state"])["breaker"] == "open" and state)
        assert state["failures"] >= 2 and "503" in state["last_error"] and "open_until" in state
        peer.admin("manners")
        assert server.result(id) == "back"
        assert server.call("GET", f"/agents/{name}")["state"]["breaker"] == "closed"

    def test_an_agent_has_no_more_tasks_than_it_may(self, server, agent, peer, mark):
        name = agent(concurrency=2)
        ids = [server.begin(name, {"do": "hold", "value": n, "mark": f"{mark}-{n}"}) for n in range(5)]
        state = eventually(lambda: (state := server.call("GET", f"/agents/{name}")["state"])["out"] + state["waiting"] == 5 and state)
        assert (state["out"], state["waiting"]) == (2, 3)
        eventually(lambda: sum(len(peer.messages(f"{mark}-{n}")) for n in range(5)) == 2)
        peer.admin("release")
        assert sorted(server.result(id) for id in ids) == [0, 1, 2, 3, 4]

    def test_more_tasks_are_out_than_a_function_has_places(self, server, agent, peer, mark):
        """A queue gives a function 256 places; an agent at work takes none."""
        name = agent(poll_first_ms=5_000, poll_max_ms=20_000)
        ids = [server.begin(name, {"do": "hold", "value": n, "mark": mark}) for n in range(260)]
        eventually(lambda: len(peer.messages(mark)) == 260)
        assert server.call("GET", f"/agents/{name}")["state"]["out"] == 260
        peer.admin("release")
        assert sorted(server.result(id) for id in ids) == list(range(260))


class TestForgetting:
    """The agent is started again, and does not know its tasks any more."""

    @pytest.fixture
    def own(self):
        peers = [Peer()]
        yield peers
        peers[-1].kill()

    def test_a_lost_task_fails(self, server, own, mark):
        server.agent(f"forgets-{mark}", own[0].url)
        id = server.begin(f"forgets-{mark}", {"do": "hold", "mark": mark})
        own[0].has(mark)
        eventually(lambda: "GetTask" in own[0].seen("calls"))
        own.append(own[0].again())
        error = server.error(id)
        assert error["kind"] == "Agent.TaskLost"
        assert own[-1].messages(mark) == []

    def test_or_is_sent_anew(self, server, own, mark):
        server.agent(f"forgets-{mark}", own[0].url, on_lost="redispatch", redispatches=1)
        id = server.begin(f"forgets-{mark}", {"do": "hold", "value": "again", "mark": mark})
        first = own[0].has(mark)
        eventually(lambda: "GetTask" in own[0].seen("calls"))
        own.append(own[0].again())
        second = own[-1].has(mark)
        assert first["message"] != second["message"]
        own[-1].admin("release")
        assert server.result(id) == "again"
