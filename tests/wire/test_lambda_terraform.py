"""Terraform's AWS provider against the server, unchanged; only its endpoint is another one."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest
from conftest import code

PROVIDER = "*/hashicorp/aws/*/*/terraform-provider-aws*"
CONFIGURATION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "name" { type = string }
variable "packages" { type = string }
variable "timeout" { type = number }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { lambda = var.endpoint }
}

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


def plugins() -> Path | None:
    """The folder that holds the provider, where somebody has put it."""
    told = os.environ.get("TF_PLUGIN_CACHE_DIR")
    usual = [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins")]
    local = sorted(Path("/opt").iterdir()) if Path("/opt").is_dir() else []
    folders = ([Path(told)] if told else []) + usual + local
    return next((folder for folder in folders if any(folder.glob(PROVIDER))), None)


def test_terraform_makes_changes_and_removes_functions(client, endpoint, tmp_path):
    terraform, folder = shutil.which("terraform"), plugins()
    if not terraform or not folder:
        pytest.skip("terraform and its AWS provider are not on this machine")
    (tmp_path / "main.tf").write_text(CONFIGURATION)
    (tmp_path / "code.zip").write_bytes(code())
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr("python/of_layer.py", "")
    (tmp_path / "layer.zip").write_bytes(layer.getvalue())
    name = f"terraform-{secrets.token_hex(4)}"
    variables = {"endpoint": endpoint, "name": name, "packages": sysconfig.get_paths()["purelib"]}

    def run(*words: str, timeout: int = 5) -> None:
        environment = {**os.environ, **{f"TF_VAR_{key}": value for key, value in variables.items()}, "TF_VAR_timeout": str(timeout)}
        environment.pop("TF_CLI_CONFIG_FILE", None)
        done = subprocess.run([terraform, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"

    run("init", "-input=false", f"-plugin-dir={folder}")
    run("apply", "-input=false", "-auto-approve")
    run("plan", "-input=false", "-detailed-exitcode")
    assert json.load(client.invoke(FunctionName=name, Qualifier="live", Payload=b"[1]")["Payload"]) == [1]
    run("apply", "-input=false", "-auto-approve", timeout=9)
    assert client.get_function_configuration(FunctionName=name)["Timeout"] == 9
    assert client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    run("destroy", "-input=false", "-auto-approve", timeout=9)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)
