"""Terraform's AWS provider against Step Functions' API, unchanged; only its endpoint is another one."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess

import pytest
from test_lambda_terraform import plugins

CONFIGURATION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "name" { type = string }
variable "comment" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { sfn = var.endpoint }
}

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
    terraform, folder = shutil.which("terraform"), plugins()
    if not terraform or not folder:
        pytest.skip("terraform and its AWS provider are not on this machine")
    (tmp_path / "main.tf").write_text(CONFIGURATION)
    name = f"terraform-{secrets.token_hex(4)}"
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}"

    def run(*words: str, comment: str = "first") -> None:
        variables = {"endpoint": endpoint, "name": name, "comment": comment}
        environment = {**os.environ, **{f"TF_VAR_{key}": value for key, value in variables.items()}}
        environment.pop("TF_CLI_CONFIG_FILE", None)
        done = subprocess.run([terraform, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"

    run("init", "-input=false", f"-plugin-dir={folder}")
    run("apply", "-input=false", "-auto-approve")
    run("plan", "-input=false", "-detailed-exitcode")
    alias = states.describe_state_machine_alias(stateMachineAliasArn=f"{arn}:live")
    assert alias["routingConfiguration"] == [{"stateMachineVersionArn": f"{arn}:1", "weight": 100}]
    run("apply", "-input=false", "-auto-approve", comment="second")
    assert json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])["Comment"] == "second"
    alias = states.describe_state_machine_alias(stateMachineAliasArn=f"{arn}:live")
    assert alias["routingConfiguration"] == [{"stateMachineVersionArn": f"{arn}:2", "weight": 100}]
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "one"}]
    run("destroy", "-input=false", "-auto-approve", comment="second")
    for gone in (arn, f"{arn}-express"):
        refused("StateMachineDoesNotExist", states.describe_state_machine, stateMachineArn=gone)
    refused("ActivityDoesNotExist", states.describe_activity, activityArn=arn.replace("stateMachine", "activity"))
