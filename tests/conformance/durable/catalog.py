"""Which function answers which requirement: our own table, or an SDK's SAM templates.

Both become the same list of `Function`, which `register` creates on the endpoint under names of this run.
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

import yaml
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/everstep-conformance"
DURABLE = {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1}
FUNCTION = "AWS::Serverless::Function"
SKIPPED_FOLDERS = {"__pycache__", ".git", ".pytest_cache"}


@dataclass
class Function:
    """A function to create: `key` is what other functions' variables refer to, `code` the folder that is zipped."""

    key: str
    handler: str
    code: Path
    runtime: str = "python3.12"
    timeout_seconds: int = 60
    durable: bool = True
    env: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    arn: str = ""


@dataclass
class Catalog:
    """`functions` by key, `answers` from requirement id to function key, `absent` from requirement id to a reason.

    `enabled` are the suites of a run that names none; `tables` says that some function counts in a DynamoDB table.
    """

    functions: dict[str, Function] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)
    tables: bool = False


def own(table: Path) -> Catalog:
    """Reads `functions.toml`; its folder `handlers` is the code of every function."""
    content = tomllib.loads(table.read_text(encoding="utf-8"))
    code = table.parent / "handlers"
    catalog = Catalog()
    for key, entry in content.get("targets", {}).items():
        catalog.functions[key] = _entry(key, entry, code)
    for suite, cases in content["suites"].items():
        if cases.pop("enabled"):
            catalog.enabled.add(suite)
        for case, entry in cases.items():
            catalog.functions[case] = _entry(case, entry, code)
            catalog.answers[case] = case
    return catalog


def _entry(key: str, entry: str | dict[str, Any], code: Path) -> Function:
    fields = {"handler": entry} if isinstance(entry, str) else dict(entry)
    return Function(key=key, code=code, **fields)


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: `!Sub x` becomes `{"Fn::Sub": x}`, `!Ref x` `{"Ref": x}`."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Template.add_multi_constructor("!", _tag)


def templates(folder: Path) -> Catalog:
    """Reads every `template_<suite>.yaml` of an SDK's own conformance package; its code must have been built already."""
    catalog = Catalog()
    for path in sorted(folder.glob("template_*.yaml")):
        suite = path.stem.removeprefix("template_")
        catalog.enabled.add(suite)
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Template)  # noqa: S506 (a SafeLoader)
        shared = document.get("Globals", {}).get("Function", {})
        resources = document.get("Resources", {})
        parameters = {name: str(entry.get("Default", "")) for name, entry in document.get("Parameters", {}).items()}
        parameters |= {name: name for name, resource in resources.items() if resource.get("Type") != FUNCTION}
        catalog.tables |= any(resource.get("Type") == "AWS::DynamoDB::Table" for resource in resources.values())
        for logical, resource in resources.items():
            _resource(catalog, suite, logical, resource, shared, parameters, folder)
    return catalog


def _resource(
    catalog: Catalog, suite: str, logical: str, resource: dict[str, Any], shared: dict[str, Any], parameters: dict[str, str], folder: Path
) -> None:
    metadata = resource.get("TestingMetadata") or {}
    for gap in metadata.get("NotImplemented") or []:
        catalog.absent[str(gap["id"])] = f"not implemented by the SDK: {gap.get('reason', '')}"
    if resource.get("Type") != FUNCTION:
        return
    properties = {**shared, **resource.get("Properties", {})}
    variables = {
        **shared.get("Environment", {}).get("Variables", {}),
        **resource.get("Properties", {}).get("Environment", {}).get("Variables", {}),
    }
    key = f"{suite}.{logical}"
    extra = {name: properties[name] for name in ("TenancyConfig", "LoggingConfig", "MemorySize") if name in properties}
    catalog.functions[key] = Function(
        key=key,
        handler=properties.get("Handler", "bootstrap"),
        code=_code(folder, str(properties.get("CodeUri", "."))),
        runtime=properties.get("Runtime", "provided.al2023"),
        timeout_seconds=int(properties.get("Timeout", 60)),
        durable="DurableConfig" in properties,
        env={name: _value(value, suite, parameters) for name, value in variables.items()},
        extra=extra,
    )
    for case in metadata.get("TestDescription") or []:
        catalog.answers[str(case)] = key


