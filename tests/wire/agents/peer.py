"""An agent that does as its task says: a server of the official A2A SDK that counts what it is asked, and can be told to misbehave.

`python peer.py [PORT]` prints its address. What it does is in the data of the task's message (`do`), how it misbehaves is set at `/admin/manners`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from a2a.helpers.proto_helpers import get_data_parts, new_data_artifact, new_task_from_user_message, new_url_artifact
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events.event_queue_v2 import EventQueue
from a2a.server.request_handlers.default_request_handler_v2 import DefaultRequestHandlerV2
from a2a.server.routes.agent_card_routes import create_agent_card_routes
from a2a.server.routes.jsonrpc_routes import create_jsonrpc_routes
from a2a.server.tasks.base_push_notification_sender import BasePushNotificationSender
from a2a.server.tasks.inmemory_push_notification_config_store import InMemoryPushNotificationConfigStore
from a2a.server.tasks.inmemory_task_store import InMemoryTaskStore
from a2a.server.tasks.task_updater import TaskUpdater
from a2a.types import a2a_pb2 as a2a
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


class Memory:
    """What was asked, and how to behave."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Any]] = {"messages": [], "answers": [], "cancelled": [], "calls": [], "pushes": []}
        self.manners: dict[str, Any] = {}
        self.released = asyncio.Event()

    def manner(self, name: str) -> Any:
        return self.manners.get(name)


