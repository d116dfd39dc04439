"""Java handlers: the package's jar, built by Maven when it is not there, under AWS's runtime interface client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import build
from catalog import Function

CLIENT = ("com.amazonaws", "aws-lambda-java-runtime-interface-client", "2.9.0")
MAIN = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
MODEL = "{http://maven.apache.org/POM/4.0.0}"
# As Lambda starts its own Java runtimes, and small: many functions are warm at the same time.
OPTIONS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx384m"]
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>client</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version>
  </dependency></dependencies>
</project>
"""


def prepare(functions: list[Function], place: Path, _tools: build.Tools) -> Iterator[str]:
    """One class path for all functions of the package."""
    java = build.tool("java")
    package = functions[0].package.resolve()
    jars, said = _jars(functions[0], package)
    yield from said
    client = _client(place)
    path = ":".join(str(jar) for jar in [*jars, *client])
    for function in functions:
        function.runtime = "provided.al2023"
        function.code = build.staged(place, f"start-{function.key}")
        build.bootstrap(function.code, [java, *OPTIONS, "-cp", path, MAIN])


def _jars(function: Function, package: Path) -> tuple[list[Path], list[str]]:
    if function.source.is_file():
        return [function.source], []
    built = package / ".aws-sam" / "build" / function.logical
    if (built / "lib").is_dir():
        return [built, *sorted((built / "lib").glob("*.jar"))], []
    found = _shaded(package)
    if found:
        return found, []
    if not (package / "pom.xml").is_file():
        raise build.Broken(f"{package} holds neither a jar nor a pom.xml")
    maven = build.tool("mvn")
    top = _top(package)
    _maven(maven, ["-Dmaven.test.skip=true", "-pl", str(package.relative_to(top)) or ".", "-am", "package"], top)
    found = _shaded(package)
    if not found:
        raise build.Broken(f"Maven left no jar in {package / 'target'}")
    return found, [f"java: built {found[0].name}"]


def _shaded(package: Path) -> list[Path]:
    """The largest jar of `target`: a shaded one holds everything, beside it lies the plain one."""
    jars = [jar for jar in (package / "target").glob("*.jar") if not jar.name.startswith("original-")]
    jars = [jar for jar in jars if not jar.stem.endswith(("-sources", "-javadoc", "-tests"))]
    return sorted(jars, key=lambda jar: -jar.stat().st_size)[:1]


def _top(package: Path) -> Path:
    """The outermost folder whose pom.xml names the one below it among its modules."""
    top = package
    while (top.parent / "pom.xml").is_file():
        modules = ElementTree.parse(top.parent / "pom.xml").iter(f"{MODEL}module")
        if top.name not in {(module.text or "").strip() for module in modules}:
            break
        top = top.parent
    return top


def _client(place: Path) -> list[Path]:
    folder = place / "client"
    if not any(folder.glob("*.jar")):
        pom = build.staged(place, "pom") / "pom.xml"
        pom.write_text(POM.format(*CLIENT), encoding="utf-8")
        _maven(build.tool("mvn"), ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"], pom.parent)
    return sorted(folder.glob("*.jar"))


def _maven(maven: str, words: list[str], folder: Path) -> None:
    try:
        build.run([maven, "-B", "-q", *words], folder, dict(os.environ))
    except build.Broken as error:
        if any(sign in str(error) for sign in ("Could not transfer", "Unknown host", "could not be resolved", "Could not resolve")):
            raise build.Missing("Maven cannot reach a repository that has what the package needs") from error
        raise
