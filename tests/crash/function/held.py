"""A function that notes its process and its input, and answers once it is let go: the file `go` in its folder."""

import os
import pathlib
import time


def handler(event, context):
    folder = pathlib.Path(os.environ["FOLDER"])
    with open(folder / "invocations", "a") as file:
        file.write(f"{os.getpid()}\n")
    while not (folder / "go").exists():
        time.sleep(0.02)
    execution = event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]
    return {"Status": "SUCCEEDED", "Result": execution.get("InputPayload")}
