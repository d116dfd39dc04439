"""Express state machines through Step Functions' API: started and waited for, and what they do not have."""

from __future__ import annotations

import json
import secrets

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Sad", "Cause": "because"}}}


def test_a_synchronous_execution_is_answered_with_its_end(states, machine):
    arn = machine(PASS, type="EXPRESS")
    name = f"wire-{secrets.token_hex(4)}"
    answer = states.start_sync_execution(stateMachineArn=arn, name=name, input='{"x": 1}', traceHeader="Root=1")
    assert answer["executionArn"].startswith(f"{arn.replace(':stateMachine:', ':express:')}:{name}:")
    assert len(answer["executionArn"].split(":")) == 9
    assert answer["stopDate"] >= answer["startDate"]
    billed = answer["billingDetails"]
    assert billed["billedDurationInMilliseconds"] % 100 == 0 and billed["billedDurationInMilliseconds"] > 0 and billed["billedMemoryUsedInMB"] == 64
    for key in ("ResponseMetadata", "executionArn", "startDate", "stopDate", "billingDetails"):
        del answer[key]
    assert answer == {
        "stateMachineArn": arn,
        "name": name,
        "status": "SUCCEEDED",
        "input": '{"x": 1}',
        "inputDetails": {"included": True},
        "output": '{"a":1}',
        "outputDetails": {"included": True},
        "traceHeader": "Root=1",
    }
    bare = states.start_sync_execution(stateMachineArn=arn, includedData="METADATA_ONLY")
    assert "input" not in bare and "output" not in bare and bare["outputDetails"] == {"included": False}


def test_a_synchronous_execution_that_fails_says_so(states, machine):
    failed = states.start_sync_execution(stateMachineArn=machine(FAIL, type="EXPRESS"))
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "Sad", "because")
    assert "output" not in failed
    slow = {"StartAt": "W", "TimeoutSeconds": 1, "States": {"W": {"Type": "Wait", "Seconds": 100, "End": True}}}
    assert states.start_sync_execution(stateMachineArn=machine(slow, type="EXPRESS"))["status"] == "TIMED_OUT"


def test_names_are_not_taken(states, machine):
    arn = machine(PASS, type="EXPRESS")
    arns = {states.start_execution(stateMachineArn=arn, name="n")["executionArn"] for _ in range(3)}
    assert len(arns) == 3
    versions = {states.start_sync_execution(stateMachineArn=arn, name="n")["executionArn"] for _ in range(3)}
    assert len(versions) == 3


def test_express_executions_have_no_history(states, machine, refused):
    arn = machine(PASS, type="EXPRESS")
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    unsupported = "This operation is not supported by this type of state machine"
    assert refused("StateMachineTypeNotSupported", states.list_executions, stateMachineArn=arn) == unsupported
    wrong = "Invalid Arn: 'Resource type not valid in this context: express'"
    for call in (states.describe_execution, states.get_execution_history, states.stop_execution, states.redrive_execution):
        assert refused("InvalidArn", call, executionArn=execution) == wrong
    # An ARN of the other kind does not lead there either.
    refused("ExecutionDoesNotExist", states.describe_execution, executionArn=execution.replace(":express:", ":execution:"))
    standard = machine(PASS)
    assert refused("StateMachineTypeNotSupported", states.start_sync_execution, stateMachineArn=standard) == unsupported
    refused("InvalidExecutionInput", states.start_sync_execution, stateMachineArn=arn, input="nope")
    refused("StateMachineDoesNotExist", states.start_sync_execution, stateMachineArn=f"{arn}-not")
    assert json.loads(states.start_sync_execution(stateMachineArn=arn, input="[]")["input"]) == []


def test_an_execution_knows_its_own_name(states, machine):
    context = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name"}, "End": True}}}
    answer = states.start_sync_execution(stateMachineArn=machine(context, type="EXPRESS"), name="n")
    assert json.loads(answer["output"]) == {"id": answer["executionArn"], "name": "n"}
