"""State machines through Step Functions' API: made, shown, changed, listed, tagged, deleted."""

from __future__ import annotations

import json
import secrets
import time

import pytest
from conftest import ROLE

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
OTHER = {**PASS, "Comment": "other"}
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:machines:*"


def name() -> str:
    return f"wire-{secrets.token_hex(4)}"


def test_a_machine_is_shown_as_it_was_made(states, machine):
    text = json.dumps(PASS, indent=3)
    made = states.create_state_machine(name=(called := name()), definition=text, roleArn=ROLE)
    assert made["stateMachineArn"] == f"arn:aws:states:us-east-1:000000000000:stateMachine:{called}"
    shown = states.describe_state_machine(stateMachineArn=made["stateMachineArn"])
    assert abs(shown["creationDate"].timestamp() - time.time()) < 60
    assert shown["creationDate"] == made["creationDate"]
    for key in ("ResponseMetadata", "creationDate"):
        del shown[key]
    assert shown == {
        "stateMachineArn": made["stateMachineArn"],
        "name": called,
        "status": "ACTIVE",
        "definition": text,
        "roleArn": ROLE,
        "type": "STANDARD",
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
    }
    bare = states.describe_state_machine(stateMachineArn=made["stateMachineArn"], includedData="METADATA_ONLY")
    assert (bare["definition"], bare["roleArn"]) == ("", ROLE)
    states.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_the_whole_configuration_is_kept(states, machine):
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP}}]}
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/k", "kmsDataKeyReusePeriodSeconds": 60}
    tags = [{"key": "team", "value": "one"}]
    arn = machine(PASS, type="EXPRESS", loggingConfiguration=logging, tracingConfiguration={"enabled": True}, encryptionConfiguration=key, tags=tags)
    shown = states.describe_state_machine(stateMachineArn=arn)
    assert (shown["type"], shown["loggingConfiguration"], shown["tracingConfiguration"]) == ("EXPRESS", logging, {"enabled": True})
    assert shown["encryptionConfiguration"] == key
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    empty = machine(PASS, loggingConfiguration={"destinations": []})
    shown = states.describe_state_machine(stateMachineArn=empty)
    assert shown["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False, "destinations": []}


def test_the_same_machine_again_is_the_same_and_another_one_is_refused(states, machine, refused):
    arn = machine(PASS, name=(called := name()))
    first = states.describe_state_machine(stateMachineArn=arn)
    again = {"name": called, "definition": json.dumps(PASS), "roleArn": ROLE}
    for same in (again, {**again, "roleArn": f"{ROLE}2"}, {**again, "tags": [{"key": "k", "value": "v"}]}):
        made = states.create_state_machine(**same)
        assert (made["stateMachineArn"], made["creationDate"]) == (arn, first["creationDate"])
    assert states.describe_state_machine(stateMachineArn=arn)["roleArn"] == ROLE
    for other in (
        {"definition": json.dumps(PASS, indent=1)},
        {"definition": json.dumps(OTHER)},
        {"type": "EXPRESS"},
        {"tracingConfiguration": {"enabled": True}},
        {"publish": True},
    ):
        message = refused("StateMachineAlreadyExists", states.create_state_machine, **{**again, **other})
        assert message == f"State Machine Already Exists: '{arn}'"


def test_an_update_makes_a_revision_and_an_empty_one_does_not(states, machine, refused):
    arn = machine(PASS)
    assert "revisionId" not in states.describe_state_machine(stateMachineArn=arn)
    same = states.update_state_machine(stateMachineArn=arn, definition=json.dumps(PASS))
    assert "revisionId" not in same
    first = states.update_state_machine(stateMachineArn=arn, definition=json.dumps(OTHER))
    second = states.update_state_machine(stateMachineArn=arn, roleArn=f"{ROLE}2")
    assert first["revisionId"] != second["revisionId"]
    shown = states.describe_state_machine(stateMachineArn=arn)
    assert (json.loads(shown["definition"]), shown["roleArn"], shown["revisionId"]) == (OTHER, f"{ROLE}2", second["revisionId"])
    states.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": True}, loggingConfiguration={"level": "OFF"})
    assert states.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"] == {"enabled": True}
    message = refused("MissingRequiredParameter", states.update_state_machine, stateMachineArn=arn)
    assert message == "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    missing = f"{arn}-not"
    assert refused("StateMachineDoesNotExist", states.update_state_machine, stateMachineArn=missing, roleArn=ROLE) == f"State Machine Does Not Exist: '{missing}'"
    broken = states.update_state_machine
    assert "SCHEMA_VALIDATION_FAILED" in refused("InvalidDefinition", broken, stateMachineArn=arn, definition="{}")


def test_updates_at_once_are_all_made(states, machine):
    from concurrent.futures import ThreadPoolExecutor

    arn = machine(PASS)
    change = lambda n: states.update_state_machine(stateMachineArn=arn, definition=json.dumps({**PASS, "Comment": str(n)}), publish=True)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(change, range(16)))
    assert len({one["revisionId"] for one in made}) == 16
    assert sorted(int(one["stateMachineVersionArn"].rsplit(":", 1)[1]) for one in made) == list(range(1, 17))


