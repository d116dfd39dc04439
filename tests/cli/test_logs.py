"""`everstep logs` with its choices, the limits of logs, and the AWS CLI as people type it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import PATIENCE_S, Dev, create, surroundings, until

AWS = Path(sys.executable).parent / "aws"


def ended(dev: Dev, *words: str) -> str:
    """Starts `greeting` and waits for its end; its id."""
    execution = dev.good("start", "greeting", *words).out.strip()
    until(lambda: dev.describe(execution)["execution"]["status"] != "RUNNING", f"{execution} ends")
    return execution


def test_lines_are_chosen_by_execution_pattern_and_time(dev: Dev) -> None:
    one, two = (ended(dev, "--input", f'"chosen {name}"') for name in ("one", "two"))
    lines = dev.good("logs", "greeting", "--execution", one).out.splitlines()
    assert "greeting chosen one" in lines and "greeting chosen two" not in lines
    arn = dev.describe(two)["execution"]["arn"]
    lines = dev.good("logs", "greeting", "--execution", arn).out.splitlines()
    assert "greeting chosen two" in lines and "greeting chosen one" not in lines
    assert dev.good("logs", "greeting", "--filter", '"greeting chosen" -one').out.splitlines() == ["greeting chosen two"]
    assert dev.good("logs", "greeting", "--filter", "?one ?two", "--since", "1h").out.count("greeting chosen") == 2
    assert dev.good("logs", "greeting", "--since", "2999-01-01T00:00:00Z").out == ""
    assert dev.run("logs", "greeting", "--since", "lately").code == 2
    refused = dev.run("logs", "greeting", "--filter", "{ $.a = ")
    assert refused.code != 0 and "E0162" in refused.err


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A server that keeps little."""
    server = Dev(tmp_path_factory.mktemp("small"), "--no-demo", "--log-file-size", "1", "--log-files", "2", "--log-retention", "7")
    try:
        create(server)
        yield server
    finally:
        server.end()


def test_a_log_is_rotated_and_read_across_its_files(small: Dev) -> None:
    for number in range(7):
        small.good("start", "greeting", "--wait", "--input", "-", stdin=json.dumps(f"{number} {'x' * 600_000}"))
    files = sorted(path.name for path in (small.folder / ".everstep" / "logs").glob("greeting*.log"))
    assert len(files) == 3 and files[-1] == "greeting.log", files
    greetings = [line[:10] for line in small.good("logs", "greeting", "--since", "1h", "--filter", '"greeting "').out.splitlines()]
    assert 2 <= len(greetings) < 7 and greetings[-1] == "greeting 6"


def aws(dev: Dev, *words: str) -> dict:
    """The AWS CLI against this server."""
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": ""}
    done = subprocess.run(
        [str(AWS), "--endpoint-url", dev.url, "--output", "json", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=surroundings(**keys),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "{}")


def test_the_aws_cli_reads_logs(dev: Dev) -> None:
    ended(dev, "--input", '"the aws cli"')
    group = "/aws/lambda/greeting"
    groups = aws(dev, "logs", "describe-log-groups", "--log-group-name-prefix", group)
    assert [found["logGroupName"] for found in groups["logGroups"]] == [group]
    found = aws(dev, "logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", '"the aws cli"')
    assert [event["message"] for event in found["events"]] == ["greeting the aws cli"]
    stream = found["events"][0]["logStreamName"]
    events = aws(dev, "logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream, "--limit", "3")
    assert len(events["events"]) == 3
    # As `aws logs tail --follow` asks: from a time on, page by page.
    since = str(found["events"][0]["timestamp"])
    assert aws(dev, "logs", "filter-log-events", "--log-group-name", group, "--start-time", since, "--page-size", "1")["events"]


def test_the_aws_cli_asks_queries(dev: Dev) -> None:
    ended(dev, "--input", '"a query"')
    now = int(time.time())
    query = "fields @timestamp, @message | filter @message like /^greeting a query/ | stats count(*) as n"
    times = ("--start-time", str(now - 600), "--end-time", str(now + 60))
    started = aws(dev, "logs", "start-query", "--log-group-name", "/aws/lambda/greeting", *times, "--query-string", query)

    def complete() -> dict | None:
        found = aws(dev, "logs", "get-query-results", "--query-id", started["queryId"])
        return found if found["status"] == "Complete" else None

    assert until(complete, "the query ends")["results"] == [[{"field": "n", "value": "1"}]]


def second_version() -> str | None:
    """The AWS CLI's second version, which PyPI does not have: what `aws` is on this machine, if it is that."""
    found = os.environ.get("EVERSTEP_TEST_AWS") or shutil.which("aws", path="/usr/local/bin:/usr/bin")
    if not found:
        return None
    told = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=PATIENCE_S).stdout
    return found if told.startswith("aws-cli/2.") else None


def test_the_aws_cli_tails_logs(dev: Dev) -> None:
    command = second_version()
    if command is None:
        pytest.skip("`aws logs tail` is of the AWS CLI's second version, which is not installed (or name it in EVERSTEP_TEST_AWS)")
    ended(dev, "--input", '"the tail"')
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": ""}
    words = ["--endpoint-url", dev.url, "logs", "tail", "/aws/lambda/greeting", "--since", "1h", "--format", "short"]
    told = subprocess.run([command, *words], capture_output=True, text=True, timeout=PATIENCE_S, env=surroundings(**keys))
    assert told.returncode == 0, told.stderr
    assert any(line.endswith(" greeting the tail") for line in told.stdout.splitlines())
