"""An agent of A2A 1.0 that takes every task and says nothing more: whoever looks at `/sent` can be the agent.

    python quiet_agent.py 9301
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TASKS: dict[str, dict[str, Any]] = {}
SENT: list[dict[str, Any]] = []


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "SendMessage":
        message = params["message"]
        task = {
            "id": f"task-{len(TASKS) + 1}",
            "contextId": message["contextId"],
            "status": {"state": "TASK_STATE_WORKING"},
        }
        TASKS[task["id"]] = task
        SENT.append(next(part["data"] for part in message["parts"] if "data" in part))
        return {"task": task}
    if method == "ListTasks":
        found = [task for task in TASKS.values() if task["contextId"] == params.get("contextId")]
        return {"tasks": found, "nextPageToken": "", "pageSize": len(found), "totalSize": len(found)}
    task = TASKS[params["id"]]
    if method == "CancelTask":
        task["status"] = {"state": "TASK_STATE_CANCELED"}
    return task


class Agent(BaseHTTPRequestHandler):
    def reply(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path == "/sent":
            return self.reply(SENT[-1] if SENT else None)
        if self.path == "/tasks":
            return self.reply(list(TASKS.values()))
        host, port = self.server.server_address[:2]
        interface = {"url": f"http://{host}:{port}/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        return self.reply(
            {
                "name": "quiet",
                "description": "Takes tasks and says nothing",
                "version": "1.0.0",
                "supportedInterfaces": [interface],
                "capabilities": {"pushNotifications": True},
                "defaultInputModes": ["application/json"],
                "defaultOutputModes": ["application/json"],
                "skills": [],
            }
        )

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = answer(request["method"], request.get("params", {}))
        self.reply({"jsonrpc": "2.0", "id": request["id"], "result": result})

    def log_message(self, *_: object) -> None:
        """The test's output is quiet, too."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent)
    print(f"quiet agent on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
