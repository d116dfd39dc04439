"""Node handlers: the built files, or TypeScript and JavaScript sources bundled by esbuild with the SDK they were written for.

The SDK is the one beside the package in its monorepo (its sources), else the package's installed one, else the one that the run
brings, unless package.json asks for another, which is then installed from npm in a folder of ours.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import build
from catalog import Function

SDK = "@aws/durable-execution-sdk-js"
BUILT = (".js", ".cjs", ".mjs")
SOURCES = (".ts", ".mts", ".cts", ".mjs", ".js", ".cjs")


def prepare(functions: list[Function], place: Path, tools: build.Tools) -> Iterator[str]:
    """Takes what is built and bundles the rest, all handlers of a package in one run of esbuild."""
    if tools.node is None or tools.modules is None:
        raise build.Missing("Node 22 is not installed here; `cargo xtask conformance` installs it")
    common = {"EVERSTEP_NODE": str(tools.node), "NODE_PATH": str(tools.modules)}
    to_bundle: dict[str, Path] = {}
    for function in functions:
        function.built = dict(common)
        if function.inline:
            function.code = build.staged(place, f"inline-{function.logical}")
            (function.code / "index.js").write_text(function.inline, encoding="utf-8")
            continue
        built = _built(function)
        if built is not None:
            function.code = built
            continue
        source = _source(function)
        if source is None:
            function.broken = f"handler {function.handler} has no file in {function.uri}, handlers/ or src/"
            continue
        to_bundle[_stem(function)] = source
        function.code = place / "dist"
    if to_bundle:
        yield from _bundle(to_bundle, functions[0].package, place, tools)


def _stem(function: Function) -> str:
    """`folder/file` of the handler `folder/file.member`."""
    folder, _, last = function.handler.rpartition("/")
    return f"{folder}/{last.split('.')[0]}".lstrip("/")


def _built(function: Function) -> Path | None:
    """A folder that can be run as it is: bundled output, or plain files that need no package or find theirs."""
    for folder in (function.source, function.package / ".aws-sam" / "build" / function.logical):
        file = next((path for end in BUILT if (path := folder / f"{_stem(function)}{end}").is_file()), None)
        if file is None:
            continue
        bundled = not re.search(rf"""["']{re.escape(SDK)}["']""", file.read_text(encoding="utf-8", errors="replace"))
        if bundled or (folder / "node_modules" / SDK).is_dir():
            return folder
    return None


def _source(function: Function) -> Path | None:
    """The source file, by its path in one of the usual folders or, failing that, by its name anywhere in them."""
    stem = _stem(function)
    folders = [folder for folder in (function.source, *(function.package / name for name in ("handlers", "src", "."))) if folder.is_dir()]
    for folder in folders:
        for end in SOURCES:
            if (path := folder / f"{stem}{end}").is_file():
                return path
    name = stem.rpartition("/")[2]
    for folder in folders:
        for end in SOURCES:
            found = [path for path in sorted(folder.rglob(f"{name}{end}")) if not {"node_modules", "dist"}.intersection(path.parts)]
            if found:
                return found[0]
    return None


def _bundle(sources: dict[str, Path], package: Path, place: Path, tools: build.Tools) -> Iterator[str]:
    assert tools.modules is not None
    alias, modules, said = _sdk(package, place, tools.modules)
    yield said
    dist = build.staged(place, "dist")
    entries = [f"{stem}={path}" for stem, path in sorted(sources.items())]
    command = [str(tools.modules / ".bin" / "esbuild"), *entries, "--bundle", "--platform=node", "--target=node22", "--format=cjs"]
    command += [f"--outdir={dist}", "--out-extension:.js=.cjs", "--log-level=error", *alias]
    build.run(command, package, env={**os.environ, "NODE_PATH": os.pathsep.join(str(path) for path in modules)})
    yield f"node: bundled {len(sources)} handlers"


def _sdk(package: Path, place: Path, ours: Path) -> tuple[list[str], list[Path], str]:
    """Options for esbuild, folders of modules, and what is said about the SDK's origin."""
    for folder in build.above(package.resolve()):
        for found in sorted(folder.glob("packages/*/package.json")):
            index = found.parent / "src" / "index.ts"
            if index.is_file() and _manifest(found).get("name") == SDK:
                installed = [folder / "node_modules"] if (folder / "node_modules").is_dir() else []
                return [f"--alias:{SDK}={index}"], [*installed, ours], f"node: the handlers run on the SDK beside them, {index.parent}"
        if (folder / "node_modules" / SDK).is_dir():
            return [], [ours], f"node: the handlers run on the installed SDK in {folder / 'node_modules'}"
        if (folder / ".git").exists():
            break
    manifest = _manifest(package / "package.json")
    asked = {name: version for name, version in manifest.get("dependencies", {}).items() if not _local(version)}
    version = _manifest(ours / SDK / "package.json").get("version", "")
    if all((ours / name).is_dir() and (name != SDK or _fits(wanted, version)) for name, wanted in asked.items()):
        return [], [ours], f"node: the handlers run on {SDK} {version}"
    folder = place / "npm"
    folder.mkdir(exist_ok=True)
    wanted = {"private": True, "dependencies": {SDK: version, **asked}}
    (folder / "package.json").write_text(json.dumps(wanted, indent=2), encoding="utf-8")
    build.run([build.tool("npm"), "install", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"], folder)
    version = _manifest(folder / "node_modules" / SDK / "package.json").get("version", "")
    return [], [folder / "node_modules", ours], f"node: installed what package.json asks for, {SDK} {version} among it"


def _manifest(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _local(version: str) -> bool:
    """Packages of the same checkout: a workspace's or a path's."""
    return version.startswith(("workspace:", "file:", "link:", "portal:", ".", "/"))


def _fits(wanted: str, version: str) -> bool:
    """Whether `version` satisfies a plain range of npm's; ranges of several parts do not count as satisfied."""
    if wanted in ("*", "", "latest", "x"):
        return True
    found = re.fullmatch(r"(\^|~|>=)?\s*v?(\d+)\.(\d+)\.(\d+)", wanted.strip())
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if found is None or len(numbers) != 3:
        return False
    least = tuple(int(found[number]) for number in (2, 3, 4))
    if found[1] is None:
        return numbers == least
    same = {"^": 1, "~": 2, ">=": 0}[found[1]]
    return numbers >= least and numbers[:same] == least[:same]
