"""A plain function that notes its events in a file; it fails where its event asks for it, and waits for a file where told to."""

import json
import os
import time


def handler(event, context):
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(json.dumps({"who": context.function_name, "event": event}) + "\n")
    if isinstance(event, dict):
        while "go" in event and not os.path.exists(event["go"]):
            time.sleep(0.05)
        if event.get("fails"):
            raise ValueError("as asked")
    return {"done": True}
