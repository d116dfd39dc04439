"""Gives every function its code: what the package brings is taken, what it does not bring is built, in folders of our own.

A language whose tools the machine lacks leaves its functions out with a reason; code that does not build fails its requirements.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from catalog import Function
from suite import REPOSITORY

LIMIT_SECONDS = 3600


class Missing(Exception):
    """The machine lacks something: the functions are skipped, aloud."""


class Broken(Exception):
    """The code cannot be built: its requirements fail."""


@dataclass
class Tools:
    """What the run was given: `node` and the modules it brings, `program` for handlers that are compiled already."""

    node: Path | None = None
    modules: Path | None = None
    program: Path | None = None


Builder = Callable[[list[Function], Path, Tools], Iterable[str]]


def prepare(functions: list[Function], tools: Tools) -> list[str]:
    """Fills in `code` (or `skip`, `broken`) of every function; answers what was done, to be said aloud."""
    import build_java
    import build_native
    import build_node
    import build_python

    builders: dict[str, Builder] = {
        "python": build_python.prepare,
        "nodejs": build_node.prepare,
        "java": build_java.prepare,
        "provided": build_native.prepare,
        "go": build_native.prepare,
        "dotnet": build_native.prepare,
    }
    said: list[str] = []
    groups: dict[tuple[Path, str], list[Function]] = {}
    for function in functions:
        if function.skip or function.broken or function.code is not None:
            continue
        if function.image:
            function.skip = "a container image, and no functions run in containers here"
            continue
        language = next((name for name in builders if function.runtime.startswith(name)), None)
        if language is None:
            function.skip = f"runtime {function.runtime} is not one that runs here"
            continue
        groups.setdefault((function.package, language), []).append(function)
    for (package, language), members in groups.items():
        try:
            said += builders[language](members, place(package, language), tools)
        except Missing as error:
            for function in members:
                if function.code is None:
                    function.skip = function.skip or str(error)
        except (Broken, OSError) as error:
            for function in members:
                if function.code is None:
                    function.broken = function.broken or str(error)
    return said


def place(package: Path, language: str) -> Path:
    """The folder of ours in which the package is built; the same on every run, so that tools find their earlier work."""
    digest = hashlib.sha256(str(package.resolve()).encode()).hexdigest()[:12]
    folder = REPOSITORY / ".xtask" / "conformance" / f"{language}-{package.resolve().name[:40]}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def staged(place: Path, name: str) -> Path:
    """An empty folder in `place`."""
    folder = place / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def tool(name: str) -> str:
    """The path of a program, or `Missing`."""
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not on this machine")
    return path


def run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> str:
    """Runs a build tool; `Broken` with the last lines it said when it fails."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Broken(f"`{shlex.join(command)[:200]}` took more than {LIMIT_SECONDS} s") from error
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise Broken(f"`{shlex.join(command)[:200]}` failed:\n{tail}")
    return done.stdout


def above(folder: Path, levels: int = 4) -> list[Path]:
    """The folder and those it lies in, nearest first."""
    return [folder, *list(folder.parents)[:levels]]


def bootstrap(folder: Path, command: list[str]) -> Path:
    """Writes the `bootstrap` that AWS's provided runtimes start; the handler's name is its argument."""
    script = folder / "bootstrap"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script
