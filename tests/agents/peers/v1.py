"""An agent of the official SDK for A2A 1: `python v1.py BINDING...` with JSONRPC, HTTP+JSON, and 0.3 for the SDK's own compatibility.

It does what `do` in its message says and keeps what it was asked, which `/seen` shows.
"""

import asyncio
import base64
import sys

import httpx
from a2a.helpers.proto_helpers import get_data_parts, new_data_part, new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers.default_request_handler_v2 import DefaultRequestHandlerV2
from a2a.server.routes.agent_card_routes import create_agent_card_routes
from a2a.server.routes.jsonrpc_routes import create_jsonrpc_routes
from a2a.server.routes.rest_routes import create_rest_routes
from a2a.server.tasks.base_push_notification_sender import BasePushNotificationSender
from a2a.server.tasks.inmemory_push_notification_config_store import InMemoryPushNotificationConfigStore
from a2a.server.tasks.inmemory_task_store import InMemoryTaskStore
from a2a.server.tasks.task_updater import TaskUpdater
from a2a.types import a2a_pb2 as a2a
from listening import listener, serve
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

SOCKET, ADDRESS = listener()
BINDINGS = sys.argv[1:]
SEEN = {"calls": [], "messages": [], "answers": [], "cancelled": [], "traces": []}
RELEASED = asyncio.Event()
# What is asked next, by task.
MORE = {}


class Executor(AgentExecutor):
    async def execute(self, context, event_queue):
        message = context.message
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        data = next(iter(get_data_parts(message.parts)), {})
        SEEN["messages"].append({"id": message.message_id, "context": context.context_id, "data": data})
        SEEN["traces"].append(dict(message.metadata).get("traceparent"))
        if context.current_task is not None:
            await self.answered(context, updater, data)
            return
        await event_queue.enqueue_event(new_task_from_user_message(message))
        await updater.start_work(updater.new_agent_message([a2a.Part(text="at work")]))
        await getattr(self, "do_" + data.get("do", "echo"))(data, updater)

    async def answered(self, context, updater, data):
        text = "".join(part.text for part in context.message.parts if part.HasField("text"))
        SEEN["answers"].append({"task": context.task_id, "id": context.message.message_id, "text": text})
        more = MORE.get(context.task_id)
        if more:
            await updater.requires_input(updater.new_agent_message([a2a.Part(text=more.pop(0))]))
            return
        await self.finish(updater, [new_data_part({"answer": data or text})])

    async def cancel(self, context, event_queue):
        SEEN["cancelled"].append(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def finish(self, updater, parts):
        await updater.add_artifact(parts, name="result")
        await updater.complete()

    async def do_echo(self, data, updater):
        await self.finish(updater, [new_data_part(data)])

    async def do_pieces(self, data, updater):
        """Text in three pieces of one artifact."""
        for place, text in enumerate(data["pieces"]):
            last = place + 1 == len(data["pieces"])
            await updater.add_artifact([a2a.Part(text=text)], artifact_id="a", name="result", append=place > 0, last_chunk=last)
        await updater.complete()

    async def do_raw(self, data, updater):
        await self.finish(updater, [a2a.Part(raw=base64.b64decode(data["raw"]), media_type=data["media_type"], filename="f")])

    async def do_ask(self, data, updater):
        MORE[updater.task_id] = data.get("more", [])
        await updater.requires_input(updater.new_agent_message([a2a.Part(text=data["question"])]))

    async def do_access(self, data, updater):
        await updater.requires_auth(updater.new_agent_message([a2a.Part(text=data["question"])]))

    async def do_ask_and_go_on(self, data, updater):
        await self.do_ask(data, updater)
        await self.do_wait(data, updater)

    async def do_wait(self, data, updater):
        """Goes on at `/release`."""
        await RELEASED.wait()
        RELEASED.clear()
        await self.do_pieces(data, updater)

    async def do_hold(self, data, updater):
        await asyncio.Event().wait()

    async def do_fail(self, data, updater):
        await updater.failed(updater.new_agent_message([a2a.Part(text=data["message"])]))


class Counting:
    """Notes each call before the SDK sees it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] not in ("/seen", "/release"):
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            SEEN["calls"].append({"method": scope["method"], "path": scope["path"], "version": headers.get("a2a-version")})
        await self.app(scope, receive, send)


async def seen(_):
    return JSONResponse(SEEN)


async def release(_):
    RELEASED.set()
    return JSONResponse({})


def interface(binding):
    if binding == "0.3":
        return a2a.AgentInterface(url=ADDRESS + "/rpc", protocol_binding="JSONRPC", protocol_version="0.3")
    place = {"JSONRPC": "/rpc", "HTTP+JSON": "/rest"}[binding]
    return a2a.AgentInterface(url=ADDRESS + place, protocol_binding=binding, protocol_version="1.0")


card = a2a.AgentCard(
    name="peer",
    description="Does as it is told",
    version="1.0.0",
    supported_interfaces=[interface(binding) for binding in BINDINGS],
    capabilities=a2a.AgentCapabilities(streaming=True, push_notifications=True),
    default_input_modes=["application/json"],
    default_output_modes=["application/json"],
    skills=[a2a.AgentSkill(id="do", name="do", description="Does as it is told", tags=["test"])],
)
configs = InMemoryPushNotificationConfigStore()
handler = DefaultRequestHandlerV2(
    agent_executor=Executor(),
    task_store=InMemoryTaskStore(),
    agent_card=card,
    push_config_store=configs,
    push_sender=BasePushNotificationSender(httpx.AsyncClient(), configs),
)
routes = [
    Route("/seen", seen),
    Route("/release", release),
    *create_agent_card_routes(card),
    *create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat="0.3" in BINDINGS),
    *create_rest_routes(handler, path_prefix="/rest"),
]
serve(Counting(Starlette(routes=routes)), SOCKET, ADDRESS)
