"""The program itself: help, exit codes, explanations, completions, where it looks for a server, and `dev`'s refusals."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from conftest import BINARY, ROOT, Dev, everstep

VERBS = (
    "dev", "demo", "start", "list", "describe", "history", "logs", "stop", "pause", "resume", "delete", "callback", "approve", "reject",
    "explain", "afl", "completions",
)  # fmt: skip
# Nothing can listen there.
NOBODY = "http://127.0.0.1:1"


def test_help_lists_every_verb_and_exit_code() -> None:
    told = everstep("--help")
    assert (told.code, told.err) == (0, "")
    for verb in VERBS:
        assert re.search(rf"^  {verb}\s", told.out, re.MULTILINE), verb
    codes = re.search(r"^Exit codes: (.*)$", told.out, re.MULTILINE)
    assert codes and [int(code) for code in re.findall(r"\b\d\b", codes[1])] == list(range(8))


def test_docs_cli_names_every_verb_and_exit_code() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for verb in VERBS:
        assert re.search(rf"`(everstep )?{verb}\b", page), verb
    assert re.findall(r"^\| (\d) \|", page, re.MULTILINE) == [str(code) for code in range(8)]


@pytest.mark.parametrize("words", [(), ("no-such-verb",), ("list", "--no-such-option"), ("describe",), ("list", "-o", "yaml")])
def test_wrong_usage(words: tuple[str, ...]) -> None:
    wrong = everstep(*words)
    assert (wrong.code, wrong.out) == (2, "")
    assert "Usage: " in wrong.err or "--help" in wrong.err


@pytest.mark.parametrize(
    "words",
    [
        ("start", "f"), ("list",), ("describe", "x"), ("history", "x"), ("logs", "f"), ("stop", "x"), ("callback", "succeed", "x"),
        ("pause", "x"), ("resume", "x"), ("delete", "x"),
        ("callback", "fail", "x"), ("callback", "heartbeat", "x"), ("approve", "w"), ("reject", "w"),
    ],
)  # fmt: skip
def test_without_a_server(tmp_path: Path, words: tuple[str, ...]) -> None:
    alone = everstep(*words, folder=tmp_path, EVERSTEP_ENDPOINT=NOBODY)
    assert (alone.code, alone.out) == (5, "")
    assert f"no server answers at {NOBODY}" in alone.err and "everstep dev" in alone.err


def test_where_the_server_is(dev: Dev, tmp_path: Path) -> None:
    named = ["list", "--limit", "1", "-o", "json"]
    assert everstep(*named, folder=dev.folder).code == 0, "the one of this folder"
    assert everstep(*named, folder=tmp_path, EVERSTEP_ENDPOINT=dev.url).code == 0
    assert everstep("--url", dev.url, *named, folder=tmp_path, EVERSTEP_ENDPOINT=NOBODY).code == 0, "the option is stronger"
    assert everstep(*named, folder=dev.folder, EVERSTEP_ENDPOINT=NOBODY).code == 5, "the variable is stronger than the folder"


def test_explain() -> None:
    page = everstep("explain", "e0101")
    assert (page.code, page.err) == (0, "")
    assert page.out == (ROOT / "docs" / "errors" / "E0101.md").read_text().rstrip() + "\n"
    unknown = everstep("explain", "E9999")
    assert (unknown.code, unknown.out) == (3, "")
    assert "E9999" in unknown.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(shell: str) -> None:
    script = everstep("completions", shell)
    assert (script.code, script.err) == (0, "")
    assert all(verb in script.out for verb in VERBS)


def test_bash_completes(tmp_path: Path) -> None:
    asked = f"""
source <("{BINARY}" completions bash)
complete -p everstep >/dev/null
COMP_WORDS=(everstep callback su); COMP_CWORD=2
_everstep everstep su callback
echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-euc", asked], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (done.stdout.split(), done.returncode) == (["succeed"], 0), done


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" explain E0101 | true; echo "${PIPESTATUS[0]}"', BINARY], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9070"])
def test_dev_listens_on_loopback_alone(tmp_path: Path, address: str) -> None:
    refused = everstep("dev", "--listen", address, folder=tmp_path)
    assert refused.code == 2 and refused.out == ""
    assert f"{address} is not a loopback address" in refused.err
    assert os.listdir(tmp_path) == [], "it has begun nothing"


def test_dev_says_that_it_is_ready_and_where(dev: Dev) -> None:
    assert re.fullmatch(r"everstep ready http://127\.0\.0\.1:\d+\n", dev.ready), "one line of data"
    assert (dev.folder / ".everstep" / "url").read_text() == dev.url
    with urllib.request.urlopen(dev.url + "/executions?limit=1") as answer:
        assert answer.status == 200
    told = dev.log.read_text()
    assert f"AWS_ENDPOINT_URL_LAMBDA={dev.url}" in told


def test_dev_twice(dev: Dev, tmp_path: Path) -> None:
    port = dev.url.rpartition(":")[2]
    taken = everstep("dev", "--no-demo", "--listen", f"127.0.0.1:{port}", folder=tmp_path)
    assert (taken.code, taken.out) == (4, "") and "E0109" in taken.err
    second = everstep("dev", "--no-demo", "--listen", "127.0.0.1:0", folder=dev.folder)
    assert (second.code, second.out) == (4, "") and "E0124" in second.err
    assert dev.run("list").code == 0, "the first does not mind"