def test_machines_are_listed_by_name_in_pages(states, machine, refused):
    prefix = name()
    arns = [machine(PASS, name=f"{prefix}-{n}") for n in (2, 0, 1)]
    listed = []
    fields: dict = {"maxResults": 2}
    while True:
        page = states.list_state_machines(**fields)
        assert len(page["stateMachines"]) <= 2
        listed += page["stateMachines"]
        if "nextToken" not in page:
            break
        fields["nextToken"] = page["nextToken"]
    ours = [one for one in listed if one["name"].startswith(prefix)]
    assert [one["stateMachineArn"] for one in ours] == sorted(arns)
    assert [one["name"] for one in listed] == sorted(one["name"] for one in listed)
    assert len({one["name"] for one in listed}) == len(listed)
    assert {one["type"] for one in ours} == {"STANDARD"}
    paginated = states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1})
    assert len([one for page in paginated for one in page["stateMachines"]]) == len(listed)
    token = states.list_state_machines(maxResults=1)["nextToken"]
    for wrong in ("x", token[:-2], "B" + token[1:], "a" * 1024):
        assert refused("InvalidToken", states.list_state_machines, nextToken=wrong) == "Invalid Token: 'Invalid token'"
    assert refused("InvalidToken", states.list_activities, nextToken=token)
    assert refused("ValidationException", states.list_state_machines, maxResults=1001) == (
        "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"
    )
    message = refused("ValidationException", states.list_state_machines, nextToken="a" * 1025)
    assert message.endswith("at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 1024")


def test_a_deleted_machine_is_gone_and_its_name_is_free(states, machine, refused):
    arn = machine(PASS, name=(called := name()))
    states.delete_state_machine(stateMachineArn=arn)
    states.delete_state_machine(stateMachineArn=arn)
    assert refused("StateMachineDoesNotExist", states.describe_state_machine, stateMachineArn=arn)
    assert called not in [one["name"] for one in states.list_state_machines(maxResults=1000)["stateMachines"]]
    assert machine(OTHER, name=called) == arn


@pytest.mark.parametrize("character", ["\0", "\x1f", "\x7f", "\x9f", *"<>{}[]?*\"#%\\^|~`$&,;:/ \t"])
def test_names_have_no_special_characters(states, refused, character):
    wrong = f"a{character}b"
    assert refused("InvalidName", states.create_state_machine, name=wrong, definition=json.dumps(PASS), roleArn=ROLE) == f"Invalid Name: '{wrong}'"


