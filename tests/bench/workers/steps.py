"""Workloads A and B on AWS's Python SDK."""

import urllib.request

from aws_durable_execution_sdk_python import DurableContext, durable_execution

RESULT = "x" * 298


def tell(url: str, callback_id: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, callback_id.encode(), method="POST")).close()


@durable_execution
def handler(event: dict, context: DurableContext) -> str:
    if "url" in event:
        callback = context.create_callback(name="callback")
        context.step(lambda _: tell(event["url"], callback.callback_id), name="tell")
        return callback.result()
    for n in range(10):
        context.step(lambda _: RESULT, name=f"step-{n}")
    return "done"
