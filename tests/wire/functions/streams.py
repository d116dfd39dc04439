#!/usr/bin/env python3
"""A runtime of our own that streams: what it writes and when is said by the event. It stands in a function's archive as `bootstrap`."""

import base64
import http.client
import json
import os
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
ROOT = "/2018-06-01/runtime/invocation"


def answer(request_id, event):
    """Sends `parts`, waiting for the file `go` between the first and the rest; `fails` ends the stream with an error."""
    connection = http.client.HTTPConnection(API)
    connection.putrequest("POST", f"{ROOT}/{request_id}/response")
    connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.putheader("Content-Type", event.get("type", "text/plain"))
    if event.get("fails"):
        connection.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
    connection.endheaders()
    for number, part in enumerate(event["parts"]):
        data = base64.b64decode(part)
        connection.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        while number == 0 and "go" in event and not os.path.exists(event["go"]):
            time.sleep(0.02)
    connection.send(b"0\r\n")
    if event.get("fails"):
        body = base64.b64encode(json.dumps({"errorType": "Broken", "errorMessage": "half-way"}).encode()).decode()
        connection.send(f"Lambda-Runtime-Function-Error-Type: Broken\r\nLambda-Runtime-Function-Error-Body: {body}\r\n".encode())
    connection.send(b"\r\n")
    connection.getresponse().read()
    connection.close()


while True:
    waiting = http.client.HTTPConnection(API)
    waiting.request("GET", f"{ROOT}/next")
    found = waiting.getresponse()
    payload = json.loads(found.read())
    if "rawPath" in payload:
        payload = json.loads(payload["body"])
    answer(found.headers["Lambda-Runtime-Aws-Request-Id"], payload)
