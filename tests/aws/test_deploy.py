"""The deployments: valid by their own tools, with the same resources, and with no right that a function does not need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cloud import ROOT
from moto.server import ThreadedMotoServer
from policies import FUNCTIONS, Right, of_plan, of_template

DEPLOY = ROOT / "deploy/aws"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
AGENT = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime"
PROVIDER = "*/hashicorp/aws/*/*/terraform-provider-aws*"
CDK = "2.1148.1"
QUIET = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "SAM_CLI_TELEMETRY": "0",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
}


def run(words: list[str | Path], folder: Path, **variables: str) -> str:
    environment = {**os.environ, **QUIET, **variables}
    environment.pop("TF_CLI_CONFIG_FILE", None)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def tools() -> Path:
    """The programs of `requirements.txt`, in `.xtask/venv-aws`: made once, and again when that file has changed."""
    folder = ROOT / ".xtask/venv-aws"
    stamp, wanted = folder / "requirements.txt", REQUIREMENTS.read_text()
    if not (stamp.exists() and stamp.read_text() == wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", REQUIREMENTS]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"SAM and CDK cannot be installed: {done.stderr[-300:]}")
        stamp.write_text(wanted)
    return folder / "bin"


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder, with something in the places of the programs."""
    folder = tmp_path_factory.mktemp("deploy") / "aws"
    shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns("build", ".terraform*", "cdk.out"))
    for name in ("research", "callback"):
        (folder / "build" / name).mkdir(parents=True)
        (folder / "build" / name / "bootstrap").write_text("")
        (folder / "build" / f"{name}.zip").write_text(name)
    return folder


@pytest.fixture(scope="session")
def cdk(tools: Path, sources: Path) -> dict[str, Any]:
    """What `cdk synth` makes, with npm's aws-cdk in `.xtask/aws-cdk`."""
    folder = ROOT / ".xtask/aws-cdk"
    program = folder / "node_modules/.bin/cdk"
    if not (program.exists() and f'"version": "{CDK}"' in (folder / "node_modules/aws-cdk/package.json").read_text()):
        npm = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", f"aws-cdk@{CDK}"]
        folder.mkdir(parents=True, exist_ok=True)
        if not shutil.which("npm") or subprocess.run(npm, capture_output=True).returncode:
            pytest.skip("npm cannot install aws-cdk")
    agents = [word for name in ("researcher", "analyst", "writer") for word in ("-c", f"{name}={AGENT}/{name}-1")]
    out = sources / "cdk.out"
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    run([program, "synth", "--quiet", "--no-notices", "-o", out, *agents], sources / "cdk", PATH=path)
    return json.loads((out / "research.template.json").read_text())


@pytest.fixture(scope="session")
def sam(tools: Path, sources: Path) -> dict[str, Any]:
    """The template as CloudFormation gets it: by SAM's own translator."""
    translate = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samcli.yamlhelper import yaml_parse
import boto3
template = yaml_parse(open(sys.argv[1]).read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
translator = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=boto3.Session(region_name="us-east-1"))
print(json.dumps(translator.translate(template, {})))
"""
    return json.loads(run([tools / "python", "-c", translate, sources / "sam/template.yaml"], sources))


@pytest.fixture(scope="session")
def terraform(sources: Path) -> Path:
    """The configuration after `terraform init`; the provider is where somebody has put it."""
    folders = sorted(Path("/opt").iterdir()) if Path("/opt").is_dir() else []
    told = os.environ.get("TF_PLUGIN_CACHE_DIR")
    usual = [Path(told)] if told else []
    usual += [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"), *folders]
    provider = next((folder for folder in usual if any(folder.glob(PROVIDER))), None)
    if not shutil.which("terraform") or not provider:
        pytest.skip("terraform and its AWS provider are not on this machine")
    run(["terraform", "init", "-input=false", f"-plugin-dir={provider}"], sources / "terraform")
    return sources / "terraform"


@pytest.fixture(scope="session")
def plan(terraform: Path) -> dict[str, Any]:
    """What would be made of everything but functions and their API: those are asked for where Cloud Control is."""
    # Terraform asks who it is, and nothing else. What moto holds belongs to the other tests of this process.
    identity = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    identity.start()
    override = f"""
