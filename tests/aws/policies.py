"""What each function of a deployment may do, read out of what SAM, CDK and Terraform make of their sources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FUNCTIONS = ("ResearchWorkflow", "DurableControllerFunction", "ResearchApi", "CallbackHandler")


@dataclass(frozen=True)
class Right:
    """One action on one resource, the resource shortened to what all three ways of deploying call alike."""

    action: str
    resource: str


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """An ARN of a CloudFormation template, with a name in braces for everything that is known only when it is deployed."""
    match value:
        case str():
            return re.sub(r"\$\{([^}]+)\}", r"{\1}", value)
        case {"Ref": name}:
            return "{" + name + "}"
        case {"Fn::GetAtt": [name, *_]}:
            return "{" + name + "}"
        case {"Fn::Sub": template}:
            return text(template)
        case {"Fn::Join": [joint, parts]}:
            return joint.join(text(part) for part in parts)
    raise AssertionError(f"unknown form: {value}")


KINDS = [
    (r"log-group:(/aws/lambda/\w+):\*$", r"logs \1"),
    (r"function:ResearchWorkflow$", "workflow"),
    (r"function:ResearchWorkflow:\*$", "workflow qualified"),
    (r"/index/([a-z-]+)$", r"index \1"),
    (r"(:table/[\w{}-]+|^\{Workflows\w*\})$", "table"),
    (r"^[^/]*/(artifacts|approvals|reports|callbacks)/\*$", r"objects \1"),
    (r"event-bus/default$", "bus"),
    (r"^(\{Approvals\w*\}|arn:.*:sns:.*-approvals)$", "topic"),
    (r"^(\{(\w+)AgentArn\}|arn:.*:bedrock-agentcore:.*:runtime/\w+-1)$", "agent"),
    (r"^(\{(\w+)AgentArn\}|arn:.*:bedrock-agentcore:.*:runtime/\w+-1)/runtime-endpoint/\*$", "agent endpoints"),
]


def short(arn: str) -> str:
    for pattern, kind in KINDS:
        if found := re.search(pattern, arn):
            return found.expand(kind)
    raise AssertionError(f"a role reaches something that is not meant: {arn}")


def rights(statements: list[dict[str, Any]]) -> Iterator[Right]:
    for statement in statements:
        assert statement["Effect"] == "Allow" and "NotAction" not in statement and "NotResource" not in statement, statement
        for action in listed(statement["Action"]):
            assert "*" not in action, statement
            for resource in listed(statement["Resource"]):
                yield Right(action, short(text(resource)))


def of_template(template: dict[str, Any]) -> dict[str, set[Right]]:
    """A CloudFormation template: what the inline policies of each function's role allow, and nothing else may be attached."""
    resources = template["Resources"]
    assert not [name for name, resource in resources.items() if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")]
    found = {}
    for resource in resources.values():
        if resource["Type"] != "AWS::Lambda::Function":
            continue
        role = resources[resource["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        assert "ManagedPolicyArns" not in role, role
        statements = [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
        found[resource["Properties"]["FunctionName"]] = set(rights(statements))
    return found


def of_plan(plan: dict[str, Any]) -> dict[str, set[Right]]:
    """A plan of Terraform."""
    planned = plan["planned_values"]["root_module"]["resources"]
    policies = [resource for resource in planned if resource["type"] == "aws_iam_role_policy"]
    assert not [resource for resource in planned if resource["type"] == "aws_iam_role_policy_attachment"]
    return {policy["index"]: set(rights(json.loads(policy["values"]["policy"])["Statement"])) for policy in policies}
