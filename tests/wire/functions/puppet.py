"""A durable function without an SDK whose strings the test pulls: it shows its invocation event and answers what it is told.

The input names a folder that the test and the function share. Invocation n writes `event-n.json` there and waits for `answer-n.json`.
"""

import json
import os
import time
from pathlib import Path


def handler(event, _):
    folder = Path(json.loads(event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]["InputPayload"])["folder"])
    number = len(list(folder.glob("event-*.json")))
    (folder / "event.part").write_text(json.dumps(event))
    (folder / "event.part").rename(folder / f"event-{number}.json")
    answer = folder / f"answer-{number}.json"
    while not answer.exists():
        time.sleep(0.02)
    told = json.loads(answer.read_text())
    if told == "crash":
        os._exit(3)
    return told
