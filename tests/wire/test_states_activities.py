"""Activities through Step Functions' API."""

from __future__ import annotations

import secrets

import pytest


@pytest.fixture
def activity(states):
    """Creates an activity and returns its ARN; all are deleted at the end."""
    arns: list[str] = []

    def make(name: str | None = None, **fields) -> str:
        arns.append(states.create_activity(name=name or f"wire-{secrets.token_hex(4)}", **fields)["activityArn"])
        return arns[-1]

    yield make
    for arn in arns:
        states.delete_activity(activityArn=arn)


@pytest.mark.parametrize("base", ["Activity1", "activity-name_123", "activity.name.v2", "a" * 71])
def test_the_life_of_an_activity(states, refused, base):
    name = f"{base}-{secrets.token_hex(4)}"
    made = states.create_activity(name=name, tags=[{"key": "team", "value": "one"}])
    arn = made["activityArn"]
    assert arn == f"arn:aws:states:us-east-1:000000000000:activity:{name}"
    again = states.create_activity(name=name, tags=[{"key": "team", "value": "two"}])
    assert (again["activityArn"], again["creationDate"]) == (arn, made["creationDate"])
    shown = states.describe_activity(activityArn=arn)
    assert (shown["name"], shown["creationDate"]) == (name, made["creationDate"])
    assert shown["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "one"}]
    states.untag_resource(resourceArn=arn, tagKeys=["team"])
    states.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "b"}])
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}
    assert refused("ActivityAlreadyExists", states.create_activity, name=name, encryptionConfiguration=key) == f"Activity Already Exists: '{arn}'"
    for _ in range(2):
        states.delete_activity(activityArn=arn)
    assert refused("ActivityDoesNotExist", states.describe_activity, activityArn=arn) == f"Activity Does Not Exist: '{arn}'"
    refused("ResourceNotFound", states.tag_resource, resourceArn=arn, tags=[])


@pytest.mark.parametrize("character", ["\0", "\x1f", "\x7f", *"<>{}[]?*\"#%\\^|~`$&,;:/ "])
def test_names_have_no_special_characters(states, refused, character):
    wrong = f"activity{character}name"
    assert refused("InvalidName", states.create_activity, name=wrong) == f"Invalid Name: '{wrong}'"


def test_activities_are_listed_in_pages(states, activity):
    prefix = f"wire-{secrets.token_hex(4)}"
    arns = [activity(f"{prefix}-{n}") for n in range(3)]
    paginated = states.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2})
    listed = [one for page in paginated for one in page["activities"]]
    assert [one["activityArn"] for one in listed if one["name"].startswith(prefix)] == arns
    assert all(one["creationDate"] for one in listed)


def test_arns_of_something_else_are_told_apart(states, refused):
    for call in (states.describe_activity, states.delete_activity):
        assert refused("InvalidArn", call, activityArn="no_an_activity_arn") == "Invalid Arn: 'Invalid ARN prefix: no_an_activity_arn'"
        machine = "arn:aws:states:us-east-1:000000000000:stateMachine:a"
        assert refused("InvalidArn", call, activityArn=machine) == "Invalid Arn: 'Resource type not valid in this context: stateMachine'"
    refused("ValidationException", states.create_activity, name="a" * 81)
