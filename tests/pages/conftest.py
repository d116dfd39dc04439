"""Pages in a real browser: headless Chromium, driven by Selenium, on a server of the test's own.

The binary is in EVERSTEP_BIN. Chromium and its driver are Debian packages (tests/debian.txt); without them every test here is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

BINARY = os.environ.get("EVERSTEP_BIN", "everstep")
PATIENCE_S = 60
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,1000",
)


class Server:
    """`everstep dev` on a free port, and its approvals."""

    def __init__(self, folder: Path):
        log = open(folder / "server.log", "wb")
        kept = {name: value for name, value in os.environ.items() if name not in ("EVERSTEP_ENDPOINT", "EVERSTEP_API_KEY")}
        command = [BINARY, "dev", "--no-demo", "--listen", "127.0.0.1:0"]
        with log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=kept
            )
        ready = self.process.stdout.readline()
        assert ready.startswith("everstep ready "), (folder / "server.log").read_text()
        self.url = ready.split()[-1]

    def ask(self, **request: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/approvals", json=request, timeout=PATIENCE_S)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def shown(self, approval: dict[str, Any]) -> dict[str, Any]:
        return requests.get(f"{self.url}/approvals/{approval['id']}", timeout=PATIENCE_S).json()

    def link(self, approval: dict[str, Any], approver: str) -> str:
        answer = requests.post(f"{self.url}/approvals/{approval['id']}/links", json={"approver": approver}, timeout=PATIENCE_S)
        assert answer.status_code == 201, answer.text
        return answer.json()["url"]

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("pages"))
    try:
        yield server
    finally:
        server.end()


def start(folder: Path, scripts: bool) -> webdriver.Chrome:
    """A browser with a profile of its own; without scripts as some people and most mail programs have it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromium-driver are not installed (tests/debian.txt)")
    options = Options()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser that runs no script of a page."""
    browser = start(tmp_path_factory.mktemp("plain"), scripts=False)
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    browser = start(tmp_path_factory.mktemp("scripts"), scripts=True)
    yield browser
    browser.quit()
