"""A durable function that speaks the wire protocol itself and keeps a ledger of what it did and what was acknowledged.

It does STEPS steps, waits for a callback, does as many steps again and returns the callback's result. A step writes
`run NAME STEP` when its code runs and `ack NAME STEP` once the server has acknowledged its result.
"""

import http.client
import json
import os
import urllib.parse

STEPS = 3


class Checkpoints:
    """The Lambda API, as far as a handler needs it."""

    def __init__(self, event):
        host = urllib.parse.urlparse(os.environ["AWS_ENDPOINT_URL_LAMBDA"]).netloc
        self.connection = http.client.HTTPConnection(host, timeout=50)
        self.path = "/2025-12-01/durable-executions/" + urllib.parse.quote(event["DurableExecutionArn"], safe="")
        self.token = event["CheckpointToken"]
        state = event["InitialExecutionState"]
        self.operations = {o["Id"]: o for o in state["Operations"]}
        marker = state.get("NextMarker")
        while marker:
            query = urllib.parse.urlencode({"CheckpointToken": self.token, "Marker": marker})
            page = self.call("GET", f"{self.path}/state?{query}", None)
            self.operations.update({o["Id"]: o for o in page["Operations"]})
            marker = page.get("NextMarker")

    def call(self, method, path, body):
        payload = None if body is None else json.dumps(body)
        self.connection.request(method, path, payload, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {text!r}")
        return json.loads(text)

    def checkpoint(self, *updates):
        body = {"CheckpointToken": self.token, "Updates": list(updates)}
        answer = self.call("POST", f"{self.path}/checkpoint", body)
        self.token = answer.get("CheckpointToken")
        self.operations.update({o["Id"]: o for o in answer["NewExecutionState"]["Operations"]})


def note(line):
    file = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, (line + "\n").encode())
    finally:
        os.close(file)


def steps(checkpoints, name, numbers):
    for number in numbers:
        id = f"step-{number}"
        if checkpoints.operations.get(id, {}).get("Status") == "SUCCEEDED":
            continue
        note(f"run {name} {number}")
        update = {"Id": id, "Type": "STEP", "SubType": "Step", "Name": id, "Action": "SUCCEED", "Payload": f'"{name} {number}"'}
        checkpoints.checkpoint(update)
        note(f"ack {name} {number}")


def handler(event, context):
    checkpoints = Checkpoints(event)
    name = event["DurableExecutionArn"].split("/")[-2]
    steps(checkpoints, name, range(STEPS))
    callback = checkpoints.operations.get("callback")
    if callback is None:
        options = {"TimeoutSeconds": 3600}
        checkpoints.checkpoint({"Id": "callback", "Type": "CALLBACK", "SubType": "Callback", "Name": "answer", "Action": "START", "CallbackOptions": options})
        callback = checkpoints.operations["callback"]
    if callback["Status"] == "STARTED":
        note(f"callback {name} {callback['CallbackDetails']['CallbackId']}")
        return {"Status": "PENDING"}
    steps(checkpoints, name, range(STEPS, 2 * STEPS))
    return {"Status": "SUCCEEDED", "Result": callback["CallbackDetails"]["Result"]}