def _code(folder: Path, uri: str) -> Path:
    """The built code; a package of an interpreted language that was not built is run from its sources."""
    for candidate in (folder / uri, folder / "handlers", folder / "src"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{folder / uri}: the package's code is not built")


def _value(value: Any, suite: str, parameters: dict[str, str]) -> str:
    """A variable's value with references to functions turned into `${key}` (name) and `${key.Arn}`, parameters filled in."""
    if not isinstance(value, dict):
        return str(value)
    ((kind, argument),) = value.items()
    if kind == "Ref":
        text = "${" + str(argument) + "}"
    elif kind == "Fn::GetAtt":
        text = "${" + (argument if isinstance(argument, str) else ".".join(argument)) + "}"
    elif kind == "Fn::Sub":
        text = str(argument if isinstance(argument, str) else argument[0])
    else:
        raise ValueError(f"{kind} is not understood in a function's variables")

    def qualify(found: re.Match[str]) -> str:
        return parameters[found[1]] if found[1] in parameters else "${" + suite + "." + found[1] + (found[2] or "") + "}"

    return re.sub(r"\$\{(?!AWS::)(\w+)(\.\w+)?\}", qualify, text)


@dataclass
class Registered:
    """What `register` made: key -> created name, and key -> why the endpoint refused to create it."""

    names: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def register(catalog: Catalog, wanted: list[str], client: Any, variables: dict[str, str], region: str) -> Registered:
    """Creates the functions `wanted` (keys) and those they refer to, targets first.

    `variables` are given to every function; its own ones win. A refused function fails its requirements, not the run.
    """
    run = secrets.token_hex(3)
    archives: dict[Path, bytes] = {}
    registered = Registered()

    def create(key: str) -> None:
        function = catalog.functions[key]
        function.name = re.sub(r"[^a-zA-Z0-9-_]", "-", f"conf-{run}-{key}")[:64]
        for referred in _references(catalog, function):
            ensure(referred)
        archive = archives.setdefault(function.code, zipped(function.code))
        answer = client.create_function(
            FunctionName=function.name,
            Runtime=function.runtime,
            Role=ROLE,
            Handler=function.handler,
            Timeout=function.timeout_seconds,
            Code={"ZipFile": archive},
            Environment={"Variables": variables | _environment(catalog, function, region)},
            **{"LoggingConfig": {"LogFormat": "JSON"}, **function.extra},
            **({"DurableConfig": DURABLE} if function.durable else {}),
        )
        function.arn = answer["FunctionArn"]
        registered.names[key] = function.name

    def ensure(key: str) -> None:
        if key in registered.names or key in registered.refused:
            return
        try:
            create(key)
        except (ClientError, OSError) as error:
            registered.refused[key] = str(error)

    for key in wanted:
        ensure(key)
    return registered


_REFERENCE = re.compile(r"\$\{([\w.:-]+?)(\.Arn)?\}")


def _references(catalog: Catalog, function: Function) -> list[str]:
    found = [match[1] for value in function.env.values() for match in _REFERENCE.finditer(value)]
    return [key for key in found if key in catalog.functions and key != function.key]


def _environment(catalog: Catalog, function: Function, region: str) -> dict[str, str]:
    def fill(match: re.Match[str]) -> str:
        known = {"AWS::Region": region}.get(match[1])
        if known is not None or match[1] not in catalog.functions:
            return known or match[0]
        target = catalog.functions[match[1]]
        return target.arn if match[2] else target.name

    variables = {name: _REFERENCE.sub(fill, value) for name, value in function.env.items()}
    if function.runtime.startswith("python"):
        # Lambda's Python runtimes bring boto3 and the durable SDK; here the packages of this very environment play that part.
        site = sysconfig.get_paths()["purelib"]
        variables["PYTHONPATH"] = ":".join(filter(None, [variables.get("PYTHONPATH"), site]))
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
