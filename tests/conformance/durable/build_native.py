"""Handlers that are programs (`provided.*`, Go, .NET): a built `bootstrap`, or a crate or module that builds one.

Programs are not zipped: the function's code is a short `bootstrap` that starts the program where it lies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import build
from catalog import Function


def prepare(functions: list[Function], place: Path, tools: build.Tools) -> Iterator[str]:
    """Takes built programs, and builds the rest by what the package's files say about its language."""
    missing = []
    for function in functions:
        built = tools.program or _built(function)
        if built is None:
            missing.append(function)
        else:
            _started(function, place, [str(built)])
    if not missing:
        return
    package = missing[0].package.resolve()
    manifest = _upwards(package, "Cargo.toml")
    if manifest is not None:
        yield from _cargo(missing, manifest, place)
        return
    if _upwards(package, "go.mod") is not None:
        raise _absent(missing, "go")
    if any(package.rglob("*.csproj")):
        raise _absent(missing, "dotnet")
    for function in missing:
        function.broken = f"{function.uri} holds no bootstrap, and the package neither a crate nor a module that would build one"


def _absent(functions: list[Function], tool: str) -> Exception:
    build.tool(tool)
    return build.Broken(f"{functions[0].uri} holds no bootstrap: build the package with its own script first")


def _started(function: Function, place: Path, command: list[str]) -> None:
    function.runtime = "provided.al2023"
    function.code = build.staged(place, f"start-{function.key}")
    build.bootstrap(function.code, command)


def _built(function: Function) -> Path | None:
    """The program that the template's folder holds already, as it is or as `sam build` left it."""
    for folder in (function.source, function.package / ".aws-sam" / "build" / function.logical):
        for name in ("bootstrap", function.handler):
            program = folder / name
            if program.is_file() and os.access(program, os.X_OK):
                return program
    return None


def _upwards(package: Path, name: str) -> Path | None:
    for folder in build.above(package):
        if (folder / name).is_file():
            return folder / name
        if (folder / ".git").exists():
            return None
    return None


def _same(name: str) -> str:
    """Names of crates, folders and logical ids, made comparable."""
    return name.replace("-", "").replace("_", "").lower()


def _cargo(functions: list[Function], manifest: Path, place: Path) -> Iterator[str]:
    """Builds the binaries that the functions are named after, by folder or logical id, in release mode, in one run."""
    cargo = build.tool("cargo")
    words = ["metadata", "--no-deps", "--format-version=1", "--manifest-path", str(manifest)]
    packages = json.loads(build.run([cargo, *words], manifest.parent))
    binaries: dict[str, tuple[str, str]] = {}
    for package in packages["packages"]:
        for target in package["targets"]:
            if "bin" in target["kind"]:
                for name in (target["name"], package["name"], Path(package["manifest_path"]).parent.name):
                    binaries.setdefault(_same(name), (package["name"], target["name"]))
    chosen: dict[str, tuple[str, str]] = {}
    for function in functions:
        for name in (Path(function.uri).name, function.logical, Path(function.handler).name):
            if name not in ("bootstrap", ".", "") and (found := binaries.get(_same(name))):
                chosen[function.key] = found
                break
        else:
            function.broken = f"no binary of the workspace is named after {function.uri} or {function.logical}"
    if not chosen:
        return
    target = place / "target"
    env = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    options = [word for package in sorted({package for package, _ in chosen.values()}) for word in ("-p", package)]
    build.run([cargo, "build", "--release", "--manifest-path", str(manifest), *options], manifest.parent, env)
    for function in functions:
        if function.key in chosen:
            _started(function, place, [str(target / "release" / chosen[function.key][1])])
    yield f"rust: built {len(set(chosen.values()))} programs of {manifest}"

