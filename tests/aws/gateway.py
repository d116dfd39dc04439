"""What stands before the functions on AWS: an HTTP API with its stage, and the runtimes of Bedrock AgentCore."""

from __future__ import annotations

import json
import queue
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STAGE = "v1"


class Gateway:
    """Passes `/v1/...` to functions as proxy events of payload format 2, and takes calls of `/runtimes/{arn}` as agents do."""

    def __init__(self) -> None:
        self.dispatched: queue.Queue[dict[str, Any]] = queue.Queue()
        self.stopped: list[tuple[str, str]] = []
        self.client: Any = None
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                path, _, query = self.path.partition("?")
                if path.startswith("/runtimes/"):
                    status, text = gateway.runtime(path, dict(self.headers.items()), body)
                else:
                    status, text = gateway.route(self.command, path, query, dict(self.headers.items()), body)
                reply = text.encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def route(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        function = "CallbackHandler" if path.startswith(f"/{STAGE}/callbacks") else "ResearchApi"
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "queryStringParameters": dict(urllib.parse.parse_qsl(query)),
            "headers": {name.lower(): value for name, value in headers.items()},
            "requestContext": {
                "stage": STAGE,
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.7"},
                "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}},
            },
            "body": body.decode() or None,
            "isBase64Encoded": False,
        }
        answer = self.invoke(function, event)
        return answer["statusCode"], answer["body"]

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        done = self.client.invoke(FunctionName=function, Payload=json.dumps(event))
        answer = json.loads(done["Payload"].read())
        assert "FunctionError" not in done, answer
        return answer

    def runtime(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """An agent of the seed's kind: it takes the task and calls back later, which is what a test does for it."""
        arn = urllib.parse.unquote(path.split("/")[2])
        lower = {name.lower(): value for name, value in headers.items()}
        if path.endswith("/stopruntimesession"):
            self.stopped.append((arn, lower["x-amzn-bedrock-agentcore-runtime-session-id"]))
            return 200, "{}"
        request = json.loads(body)
        if request.get("method") != "tasks/send":
            return 200, json.dumps({"jsonrpc": "2.0", "id": request.get("id"), "error": {"code": -32601, "message": "Method not found"}})
        payload = json.loads(request["params"]["message"]["parts"][0]["text"])
        self.dispatched.put({"arn": arn, "headers": lower, "request": request, "payload": payload})
        return 200, json.dumps({"status": "accepted", "message": "Task queued for async execution"})

    def end(self) -> None:
        self.server.shutdown()
