"""Terraform's AWS provider against Step Functions' API, unchanged; only its endpoint is another one."""

from __future__ import annotations

import json
import secrets

from terraform import Terraform

CONFIGURATION = """
variable "comment" { type = string }

resource "aws_sfn_activity" "work" {
  name = var.name
  tags = { team = "one" }
}

resource "aws_sfn_state_machine" "machine" {
  name     = var.name
  role_arn = "arn:aws:iam::000000000000:role/test"
  publish  = true
  tags     = { team = "one" }
  definition = jsonencode({
    Comment = var.comment
    StartAt = "A"
    States = {
      A = { Type = "Pass", Next = "B" }
      B = { Type = "Task", Resource = aws_sfn_activity.work.id, End = true }
    }
  })
}

resource "aws_sfn_state_machine" "express" {
  name       = "${var.name}-express"
  role_arn   = "arn:aws:iam::000000000000:role/test"
  type       = "EXPRESS"
  definition = jsonencode({ StartAt = "A", States = { A = { Type = "Pass", End = true } } })
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "arn:aws:logs:us-east-1:000000000000:log-group:machines:*"
  }
  tracing_configuration { enabled = true }
}

resource "aws_sfn_alias" "live" {
  name = "live"
  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.machine.state_machine_version_arn
    weight                    = 100
  }
}
"""


def test_terraform_makes_changes_and_removes_state_machines(states, endpoint, tmp_path, refused):
    name = f"terraform-{secrets.token_hex(4)}"
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}"
    terraform = Terraform(tmp_path, "sfn", CONFIGURATION, endpoint, name)
    terraform.apply(comment="first")
    terraform.plan_changes_nothing(comment="first")
    alias = states.describe_state_machine_alias(stateMachineAliasArn=f"{arn}:live")
    assert alias["routingConfiguration"] == [{"stateMachineVersionArn": f"{arn}:1", "weight": 100}]
    terraform.apply(comment="second")
    assert json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])["Comment"] == "second"
    alias = states.describe_state_machine_alias(stateMachineAliasArn=f"{arn}:live")
    assert alias["routingConfiguration"] == [{"stateMachineVersionArn": f"{arn}:2", "weight": 100}]
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "one"}]
    terraform.destroy(comment="second")
    for gone in (arn, f"{arn}-express"):
        refused("StateMachineDoesNotExist", states.describe_state_machine, stateMachineArn=gone)
    refused("ActivityDoesNotExist", states.describe_activity, activityArn=arn.replace("stateMachine", "activity"))
