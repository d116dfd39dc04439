"""An SDK's own conformance package: `template_<suite>.yaml` files (SAM) as a `Catalog`.

Understood: Globals, Parameters with their defaults, Mappings, `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join`, `Fn::Select`,
`Fn::Split`, `Fn::FindInMap` in both spellings. What Everstep has no use for (layers, roles, policies, architectures) is left out;
what could change a result is said aloud.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from catalog import Catalog, Function

FUNCTIONS = {"AWS::Serverless::Function", "AWS::Lambda::Function"}
TABLES = {"AWS::DynamoDB::Table", "AWS::Serverless::SimpleTable"}
TAKEN = ("TenancyConfig", "LoggingConfig", "MemorySize")
ALOUD = ("Layers", "VpcConfig", "FileSystemConfigs", "Events", "EventInvokeConfig")
DEFAULT_TIMEOUT_SECONDS = 60


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: `!Sub x` becomes `{"Fn::Sub": x}`, `!Ref x` `{"Ref": x}`."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Template.add_multi_constructor("!", _tag)


class Unreadable(Exception):
    """A template, or a value in one, that this reader does not understand."""


def templates(folder: Path, parameters: dict[str, str] | None = None) -> Catalog:
    """Reads every `template_<suite>.yaml` (or `.yml`) in `folder`; a single `template.yaml` is read when there is no other.

    `parameters` replace the templates' defaults. A template that cannot be read is noted aloud and its suite left empty.
    """
    found = sorted([*folder.glob("template_*.yaml"), *folder.glob("template_*.yml")])
    found = found or [path for path in (folder / "template.yaml", folder / "template.yml") if path.is_file()]
    if not found:
        raise FileNotFoundError(f"{folder}: no template_<suite>.yaml and no template.yaml")
    catalog = Catalog()
    for path in found:
        suite = path.stem.removeprefix("template").removeprefix("_")
        if suite:
            catalog.enabled.add(suite)
        try:
            document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Template)  # noqa: S506 (a SafeLoader)
            _Reader(catalog, suite, folder, document, parameters or {}).read()
        except (yaml.YAMLError, Unreadable, AttributeError, TypeError) as error:
            catalog.notes.append(f"{path.name} cannot be read: {error}")
    return catalog


class _Reader:
    """One template."""

    def __init__(self, catalog: Catalog, suite: str, folder: Path, document: dict[str, Any], parameters: dict[str, str]) -> None:
        if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
            raise Unreadable("there are no Resources in it")
        self.catalog = catalog
        self.suite = suite
        self.folder = folder
        self.document = document
        self.resources: dict[str, Any] = document["Resources"]
        self.globals = (document.get("Globals") or {}).get("Function") or {}
        declared = document.get("Parameters") or {}
        self.values = {name: str(parameters.get(name, (entry or {}).get("Default", ""))) for name, entry in declared.items()}

    def read(self) -> None:
        self._gaps(self.document.get("TestingMetadata"))
        for logical, resource in self.resources.items():
            if not isinstance(resource, dict):
                continue
            kind = resource.get("Type")
            self.catalog.tables |= kind in TABLES
            self._gaps(resource.get("TestingMetadata"))
            if kind in FUNCTIONS:
                self._function(logical, resource)

    def _gaps(self, metadata: Any) -> None:
        for gap in (metadata or {}).get("NotImplemented") or []:
            self.catalog.absent.setdefault(str(gap["id"]), f"not implemented by the SDK: {gap.get('reason', '')}")

    def _function(self, logical: str, resource: dict[str, Any]) -> None:
        own = resource.get("Properties") or {}
        properties = {**self.globals, **own}
        variables = {**_variables(self.globals), **_variables(own)}
        key = self.key(logical)
        self._aloud(logical, properties)
        uri = self.plain(properties.get("CodeUri", "."))
        function = Function(
            key=key,
            handler=str(self.plain(properties.get("Handler", "bootstrap"))),
            package=self.folder,
            uri=uri if isinstance(uri, str) else ".",
            runtime=str(self.plain(properties.get("Runtime", "provided.al2023"))),
            timeout_seconds=int(self.plain(properties.get("Timeout", DEFAULT_TIMEOUT_SECONDS))),
            durable=self.plain(properties["DurableConfig"]) if properties.get("DurableConfig") else False,
            extra={name: self.plain(properties[name]) for name in TAKEN if name in properties},
            logical=logical,
            image=properties.get("PackageType") == "Image",
            inline=str(properties.get("InlineCode", "")),
        )
        function.durable = _numbers(function.durable)
        function.extra = _numbers(function.extra)
        if not isinstance(uri, str):
            function.skip = "its code lies in a bucket"
        try:
            function.env = {name: self.text(value) for name, value in variables.items()}
        except Unreadable as error:
            function.broken = f"{logical}: {error}"
        self.catalog.functions[key] = function
        for case in (resource.get("TestingMetadata") or {}).get("TestDescription") or []:
            self.catalog.answers[str(case)] = key
            self.catalog.suites[str(case)] = self.suite

    def _aloud(self, logical: str, properties: dict[str, Any]) -> None:
        for name in ALOUD:
            if properties.get(name):
                self.catalog.notes.append(f"{self.suite or 'template'}: {name} of {logical} is ignored")

    def key(self, logical: str) -> str:
        return f"{self.suite}.{logical}" if self.suite else logical

    def plain(self, value: Any) -> Any:
        """A value without references to functions: parameters filled in, intrinsics worked out."""
        if isinstance(value, list):
            return [self.plain(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            return self.text(value)
        return {name: self.plain(entry) for name, entry in value.items()}

    def text(self, value: Any) -> str:
        """A value as text; functions stay references: `${key}` for the name, `${key.Arn}` for the ARN."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, dict):
            return "" if value is None else str(value)
        if len(value) != 1:
            raise Unreadable(f"{value} is not a text")
        ((kind, argument),) = value.items()
        if kind == "Ref":
            return self._named(str(argument), "")
        if kind == "Fn::GetAtt":
            name, _, attribute = (argument if isinstance(argument, str) else ".".join(argument)).partition(".")
            return self._named(name, f".{attribute}")
        if kind == "Fn::Sub":
            return self._substituted(argument)
        if kind == "Fn::Join":
            separator, parts = argument
            return str(separator).join(self.text(part) for part in self._list(parts))
        if kind == "Fn::Select":
            number, parts = argument
            return self.text(self._list(parts)[int(self.text(number))])
        if kind == "Fn::FindInMap":
            first, second, third = (self.text(part) for part in argument)
            return self.text(self.document["Mappings"][first][second][third])
        raise Unreadable(f"{kind} is not understood")

    def _list(self, value: Any) -> list[Any]:
        if isinstance(value, dict) and "Fn::Split" in value:
            separator, text = value["Fn::Split"]
            return list(self.text(text).split(separator))
        if not isinstance(value, list):
            raise Unreadable(f"{value} is not a list")
        return value

    def _substituted(self, argument: Any) -> str:
        pattern, local = (argument, {}) if isinstance(argument, str) else argument

        def fill(found: re.Match[str]) -> str:
            if found[1].startswith("!"):
                return "${" + found[1][1:] + "}"
            if found[1] in local:
                return self.text(local[found[1]])
            name, _, attribute = found[1].partition(".")
            return self._named(name, f".{attribute}" if attribute else "")

        return re.sub(r"\$\{([^}]+)\}", fill, pattern)

    def _named(self, name: str, attribute: str) -> str:
        if name.startswith("AWS::"):
            return "${" + name + "}"
        if name in self.values:
            return self.values[name]
        resource = self.resources.get(name)
        if resource is None:
            raise Unreadable(f"{name} is not declared in the template")
        if resource.get("Type") in FUNCTIONS:
            return "${" + self.key(name) + attribute + "}"
        return name


def _variables(properties: dict[str, Any]) -> dict[str, Any]:
    return (properties.get("Environment") or {}).get("Variables") or {}


def _numbers(value: Any) -> Any:
    """Numbers that a parameter gave as text are numbers again."""
    if isinstance(value, dict):
        return {name: _numbers(entry) for name, entry in value.items()}
    return int(value) if isinstance(value, str) and value.isdigit() else value
