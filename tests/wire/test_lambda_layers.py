"""Layers: as a resource, and as what a function finds of them."""

from __future__ import annotations

import io
import json
import secrets
import zipfile

import pytest
import requests
from conftest import code


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            zipped.writestr(entry, text)
    return buffer.getvalue()


@pytest.fixture
def layer(client):
    name = f"layer-{secrets.token_hex(4)}"

    def publish(files: dict[str, str], suffix: str = "", **fields) -> dict:
        return client.publish_layer_version(LayerName=name + suffix, Content={"ZipFile": archive(files)}, **fields)

    publish.name = name
    return publish


def test_versions_are_published_listed_and_deleted(client, layer):
    first = layer({"python/one.py": ""}, Description="first", CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"], LicenseInfo="MIT")
    second = layer({"python/two.py": ""}, CompatibleRuntimes=["nodejs22.x"])
    assert (first["Version"], second["Version"]) == (1, 2)
    assert first["LayerVersionArn"] == f"{first['LayerArn']}:1"
    shown = client.get_layer_version(LayerName=layer.name, VersionNumber=1)
    assert (shown["Description"], shown["LicenseInfo"], shown["CompatibleRuntimes"]) == ("first", "MIT", ["python3.12"])
    assert requests.get(shown["Content"]["Location"], timeout=10).content == archive({"python/one.py": ""})
    by_arn = client.get_layer_version_by_arn(Arn=first["LayerVersionArn"])
    assert by_arn["Content"]["CodeSha256"] == shown["Content"]["CodeSha256"]
    pages = list(client.get_paginator("list_layer_versions").paginate(LayerName=first["LayerArn"], PaginationConfig={"PageSize": 1}))
    assert [version["Version"] for page in pages for version in page["LayerVersions"]] == [2, 1]
    assert [one["Version"] for one in client.list_layer_versions(LayerName=layer.name, CompatibleRuntime="python3.12")["LayerVersions"]] == [1]
    client.delete_layer_version(LayerName=layer.name, VersionNumber=2)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_layer_version(LayerName=layer.name, VersionNumber=2)
    assert layer({"a": ""})["Version"] == 3, "numbers are never used twice"


def test_layers_are_listed_in_pages(client, layer):
    for suffix in ("a", "b", "c"):
        layer({"x": ""}, suffix)
    seen = [one for page in client.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 2}) for one in page["Layers"]]
    mine = [one["LayerName"] for one in seen if one["LayerName"].startswith(layer.name)]
    assert mine == [layer.name + suffix for suffix in ("a", "b", "c")]
    assert all(one["LatestMatchingVersion"]["Version"] for one in seen)


def test_function_finds_its_layers_in_order(client, create, layer):
    below = layer({"python/below.py": "WHO = 'below'", "python/both.py": "WHO = 'below'", "bin/tool": "#!/bin/sh\necho tool", "lib/x.so": ""}, "-below")
    above = layer({"python/lib/python3.11/site-packages/above.py": "WHO = 'above'", "python/both.py": "WHO = 'above'"}, "-above")
    name = create("layered.found", Layers=[below["LayerVersionArn"], above["LayerVersionArn"]])
    shown = client.get_function_configuration(FunctionName=name)["Layers"]
    assert [one["Arn"] for one in shown] == [below["LayerVersionArn"], above["LayerVersionArn"]]
    assert shown[0]["CodeSize"] == below["Content"]["CodeSize"]
    found = json.load(client.invoke(FunctionName=name)["Payload"])
    assert found == {"below": "below", "above": "above", "both": "above", "tool": "tool\n", "lib": True}
    client.delete_layer_version(LayerName=below["LayerArn"], VersionNumber=1)
    client.update_function_configuration(FunctionName=name, Timeout=9)
    assert json.load(client.invoke(FunctionName=name)["Payload"]) == found, "a deleted layer goes on where it is used"
    client.update_function_configuration(FunctionName=name, Layers=[])
    assert "Layers" not in client.get_function_configuration(FunctionName=name)
    assert client.invoke(FunctionName=name)["FunctionError"] == "Unhandled"


def test_node_finds_modules_of_a_layer(client, create, layer):
    made = layer({"nodejs/node_modules/said/index.js": "module.exports = 'by the layer'", "nodejs/node_modules/said/package.json": '{"main":"index.js"}'})
    name = create("plain.echo", Layers=[made["LayerVersionArn"]])
    source = archive({"index.js": "exports.handler = async () => require('said')"})
    client.update_function_code(FunctionName=name, ZipFile=source)
    client.update_function_configuration(FunctionName=name, Runtime="nodejs22.x", Handler="index.handler")
    assert json.load(client.invoke(FunctionName=name)["Payload"]) == "by the layer"


@pytest.mark.parametrize("arns", [["arn:aws:lambda:us-east-1:000000000000:layer:nobody:1"], ["nonsense"], ["same", "same"], ["x"] * 6])
def test_layers_that_cannot_be_are_refused(client, create, layer, arns):
    name = create("plain.echo")
    if arns[0] == "same":
        arns = [layer({"x": ""})["LayerVersionArn"]] * 2
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.update_function_configuration(FunctionName=name, Layers=arns)


def test_content_that_is_no_archive_is_refused(client):
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.publish_layer_version(LayerName="none", Content={"ZipFile": b"no zip"})
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.list_layer_versions(LayerName="none")


def test_permissions_of_a_layer_are_kept_and_shown(client, layer):
    layer({"x": code().hex()[:10]})
    where = {"LayerName": layer.name, "VersionNumber": 1}
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_layer_version_policy(**where)
    said = client.add_layer_version_permission(StatementId="all", Action="lambda:GetLayerVersion", Principal="*", **where)
    policy = client.get_layer_version_policy(**where)
    assert policy["RevisionId"] == said["RevisionId"]
    assert json.loads(policy["Policy"])["Statement"] == [json.loads(said["Statement"])]
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.add_layer_version_permission(StatementId="all", Action="lambda:GetLayerVersion", Principal="*", **where)
    client.remove_layer_version_permission(StatementId="all", **where)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_layer_version_policy(**where)
