"""pause, resume and delete: what they do, what they refuse, and by which code."""

from __future__ import annotations

import subprocess

from conftest import BINARY, Dev, Ended, surroundings, until


def status(dev: Dev, execution: str) -> str:
    return dev.describe(execution)["execution"]["status"]


def details(dev: Dev, execution: str) -> dict[str, dict]:
    """The details of an execution's events by their type, the last of each."""
    events = dev.good("-o", "json", "history", execution).json()["events"]
    return {event["EventType"]: event.get(f"{event['EventType']}Details", {}) for event in events}


def refused(ended: Ended, code: int, named: str, why: str = "") -> None:
    assert (ended.code, ended.out) == (code, ""), ended
    assert named in ended.err and why in ended.err, ended


def test_a_paused_execution_goes_on_when_it_is_resumed(dev: Dev, waiting) -> None:
    execution, callback = waiting()
    paused = dev.good("pause", execution, "--reason", "repair")
    assert (paused.out, paused.err) == ("PAUSED\n", "")
    refused(dev.run("pause", execution), 4, "E0113", "already paused")
    dev.good("callback", "succeed", callback, "--result", '"yes"')
    until(lambda: "CallbackSucceeded" in details(dev, execution), "what it waits for is taken")
    assert status(dev, execution) == "PAUSED", "and the function is not invoked"
    resumed = dev.good("resume", execution, "--reason", "mended")
    assert (resumed.out, resumed.err) == ("RUNNING\n", "")
    until(lambda: status(dev, execution) == "SUCCEEDED", f"{execution} ends")
    told = details(dev, execution)
    assert told["ExecutionPaused"]["Reason"]["Payload"] == "repair"
    assert told["ExecutionResumed"]["Reason"]["Payload"] == "mended"


def test_who_waits_for_the_end_waits_through_a_pause(dev: Dev) -> None:
    waiter = subprocess.Popen(
        [BINARY, "start", "approval", "--name", "awaited", "--wait"],
        env=surroundings(EVERSTEP_ENDPOINT=dev.url),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        listed = ("list", "-o", "json", "--name", "awaited")
        row = until(lambda: dev.good(*listed).json()["executions"], "it is started")[0]
        callback = until(lambda: details(dev, row["id"]).get("CallbackStarted"), "it waits")["CallbackId"]
        dev.good("pause", row["id"])
        until(lambda: status(dev, row["id"]) == "PAUSED", "the invocation has ended")
        dev.good("callback", "succeed", callback, "--result", "7")
        until(lambda: "CallbackSucceeded" in details(dev, row["id"]), "it is answered")
        assert waiter.poll() is None, "it has not ended"
        dev.good("resume", row["id"])
        out, _ = waiter.communicate(timeout=60)
        assert (waiter.returncode, out) == (0, "7\n")
    finally:
        waiter.kill()
        waiter.wait()
        waiter.stdout.close()


def test_what_has_ended_is_not_paused_and_what_runs_is_not_resumed(dev: Dev, waiting) -> None:
    execution, _ = waiting()
    refused(dev.run("resume", execution), 4, "E0113", "not paused")
    assert status(dev, execution) == "RUNNING"
    dev.good("stop", execution)
    refused(dev.run("pause", execution), 4, "E0113", "not running")
    refused(dev.run("resume", execution), 4, "E0113", "not paused")
    assert status(dev, execution) == "STOPPED"


def test_a_paused_execution_is_listed_and_stopped_as_any_other(dev: Dev, waiting) -> None:
    execution, _ = waiting()
    row = dev.good("pause", execution, "-o", "json").json()
    assert (row["id"], row["status"]) == (execution, "PAUSED")
    listed = dev.good("list", "-o", "json", "--status", "paused").json()["executions"]
    assert execution in [row["id"] for row in listed]
    assert dev.good("stop", execution).out == "STOPPED\n"


def test_a_reason_has_a_length(dev: Dev, waiting) -> None:
    execution, _ = waiting()
    for verb, after in (("pause", "PAUSED"), ("resume", "RUNNING")):
        refused(dev.run(verb, execution, "--reason", "x" * 1025), 6, "E0112")
        assert dev.good(verb, execution, "--reason", "x" * 1024).out == f"{after}\n"
    dev.good("stop", execution)


def test_only_what_has_ended_is_deleted_and_then_it_is_gone(dev: Dev, waiting) -> None:
    execution, callback = waiting()
    refused(dev.run("delete", execution), 4, "E0113", "has not ended")
    dev.good("pause", execution)
    refused(dev.run("delete", execution), 4, "E0113", "has not ended")
    dev.good("resume", execution)
    dev.good("callback", "succeed", callback, "--result", "1")
    until(lambda: status(dev, execution) == "SUCCEEDED", "it was left as it was")
    assert dev.good("delete", execution).out == "DELETING\n"
    until(lambda: dev.run("describe", execution).code == 3, "it is gone")
    for verb in ("describe", "history", "delete"):
        refused(dev.run(verb, execution), 3, "E0106")
    listed = dev.good("list", "-o", "json", "--function", "approval").json()["executions"]
    assert execution not in [row["id"] for row in listed]