class Executor(AgentExecutor):
    """Does what the task says."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        message = context.message
        assert message is not None
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        data = next(iter(get_data_parts(message.parts)), {})
        if context.current_task is not None:
            self.memory.seen["answers"].append({"task": context.task_id, "message": message.message_id, "data": data})
            if self.memory.manner("ponder"):
                # The SDK keeps a message with what follows it: here something that leaves the task's state as it is.
                await updater.add_artifact([a2a.Part(text="thinking")], name="notes")
                await self.memory.released.wait()
            await updater.add_artifact([part(data)], name="result")
            await updater.complete()
            return
        self.memory.seen["messages"].append({"task": context.task_id, "context": context.context_id, "message": message.message_id, "data": data})
        await event_queue.enqueue_event(new_task_from_user_message(message))
        await updater.start_work(said(updater, f"at work on {data.get('mark')}"))
        await getattr(self, "do_" + data.get("do", "echo"))(data, updater)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.memory.seen["cancelled"].append(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def do_echo(self, data: dict[str, Any], updater: TaskUpdater) -> None:
        artifact = new_data_artifact("result", data.get("value", data))
        await updater.add_artifact(list(artifact.parts), name="result")
        await updater.complete()

    async def do_hold(self, data: dict[str, Any], updater: TaskUpdater) -> None:
        for text in data.get("progress", []):
            await updater.start_work(said(updater, text))
        await self.memory.released.wait()
        await self.do_echo(data, updater)

    async def do_ask(self, data: dict[str, Any], updater: TaskUpdater) -> None:
        await updater.requires_input(said(updater, data["question"]))

    async def do_fail(self, data: dict[str, Any], updater: TaskUpdater) -> None:
        await updater.failed(said(updater, data["message"]))

    async def do_large(self, data: dict[str, Any], updater: TaskUpdater) -> None:
        await self.do_echo({"value": "x" * int(data["bytes"])}, updater)

    async def do_link(self, data: dict[str, Any], updater: TaskUpdater) -> None:
        url = f"{ADDRESS}/files/{data['file']}"
        artifact = new_url_artifact("result", url, media_type=data.get("media_type", "application/json"))
        await updater.add_artifact(list(artifact.parts), name="result")
        await updater.complete()


class Pushes(BasePushNotificationSender):
    """Pushes that get lost, come twice or in another order."""

    memory: Memory
    late: list[Any]

    async def send_late(self, task_id: str, event: Any) -> None:
        await self.memory.released.wait()
        await super().send_notification(task_id, event)

    async def send_notification(self, task_id: str, event: Any) -> None:
        self.memory.seen["pushes"].append(task_id)
        mode = self.memory.manner("pushes")
        if mode == "drop":
            return
        if mode == "late":
            self.late.append(asyncio.ensure_future(self.send_late(task_id, event)))
            return
        if mode == "reverse" and self.memory.seen["pushes"].count(task_id) == 1:
            asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(super(Pushes, self).send_notification(task_id, event)))
            return
        for _ in range(3 if mode == "twice" else 1):
            await super().send_notification(task_id, event)


def said(updater: TaskUpdater, text: str) -> a2a.Message:
    return updater.new_agent_message([a2a.Part(text=text)])


def part(value: Any) -> a2a.Part:
    return new_data_artifact("result", value).parts[0]


async def file(request: Request) -> Response:
    """`N` bytes of JSON, a body that stops in the middle, or one that grows when it is unpacked."""
    name = request.path_params["name"]
    if name == "slow":

        async def dripping() -> AsyncIterator[bytes]:
            yield b'"'
            await asyncio.sleep(3600)

        return StreamingResponse(dripping(), media_type="application/json")
    if name == "bomb":
        packed = gzip.compress(b"0" * 64 * 1024 * 1024)
        return Response(packed, media_type="application/json", headers={"content-encoding": "gzip"})
    size = int(name)

    async def pieces() -> AsyncIterator[bytes]:
        yield b'"'
        left = size - 2
        while left > 0:
            piece = min(left, 65536)
            yield b"x" * piece
            left -= piece
        yield b'"'

    return StreamingResponse(pieces(), media_type="application/json", headers={"content-length": str(size)})


class Manners:
    """Stands before the SDK: keeps requests or their answers back, or answers with a fault."""

    def __init__(self, app: Any, memory: Memory) -> None:
        self.app, self.memory = app, memory

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        method = json.loads(body).get("method")
        memory = self.memory
        memory.seen["calls"].append(method)
        failing = memory.manners.get("fail", 0)
        if failing and method in memory.manners.get("failing", ["SendMessage"]):
            memory.manners["fail"] = failing - 1
            await answer(send, memory.manners.get("status", 503))
            return
        is_send = method in ("SendMessage", "message/send")
        if is_send and memory.manner("before"):
            # Whoever has gone away meanwhile was never heard.
            while (message := await receive())["type"] != "http.disconnect":
                pass
            return
        sent = False

        async def replay() -> Any:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        if is_send and memory.manner("lose"):
            memory.manners["lose"] -= 1

            async def lost(_: Any) -> None:
                return None

            await self.app(scope, replay, lost)
            await answer(send, 502)
            return
        if is_send and memory.manner("after"):

            async def kept(message: Any) -> None:
                await memory.released.wait()
                with contextlib.suppress(Exception):
                    await send(message)

            await self.app(scope, replay, kept)
            return
        await self.app(scope, replay, send)


async def answer(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def admin(memory: Memory) -> list[Route]:
    async def seen(_: Request) -> Response:
        return JSONResponse(memory.seen)

    async def manners(request: Request) -> Response:
        memory.manners = await request.json()
        return JSONResponse({})

    async def release(_: Request) -> Response:
        memory.released.set()
        return JSONResponse({})

    async def hold(_: Request) -> Response:
        memory.released.clear()
        return JSONResponse({})

    return [
        Route("/admin/seen", seen),
        Route("/admin/manners", manners, methods=["POST"]),
        Route("/admin/release", release, methods=["POST"]),
        Route("/admin/hold", hold, methods=["POST"]),
        Route("/files/{name}", file),
    ]


def application(memory: Memory) -> Any:
    card = a2a.AgentCard(
        name="peer",
        description="Does as it is told",
        version="1.0.0",
        supported_interfaces=[a2a.AgentInterface(url=ADDRESS + "/", protocol_binding="JSONRPC", protocol_version="1.0")],
        capabilities=a2a.AgentCapabilities(streaming=True, push_notifications=True),
        default_input_modes=["application/json"],
        default_output_modes=["application/json"],
        skills=[a2a.AgentSkill(id="do", name="do", description="Does as it is told", tags=["test"])],
    )
    configs = InMemoryPushNotificationConfigStore()
    sender = Pushes(httpx.AsyncClient(), configs)
    sender.memory, sender.late = memory, []
    handler = DefaultRequestHandlerV2(
        agent_executor=Executor(memory),
        task_store=InMemoryTaskStore(),
        agent_card=card,
        push_config_store=configs,
        push_sender=sender,
    )
    routes = [*create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True), *create_agent_card_routes(card), *admin(memory)]
    return Manners(Starlette(routes=routes), memory)


async def main() -> None:
    server = uvicorn.Server(uvicorn.Config(application(Memory()), log_level="warning", timeout_graceful_shutdown=1))
    print(ADDRESS, flush=True)
    await server.serve(sockets=[LISTENER])


LISTENER = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
ADDRESS = f"http://127.0.0.1:{LISTENER.getsockname()[1]}"

if __name__ == "__main__":
    asyncio.run(main())
