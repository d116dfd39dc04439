"""Versions and aliases of state machines through Step Functions' API."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ParamValidationError

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def changed(text: str) -> str:
    return json.dumps({**PASS, "Comment": text})


def versions(states, arn: str) -> list[str]:
    return [one["stateMachineVersionArn"] for one in states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]]


def route(*shares: tuple[str, int]) -> list[dict]:
    return [{"stateMachineVersionArn": arn, "weight": weight} for arn, weight in shares]


def test_versions_keep_what_they_were_made_of(states, machine, refused):
    arn = machine(PASS)
    first = states.publish_state_machine_version(stateMachineArn=arn, description="the first")
    assert first["stateMachineVersionArn"] == f"{arn}:1"
    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == f"{arn}:1"
    second = states.update_state_machine(stateMachineArn=arn, definition=changed("2"), publish=True, versionDescription="the second")
    assert second["stateMachineVersionArn"] == f"{arn}:2"
    again = states.update_state_machine(stateMachineArn=arn, definition=changed("2"), publish=True)
    assert again["stateMachineVersionArn"] == f"{arn}:2"
    assert versions(states, arn) == [f"{arn}:2", f"{arn}:1"]
    shown = states.describe_state_machine(stateMachineArn=f"{arn}:1")
    assert (shown["stateMachineArn"], shown["description"], json.loads(shown["definition"])) == (f"{arn}:1", "the first", PASS)
    assert "revisionId" not in shown and shown["creationDate"] == first["creationDate"]
    shown = states.describe_state_machine(stateMachineArn=f"{arn}:2")
    assert (shown["description"], shown["revisionId"], shown["definition"]) == ("the second", second["revisionId"], changed("2"))
    for missing in (f"{arn}:3", f"{arn}:live"):
        assert refused("StateMachineDoesNotExist", states.describe_state_machine, stateMachineArn=missing) == f"State Machine Does Not Exist: '{missing}'"
    for call, fields in ((states.update_state_machine, {"definition": changed("3")}), (states.publish_state_machine_version, {})):
        assert refused("StateMachineDoesNotExist", call, stateMachineArn=f"{arn}:2", **fields) == f"State Machine Does Not Exist: '{arn}:2'"


def test_numbers_are_never_used_twice(states, machine):
    arn = machine(PASS, publish=True)
    states.update_state_machine(stateMachineArn=arn, definition=changed("2"), publish=True)
    for _ in range(2):
        states.delete_state_machine_version(stateMachineVersionArn=f"{arn}:2")
    assert versions(states, arn) == [f"{arn}:1"]
    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == f"{arn}:3"


def test_a_version_is_published_of_the_revision_that_was_meant(states, machine, refused):
    arn = machine(PASS)
    assert states.publish_state_machine_version(stateMachineArn=arn, revisionId="INITIAL")["stateMachineVersionArn"] == f"{arn}:1"
    old = states.update_state_machine(stateMachineArn=arn, definition=changed("2"))["revisionId"]
    new = states.update_state_machine(stateMachineArn=arn, definition=changed("3"))["revisionId"]
    publish = states.publish_state_machine_version
    assert refused("ConflictException", publish, stateMachineArn=arn, revisionId=old) == (
        f"Failed to publish the State Machine version for revision {old}. The current State Machine revision is {new}."
    )
    refused("ConflictException", publish, stateMachineArn=arn, revisionId="INITIAL")
    assert publish(stateMachineArn=arn, revisionId=new)["stateMachineVersionArn"] == f"{arn}:2"
    refused("StateMachineDoesNotExist", publish, stateMachineArn=f"{arn}-not")
    assert refused("InvalidArn", publish, stateMachineArn="invalid_arn") == "Invalid Arn: 'Invalid ARN prefix: invalid_arn'"


def test_versions_are_listed_in_pages(states, machine, refused):
    arn = machine(PASS, publish=True)
    for n in range(2, 13):
        states.update_state_machine(stateMachineArn=arn, definition=changed(str(n)), publish=True)
    page = states.list_state_machine_versions(stateMachineArn=arn, maxResults=10)
    assert len(page["stateMachineVersions"]) == 10
    rest = states.list_state_machine_versions(stateMachineArn=arn, nextToken=page["nextToken"])
    listed = [one["stateMachineVersionArn"] for one in page["stateMachineVersions"] + rest["stateMachineVersions"]]
    assert listed == [f"{arn}:{n}" for n in range(12, 0, -1)] and "nextToken" not in rest
    other = machine(PASS)
    refused("InvalidToken", states.list_state_machine_versions, stateMachineArn=other, nextToken=page["nextToken"])


@pytest.fixture
def three(states, machine):
    """A machine with three versions."""
    arn = machine(PASS, publish=True)
    for n in (2, 3):
        states.update_state_machine(stateMachineArn=arn, definition=changed(str(n)), publish=True)
    return arn


def test_the_life_of_an_alias(states, three, refused):
    routes = route((f"{three}:1", 100))
    made = states.create_state_machine_alias(name="live", description="d", routingConfiguration=routes)
    alias = made["stateMachineAliasArn"]
    assert alias == f"{three}:live"
    again = states.create_state_machine_alias(name="live", description="d", routingConfiguration=routes)
    assert again["creationDate"] == made["creationDate"]
    for other in ({"description": "e", "routingConfiguration": routes}, {"description": "d", "routingConfiguration": route((f"{three}:2", 100))}):
        message = refused("ConflictException", states.create_state_machine_alias, name="live", **other)
        assert message == "Failed to create alias because an alias with the same name and a different routing configuration already exists."
    shown = states.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert (shown["name"], shown["description"], shown["routingConfiguration"]) == ("live", "d", routes)
    assert shown["creationDate"] == shown["updateDate"] == made["creationDate"]
    both = route((f"{three}:1", 30), (f"{three}:2", 70))
    updated = states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=both)
    states.update_state_machine_alias(stateMachineAliasArn=alias, description="")
    shown = states.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert (shown["description"], shown["routingConfiguration"]) == ("", both)
    assert shown["updateDate"] >= updated["updateDate"]
    assert states.describe_state_machine(stateMachineArn=alias)["stateMachineArn"] == f"{three}:1"
    message = refused("ConflictException", states.delete_state_machine_version, stateMachineVersionArn=f"{three}:2")
    assert message == "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live]"
    for _ in range(2):
        states.delete_state_machine_alias(stateMachineAliasArn=alias)
    nothing = "Request references a resource that does not exist."
    assert refused("ResourceNotFound", states.describe_state_machine_alias, stateMachineAliasArn=alias) == nothing
    assert refused("ResourceNotFound", states.update_state_machine_alias, stateMachineAliasArn=alias, description="x") == nothing
    states.delete_state_machine_version(stateMachineVersionArn=f"{three}:2")


def test_routing_that_leads_nowhere_is_refused(states, three, machine, refused):
    one, two, third = (f"{three}:{n}" for n in (1, 2, 3))
    create = lambda *routes: {"name": "a", "routingConfiguration": route(*routes)}
    invalid = lambda *routes: refused("ValidationException", states.create_state_machine_alias, **create(*routes))
    item = "RoutingConfigurationListItem(stateMachineVersionArn={}, weight={})".format
    assert invalid((one, 50), (two, 30), (third, 20)) == (
        f"1 validation error detected: Value '[{item(one, 50)}, {item(two, 30)}, {item(third, 20)}]' at 'routingConfiguration' "
        "failed to satisfy constraint: Member must have length less than or equal to 2"
    )
    assert invalid((one, 50), (one, 50)) == f"Routing configuration must contain distinct state machine version ARNs. Received: [{one}, {one}]"
    assert invalid((three, 100)) == f"Routing configuration must contain state machine version ARNs. Received: [{three}]"
    assert invalid((three, 70), (two, 30)) == f"Routing configuration must contain state machine version ARNs. Received: [{three}, {two}]"
    assert invalid((one, 101)).endswith("at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100")
    assert invalid((one, 70), (two, 29)) == "Sum of routing configuration weights must equal 100. Received: [70, 29]"
    assert invalid((one, 70), (two, 31)) == "Sum of routing configuration weights must equal 100. Received: [70, 31]"
    other = machine(PASS, publish=True)
    invalid((one, 50), (f"{other}:1", 50))
    refused("ResourceNotFound", states.create_state_machine_alias, **create((f"{three}:9", 100)))
    refused("ResourceNotFound", states.create_state_machine_alias, **create((f"{three}-not:1", 100)))
    with pytest.raises(ParamValidationError):
        states.create_state_machine_alias(**create())
    states.create_state_machine_alias(name="b", routingConfiguration=route((one, 100)))
    foreign = {"stateMachineAliasArn": f"{three}:b", "routingConfiguration": route((f"{other}:1", 100))}
    refused("ResourceNotFound", states.update_state_machine_alias, **foreign)
    refused("ValidationException", states.update_state_machine_alias, stateMachineAliasArn=f"{three}:b")


@pytest.mark.parametrize("wrong", ["123", "INVALID ALIAS", "!INVALID", "ALIAS@", "A" * 81])
def test_aliases_have_names_that_are_no_numbers(states, three, refused, wrong):
    message = refused("ValidationException", states.create_state_machine_alias, name=wrong, routingConfiguration=route((f"{three}:1", 100)))
    bound = "length less than or equal to 80" if len(wrong) > 80 else r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
    assert message.startswith(f"1 validation error detected: Value '{wrong}' at 'name' failed") and message.endswith(bound)


def test_aliases_are_listed_in_pages_and_by_version(states, three, refused):
    for n in range(3):
        states.create_state_machine_alias(name=f"a{n}", routingConfiguration=route((f"{three}:{n + 1}", 100)))
    arns = lambda page: [one["stateMachineAliasArn"] for one in page["stateMachineAliases"]]
    list_aliases = states.list_state_machine_aliases
    page = list_aliases(stateMachineArn=three, maxResults=1)
    assert arns(page) == [f"{three}:a0"]
    rest = list_aliases(stateMachineArn=three, nextToken=page["nextToken"])
    assert arns(rest) == [f"{three}:a1", f"{three}:a2"] and "nextToken" not in rest
    assert arns(list_aliases(stateMachineArn=three, maxResults=0)) == [f"{three}:a{n}" for n in range(3)]
    assert arns(list_aliases(stateMachineArn=f"{three}:2")) == [f"{three}:a1"]
    assert refused("InvalidToken", list_aliases, stateMachineArn=three, nextToken="x") == "Invalid Token: 'Invalid token'"
    refused("ResourceNotFound", list_aliases, stateMachineArn=f"{three}:9")
    refused("StateMachineDoesNotExist", list_aliases, stateMachineArn=f"{three}-not")


def test_a_machine_goes_with_its_versions_and_aliases(states, three, refused):
    states.create_state_machine_alias(name="live", routingConfiguration=route((f"{three}:1", 100)))
    for qualified in (f"{three}:1", f"{three}:live"):
        refused("ValidationException", states.delete_state_machine, stateMachineArn=qualified)
    states.delete_state_machine(stateMachineArn=three)
    refused("StateMachineDoesNotExist", states.describe_state_machine, stateMachineArn=f"{three}:1")
    refused("ResourceNotFound", states.describe_state_machine_alias, stateMachineAliasArn=f"{three}:live")
