"""Terraform with AWS's provider, unchanged; only its endpoint is another one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROVIDER = "*/hashicorp/aws/*/*/terraform-provider-aws*"
HEAD = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "name" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { SERVICE = var.endpoint }
}
"""


def plugins() -> Path | None:
    """The folder that holds the provider, where somebody has put it."""
    told = os.environ.get("TF_PLUGIN_CACHE_DIR")
    usual = [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins")]
    local = sorted(Path("/opt").iterdir()) if Path("/opt").is_dir() else []
    folders = ([Path(told)] if told else []) + usual + local
    return next((folder for folder in folders if any(folder.glob(PROVIDER))), None)


class Terraform:
    """A configuration of one service of the endpoint, in a folder of its own; the test is skipped where the tool is not there."""

    def __init__(self, folder: Path, service: str, configuration: str, endpoint: str, name: str) -> None:
        program, provider = shutil.which("terraform"), plugins()
        if not program or not provider:
            pytest.skip("terraform and its AWS provider are not on this machine")
        self.program, self.folder = program, folder
        self.variables = {"endpoint": endpoint, "name": name}
        (folder / "main.tf").write_text(HEAD.replace("SERVICE", service) + configuration)
        self.run("init", "-input=false", f"-plugin-dir={provider}")

    def run(self, *words: str, **variables: object) -> None:
        given = {f"TF_VAR_{key}": str(value) for key, value in {**self.variables, **variables}.items()}
        environment = {**os.environ, **given}
        environment.pop("TF_CLI_CONFIG_FILE", None)
        done = subprocess.run([self.program, *words], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"

    def apply(self, **variables: object) -> None:
        self.run("apply", "-input=false", "-auto-approve", **variables)

    def plan_changes_nothing(self, **variables: object) -> None:
        self.run("plan", "-input=false", "-detailed-exitcode", **variables)

    def destroy(self, **variables: object) -> None:
        self.run("destroy", "-input=false", "-auto-approve", **variables)