provider "aws" {{
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {{ sts = "http://127.0.0.1:{identity.get_host_and_port()[1]}" }}
}}
"""
    (terraform / "override.tf").write_text(override)
    kinds = ("iam_role_policy.own", "dynamodb_table.workflows", "s3_bucket_server_side_encryption_configuration.artifacts")
    kinds += ("s3_bucket_lifecycle_configuration.artifacts", "s3_bucket_public_access_block.artifacts", "cloudwatch_log_group.own")
    kinds += ("cloudwatch_metric_alarm.error_rate", "cloudwatch_metric_alarm.latency", "cloudwatch_metric_alarm.storage")
    targets = [f"-target=aws_{kind}" for kind in kinds]
    variables = {f"TF_VAR_{name}_agent_arn": f"{AGENT}/{name}-1" for name in ("researcher", "analyst", "writer")}
    try:
        run(["terraform", "plan", "-input=false", "-out=plan", *targets], terraform, **variables)
    finally:
        identity.stop()
        (terraform / "override.tf").unlink()
    return json.loads(run(["terraform", "show", "-json", "plan"], terraform))


def test_terraform_validates(terraform: Path) -> None:
    assert "Success" in run(["terraform", "validate", "-no-color"], terraform)
    run(["terraform", "fmt", "-check", "-diff"], terraform)


def test_sam_validates(tools: Path, sources: Path) -> None:
    assert "is a valid SAM Template" in run([tools / "sam", "validate", "--lint", "-t", "sam/template.yaml"], sources)


def test_what_a_workflow_waits_for_is_durable(sam: dict[str, Any], cdk: dict[str, Any]) -> None:
    for template in (sam, cdk):
        functions = {r["Properties"]["FunctionName"]: r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"}
        assert set(functions) == set(FUNCTIONS)
        durable = functions.pop("ResearchWorkflow")
        assert durable["DurableConfig"] == {"ExecutionTimeout": 31_536_000, "RetentionPeriodInDays": 14}
        assert (durable["MemorySize"], durable["Timeout"]) == (1024, 900)
        assert not [name for name, function in functions.items() if "DurableConfig" in function]
        assert {function["Architectures"][0] for function in [durable, *functions.values()]} == {"arm64"}


def test_code_that_is_waited_in_is_kept(sam: dict[str, Any], cdk: dict[str, Any], sources: Path) -> None:
    """A new deployment takes nothing from the workflows that wait in the version before."""
    for template in (sam, cdk):
        versions = [resource for resource in template["Resources"].values() if resource["Type"] == "AWS::Lambda::Version"]
        assert [version.get("DeletionPolicy") for version in versions] == ["Retain"], versions
    # What is planned of functions needs Cloud Control: here it is the text.
    terraform = "".join(path.read_text() for path in (sources / "terraform").glob("*.tf"))
    versions = [block for block in terraform.split("\nresource ") if "AWS::Lambda::Version" in block]
    assert len(versions) == 1 and versions[0].startswith('"aws_cloudformation_stack"')
    assert re.search(r'DeletionPolicy\s*=\s*"Retain"', versions[0])


# Rights by hand: whoever gives a function a new one says so here.
EVERY_ROLE = {("logs:CreateLogStream", "logs"), ("logs:PutLogEvents", "logs")}
BOTH = ("workflow", "workflow qualified")
FRONT = ("InvokeFunction", "GetDurableExecutionHistory", "SendDurableExecutionCallbackSuccess", "StopDurableExecution")
START = {(f"lambda:{verb}", on) for verb in FRONT for on in BOTH} | {("dynamodb:GetItem", "table"), ("dynamodb:UpdateItem", "table")}
START |= {("events:PutEvents", "bus"), ("bedrock-agentcore:StopRuntimeSession", "agent"), ("bedrock-agentcore:StopRuntimeSession", "agent endpoints")}
DURABLE = ("CheckpointDurableExecution", "GetDurableExecutionState", "SendDurableExecutionCallbackSuccess")
NEEDED: dict[str, set[tuple[str, str]]] = {
    "ResearchWorkflow": {(f"lambda:{verb}", on) for verb in DURABLE for on in BOTH}
    | {(f"dynamodb:{verb}", "table") for verb in ("GetItem", "PutItem", "UpdateItem")}
    | {("s3:GetObject", f"objects {area}") for area in ("artifacts", "approvals", "reports", "callbacks")}
    | {("s3:PutObject", f"objects {area}") for area in ("artifacts", "approvals", "reports")}
    | {("sns:Publish", "topic"), ("events:PutEvents", "bus")}
    | {(f"bedrock-agentcore:{verb}", on) for verb in ("InvokeAgentRuntime", "StopRuntimeSession") for on in ("agent", "agent endpoints")},
    "DurableControllerFunction": START,
    "ResearchApi": START
    | {("dynamodb:Query", "index status-index"), ("dynamodb:Scan", "index status-index"), ("dynamodb:Query", "index callback-index")}
    | {("s3:GetObject", "objects reports")},
    "CallbackHandler": {(f"lambda:SendDurableExecutionCallback{end}", on) for end in ("Success", "Failure") for on in BOTH}
    | {("dynamodb:GetItem", "table"), ("dynamodb:UpdateItem", "table"), ("s3:PutObject", "objects callbacks")},
}


def least(found: dict[str, set[Right]]) -> None:
    assert set(found) == set(FUNCTIONS)
    for function, rights in found.items():
        logs = {(action, f"logs /aws/lambda/{function}") for action, _ in EVERY_ROLE}
        assert {(right.action, right.resource) for right in rights} == NEEDED[function] | logs, function


def test_sam_gives_each_function_what_it_needs(sam: dict[str, Any]) -> None:
    least(of_template(sam))


def test_cdk_gives_each_function_what_it_needs(cdk: dict[str, Any]) -> None:
    least(of_template(cdk))


def test_terraform_gives_each_function_what_it_needs(plan: dict[str, Any]) -> None:
    least(of_plan(plan))


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == kind]


def test_storage_is_encrypted_kept_and_cleared(sam: dict[str, Any], cdk: dict[str, Any]) -> None:
    for template in (sam, cdk):
        [table] = of_type(template, "AWS::DynamoDB::Table")
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
        assert table["SSESpecification"]["SSEEnabled"] is True
        keys = {index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]] for index in table["GlobalSecondaryIndexes"]}
        assert keys == {"status-index": ["status", "created_at"], "callback-index": ["callback_workflow_id", "timestamp"]}
        [bucket] = of_type(template, "AWS::S3::Bucket")
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"] if "Prefix" in rule}
        assert expiring == {"callbacks/": 14, "artifacts/": 90, "approvals/": 90}
        retained = [resource for resource in template["Resources"].values() if resource.get("DeletionPolicy") == "Retain"]
        assert {resource["Type"] for resource in retained} >= {"AWS::DynamoDB::Table", "AWS::S3::Bucket"}
        groups = of_type(template, "AWS::Logs::LogGroup")
        assert len(groups) == len(FUNCTIONS) and all("RetentionInDays" in group for group in groups)


def test_only_callbacks_are_open(sam: dict[str, Any], cdk: dict[str, Any]) -> None:
    for template in (sam, cdk):
        routes = {route["RouteKey"]: route["AuthorizationType"] for route in of_type(template, "AWS::ApiGatewayV2::Route")}
        assert len(routes) == 10
        assert {key for key, kind in routes.items() if kind == "NONE"} == {"POST /callbacks", "POST /callbacks/{id}"}
        assert set(routes.values()) == {"NONE", "AWS_IAM"}


def test_the_seeds_alarms_are_there(sam: dict[str, Any], cdk: dict[str, Any], plan: dict[str, Any]) -> None:
    expected = {"CallbackErrorRate": 5, "CallbackLatency": 3000, "StorageFailures": 10}
    for template in (sam, cdk):
        alarms = of_type(template, "AWS::CloudWatch::Alarm")
        assert {alarm["AlarmName"]: alarm["Threshold"] for alarm in alarms} == expected
        by_name = {alarm["AlarmName"]: alarm for alarm in alarms}
        assert by_name["StorageFailures"]["Period"] == 900 and by_name["CallbackLatency"]["ExtendedStatistic"] == "p99"
    planned = [r["values"] for r in plan["planned_values"]["root_module"]["resources"] if r["type"] == "aws_cloudwatch_metric_alarm"]
    assert {alarm["alarm_name"]: alarm["threshold"] for alarm in planned} == expected
