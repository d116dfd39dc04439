"""The AWS CLI against the server, unchanged; only `--endpoint-url` is another one."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from conftest import REGION, ROLE, code


@pytest.fixture
def aws(endpoint):
    """Runs `aws lambda WORDS` and reads what it prints."""
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": ""}

    def run(*words: str, fails: bool = False) -> Any:
        command = [sys.executable, str(Path(sysconfig.get_paths()["scripts"]) / "aws"), "--endpoint-url", endpoint, "--output", "json", "lambda"]
        done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, timeout=120)
        assert (done.returncode != 0) == fails, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip().startswith("{") else done.stdout + done.stderr

    return run


def test_the_life_of_a_function_by_the_command_line(aws, tmp_path):
    name = f"cli-{secrets.token_hex(4)}"
    archive, out = tmp_path / "code.zip", tmp_path / "out.json"
    archive.write_bytes(code())
    function = ("--function-name", name)
    variables = json.dumps({"Variables": {"PYTHONPATH": sysconfig.get_paths()["purelib"]}})
    words = ("--runtime", "python3.12", "--role", ROLE, "--handler", "plain.echo", "--zip-file", f"fileb://{archive}", "--environment", variables)
    made = aws("create-function", *function, *words)
    assert made["State"] == "Active"
    aws("wait", "function-active-v2", *function)
    answer = aws("invoke", *function, "--payload", '{"a": 1}', str(out))
    assert (answer["StatusCode"], json.loads(out.read_text())) == (200, {"a": 1})
    aws("update-function-configuration", *function, "--timeout", "9")
    aws("wait", "function-updated-v2", *function)
    assert aws("publish-version", *function)["Version"] == "1"
    aws("wait", "published-version-active", *function, "--qualifier", "1")
    aws("create-alias", *function, "--name", "live", "--function-version", "1")
    aws("put-function-concurrency", *function, "--reserved-concurrent-executions", "3")
    aws("put-function-event-invoke-config", *function, "--maximum-retry-attempts", "0")
    aws("add-permission", *function, "--statement-id", "s", "--action", "lambda:InvokeFunction", "--principal", "s3.amazonaws.com")
    aws("tag-resource", "--resource", made["FunctionArn"], "--tags", "team=one")
    assert aws("list-tags", "--resource", made["FunctionArn"])["Tags"] == {"team": "one"}
    shown = aws("get-function", *function)
    assert (shown["Configuration"]["Timeout"], shown["Concurrency"]["ReservedConcurrentExecutions"]) == (9, 3)
    url = aws("create-function-url-config", *function, "--auth-type", "NONE")["FunctionUrl"]
    assert aws("get-function-url-config", *function)["FunctionUrl"] == url
    assert name in [one["FunctionName"] for one in aws("list-functions")["Functions"]]
    assert [one["Version"] for one in aws("list-versions-by-function", *function)["Versions"]] == ["$LATEST", "1"]
    aws("delete-function", *function)
    assert "ResourceNotFoundException" in aws("get-function", *function, fails=True)
    assert "Everstep does not serve" in aws(
        "create-event-source-mapping", *function, "--event-source-arn", "arn:aws:sqs:us-east-1:000000000000:q", fails=True
    )
