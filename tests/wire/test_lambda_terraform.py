"""Terraform's AWS provider against the server, unchanged; only its endpoint is another one."""

from __future__ import annotations

import io
import json
import secrets
import sysconfig
import zipfile

import pytest
from conftest import code
from terraform import Terraform

CONFIGURATION = """
variable "packages" { type = string }
variable "timeout" { type = number }

resource "aws_lambda_layer_version" "layer" {
  layer_name          = var.name
  filename            = "layer.zip"
  source_code_hash    = filebase64sha256("layer.zip")
  compatible_runtimes = ["python3.12"]
}

resource "aws_lambda_function" "function" {
  function_name                  = var.name
  role                           = "arn:aws:iam::000000000000:role/test"
  runtime                        = "python3.12"
  handler                        = "plain.echo"
  filename                       = "code.zip"
  source_code_hash               = filebase64sha256("code.zip")
  timeout                        = var.timeout
  memory_size                    = 256
  publish                        = true
  layers                         = [aws_lambda_layer_version.layer.arn]
  reserved_concurrent_executions = 5
  tags                           = { team = "one" }
  environment { variables = { PYTHONPATH = var.packages } }
  ephemeral_storage { size = 1024 }
  tracing_config { mode = "Active" }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.function.function_name
  function_version = aws_lambda_function.function.version
}

resource "aws_lambda_permission" "bucket" {
  statement_id  = "bucket"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function.function_name
  principal     = "s3.amazonaws.com"
  source_arn    = "arn:aws:s3:::b"
}

resource "aws_lambda_function_url" "url" {
  function_name      = aws_lambda_function.function.function_name
  authorization_type = "NONE"
  cors { allow_origins = ["*"] }
}

resource "aws_lambda_function_event_invoke_config" "async" {
  function_name          = aws_lambda_function.function.function_name
  maximum_retry_attempts = 1
}
"""


def test_terraform_makes_changes_and_removes_functions(client, endpoint, tmp_path):
    (tmp_path / "code.zip").write_bytes(code())
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr("python/of_layer.py", "")
    (tmp_path / "layer.zip").write_bytes(layer.getvalue())
    name = f"terraform-{secrets.token_hex(4)}"
    packages = sysconfig.get_paths()["purelib"]
    terraform = Terraform(tmp_path, "lambda", CONFIGURATION, endpoint, name)
    terraform.apply(packages=packages, timeout=5)
    terraform.plan_changes_nothing(packages=packages, timeout=5)
    assert json.load(client.invoke(FunctionName=name, Qualifier="live", Payload=b"[1]")["Payload"]) == [1]
    terraform.apply(packages=packages, timeout=9)
    assert client.get_function_configuration(FunctionName=name)["Timeout"] == 9
    assert client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    terraform.destroy(packages=packages, timeout=9)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)
