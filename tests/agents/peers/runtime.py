"""A runtime as Bedrock AgentCore runs it: `python runtime.py http|a2a`.

The container is the unmodified `bedrock-agentcore`. Before it stands what AWS has there: an address for each runtime, which wants a
signature of version 4 (held against botocore's own) and a session id, and hands the payload on to `/invocations` or to `/`.
"""

import asyncio
import json
import sys
from urllib.parse import unquote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from listening import listener, serve
from starlette.responses import JSONResponse, StreamingResponse

SOCKET, ADDRESS = listener()
KIND = sys.argv[1]
KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1"
ARN = f"arn:aws:bedrock-agentcore:{REGION}:123456789012:runtime/researcher-x1"
SESSION = "x-amzn-bedrock-agentcore-runtime-session-id"
SEEN = {"invocations": [], "stopped": [], "throttled": []}


def http_app():
    from bedrock_agentcore import BedrockAgentCoreApp

    app = BedrockAgentCoreApp()

    @app.entrypoint
    async def work(payload, context):
        do = payload.get("do")
        if do == "stream":

            async def pieces():
                for piece in payload["pieces"]:
                    yield piece

            return pieces()
        if do == "fail":
            raise ValueError(payload["message"])
        return {"echo": payload, "session": context.session_id}

    return app, "/invocations"


def a2a_app():
    from a2a.helpers.proto_helpers import get_data_parts, new_data_part, new_task_from_user_message
    from a2a.server.agent_execution import AgentExecutor
    from a2a.server.tasks.task_updater import TaskUpdater
    from bedrock_agentcore.runtime.a2a import build_a2a_app

    class Executor(AgentExecutor):
        async def execute(self, context, event_queue):
            updater = TaskUpdater(event_queue, context.task_id, context.context_id)
            data = next(iter(get_data_parts(context.message.parts)), {})
            await event_queue.enqueue_event(new_task_from_user_message(context.message))
            await updater.start_work()
            if data.get("do") == "hold":
                await asyncio.Event().wait()
            await updater.add_artifact([new_data_part({"echo": data})], name="result")
            await updater.complete()

        async def cancel(self, context, event_queue):
            await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    return build_a2a_app(Executor()), "/"


def refused(status, kind, message):
    return JSONResponse({"message": message}, status, headers={"x-amzn-errortype": kind})


class Signer(SigV4Auth):
    """botocore leaves out of a signature what the Rust SDK signs."""

    def headers_to_sign(self, request):
        headers = super().headers_to_sign(request)
        if "traceparent" in request.headers and "traceparent" not in headers:
            headers["traceparent"] = request.headers["traceparent"]
        return headers


def is_signed(method, path, query, headers, body):
    """Signs the request anew and compares."""
    given = headers.get("authorization", "")
    if not given.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/"):
        return False
    names = given.split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest(method, f"{ADDRESS}{path}" + (f"?{query}" if query else ""), data=body)
    for name in names:
        if name != "host":
            request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    signer = Signer(Credentials(KEY, SECRET), "bedrock-agentcore", REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return given.endswith("Signature=" + signer.signature(text, request))


class Front:
    def __init__(self, app, place):
        self.inner = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://container", timeout=60)
        self.place = place

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        if scope["path"] == "/seen":
            await JSONResponse(SEEN)(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        response = await self.answer(scope, body)
        await response(scope, receive, send)

    async def answer(self, scope, body):
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path, query = scope["raw_path"].decode(), scope["query_string"].decode()
        if not is_signed(scope["method"], path, query, headers, body):
            return refused(403, "AccessDeniedException", "the signature does not match")
        runtimes, arn, verb = path.strip("/").split("/")
        if runtimes != "runtimes" or unquote(arn) != ARN:
            return refused(404, "ResourceNotFoundException", "no such runtime")
        session = headers.get(SESSION, "")
        if not 33 <= len(session) <= 256:
            return refused(400, "ValidationException", "the session id has 33 to 256 characters")
        if verb == "stopruntimesession":
            SEEN["stopped"].append(session)
            return JSONResponse({"runtimeSessionId": session, "statusCode": 200})
        SEEN["invocations"].append({"session": session, "query": query, "version": headers.get("a2a-version")})
        if b'"throttle"' in body:
            # So often for each session, or always.
            times = json.loads(body).get("throttle", float("inf"))
            if SEEN["throttled"].count(session) < times:
                SEEN["throttled"].append(session)
                return refused(429, "ThrottlingException", "slow down")
        kept = {name: headers[name] for name in ("content-type", "accept", "traceparent", "a2a-version", SESSION) if name in headers}
        request = self.inner.build_request("POST", self.place, content=body, headers=kept)
        inner = await self.inner.send(request, stream=True)
        shown = {"content-type": inner.headers.get("content-type", "application/json"), SESSION: session}
        if inner.status_code >= 400:
            await inner.aread()
            return refused(424, "RuntimeClientError", inner.text[:300])
        return StreamingResponse(inner.aiter_bytes(), inner.status_code, headers=shown)


app, place = {"http": http_app, "a2a": a2a_app}[KIND]()
serve(Front(app, place), SOCKET, ADDRESS)
