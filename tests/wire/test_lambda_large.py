"""Payloads at the edges: what is left out of an event, checkpointed before an answer, or made again."""

from __future__ import annotations

import json

DURABLE = {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1}
MIB = 1_048_576


def test_an_input_too_large_for_the_event_is_paged(client, create, executions):
    function = create("large.measures", durable=DURABLE)
    answer = client.invoke(FunctionName=function, Qualifier="$LATEST", Payload=json.dumps("x" * (5 * MIB)).encode())
    assert json.load(answer["Payload"]) == [5 * MIB, 5 * MIB]
    described = executions.describe(answer["DurableExecutionArn"])
    assert len(described["InputPayload"]) == 5 * MIB + 2


def test_a_result_of_six_megabytes_is_checkpointed_and_kept(client, create, executions):
    size = 6 * MIB - 20
    answer = client.invoke(FunctionName=create("large.grows", durable=DURABLE), Qualifier="$LATEST", Payload=str(size).encode())
    assert len(json.load(answer["Payload"])) == size, "the empty Result of the answer did not take its place"
    described = executions.describe(answer["DurableExecutionArn"])
    assert (described["Status"], len(described["Result"])) == ("SUCCEEDED", size + 2)


def test_a_large_childs_operations_are_kept_and_its_result_made_again(client, create, executions):
    answer = client.invoke(FunctionName=create("large.keeps", durable=DURABLE), Qualifier="$LATEST", Payload=b"200000")
    assert json.load(answer["Payload"]) == [400_000, "x", "y"]
    events = executions.events(answer["DurableExecutionArn"])
    assert sum(event["EventType"] == "StepSucceeded" for event in events) == 2, "made again without running again"
