"""Python handlers: the built folder, or the sources with the SDK they were written for.

The SDK is, in this order: the one in the built folder; the one beside the package in its monorepo; what `requirements.txt` or
`pyproject.toml` ask for when this environment has something else; this environment's.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import build
from catalog import Function
from packaging.requirements import InvalidRequirement, Requirement

SDK = "aws_durable_execution_sdk_python"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".venv", "node_modules")


def prepare(functions: list[Function], place: Path, _tools: build.Tools) -> Iterator[str]:
    """Stages one folder for each source folder; functions without their module are broken."""
    staged: dict[Path, Path] = {}
    for function in functions:
        if function.inline:
            function.code = build.staged(place, f"inline-{function.logical}")
            (function.code / "index.py").write_text(function.inline, encoding="utf-8")
            continue
        source = _source(function)
        if source is None:
            function.broken = f"handler {function.handler} has no module in {function.uri}, handlers/ or src/"
            continue
        if source not in staged:
            staged[source] = build.staged(place, f"code-{len(staged)}")
            shutil.copytree(source, staged[source], ignore=LEFT_OUT, dirs_exist_ok=True)
            yield from _dependencies(source, function.package, staged[source], place)
        function.code = staged[source]


def _source(function: Function) -> Path | None:
    """The first folder that holds the handler's module: as built, as `sam build` left it, or the package's sources."""
    package = function.package
    built = package / ".aws-sam" / "build" / function.logical
    for folder in (function.source, built, package / "handlers", package / "src", package):
        module = folder.joinpath(*function.handler.rpartition(".")[0].split("."))
        if function.handler.count(".") and (module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()):
            return folder
    return None


def _dependencies(source: Path, package: Path, code: Path, place: Path) -> Iterator[str]:
    if (code / SDK).is_dir():
        yield f"python: {source.name}/ brings its own SDK"
        return
    beside = _beside(package)
    if beside is not None:
        shutil.copytree(beside, code / SDK, ignore=LEFT_OUT)
        yield f"python: the handlers of {source.name}/ run on the SDK beside them, {beside}"
    asked = _asked(source, package, "" if beside is None else SDK)
    other = [requirement for requirement in asked if not _satisfied(requirement)]
    if not other:
        return
    words = sorted(str(requirement) for requirement in asked)
    folder = place / "site"
    stamp = folder / "made-from.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8").splitlines() != words:
        build.staged(place, "site")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder)]
        build.run([*pip, *words], place)
        stamp.write_text("\n".join(words), encoding="utf-8")
    shutil.copytree(folder, code, ignore=LEFT_OUT, dirs_exist_ok=True)
    yield f"python: installed what the package asks for: {', '.join(words)}"


def _beside(package: Path) -> Path | None:
    """The SDK's source in the checkout that the package belongs to."""
    for folder in build.above(package.resolve()):
        for pattern in (f"src/{SDK}", f"*/src/{SDK}", f"packages/*/src/{SDK}"):
            for found in sorted(folder.glob(pattern)):
                if (found / "__init__.py").is_file():
                    return found
        if (folder / ".git").exists():
            return None
    return None


def _asked(source: Path, package: Path, except_for: str) -> list[Requirement]:
    """What the package says that it needs; options and paths in a requirements file are not for `--target` and left out."""
    lines: list[str] = []
    for folder in dict.fromkeys((source, package)):
        file = folder / "requirements.txt"
        if file.is_file():
            lines += file.read_text(encoding="utf-8").splitlines()
    project = package / "pyproject.toml"
    if not lines and project.is_file():
        lines = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("dependencies", [])
    found = []
    for line in lines:
        try:
            requirement = Requirement(line.split(" #")[0].strip())
        except InvalidRequirement:
            continue
        usable = requirement.marker is None or requirement.marker.evaluate()
        if usable and requirement.url is None and requirement.name.replace("-", "_") != except_for:
            found.append(requirement)
    return found


def _satisfied(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False