def test_requests_out_of_bounds_say_what_is_wrong(states, machine, refused):
    good = {"name": name(), "definition": json.dumps(PASS), "roleArn": ROLE}
    create = states.create_state_machine
    message = refused("ValidationException", create, **{**good, "name": "a" * 81})
    assert message.endswith("at 'name' failed to satisfy constraint: Member must have length less than or equal to 80")
    message = refused("ValidationException", create, **{**good, "definition": " " * (1 << 20) + json.dumps(PASS)})
    assert message.startswith("1 validation error detected: Value at 'definition' failed")
    message = refused("ValidationException", create, **{**good, "type": "FAST", "name": "a" * 81})
    assert message.startswith("2 validation errors detected: ")
    assert refused("InvalidArn", create, **{**good, "roleArn": "role"}) == "Invalid Role Arn: 'role'"
    assert refused("ValidationException", create, **good, versionDescription="v") == "Version description can only be set when publish is true"
    for level in ("ALL", "ERROR", "FATAL"):
        message = refused("InvalidLoggingConfiguration", create, **good, loggingConfiguration={"level": level})
        assert message == "Invalid Logging Configuration: Must specify exactly one Log Destination."
    two = [{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP}}] * 2
    refused("InvalidLoggingConfiguration", create, **good, loggingConfiguration={"level": "ALL", "destinations": two})
    refused("InvalidEncryptionConfiguration", create, **good, encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY"})
    refused("InvalidEncryptionConfiguration", create, **good, encryptionConfiguration={"type": "AWS_OWNED_KEY", "kmsKeyId": "k"})
    many = [{"key": f"k{n}", "value": ""} for n in range(51)]
    refused("TooManyTags", create, **good, tags=many)
    refused("ValidationException", create, **good, tags=[{"key": "aws:k", "value": ""}])
    refused("StateMachineDoesNotExist", states.describe_state_machine, stateMachineArn=f"arn:aws:states:us-east-1:000000000000:stateMachine:{good['name']}")


def test_arns_of_something_else_are_told_apart(states, machine, refused):
    describe = states.describe_state_machine
    for wrong in ("not_an_arn", "arn", "arm:aws:states:us-east-1:000000000000:stateMachine:a"):
        assert refused("InvalidArn", describe, stateMachineArn=wrong) == f"Invalid Arn: 'Invalid ARN prefix: {wrong}'"
    here = "arn:aws:states:us-east-1:000000000000:"
    for kind, arn in {"activity": "activity:a", "execution": "execution:a:b", "express": "express:a:b:c", "mapRun": "mapRun:a/b:c", "moon": "moon:a"}.items():
        assert refused("InvalidArn", describe, stateMachineArn=here + arn) == f"Invalid Arn: 'Resource type not valid in this context: {kind}'"
    for short in ("stateMachine", "stateMachine:", "stateMachine:a:", "execution:a", "express:a:b", "activity:", "mapRun:a:b", "execution::b"):
        refused("InvalidArn", describe, stateMachineArn=here + short)
    refused("InvalidArn", describe, stateMachineArn="arn:aws:lambda:us-east-1:000000000000:function:f")
    refused("ValidationException", describe, stateMachineArn=f"{here}stateMachine:a/label")
    arn = machine(PASS)
    for elsewhere in (arn.replace("us-east-1", "eu-west-1"), arn.replace("000000000000", "111111111111")):
        refused("StateMachineDoesNotExist", describe, stateMachineArn=elsewhere)
        states.delete_state_machine(stateMachineArn=elsewhere)
    assert describe(stateMachineArn=arn)["status"] == "ACTIVE"


def test_tags_come_and_go(states, machine, refused):
    arn = machine(PASS)
    tags = lambda: {tag["key"]: tag["value"] for tag in states.list_tags_for_resource(resourceArn=arn)["tags"]}
    states.tag_resource(resourceArn=arn, tags=[])
    assert tags() == {}
    states.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": ""}])
    states.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "2"}])
    assert tags() == {"a": "2", "b": ""}
    states.untag_resource(resourceArn=arn, tagKeys=["a", "c"])
    states.untag_resource(resourceArn=arn, tagKeys=[])
    assert tags() == {"b": ""}
    states.tag_resource(resourceArn=arn, tags=[{"key": f"k{n}", "value": "v"} for n in range(49)])
    refused("TooManyTags", states.tag_resource, resourceArn=arn, tags=[{"key": "one more", "value": ""}])
    assert len(tags()) == 50
    for missing in (f"{arn}:1", f"{arn}-not", arn.replace("stateMachine", "activity")):
        for call in (states.list_tags_for_resource, lambda resourceArn: states.tag_resource(resourceArn=resourceArn, tags=[])):
            assert refused("ResourceNotFound", call, resourceArn=missing) == f"Resource not found: '{missing}'"
    refused("InvalidArn", states.list_tags_for_resource, resourceArn="x")
    refused("ValidationException", states.tag_resource, resourceArn=arn, tags=[{"key": "k" * 129, "value": ""}])


