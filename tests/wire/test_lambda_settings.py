"""What is said of functions beside their code: configuration, versions, aliases, tags, concurrency, permissions, addresses."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile

import pytest
import requests
from botocore.exceptions import ClientError
from conftest import ROLE, code

ROLE_TWO = "arn:aws:iam::000000000000:role/two"


def refused(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name.replace("__", "/") + ".py", text)
    return buffer.getvalue()


FIELDS = {
    "Description": "all of it",
    "Timeout": 11,
    "MemorySize": 512,
    "Handler": "plain.version_two",
    "Role": ROLE_TWO,
    "Runtime": "python3.11",
    "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "Ipv6AllowedForDualStack": False},
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"},
    "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/1",
    "TracingConfig": {"Mode": "Active"},
    "FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-1", "LocalMountPath": "/mnt/a"}],
    "EphemeralStorage": {"Size": 1024},
    "SnapStart": {"ApplyOn": "PublishedVersions"},
    "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "DEBUG", "LogGroup": "/mine"},
}


def test_every_field_of_the_configuration_is_kept_and_shown(client, create):
    name = create("plain.echo")
    answer = client.update_function_configuration(FunctionName=name, **FIELDS)
    for shown in (answer, client.get_function_configuration(FunctionName=name)):
        for field, value in FIELDS.items():
            found = shown[field]
            if isinstance(value, dict):
                found = {key: found[key] for key in value}
            assert found == value, field
    client.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": ""}, KMSKeyArn="")
    shown = client.get_function_configuration(FunctionName=name)
    assert "DeadLetterConfig" not in shown and "KMSKeyArn" not in shown
    assert shown["EphemeralStorage"] == {"Size": 1024}, "what is not said stays"


def test_defaults_of_the_configuration_are_shown(client, create):
    shown = client.get_function_configuration(FunctionName=create("plain.echo"))
    assert shown["TracingConfig"] == {"Mode": "PassThrough"}
    assert shown["EphemeralStorage"] == {"Size": 512}
    assert shown["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert shown["LoggingConfig"]["LogFormat"] == "Text"
    assert shown["PackageType"] == "Zip" and shown["Architectures"] == ["x86_64"]


@pytest.mark.parametrize(
    "fields",
    [
        {"EphemeralStorage": {"Size": 40000}},
        {"TracingConfig": {"Mode": "Sometimes"}},
        {"ImageConfig": {"Command": ["x"]}},
        {"LoggingConfig": {"LogFormat": "XML"}},
        {"SnapStart": {"ApplyOn": "Always"}},
        {"Timeout": 5401},
    ],
)
def test_configuration_that_cannot_be_is_refused(client, create, fields):
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.update_function_configuration(FunctionName=create("plain.echo"), **fields)


def test_changes_are_conditional_on_the_revision(client, create):
    name = create("plain.echo")
    first = client.get_function_configuration(FunctionName=name)["RevisionId"]
    client.update_function_configuration(FunctionName=name, Timeout=5, RevisionId=first)
    for change in (
        lambda: client.update_function_configuration(FunctionName=name, Timeout=6, RevisionId=first),
        lambda: client.update_function_code(FunctionName=name, ZipFile=code(), RevisionId=first),
        lambda: client.publish_version(FunctionName=name, RevisionId=first),
    ):
        with pytest.raises(client.exceptions.PreconditionFailedException) as caught:
            change()
        assert refused(caught)[1] == 412
    assert client.get_function_configuration(FunctionName=name)["Timeout"] == 5


def test_code_is_checked_without_being_taken_and_published_at_once(client, create):
    name = create("plain.echo")
    before = client.get_function_configuration(FunctionName=name)
    other = archive(plain="def echo(event, _):\n    return 'other'\n")
    dry = client.update_function_code(FunctionName=name, ZipFile=other, DryRun=True)
    assert dry["CodeSha256"] != before["CodeSha256"]
    assert client.get_function_configuration(FunctionName=name)["CodeSha256"] == before["CodeSha256"]
    published = client.update_function_code(FunctionName=name, ZipFile=other, Publish=True)
    assert published["Version"] == "1" and published["FunctionArn"].endswith(f"{name}:1")
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.publish_version(FunctionName=name, CodeSha256=before["CodeSha256"])


def test_the_code_can_be_downloaded(client, create):
    function = client.get_function(FunctionName=create("plain.echo", Tags={"team": "one"}))
    assert requests.get(function["Code"]["Location"], timeout=10).content == code()
    assert function["Tags"] == {"team": "one"}


def test_code_that_is_not_stored_is_refused(client, create):
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        client.update_function_code(FunctionName=create("plain.echo"), S3Bucket="deployments", S3Key="none.zip")
    assert "NoSuchKey" in str(caught.value)


def test_waiters_end(client, create):
    name = create("plain.echo")
    client.publish_version(FunctionName=name)
    for waiter in ("function_exists", "function_active", "function_active_v2", "function_updated", "function_updated_v2"):
        client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1", WaiterConfig={"Delay": 1, "MaxAttempts": 2})


def test_versions_are_listed_in_pages_and_in_the_list_of_functions(client, create):
    name = create("plain.echo")
    for seconds in (5, 6, 7):
        client.update_function_configuration(FunctionName=name, Timeout=seconds)
        client.publish_version(FunctionName=name, Description=f"after {seconds}")
    pages = list(client.get_paginator("list_versions_by_function").paginate(FunctionName=name, PaginationConfig={"PageSize": 2}))
    versions = [version for page in pages for version in page["Versions"]]
    assert len(pages) == 2
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2", "3"]
    assert [version["Description"] for version in versions[1:]] == ["after 5", "after 6", "after 7"]
    every = [
        (function["FunctionName"], function["Version"])
        for page in client.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 3})
        for function in page["Functions"]
    ]
    assert [version for function, version in every if function == name] == ["$LATEST", "1", "2", "3"]
    assert len(every) == len(set(every))


def test_unchanged_function_is_not_published_again(client, create):
    name = create("plain.echo")
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    client.update_function_code(FunctionName=name, ZipFile=code())
    assert client.publish_version(FunctionName=name)["Version"] == "1"


def two_versions(client, create, **fields) -> str:
    name = create("plain.version_one", **fields)
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Handler="plain.version_two")
    client.publish_version(FunctionName=name)
    return name


def test_alias_sends_each_version_its_share(client, create):
    name = two_versions(client, create)
    weights = {"AdditionalVersionWeights": {"2": 0.4}}
    made = client.create_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig=weights)
    assert made["RoutingConfig"] == weights
    answers = [client.invoke(FunctionName=name, Qualifier="live") for _ in range(60)]
    seen = {(answer["ExecutedVersion"], json.load(answer["Payload"])) for answer in answers}
    # All sixty on one side: once in 10^13 runs.
    assert seen == {("1", "one"), ("2", "two")}
    client.update_alias(FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
    assert {client.invoke(FunctionName=name, Qualifier="live")["ExecutedVersion"] for _ in range(5)} == {"2"}
    after = client.update_alias(FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in after
    assert {client.invoke(FunctionName=name, Qualifier="live")["ExecutedVersion"] for _ in range(5)} == {"1"}


@pytest.mark.parametrize(
    "version, weights",
    [("1", {"2": 1.5}), ("1", {"1": 0.5}), ("1", {"$LATEST": 0.5}), ("$LATEST", {"1": 0.5})],
)
def test_shares_that_cannot_be_are_refused(client, create, version, weights):
    name = two_versions(client, create)
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.create_alias(FunctionName=name, Name="live", FunctionVersion=version, RoutingConfig={"AdditionalVersionWeights": weights})


def test_version_that_an_alias_names_is_not_deleted(client, create):
    name = two_versions(client, create)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    for version in ("1", "2"):
        with pytest.raises(client.exceptions.ResourceConflictException) as caught:
            client.delete_function(FunctionName=name, Qualifier=version)
        assert "live" in str(caught.value)
    client.delete_alias(FunctionName=name, Name="live")
    client.delete_function(FunctionName=name, Qualifier="1")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name, Qualifier="1")


def test_named_execution_through_a_weighted_alias_is_found_again(client, create, executions):
    name = create("durable.greeting", durable={"ExecutionTimeout": 60})
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Description="second")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    versions = set()
    for number in range(12):
        arns = {executions.start(name, {}, Qualifier="live", DurableExecutionName=f"n{number}") for _ in range(4)}
        assert len(arns) == 1
        versions.add(arns.pop().split("/")[0].rsplit(":", 1)[1])
    assert versions == {"1", "2"}


def test_tags_are_changed(client, create):
    name = create("plain.echo", Tags={"team": "one", "stage": "test"})
    arn = client.get_function_configuration(FunctionName=name)["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"team": "two", "cost": "3"})
    client.untag_resource(Resource=arn, TagKeys=["stage", "nothing"])
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "two", "cost": "3"}
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.tag_resource(Resource=arn, Tags={f"k{n}": "v" for n in range(50)})
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.list_tags(Resource=arn + "x")


def test_reserved_concurrency_is_enforced(client, create, executions):
    name = create("plain.sleeps", Timeout=30)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 1
    assert client.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    client.update_function_configuration(FunctionName=name, Handler="plain.naps")
    client.invoke(FunctionName=name, Payload=b"0")
    first = threading.Thread(target=client.invoke, kwargs={"FunctionName": name, "Payload": b"2"})
    first.start()
    time.sleep(0.5)
    caught = executions.until(lambda: throttled(client, name))
    assert caught["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    first.join()
    assert json.load(client.invoke(FunctionName=name, Payload=b"0")["Payload"]) == "rested"
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert throttled(client, name)
    client.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)
    assert json.load(client.invoke(FunctionName=name, Payload=b"0")["Payload"]) == "rested"


def throttled(client, name):
    try:
        client.invoke(FunctionName=name, Payload=b"0")
    except client.exceptions.TooManyRequestsException as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert error.response["ResponseMetadata"]["HTTPHeaders"]["x-everstep-error"] == "E0150"
        return error.response


def test_durable_executions_wait_for_reserved_concurrency(client, create, executions):
    name = create("durable.greeting", durable={"ExecutionTimeout": 60})
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    arn = executions.start(name, {})
    time.sleep(0.5)
    assert executions.describe(arn)["Status"] == "RUNNING"
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert executions.finished(arn)["Status"] == "SUCCEEDED"


def test_provisioned_concurrency_is_kept_and_shown(client, create):
    name = two_versions(client, create)
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="$LATEST", ProvisionedConcurrentExecutions=1)
    with pytest.raises(client.exceptions.ProvisionedConcurrencyConfigNotFoundException):
        client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=3)
    shown = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    assert (shown["RequestedProvisionedConcurrentExecutions"], shown["Status"]) == (3, "READY")
    listed = client.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    assert [one["FunctionArn"].rsplit(":", 1)[1] for one in listed] == ["1"]
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    assert client.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"] == []


def test_permissions_are_kept_and_shown(client, create):
    name = create("plain.echo")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=name)
    said = client.add_permission(
        FunctionName=name,
        StatementId="bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::b",
        SourceAccount="000000000000",
    )
    policy = client.get_policy(FunctionName=name)
    [statement] = json.loads(policy["Policy"])["Statement"]
    assert statement == json.loads(said["Statement"])
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceAccount": "000000000000"}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}
    more = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "123456789012"}
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.add_permission(StatementId="bucket", **more)
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.add_permission(StatementId="account", RevisionId="old", **more)
    client.add_permission(StatementId="account", RevisionId=policy["RevisionId"], **more)
    client.remove_permission(FunctionName=name, StatementId="bucket")
    [statement] = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.remove_permission(FunctionName=name, StatementId="bucket")


def test_event_invoke_config_is_kept_and_shown(client, create):
    name = two_versions(client, create)
    other = client.get_function_configuration(FunctionName=name)["FunctionArn"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function_event_invoke_config(FunctionName=name)
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=3)
    client.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnSuccess": {"Destination": other}, "OnFailure": {}}
    )
    client.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=90)
    shown = client.get_function_event_invoke_config(FunctionName=name)
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (0, 90)
    assert shown["DestinationConfig"] == {"OnSuccess": {"Destination": other}, "OnFailure": {}}
    assert shown["FunctionArn"] == f"{other}:$LATEST"
    client.put_function_event_invoke_config(FunctionName=name, Qualifier="1", MaximumRetryAttempts=1)
    listed = client.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    assert [one["FunctionArn"].rsplit(":", 1)[1] for one in listed] == ["$LATEST", "1"]
    client.delete_function_event_invoke_config(FunctionName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function_event_invoke_config(FunctionName=name)


def test_account_settings_count_functions(client, create):
    before = client.get_account_settings()
    client.put_function_concurrency(FunctionName=create("plain.echo"), ReservedConcurrentExecutions=5)
    after = client.get_account_settings()
    assert after["AccountUsage"]["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
    assert after["AccountUsage"]["TotalCodeSize"] > before["AccountUsage"]["TotalCodeSize"]
    unreserved = [shown["AccountLimit"]["UnreservedConcurrentExecutions"] for shown in (before, after)]
    assert unreserved[0] - unreserved[1] == 5


def test_small_settings_that_tools_ask_for(client, create):
    name = create("plain.echo")
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"
    assert client.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"
    client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="FunctionUpdate")
    assert client.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "FunctionUpdate"
    assert client.get_function_code_signing_config(FunctionName=name)["FunctionName"] == name
    assert client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"] == []
    answer = client.create_function(
        FunctionName=f"{name}-x", Runtime="python3.12", Role=ROLE, Handler="plain.echo", Code={"ZipFile": code()}, Publish=True, Description="d"
    )
    assert (answer["Version"], answer["Description"]) == ("1", "d")
    client.delete_function(FunctionName=f"{name}-x")
