"""What the suite's validator is given in place of SAM and CloudFormation."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LOG_WAIT_SECONDS = 1.0
SUSPENDED_WITHIN_SECONDS = 30.0


def client(service: str, endpoint: str, region: str) -> Any:
    """A client for the endpoint under test; a synchronous invoke may last as long as a whole execution, so reads wait long."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="conformance",
        aws_secret_access_key="conformance",
        config=Config(read_timeout=900, max_pool_connections=32, retries={"mode": "standard", "total_max_attempts": 2}),
    )


def hurry(validate: Any, cloudwatch: Any) -> None:
    """Shortens the validator's patience, not its judgement: a history is there at once, and so are captured logs."""
    validate.POLL_INTERVAL_SECONDS = 0.5
    retriever = cloudwatch.CloudWatchLogRetriever
    retriever.EVENT_POLL_TIMEOUT_SECONDS = 1.0
    patient = retriever.get_execution_log_events

    def soon(self: Any, *args: Any, wait_seconds: float | None = None, **kwargs: Any) -> Any:
        return patient(self, *args, wait_seconds=min(LOG_WAIT_SECONDS, wait_seconds or LOG_WAIT_SECONDS), **kwargs)

    retriever.get_execution_log_events = soon


class OnceSuspended:
    """The client, but a callback is sent when the function has suspended.

    That is the order every requirement with a callback asks for. On a busy machine the first invocation may still be at work when
    the suite has seen the callback and its delay is over.
    """

    def __init__(self, lambda_client: Any) -> None:
        self._client = lambda_client
        self._executions: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_durable_execution_history(self, **request: Any) -> Any:
        answer = self._client.get_durable_execution_history(**request)
        for event in answer["Events"]:
            if callback := event.get("CallbackStartedDetails", {}).get("CallbackId"):
                self._executions[callback] = request["DurableExecutionArn"]
        return answer

    def send_durable_execution_callback_success(self, **request: Any) -> Any:
        self._suspended(request["CallbackId"])
        return self._client.send_durable_execution_callback_success(**request)

    def send_durable_execution_callback_failure(self, **request: Any) -> Any:
        self._suspended(request["CallbackId"])
        return self._client.send_durable_execution_callback_failure(**request)

    def send_durable_execution_callback_heartbeat(self, **request: Any) -> Any:
        self._suspended(request["CallbackId"])
        return self._client.send_durable_execution_callback_heartbeat(**request)

    def _suspended(self, callback: str) -> None:
        arn = self._executions.get(callback)
        deadline = time.monotonic() + SUSPENDED_WITHIN_SECONDS
        while arn is not None and time.monotonic() < deadline:
            events = self._client.get_durable_execution_history(DurableExecutionArn=arn, ReverseOrder=True, MaxItems=1)["Events"]
            if events and events[0]["EventType"] == "InvocationCompleted":
                return
            time.sleep(0.1)


class Invoker:
    """Plain `lambda.invoke` with the same answers as the suite's invoker; logical names are requirement function keys."""

    stack_name = "conformance"

    def __init__(self, lambda_client: Any, names: dict[str, str]) -> None:
        from aws_durable_execution_conformance_tests import sam

        self._client = lambda_client
        self._names = names
        self._sam = sam

    def invoke(self, function_name: str, event_file_path: str | None = None, parameters: list[str] | None = None) -> Any:
        assert not parameters, parameters
        return self._call(function_name, event_file_path, "RequestResponse")

    def invoke_async(self, function_name: str, event_file_path: str | None = None) -> Any:
        return self._call(function_name, event_file_path, "Event")

    def _call(self, function_name: str, event_file_path: str | None, kind: str) -> Any:
        payload = b"{}"
        if event_file_path is not None:
            event = self._sam.EventFileReader.read(event_file_path)
            payload = json.dumps(self._sam.EventFileReader.extract_payload(event)).encode()
        name = self._names[function_name]
        try:
            answer = self._client.invoke(FunctionName=name, InvocationType=kind, Qualifier="$LATEST", Payload=payload)
            body = answer["Payload"].read().decode()
        except (BotoCoreError, ClientError, UnicodeDecodeError) as error:
            raise self._sam.InvokeError(function_name, str(error)) from error
        output = {"StatusCode": answer["StatusCode"], "Payload": body}
        for key in ("DurableExecutionArn", "ExecutedVersion", "FunctionError"):
            if answer.get(key):
                output[key] = answer[key]
        return self._sam.InvocationResult(
            success=True, command=f"lambda.invoke {name} ({kind})", output=json.dumps(output), stderr="", function_name=function_name
        )


class CloudFormation:
    """Knows the one stack of this run: logical name -> created function name."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        assert StackName == Invoker.stack_name, StackName
        return {"StackResourceDetail": {"PhysicalResourceId": self._names[LogicalResourceId]}}
