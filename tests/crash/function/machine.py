"""What the state machines of the crash tests call. It does what its event asks, and the same for the same event whenever it is called again."""

import json
import os
import time
from pathlib import Path


def handler(event, context):
    if "token" in event:
        # The one who answers watches the folder. Whole or not at all: it must not read half a token.
        folder = Path(os.environ["TOKENS"])
        waiting = folder / f".{event['key']}-{time.monotonic_ns()}"
        waiting.write_text(json.dumps({"token": event["token"], "key": event["key"]}))
        waiting.rename(folder / event["key"])
        return None
    # Which attempt it is says the state machine, which must know.
    if event.get("attempt", 0) < event.get("fails", 0):
        raise ValueError(f"attempt {event.get('attempt', 0)}")
    time.sleep(event.get("takes", 0))
    return {"n": event["n"], "doubled": 2 * event["n"]}
