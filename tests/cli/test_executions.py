"""start, list, describe, history, logs and stop: what they print, where they print it, and how they exit."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from datetime import datetime, timezone

import pytest

from conftest import BINARY, Dev, surroundings, until

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ended(dev: Dev, function: str, *words: str) -> str:
    """Starts an execution and waits for its end; its id."""
    execution = dev.good("start", function, *words).out.strip()
    until(lambda: dev.describe(execution)["execution"]["status"] != "RUNNING", f"{execution} ends")
    return execution


def rows(table: str) -> list[list[str]]:
    """A table without its head; its columns are two spaces apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()[1:]]


def test_start_prints_the_id_alone(dev: Dev) -> None:
    started = dev.good("start", "greeting")
    assert ID.fullmatch(started.out.strip()) and started.err == ""
    as_json = dev.good("start", "greeting", "-o", "json").json()
    assert ID.fullmatch(as_json["id"]) and as_json["arn"].endswith(as_json["id"]) and as_json["existing"] is False


def test_start_waits_for_the_result(dev: Dev) -> None:
    done = dev.good("start", "greeting", "--wait", "--input", '"you"')
    assert done.out == '{"hello":"you"}\n' and done.err == ""
    described = dev.good("start", "greeting", "--wait", "-o", "json").json()
    assert (described["execution"]["status"], described["result"]) == ("SUCCEEDED", {"hello": {}})


def test_start_of_a_failing_execution_exits_with_1(dev: Dev) -> None:
    failed = dev.run("start", "raises", "--wait")
    assert (failed.code, failed.out) == (1, "")
    assert "FAILED: not today" in failed.err
    failed = dev.run("start", "raises", "--wait", "-o", "json")
    assert (failed.code, failed.json()["error"]) == (1, {"kind": "ValueError", "message": "not today"})
    assert dev.run("start", "raises").code == 0, "without --wait the start itself is what was asked for"


def test_one_name_is_one_execution(dev: Dev) -> None:
    first = dev.good("start", "greeting", "--name", "once", "--input", "1").out
    assert dev.good("start", "greeting", "--name", "once", "--input", "1").out == first
    other = dev.run("start", "greeting", "--name", "once", "--input", "2")
    assert (other.code, other.out) == (4, "")
    assert "E0113" in other.err


def test_input_comes_from_text_file_or_stdin_as_it_was_written(dev: Dev) -> None:
    # More digits than any number type of the way holds, and an order that is not the alphabet's.
    text = '{"z":1.50,"a":12345678901234567890123}'
    (dev.folder / "input.json").write_text(text)
    for argument, stdin in ((text, ""), ("@input.json", ""), ("-", text)):
        execution = dev.good("start", "greeting", "--input", argument, stdin=stdin).out.strip()
        events = dev.good("-o", "json", "history", execution).json()["events"]
        assert events[0]["ExecutionStartedDetails"]["Input"]["Payload"] == text, argument


def test_wrong_input_is_wrong_usage(dev: Dev) -> None:
    wrong = dev.run("start", "greeting", "--input", "{")
    assert (wrong.code, wrong.out) == (2, "")
    assert "not JSON" in wrong.err


def test_a_function_that_is_not_there(dev: Dev) -> None:
    for words in (("start", "nobody"), ("logs", "nobody")):
        missing = dev.run(*words)
        assert (missing.code, missing.out) == (3, ""), words
        assert "E0101" in missing.err


def test_a_name_that_cannot_be_is_refused(dev: Dev) -> None:
    refused = dev.run("start", "greeting", "--name", "two words")
    assert (refused.code, refused.out) == (6, "")
    assert "E0112" in refused.err


def test_list_filters(dev: Dev) -> None:
    good = ended(dev, "greeting", "--name", "filter-good")
    bad = ended(dev, "raises", "--name", "filter-bad")

    def listed(*words: str) -> list[str]:
        return [row[0] for row in rows(dev.good("list", "--name-prefix", "filter-", *words).out)]

    assert listed() == [bad, good], "newest first"
    assert listed("--function", "greeting") == [good]
    assert listed("--status", "failed") == [bad]
    assert listed("--status", "failed", "--status", "SUCCEEDED") == [bad, good]
    assert listed("--status", "RUNNING") == []
    head = dev.good("list", "--name-prefix", "filter-").out.splitlines()[0].split()
    assert head == ["ID", "DEFINITION", "NAME", "STATUS", "STARTED"]


def test_list_pages_by_cursor(dev: Dev) -> None:
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        dev.good("start", "greeting", "--name", name)
    seen, cursor = [], None
    for expected in (2, 2, 1):
        words = ["--cursor", cursor] if cursor else []
        page = dev.good("list", "-o", "json", "--name-prefix", "page-", "--limit", "2", *words).json()
        assert len(page["executions"]) == expected
        seen += [row["name"] for row in page["executions"]]
        cursor = page["next"]
    assert cursor is None and seen == names[::-1]
    table = dev.good("list", "--name-prefix", "page-", "--limit", "2")
    assert len(rows(table.out)) == 2
    assert re.fullmatch(r"More: --cursor \S+\n", table.err), "what is no data goes to standard error"


@pytest.mark.parametrize("words", [("--status", "odd"), ("--cursor", "zz"), ("--limit", "0"), ("--limit", "1001")])
def test_list_refuses_what_it_does_not_know(dev: Dev, words: tuple[str, str]) -> None:
    refused = dev.run("list", *words)
    assert (refused.code, refused.out) == (6, "")
    assert "E0112" in refused.err


