"""A stand-in for the one DynamoDB use of upstream handlers: counting attempts across crashes (requirement 3-12).

Their templates declare a table, and the handler increments an attribute of the item of its execution with UpdateItem. Nothing
else of DynamoDB is here; anything else is refused.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UPDATE = "DynamoDB_20120810.UpdateItem"
_ATTRIBUTE = re.compile(r"\s*(?:SET|ADD)\s+(#?\w+)", re.IGNORECASE)


class Counters:
    """Serves on loopback while used as a context manager; `address` goes into the functions' AWS_ENDPOINT_URL_DYNAMODB."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        counters = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802 (named by http.server)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = counters.answer(self.headers.get("X-Amz-Target", ""), json.loads(body))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Says nothing: the run's output is the report."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Counters:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and body for one request: the item's count, one higher than the time before."""
        attribute = _ATTRIBUTE.match(request.get("UpdateExpression", ""))
        if target != UPDATE or attribute is None:
            return 400, {"__type": "com.amazonaws.dynamodb.v20120810#ValidationException", "message": f"{target} is not served here"}
        name = request.get("ExpressionAttributeNames", {}).get(attribute[1], attribute[1])
        with self._lock:
            key = json.dumps([request["TableName"], request["Key"]], sort_keys=True)
            self._counts[key] += 1
            return 200, {"Attributes": {name: {"N": str(self._counts[key])}}}
