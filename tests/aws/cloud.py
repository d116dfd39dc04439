"""AWS on loopback: moto with the resources that `deploy/aws` describes, in this process."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import boto3
import yaml
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy/aws/sam/template.yaml"
REGION = "us-east-1"
TABLE, BUCKET, BUS = "agent-workflows", "research-artifacts", "default"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


class Cloud:
    """moto, and clients to read back what has been written."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self.s3, self.sns, self.sqs, self.events = (self.client(name) for name in ("s3", "sns", "sqs", "events"))
        table = resource("Workflows")
        fields = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        self.client("dynamodb").create_table(TableName=TABLE, **{field: table[field] for field in fields})
        self.table = boto3.resource("dynamodb", endpoint_url=self.url, region_name=REGION, **KEYS).Table(TABLE)
        self.s3.create_bucket(Bucket=BUCKET)
        self.topic = self.sns.create_topic(Name="approvals")["TopicArn"]
        self.notified, self.told = self.queue("notified"), self.queue("told")
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.arn(self.notified))
        pattern = json.dumps({"source": ["agent.orchestration"]})
        self.events.put_rule(Name="workflows", EventPattern=pattern, EventBusName=BUS)
        self.events.put_targets(Rule="workflows", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": self.arn(self.told)}])

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **KEYS)

    def queue(self, name: str) -> str:
        return self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def arn(self, queue: str) -> str:
        return self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def bodies(self, queue: str) -> list[dict[str, Any]]:
        """Takes everything out of a queue."""
        taken: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                taken.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def record(self, workflow: str) -> dict[str, Any] | None:
        return self.table.get_item(Key={"workflow_id": workflow}).get("Item")

    def callbacks(self, workflow: str) -> list[dict[str, Any]]:
        """The callbacks of a workflow, by the index that is for them."""
        condition = boto3.dynamodb.conditions.Key("callback_workflow_id").eq(workflow)
        return self.table.query(IndexName="callback-index", KeyConditionExpression=condition)["Items"]

    def end(self) -> None:
        self.server.stop()


def resource(name: str) -> dict[str, Any]:
    """The properties of a resource of the SAM template."""

    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's short forms as what stands behind them."""

    Loader.add_multi_constructor("!", lambda loader, _, node: construct(loader, node))
    return yaml.load(TEMPLATE.read_text(), Loader)["Resources"][name]["Properties"]


def construct(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    return loader.construct_mapping(node)
