"""Durable functions whose payloads do not fit everywhere."""

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import Duration


@durable_execution
def measures(event, context):
    """Its input is too large for its event; it sees it all the same, also when it is invoked again."""
    first = context.step(lambda _: len(event))
    context.wait(Duration.from_seconds(1))
    return [first, len(event)]


@durable_execution
def grows(event, _):
    return "x" * event


@durable_execution
def keeps(event, context):
    """A child's result above the SDK's 256 KB is made again from its operations, which are kept for that."""
    result = context.run_in_child_context(lambda child: child.step(lambda _: "x" * event) + child.step(lambda _: "y" * event))
    context.wait(Duration.from_seconds(1))
    return [len(result), result[0], result[-1]]
