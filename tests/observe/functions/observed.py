"""Functions whose doings are watched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution


def echo(event: Any, context: Any) -> Any:
    """What it was told, and the trace that it was told to be part of."""
    return {"event": event, "trace": os.environ.get("_X_AMZN_TRACE_ID")}


@durable_execution
def waits(event: Any, context: DurableContext) -> Any:
    """Waits for a callback, whose token it leaves in a file; a failure of the callback is its own."""

    def submit(token: str, _: Any) -> None:
        folder = Path(os.environ["FOLDER"])
        (folder / f"{event['name']}.trace").write_text(os.environ.get("_X_AMZN_TRACE_ID", ""))
        fresh = folder / f"{event['name']}.new"
        fresh.write_text(token)
        fresh.rename(folder / f"{event['name']}.token")

    return context.wait_for_callback(submit, name="answer")
