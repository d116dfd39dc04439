"""Stores of the three clouds on loopback, without Docker: moto (PyPI), Azurite (npm), and a part of Google's XML API of our own.

Each is a process of the test's own on a free port, with an empty bucket `everstep-test` in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
BUCKET = "everstep-test"
AZURITE = "azurite@3.37.0"
# Azurite's published account: every installation has this one.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PATIENCE_S = 60


@dataclass
class Store:
    """Words of `everstep dev` and variables that lead to a store; `folder` of the folder alone."""

    url: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def spawn(words: list[str], port: int, log: Path, **variables: str) -> subprocess.Popen:
    """A process that listens on this port when it is given back."""
    with open(log, "wb") as out:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **variables}
        )
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"{words[0]} does not listen:\n{log.read_text()}")


def s3(folder: Path):
    pytest.importorskip("moto", reason="moto[server] of tests/requirements.txt is not installed")
    import boto3

    port = free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    endpoint = f"http://127.0.0.1:{port}"
    process = spawn(words, port, folder / "moto.log")
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=endpoint, **keys).create_bucket(Bucket=BUCKET)
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    arguments = ["--artifacts-endpoint", endpoint, "--artifacts-region", "us-east-1", "--artifacts-encryption", "AES256"]
    try:
        yield Store(f"s3://{BUCKET}/of/a/team", arguments, environment, endpoint)
    finally:
        process.kill()
        process.wait()


def gcs(folder: Path):
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    process = spawn([sys.executable, str(Path(__file__).parent / "gcs_xml.py"), str(port)], port, folder / "gcs.log")
    account = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    environment = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account)}
    try:
        yield Store(f"gs://{BUCKET}/of/a/team", ["--artifacts-endpoint", endpoint], environment, endpoint)
    finally:
        process.kill()
        process.wait()


def azurite() -> Path:
    """The emulator's program, installed beside the other tools when it is not there yet."""
    folder = ROOT / ".xtask" / "azurite"
    program = folder / "node_modules" / ".bin" / "azurite-blob"
    if not program.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("Azurite needs npm, which is not here")
        folder.mkdir(parents=True, exist_ok=True)
        words = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), AZURITE]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            pytest.skip(f"Azurite can't be installed: {done.stderr[-300:]}")
    return program


def make_container(endpoint: str) -> None:
    """Signed with the account's key, as the service asks for it."""
    now = formatdate(usegmt=True)
    headers = f"x-ms-date:{now}\nx-ms-version:2021-12-02\n"
    resource = f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
    signed = "PUT" + "\n" * 12 + headers + resource
    key = base64.b64decode(ACCOUNT_KEY)
    signature = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    made = requests.put(
        f"{endpoint}/{BUCKET}?restype=container",
        headers={"x-ms-date": now, "x-ms-version": "2021-12-02", "Authorization": f"SharedKey {ACCOUNT}:{signature}"},
        timeout=PATIENCE_S,
    )
    assert made.ok, made.text


def azure(folder: Path):
    program = azurite()
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    words = [str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    process = spawn(words, port, folder / "azurite.log")
    make_container(endpoint)
    environment = {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY}
    try:
        yield Store(f"az://{BUCKET}/of/a/team", ["--artifacts-endpoint", endpoint], environment, endpoint)
    finally:
        process.kill()
        process.wait()


def local(folder: Path):
    yield Store(f"file://{folder / 'elsewhere'}")


STORES = {"folder": local, "s3": s3, "gcs": gcs, "azure": azure}
