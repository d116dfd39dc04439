"""The research workflow as on AWS: its two programs on Everstep's function host, with moto behind them and agents on AgentCore.

The server is in EVERSTEP_BIN; the programs are built with the feature `aws`, or lie in the folder that EVERSTEP_RESEARCH_BINS names.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from cloud import BUCKET, KEYS, REGION, ROOT, TABLE, Cloud
from gateway import STAGE, Gateway

PATIENCE_S = 60
AGENTS = {
    name: f"arn:aws:bedrock-agentcore:{REGION}:123456789012:agent-runtime/{name}" for name in ("researcher", "analyst", "writer")
}
PROGRAMS = ("bootstrap", "callback-handler")


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.05)
    return value


def build() -> dict[str, Path]:
    """The programs, built as the Rust tests have them built: what those have compiled is not compiled again with other features."""
    if folder := os.environ.get("EVERSTEP_RESEARCH_BINS"):
        return {name: Path(folder) / name for name in PROGRAMS}
    command = ["cargo", "test", "--workspace", "--features", "everstep-research/aws", "--no-run", "--test", "flow"]
    built = subprocess.run([*command, "--message-format=json-render-diagnostics"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    named = {m["target"]["name"]: Path(m["executable"]) for m in messages if m.get("executable")}
    return {name: named[name] for name in PROGRAMS}


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    return build()


class Stage:
    """Everything together, as a deployment has it."""

    def __init__(self, folder: Path, programs: dict[str, Path]) -> None:
        self.cloud, self.gateway, self.programs = Cloud(), Gateway(), programs
        self.api = f"{self.gateway.url}/{STAGE}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EVERSTEP_"))}
        self.log = folder / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [os.environ["EVERSTEP_BIN"], "dev", "--no-demo", "--listen", "127.0.0.1:0", "--data", str(folder / "data")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        ready = self.process.stdout.readline()
        assert ready.startswith("everstep ready http"), self.log.read_text()[-3000:]
        config = Config(read_timeout=90, retries={"total_max_attempts": 1})
        self.functions = boto3.client("lambda", endpoint_url=ready.split()[-1], region_name=REGION, config=config, **KEYS)
        self.gateway.client = self.functions
        front = {"CALLBACK_API_URL": self.api, "WORKFLOW_FUNCTION": "ResearchWorkflow:$LATEST"}
        agents = {f"{name.upper()}_AGENT_ARN": arn for name, arn in AGENTS.items()}
        workflow = {**agents, "CALLBACK_API_URL": self.api, "APPROVAL_SNS_TOPIC_ARN": self.cloud.topic}
        self.create("ResearchWorkflow", "research.handler", workflow, durable=True)
        self.create("DurableControllerFunction", "research.DurableControllerFunction", front)
        self.create("ResearchApi", "research.api_handler", front)
        self.create("CallbackHandler", "callback.handler", {}, program="callback-handler")

    def environment(self) -> dict[str, str]:
        """What a deployment sets, and where AWS is today. On AWS, `EVERSTEP_URL` is not set, so that the choice need not be told."""
        services = ("S3", "DYNAMODB", "SNS", "EVENTBRIDGE")
        return {
            "ARTIFACT_BUCKET": BUCKET,
            "WORKFLOW_TABLE": TABLE,
            "RESEARCH_SERVICES": "aws",
            "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": self.gateway.url,
            **{f"AWS_ENDPOINT_URL_{service}": self.cloud.url for service in services},
        }

    def create(self, name: str, handler: str, variables: dict[str, str], program: str = "bootstrap", durable: bool = False) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            file.writestr(entry, f"#!/bin/sh\nexec '{self.programs[program]}'\n")
        lasting = {"DurableConfig": {"ExecutionTimeout": 86400, "RetentionPeriodInDays": 14}} if durable else {}
        self.functions.create_function(
            FunctionName=name,
            Runtime="provided.al2023",
            Role="arn:aws:iam::123456789012:role/research",
            Handler=handler,
            Timeout=60,
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {**self.environment(), **variables}},
            **lasting,
        )

    def dispatched(self) -> dict[str, Any]:
        """The next task that an agent gets."""
        return self.gateway.dispatched.get(timeout=PATIENCE_S)

    def status(self, workflow: str, status: str) -> dict[str, Any]:
        """The record, once it has that status."""

        def reached() -> dict[str, Any] | None:
            record = self.cloud.record(workflow)
            assert record is None or record["status"] == status or record["status"] not in ("FAILED", "COMPLETED", "REJECTED"), record
            return record if record and record["status"] == status else None

        return until(reached, f"{workflow} is {status}")

    def lines(self, function: str) -> list[str]:
        """What a function has printed, by the API that a deployment reads it with."""
        logs = boto3.client("logs", endpoint_url=self.functions.meta.endpoint_url, region_name=REGION, **KEYS)
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        return [event["message"] for page in pages for event in page["events"]]

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.gateway.end()
            self.cloud.end()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, programs: dict[str, Path]) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"), programs)
    try:
        yield stage
    finally:
        stage.end()
