"""A world of its own for the functions of `functions/beyond.py`."""

from __future__ import annotations

import io
import sysconfig
import zipfile
from pathlib import Path

import boto3
from conftest import FUNCTIONS, Dev, until

NAMES = ("order", "branches", "asking", "slow")


class World:
    """What the steps of a test's functions meet: `fails` makes one of them fail, `ran` tells which ones ran."""

    def __init__(self, dev: Dev, folder: Path):
        self.dev, self.folder = dev, folder
        self.prefix = folder.name.replace(".", "-")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.write(FUNCTIONS / "beyond.py", "beyond.py")
        client = boto3.client(
            "lambda", endpoint_url=dev.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
        )
        for name in NAMES:
            client.create_function(
                FunctionName=self.function(name),
                Runtime="python3.12",
                Role="arn:aws:iam::000000000000:role/test",
                Handler=f"beyond.{name}",
                Timeout=60,
                Code={"ZipFile": archive.getvalue()},
                Environment={"Variables": {"PYTHONPATH": sysconfig.get_paths()["purelib"], "WORLD": str(folder)}},
                DurableConfig={"ExecutionTimeout": 7200, "RetentionPeriodInDays": 1},
            )

    def function(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def fails(self, step: str, fails: bool = True) -> None:
        path = self.folder / f"{step}.fails"
        path.touch() if fails else path.unlink()

    def ran(self) -> list[str]:
        path = self.folder / "ran"
        return path.read_text().split() if path.exists() else []

    def start(self, name: str, *words: str) -> str:
        return self.dev.good("start", self.function(name), *words).out.strip()

    def status(self, execution: str) -> str:
        return self.dev.describe(execution)["execution"]["status"]

    def ended(self, execution: str) -> dict:
        until(lambda: self.status(execution) != "RUNNING", f"{execution} ends")
        return self.dev.describe(execution)
