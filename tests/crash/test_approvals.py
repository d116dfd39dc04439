"""2,000 approvals that wait (`APPROVALS_WAITING` for more), and a kill -9: all of them are there again, and each is decided once."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from served import Server

WAITING = int(os.environ.get("APPROVALS_WAITING", "2000"))
CLIENTS = 16
PATIENCE_S = 60
RSS_BYTES_MAX = 600 << 20


class Api:
    """A connection for each thread."""

    def __init__(self, port: int):
        self.port, self.local = port, threading.local()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection = self.local.connection
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def ids(self, query: str) -> Iterator[str]:
        cursor = ""
        while True:
            status, page = self.call("GET", f"/approvals?limit=500&{query}{cursor}")
            assert status == 200, page
            yield from (row["id"] for row in page["approvals"])
            if page["next"] is None:
                return
            cursor = f"&cursor={page['next']}"


def resident(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def test_pending_approvals_survive_a_kill_and_each_is_decided_once(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--no-demo")
    server.start()
    api = Api(server.port)

    def ask(number: int) -> tuple[str, str]:
        request = {"title": f"Number {number}", "name": f"n{number}", "approvers": ["ann" if number % 100 else "bob"]}
        status, approval = api.call("POST", "/approvals", request)
        assert status == 201, approval
        return approval["id"], approval["digest"]

    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = dict(pool.map(ask, range(WAITING)))
        server.end()
        server.start()
        api = Api(server.port)
        bob = sorted(api.ids("status=PENDING&approver=bob"))
        assert len(bob) == WAITING // 100
        assert set(api.ids("status=PENDING")) == set(asked)
        assert resident(server.process.pid) < RSS_BYTES_MAX
        # Asking the same again after the crash finds what is there.
        status, again = api.call("POST", "/approvals", {"title": "Number 0", "name": "n0", "approvers": ["bob"]})
        assert (status, again["existing"]) == (200, True)
        one = bob[0]
        decision = {"by": "bob", "decision": "approve", "digest": asked[one]}
        assert api.call("POST", f"/approvals/{one}/decide", decision)[1]["status"] == "APPROVED"
        server.end()
        server.start()
        api = Api(server.port)
        status, repeated = api.call("POST", f"/approvals/{one}/decide", decision)
        assert (status, repeated["duplicate"], repeated["status"]) == (200, True, "APPROVED")
        assert sorted(api.ids("status=PENDING&approver=bob")) == bob[1:]
    finally:
        server.end()