def test_describe_says_where_it_stands(dev: Dev) -> None:
    execution = ended(dev, "greeting", "--input", '"you"')
    text = dev.good("describe", execution).out
    facts = dict(re.split(r"\s+", line, maxsplit=1) for line in text.split("\n\n")[0].splitlines())
    assert (facts["id"], facts["function"], facts["status"], facts["result"]) == (execution, "greeting", "SUCCEEDED", '{"hello":"you"}')
    assert rows(text.split("\n\n")[1])[1] == ["1", "STEP", "greet", "SUCCEEDED", "1"]


def test_describe_says_what_it_waits_for(dev: Dev, waiting) -> None:
    execution, _ = waiting()
    found = dev.describe(execution)["waiting_for"]
    assert [(wait["what"], wait["name"]) for wait in found] == [("callback", "approval")]
    line = next(line for line in dev.good("describe", execution).out.splitlines() if line.startswith("waits"))
    assert re.fullmatch(r"waits     for callback approval, since \d+ s(, until \S+Z)?", line), line
    dev.good("stop", execution)


def test_describe_tells_how_the_code_differs_from_what_is_recorded(dev: Dev) -> None:
    execution = ended(dev, "changed")
    assert dev.describe(execution)["result"] == "refused"
    lines = dev.good("describe", execution).out.splitlines()
    assert "diverged  operation s1 was recorded with name charge; the code now says refund" in lines
    same = dev.good("describe", ended(dev, "greeting")).out
    assert "diverged" not in same


def test_history_goes_both_ways(dev: Dev) -> None:
    execution = ended(dev, "greeting")
    forward = rows(dev.good("history", execution).out)
    assert [row[1] for row in forward] == [
        "ExecutionStarted", "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded",
    ]  # fmt: skip
    assert [row[0] for row in forward] == ["1", "2", "3", "4", "5"]
    assert rows(dev.good("history", "--reverse", execution).out) == forward[::-1]
    assert rows(dev.good("history", "--reverse", "--limit", "2", execution).out) == forward[:2:-1]
    as_json = dev.good("history", "--reverse", "-o", "json", execution).json()
    assert [event["EventId"] for event in as_json["events"]] == [5, 4, 3, 2, 1]
    at = datetime.fromisoformat(forward[0][3])
    assert abs((datetime.now(timezone.utc) - at).total_seconds()) < 60, "a time that people can read"


def test_a_history_longer_than_a_page(dev: Dev) -> None:
    execution = ended(dev, "many", "--input", "510")
    head = dev.good("history", execution)
    assert len(rows(head.out)) == 1000, "unless told"
    assert head.err == "More: raise --limit\n"
    whole = dev.good("history", "--limit", "5000", execution)
    numbers = [int(row[0]) for row in rows(whole.out)]
    assert len(numbers) > 1022 and numbers == list(range(1, len(numbers) + 1)), "no gap and nothing twice where pages meet"
    assert whole.err == ""
    backward = dev.good("history", "--limit", "5000", "--reverse", "-o", "json", execution).json()
    assert [event["EventId"] for event in backward["events"]] == numbers[::-1] and backward["next"] is None


def test_logs_show_what_a_function_printed(dev: Dev) -> None:
    ended(dev, "greeting", "--input", '"the logs"')
    lines = until(lambda: (text := dev.good("logs", "greeting").out) and "greeting the logs" in text and text.splitlines(), "its line")
    assert "greeting the logs" in lines
    assert any(line.startswith("START RequestId: ") for line in lines)
    entries = [json.loads(line) for line in dev.good("logs", "-o", "json", "greeting").out.splitlines()]
    assert ("stdout", "greeting the logs") in {(entry["stream"], entry["message"]) for entry in entries}


def test_logs_follow(dev: Dev) -> None:
    follower = subprocess.Popen(
        [BINARY, "logs", "--follow", "greeting"], env=surroundings(EVERSTEP_ENDPOINT=dev.url), stdout=subprocess.PIPE, text=True
    )
    # Should the line never come, the end of the follower ends the wait for it.
    limit = threading.Timer(30, follower.terminate)
    limit.start()
    try:
        for number in range(2):
            ended(dev, "greeting", "--input", f'"follower {number}"')
            assert f"greeting follower {number}\n" in iter(follower.stdout.readline, "")
    finally:
        limit.cancel()
        follower.terminate()
        follower.wait(timeout=10)
        follower.stdout.close()


def test_stop_ends_what_waits(dev: Dev, waiting) -> None:
    execution, callback = waiting()
    stopped = dev.good("stop", execution, "--reason", "no longer wanted")
    assert (stopped.out, stopped.err) == ("STOPPED\n", "")
    described = dev.describe(execution)
    assert (described["execution"]["status"], described["error"]["message"]) == ("STOPPED", "no longer wanted")
    assert described["waiting_for"] == []
    assert dev.good("stop", execution).out == "STOPPED\n", "twice is once"
    late = dev.run("callback", "succeed", callback)
    assert late.code != 0 and late.out == ""


@pytest.mark.parametrize("verb", ["describe", "history", "stop", "pause", "resume", "delete"])
def test_an_execution_that_is_not_there(dev: Dev, verb: str) -> None:
    for execution in ("nobody", "01a1fd55-b070-7cca-9e02-0055fd5a0082"):
        missing = dev.run(verb, execution)
        assert (missing.code, missing.out) == (3, ""), missing
        assert "E0106" in missing.err
