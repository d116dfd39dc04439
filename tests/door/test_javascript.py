"""AWS's SDK for JavaScript with right and wrong keys.

It is looked for where `cargo xtask conformance durable-js` puts it, or in EVERSTEP_NODE_MODULES.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Guarded, surroundings

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).parent / "client.mjs"


def modules() -> Path | None:
    """A folder with `node_modules` that has the SDK."""
    places = [Path(given) for given in [os.environ.get("EVERSTEP_NODE_MODULES", "")] if given]
    places += [found.parent for found in (ROOT / ".xtask").glob("*/node_modules")]
    return next((place for place in places if (place / "node_modules/@aws-sdk/client-lambda").exists()), None)


def test_the_javascript_sdk_is_let_in_by_its_key(guarded: Guarded) -> None:
    place, node = modules(), shutil.which("node")
    if place is None or node is None:
        pytest.skip("there is no node with @aws-sdk/client-lambda: `cargo xtask conformance durable-js` fetches it")
    admin = guarded.client(key=guarded.keys["admin"])
    arn = admin.invoke(FunctionName="durable", Qualifier="$LATEST", Payload='{"other":"none","token":"none"}')["DurableExecutionArn"]

    def run(key: dict[str, str]) -> list[int | str]:
        words = [node, str(CLIENT), str(place), guarded.url, arn]
        done = subprocess.run(words, env=surroundings(**key), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    key = guarded.keys["operate"]
    assert run(key) == [200, 200, 200]
    assert run({**key, "AWS_SECRET_ACCESS_KEY": "wrong"}) == ["InvalidSignatureException"] * 3
    assert run({**key, "AWS_ACCESS_KEY_ID": "AKIDUNKNOWN"}) == ["UnrecognizedClientException"] * 3
