"""What the handlers of `parallel` and `map` share: one branch at a time, failing branches, what is told of a batch."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import BatchResult


class BranchError(Exception):
    """A branch or item that was made to fail."""


def fail(*_: Any) -> None:
    raise BranchError("made to fail")


def told(result: BatchResult, *fields: str) -> dict[str, Any]:
    """The projection of a batch that a requirement asks for, in its own field names."""
    known = {
        "completionReason": result.completion_reason.value,
        "status": result.status.value,
        "successCount": result.success_count,
        "failureCount": result.failure_count,
        "totalCount": result.total_count,
    }
    return {field: known[field] for field in fields or known}


COUNTS = ("completionReason", "successCount", "failureCount", "totalCount")
