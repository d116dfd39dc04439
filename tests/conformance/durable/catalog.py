"""Which function answers which requirement: a table of ours (`own`), or an SDK's SAM templates (`sam.templates`).

Both become the same list of `Function`. `build.prepare` gives each its code, `register` creates them on the endpoint under names
of this run.
"""

from __future__ import annotations

import io
import re
import secrets
import sys
import sysconfig
import tomllib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/everstep-conformance"
DURABLE = {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1}
SKIPPED_FOLDERS = {"__pycache__", ".git", ".pytest_cache", ".aws-sam"}


@dataclass
class Function:
    """A function to create: `key` is what other functions' variables refer to, `package` the folder that its `uri` starts at.

    `code` is the folder that is zipped: known from the start, or made by `build.prepare`, which otherwise gives the reason in
    `skip` (the machine lacks something) or `broken` (the code cannot be built). `built` are variables that the build adds.
    """

    key: str
    handler: str
    package: Path
    uri: str = "."
    runtime: str = "python3.12"
    timeout_seconds: int = 60
    durable: dict[str, Any] | bool = True
    env: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    logical: str = ""
    image: bool = False
    inline: str = ""
    code: Path | None = None
    built: dict[str, str] = field(default_factory=dict)
    skip: str = ""
    broken: str = ""
    name: str = ""
    arn: str = ""

    @property
    def source(self) -> Path:
        """The folder that the template names as the function's code; it need not exist."""
        return (self.package / self.uri).resolve()


@dataclass
class Catalog:
    """`functions` by key, `answers` from requirement id to function key, `absent` from requirement id to a reason.

    `enabled` are the suites of a run that names none; `tables` says that some function counts in a DynamoDB table; `suites` is
    the suite of each answered requirement; `notes` are said aloud before the run.
    """

    functions: dict[str, Function] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)
    suites: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tables: bool = False

    def with_targets(self, keys: list[str]) -> list[str]:
        """`keys` and every function that their variables refer to, those first."""
        found: dict[str, None] = {}

        def visit(key: str, above: tuple[str, ...]) -> None:
            for referred in _references(self, self.functions[key]):
                if referred not in above:
                    visit(referred, (*above, referred))
            found.setdefault(key)

        for key in keys:
            visit(key, (key,))
        return list(found)


def own(table: Path) -> Catalog:
    """Reads a `functions.toml`. `[code]` says where the handlers lie (`uri`, default `handlers`) and their `runtime`."""
    content = tomllib.loads(table.read_text(encoding="utf-8"))
    shared = {"uri": "handlers", **content.get("code", {}), "package": table.parent}
    catalog = Catalog(absent=dict(content.get("absent", {})))
    for key, entry in content.get("targets", {}).items():
        catalog.functions[key] = _entry(key, entry, shared)
    for suite, cases in content["suites"].items():
        if cases.pop("enabled"):
            catalog.enabled.add(suite)
        for case, entry in cases.items():
            catalog.functions[case] = _entry(case, entry, shared)
            catalog.answers[case] = case
            catalog.suites[case] = suite
    return catalog


def _entry(key: str, entry: str | dict[str, Any], shared: dict[str, Any]) -> Function:
    fields = {"handler": entry} if isinstance(entry, str) else dict(entry)
    function = Function(key=key, **{**shared, **fields})
    if function.runtime.startswith("python"):
        function.code = function.source  # Nothing to build: the SDK is in this very environment.
    return function


@dataclass
class Registered:
    """What `register` made: key -> created name, and key -> why there is no such function."""

    names: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def register(catalog: Catalog, wanted: list[str], client: Any, variables: dict[str, str], region: str) -> Registered:
    """Creates the functions `wanted` (keys) and those that they refer to, targets first.

    `variables` are given to every function; its own ones win. A refused function fails its requirements, not the run.
    """
    run = secrets.token_hex(3)
    archives: dict[Path, bytes] = {}
    registered = Registered()

    def create(function: Function) -> None:
        if function.code is None:
            raise OSError(function.broken or function.skip or "no code")
        function.name = re.sub(r"[^a-zA-Z0-9-_]", "-", f"conf-{run}-{function.key}")[:64]
        archive = archives.get(function.code)
        if archive is None:
            archive = archives[function.code] = zipped(function.code)
        durable = DURABLE if function.durable is True else function.durable
        answer = client.create_function(
            FunctionName=function.name,
            Runtime=function.runtime,
            Role=ROLE,
            Handler=function.handler,
            Timeout=function.timeout_seconds,
            Code={"ZipFile": archive},
            Environment={"Variables": variables | function.built | _environment(catalog, function, region)},
            **{"LoggingConfig": {"LogFormat": "JSON"}, **function.extra},
            **({"DurableConfig": durable} if durable else {}),
        )
        function.arn = answer["FunctionArn"]
        registered.names[function.key] = function.name

    for key in catalog.with_targets(wanted):
        try:
            create(catalog.functions[key])
        except (ClientError, OSError) as error:
            registered.refused[key] = str(error)
    return registered


_REFERENCE = re.compile(r"\$\{([\w.:-]+?)(\.Arn)?\}")


def _references(catalog: Catalog, function: Function) -> list[str]:
    found = [match[1] for value in function.env.values() for match in _REFERENCE.finditer(value)]
    return [key for key in found if key in catalog.functions and key != function.key]


def _environment(catalog: Catalog, function: Function, region: str) -> dict[str, str]:
    def fill(match: re.Match[str]) -> str:
        known = {"AWS::Region": region, "AWS::AccountId": "000000000000", "AWS::Partition": "aws"}.get(match[1])
        if known is not None or match[1] not in catalog.functions:
            return known or match[0]
        target = catalog.functions[match[1]]
        return target.arn if match[2] else target.name

    variables = {name: _REFERENCE.sub(fill, value) for name, value in function.env.items()}
    if function.runtime.startswith("python"):
        # Lambda's Python runtimes bring boto3 and the durable SDK; here the packages of this very environment play that part.
        site = sysconfig.get_paths()["purelib"]
        path = [variables.get("PYTHONPATH"), function.built.get("PYTHONPATH"), site]
        variables["PYTHONPATH"] = ":".join(filter(None, path))
    return variables


def zipped(folder: Path) -> bytes:
    """The folder as a zip, with fixed times so that equal code has an equal digest, keeping the executable bit."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if not path.is_file() or SKIPPED_FOLDERS.intersection(inside.parts):
                continue
            entry = zipfile.ZipInfo(str(inside), date_time=(2026, 1, 1, 0, 0, 0))
            entry.external_attr = (path.stat().st_mode & 0o777) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def unregister(registered: Registered, client: Any) -> None:
    """Deletes what `register` made; a function that cannot be deleted is reported, not an error of the run."""
    for name in registered.names.values():
        try:
            client.delete_function(FunctionName=name)
        except ClientError as error:
            print(f"left behind: {name}: {error}", file=sys.stderr)
