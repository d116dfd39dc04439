"""Functions whose output is looked at."""

import json
import logging
import sys

from aws_durable_execution_sdk_python import durable_execution

log = logging.getLogger()
log.setLevel(logging.INFO)


def plain(event, context):
    """Prints the lines it is given, JSON as JSON."""
    for line in event.get("lines", []):
        print(line if isinstance(line, str) else json.dumps(line))
    if "logged" in event:
        log.info(event["logged"])
    if "error" in event:
        print(event["error"], file=sys.stderr)
    return context.log_stream_name


@durable_execution
def durable(event, context):
    """Prints within a step and suspends, so that there are two invocations."""
    from aws_durable_execution_sdk_python.config import Duration

    context.step(lambda _: print(f"in a step of {event['name']}"), name="print")
    context.wait(Duration.from_seconds(1), name="pause")
    print(f"after the wait of {event['name']}")
    return "done"
