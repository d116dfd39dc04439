"""Every operation of AWS's model: it works, or it is refused with one of the model's exceptions."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.loaders import Loader

MODEL = Loader().load_service_model("lambda", "service-2")
ARN = "arn:aws:lambda:us-east-1:000000000000:function:nobody"
KNOWN = {
    "Resource": ARN,
    "ResourceArn": ARN,
    "FunctionName": "nobody",
    "DurableExecutionArn": f"{ARN}:$LATEST/durable-execution/n/none",
    "Arn": "arn:aws:lambda:us-east-1:000000000000:layer:nobody:1",
    "StatementId": "statement",
    "Runtime": "python3.12",
}


def sample(shape: str, member: str = "", depth: int = 0) -> Any:
    """The smallest value that botocore lets pass."""
    found = MODEL["shapes"][shape]
    match found["type"]:
        case "structure":
            return {name: sample(found["members"][name]["shape"], name, depth + 1) for name in found.get("required", [])}
        case "list":
            return [sample(found["member"]["shape"], "", depth + 1)] * max(1, found.get("min", 0))
        case "map":
            return {}
        case "string":
            return KNOWN.get(member) or found.get("enum", ["x" * max(1, found.get("min", 1))])[0]
        case "blob":
            return b"{}"
        case "boolean":
            return False
        case "timestamp":
            return 0
        case _:
            return max(1, found.get("min", 1))


@pytest.mark.parametrize("operation", sorted(MODEL["operations"]))
def test_operation_works_or_is_refused_as_the_model_says(client, operation):
    described = MODEL["operations"][operation]
    fields = sample(described["input"]["shape"]) if "input" in described else {}
    try:
        getattr(client, xform_name(operation))(**fields)
    except ClientError as error:
        metadata = error.response["ResponseMetadata"]
        assert 400 <= metadata["HTTPStatusCode"] < 500, error
        assert metadata["HTTPHeaders"]["x-amzn-errortype"] == error.response["Error"]["Code"]
        assert MODEL["shapes"][error.response["Error"]["Code"]].get("exception"), error


def test_what_is_not_served_says_so(client):
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        client.create_event_source_mapping(FunctionName="f", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:q")
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-everstep-error"] == "E0151"
    assert "CreateEventSourceMapping" in str(caught.value)
