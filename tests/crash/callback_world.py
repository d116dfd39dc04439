"""What stands around the server whose writes are counted: a client that asks until it is answered, a worker, an agent, somebody who is notified."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from killer import Killer
from runtime import callback, checkpoint, create, workers
from served import PATIENCE_S, Server, Unreachable

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEARD = ["callback.processed", "execution.*", "approval.*"]
KILLED = -9


class Quiet(ThreadingHTTPServer):
    """Says nothing when the server under test hangs up, which is what a kill does."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


class Listener:
    """An HTTP server of the test's own, which outlives every server under test."""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, said = outer.answer(self.command, self.path, body)
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        raise NotImplementedError

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Sink(Listener):
    """Keeps the notifications that it gets."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        super().__init__()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        event = json.loads(body)
        self.told.append((event["type"], event["data"]["execution"]["name"]))
        return 200, {}


class Agent(Listener):
    """An agent of A2A 1.0 that is done when the test says so. Its tasks outlive the server that has given them."""

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.pushes: dict[str, dict[str, Any]] = {}
        super().__init__()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if method == "GET":
            return 200, {
                "name": "agent",
                "description": "of the test",
                "version": "1",
                "capabilities": {"pushNotifications": True},
                "defaultInputModes": ["application/json"],
                "defaultOutputModes": ["application/json"],
                "skills": [],
                "supportedInterfaces": [{"url": self.url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
            }
        call = json.loads(body)
        done = {"jsonrpc": "2.0", "id": call["id"]}
        params = call["params"]
        match call["method"]:
            case "SendMessage":
                return 200, {**done, "result": {"task": self.begin(params)}}
            case "GetTask":
                return 200, {**done, "result": self.tasks[params["id"]]}
            case "ListTasks":
                mine = [task for task in self.tasks.values() if task["contextId"] == params["contextId"]]
                return 200, {**done, "result": {"tasks": mine, "nextPageToken": "", "pageSize": 20, "totalSize": len(mine)}}
            case "CancelTask":
                self.tasks[params["id"]]["status"] = {"state": "TASK_STATE_CANCELED"}
                return 200, {**done, "result": self.tasks[params["id"]]}
        return 200, {**done, "error": {"code": -32601, "message": "no such method"}}

    def begin(self, params: dict[str, Any]) -> dict[str, Any]:
        message, identifier = params["message"], str(uuid.uuid4())
        task = {
            "id": identifier,
            "contextId": message["contextId"],
            "status": {"state": "TASK_STATE_WORKING"},
            "history": [message],
        }
        self.pushes[identifier] = params["configuration"]["taskPushNotificationConfig"]
        self.tasks[identifier] = task
        return task

    def of(self, mark: str) -> list[dict[str, Any]]:
        """The tasks whose message has these words."""
        return [task for task in list(self.tasks.values()) if mark in json.dumps(task["history"])]

    def finish(self, task: dict[str, Any], result: Any) -> None:
        task["artifacts"] = [{"artifactId": "a", "name": "result", "parts": [{"data": result, "mediaType": "application/json"}]}]
        task["status"] = {"state": "TASK_STATE_COMPLETED"}


class World:
    """A server and its surroundings, over as many lives as it takes."""

    def __init__(self, folder: Path, library: Path):
        self.folder = folder
        self.sink, self.agent = Sink(), Agent()
        settings = folder / "everstep.toml"
        settings.write_text(
            f'[[notify]]\nname = "sink"\nto = "webhook"\non = {json.dumps(HEARD)}\nurl = "{self.sink.url}"\nsecret = {{ env = "S" }}\n'
        )
        data = folder / "data"
        self.killer = Killer(library, data, folder / "control")
        environment = {**self.killer.environment, "S": SECRET}
        self.server = Server(data, "--no-demo", "--config", str(settings), environment=environment)
        self.tokens: dict[str, str] = {}
        self.kills = 0
        self.ended = threading.Event()
        self.server.start()
        assert self.killer.is_loaded(self.server.process.pid), "LD_PRELOAD has no effect on the binary"
        create(self.server, folder)
        declared = {"url": self.agent.url, "poll_first_ms": 200, "poll_max_ms": 1000, "retry_first_ms": 50}
        status, said = self.ask("PUT", "/agents/agent", declared)
        assert status in (200, 201), said
        self.key = (data / "key").read_text().strip()
        self.working = threading.Thread(target=self.work, daemon=True)
        self.working.start()

    def close(self) -> None:
        self.ended.set()
        self.server.end()
        self.working.join(timeout=PATIENCE_S)
        self.sink.close()
        self.agent.close()
        self.killer.close()

    # The lives of the server.

    def is_gone(self) -> bool:
        return self.server.process.poll() is not None

    def again(self) -> None:
        """The next life, after the kill."""
        assert self.server.process.wait(timeout=PATIENCE_S) == KILLED, f"the server ended by itself: {self.server.log()[-3000:]}"
        self.killer.disarm()
        self.server.end()
        self.server.start()
        self.kills += 1

    def kill(self) -> None:
        self.server.process.kill()
        self.again()

    def start_armed(self, arm: Callable[[], None]) -> None:
        """The next life, which may end before it is ready."""
        self.server.end()
        arm()
        try:
            self.server.start()
        except AssertionError:
            self.again()

    # The client.

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Asks until it is answered, over a kill, too."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        while True:
            try:
                status, text = self.server.call(method, path, body, sent)
            except Unreachable:
                self.again()
                continue
            return status, json.loads(text) if text else None

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self.is_gone():
                self.again()
            if value := condition():
                return value
            time.sleep(0.01)
        raise AssertionError(f"not within {PATIENCE_S} s: {what}")

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def quiet(self, least_s: float = 0.15) -> None:
        """Until the server has nothing more to write. A case that ends earlier is only a shorter one."""
        if not self.killer.is_armed():
            return
        count, since = self.killer.count, time.monotonic()
        while time.monotonic() - since < least_s and not self.is_gone():
            time.sleep(0.01)
            if self.killer.count != count:
                count, since = self.killer.count, time.monotonic()
        if self.is_gone():
            self.again()

    # The worker: one thread for each process of the function.

    def work(self) -> None:
        known = 0
        while not self.ended.is_set():
            for one in workers(self.folder)[known:]:
                known += 1
                threading.Thread(target=self.serve, args=(one,), daemon=True).start()
            time.sleep(0.005)

    def serve(self, worker: Any) -> None:
        while not self.ended.is_set():
            try:
                invocation = worker.next()
            except AssertionError:
                return  # Its server is gone.
            try:
                answer = self.handle(invocation)
            except (Unreachable, Refused):
                continue
            if worker.respond(invocation.id, answer) == 0:
                return

    def handle(self, invocation: Any) -> dict[str, Any]:
        """The function: a callback, whose result is the execution's; an agent beside it, or another execution of its own, where the input says so."""
        execution = invocation.operations[0]["ExecutionDetails"]
        asked = json.loads(execution["InputPayload"])
        depth = asked.get("depth", 0)
        if depth:
            wanted = [invoke("raw:$LATEST", {**asked, "depth": depth - 1})]
        else:
            wanted = [callback("c")] + [invoke("agent", {"mark": asked["mark"]})] * bool(asked.get("agent"))
        known = {operation["Id"]: operation for operation in invocation.operations}
        if wanted[0]["Id"] not in known:
            status, text = checkpoint(self.server, invocation.arn, invocation.token, *wanted, client=invocation.id)
            if status != 200:
                raise Refused(text)
            known = {operation["Id"]: operation for operation in json.loads(text)["NewExecutionState"]["Operations"]}
        operation = known[wanted[0]["Id"]]
        details = operation.get("CallbackDetails") or operation.get("ChainedInvokeDetails") or {}
        if "CallbackId" in details:
            self.tokens[asked["mark"]] = details["CallbackId"]
        match operation["Status"]:
            case "STARTED":
                return {"Status": "PENDING"}
            case "SUCCEEDED":
                return {"Status": "SUCCEEDED", "Result": details.get("Result")}
        return {"Status": "FAILED", "Error": details.get("Error") or {"ErrorType": operation["Status"]}}


def invoke(function: str, payload: Any) -> dict[str, Any]:
    options = {"FunctionName": function}
    return {"Id": "i", "Type": "CHAINED_INVOKE", "Name": "i", "Action": "START", "Payload": json.dumps(payload), "ChainedInvokeOptions": options}


class Refused(Exception):
    """The server does not take a checkpoint (any more): a worker of a former life leaves it."""