def test_what_is_no_request_of_the_service_is_refused(raw, endpoint):
    target = {"X-Amz-Target": "AWSStepFunctions.CreateStateMachine", "Content-Type": "application/x-amz-json-1.0"}
    answer = raw("POST", "/", b"{", **target)
    assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException")
    assert answer.headers["content-type"] == "application/x-amz-json-1.0" and answer.headers["x-amzn-requestid"]
    answer = raw("POST", "/", b'{"name": 1}', **target)
    assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException")
    answer = raw("POST", "/", b"{}", **target)
    assert answer.json()["message"] == (
        "3 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; "
        "Value null at 'definition' failed to satisfy constraint: Member must not be null; "
        "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"
    )
    answer = raw("POST", "/", b"{}", **{**target, "X-Amz-Target": "AWSStepFunctions.FlyToTheMoon"})
    assert (answer.status_code, answer.json()["__type"]) == (400, "UnknownOperationException")


def test_definitions_are_validated(states, refused):
    validate = states.validate_state_machine_definition
    good = validate(definition=json.dumps(PASS))
    assert (good["result"], good["diagnostics"], good["truncated"]) == ("OK", [], False)
    found = validate(definition="{}", type="STANDARD")
    assert found["result"] == "FAIL"
    assert found["diagnostics"] == [
        {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": "These fields are required: [States, StartAt]", "location": "/"}
    ]
    token = {"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {}, "End": True}}
    express = validate(definition=json.dumps({"StartAt": "A", "States": token}), type="EXPRESS")
    assert [one["location"] for one in express["diagnostics"]] == ["/States/A/Resource"]
    many = {f"S{n}": {"Type": "Moon"} for n in range(150)}
    cut = validate(definition=json.dumps({"StartAt": "S0", "States": many}))
    assert (len(cut["diagnostics"]), cut["truncated"]) == (100, True)
    assert len(validate(definition=json.dumps({"StartAt": "S0", "States": many}), maxResults=7)["diagnostics"]) == 7
    refused("ValidationException", validate, definition="{}", maxResults=101)


SLOW = {
    "activity": "arn:aws:states:us-east-1:000000000000:activity:a",
    "sync": "arn:aws:states:::states:startExecution.sync",
    "token": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
}


@pytest.mark.parametrize("resource", SLOW.values(), ids=SLOW.keys())
def test_express_machines_do_not_wait(states, machine, refused, resource):
    task = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "Parameters": {}, "End": True}}}
    inside = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [task], "End": True}}}
    for definition, place in ((task, "/States/T/Resource"), (inside, "/States/P/Branches[0]/States/T/Resource")):
        machine(definition)
        message = refused("InvalidDefinition", machine, definition=definition, type="EXPRESS")
        assert message.startswith("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support ")
        assert message.endswith(f" at {place}'")


def test_it_is_shown_which_state_reads_which_variables(states, machine):
    reads = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
            "B": {"Type": "Pass", "Parameters": {"b.$": "$y", "a.$": "$x"}, "End": True},
        },
    }
    shown = states.describe_state_machine(stateMachineArn=machine(reads))
    assert shown["variableReferences"] == {"B": ["x", "y"]}
