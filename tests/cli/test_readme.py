"""The Python of README.md does what it says, against the server that its tour starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, Dev, until

ENDPOINT = "http://127.0.0.1:9070"


def said(program: str, folder: Path) -> str:
    # A reader may have no AWS configuration at all.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=folder, env=plain)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_python_of_the_readme(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2 and all(block.count(ENDPOINT) == 1 for block in blocks)
    server = Dev(tmp_path / "server")
    try:
        function, machine = (said(block.replace(ENDPOINT, server.url), tmp_path) for block in blocks)
        workflow = re.search(r"'workflow_id': '([0-9a-f-]{36})'", function)
        assert workflow, function
        listed = lambda: server.good("list", "--name-prefix", workflow[1], "-o", "json").json()["executions"]  # noqa: E731
        assert until(listed, "its execution")[0]["function"] == "ResearchWorkflow"
        execution = server.describe(machine.strip())
        assert execution["execution"]["state_machine"] == "hello" and execution["input"] == {"who": "you"}
    finally:
        server.end()
