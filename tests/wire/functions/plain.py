"""Functions without durability: what Invoke itself promises."""

import os
import time


def echo(event, _):
    return event


def environment(event, context):
    return {
        "variable": os.environ.get("GREETING"),
        "name": context.function_name,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis(),
    }


def fails(event, _):
    raise ValueError(f"refused: {event}")


def sleeps(event, _):
    time.sleep(30)


def exits(event, _):
    os._exit(7)


def version_one(event, _):
    return "one"


def version_two(event, _):
    return "two"


def naps(event, _):
    time.sleep(event)
    return "rested"
