"""Servers of the real binary, each with its artifacts in another kind of store. The binary is in EVERSTEP_BIN."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from emulators import STORES, Store

BINARY = os.environ.get("EVERSTEP_BIN", "everstep")
PATIENCE_S = 120


class Server:
    """`everstep dev` on a free port; requests carry the key of its folder."""

    def __init__(self, folder: Path, *arguments: str, **variables: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "server.log"
        words = [BINARY, "dev", "--no-demo", "--listen", "127.0.0.1:0", "--data", str(folder / "data"), *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVERSTEP_", "AWS_"))}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env={**kept, **variables}
            )
        ready = self.process.stdout.readline()
        if not ready.startswith("everstep ready"):
            self.process.wait(PATIENCE_S)
            raise AssertionError(f"the server does not start: {self.log.read_text()}")
        self.url = ready.split()[-1]
        self.session = requests.Session()
        self.session.headers["authorization"] = f"Bearer {(folder / 'data' / 'key').read_text().strip()}"

    def ask(self, method: str, path: str, **options) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=PATIENCE_S, **options)

    def put(self, path: str, body, **headers: str) -> requests.Response:
        return self.ask("PUT", path, data=body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def memory(self, name: str) -> int:
        """Bytes of `VmRSS` now, or of `VmHWM`, its highest since it was last forgotten."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"the system does not tell {name}")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)


@pytest.fixture(scope="module", params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from STORES[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def server(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder, "--artifacts", store.url, *store.arguments, **store.environment)
    yield server
    server.end()
