"""An agent of the official SDK for A2A 0.3. It does what `do` in its message says; `/seen` shows what it was asked."""

import asyncio

import httpx
from a2a.server.agent_execution import AgentExecutor
from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import (
    BasePushNotificationSender,
    InMemoryPushNotificationConfigStore,
    InMemoryTaskStore,
    TaskUpdater,
)
from a2a.types import AgentCapabilities, AgentCard, AgentSkill, DataPart, Part, TextPart
from a2a.utils.task import new_task
from listening import listener, serve
from starlette.responses import JSONResponse
from starlette.routing import Route

SOCKET, ADDRESS = listener()
SEEN = {"calls": [], "messages": [], "answers": [], "cancelled": [], "traces": []}
RELEASED = asyncio.Event()
# What is asked next, by task.
MORE = {}


def text(words):
    return [Part(root=TextPart(text=words))]


class Executor(AgentExecutor):
    async def execute(self, context, event_queue):
        message = context.message
        data = next((part.root.data for part in message.parts if isinstance(part.root, DataPart)), {})
        SEEN["messages"].append({"id": message.message_id, "context": context.context_id, "data": data})
        SEEN["traces"].append((message.metadata or {}).get("traceparent"))
        task = context.current_task
        if task is None:
            task = new_task(message)
            await event_queue.enqueue_event(task)
            updater = TaskUpdater(event_queue, task.id, task.context_id)
            await updater.start_work(updater.new_agent_message(text("at work")))
            await getattr(self, "do_" + data.get("do", "echo"))(data, updater)
            return
        await self.answered(message, TaskUpdater(event_queue, task.id, task.context_id), data)

    async def answered(self, message, updater, data):
        said = "".join(part.root.text for part in message.parts if isinstance(part.root, TextPart))
        SEEN["answers"].append({"task": updater.task_id, "id": message.message_id, "text": said})
        more = MORE.get(updater.task_id)
        if more:
            await updater.requires_input(updater.new_agent_message(text(more.pop(0))), final=True)
            return
        await self.finish(updater, {"answer": data or said})

    async def cancel(self, context, event_queue):
        SEEN["cancelled"].append(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def finish(self, updater, value):
        await updater.add_artifact([Part(root=DataPart(data=value))], name="result")
        await updater.complete()

    async def do_echo(self, data, updater):
        await self.finish(updater, data)

    async def do_pieces(self, data, updater):
        for place, piece in enumerate(data["pieces"]):
            last = place + 1 == len(data["pieces"])
            await updater.add_artifact(text(piece), artifact_id="a", name="result", append=place > 0, last_chunk=last)
        await updater.complete()

    async def do_ask(self, data, updater):
        MORE[updater.task_id] = data.get("more", [])
        await updater.requires_input(updater.new_agent_message(text(data["question"])), final=True)

    async def do_access(self, data, updater):
        await updater.requires_auth(updater.new_agent_message(text(data["question"])), final=True)

    async def do_wait(self, data, updater):
        """Goes on at `/release`."""
        await RELEASED.wait()
        RELEASED.clear()
        await self.do_pieces(data, updater)

    async def do_hold(self, data, updater):
        await asyncio.Event().wait()

    async def do_fail(self, data, updater):
        await updater.failed(updater.new_agent_message(text(data["message"])))


class Counting:
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


card = AgentCard(
    name="old peer",
    description="Does as it is told",
    version="1.0.0",
    url=ADDRESS + "/",
    capabilities=AgentCapabilities(streaming=True, push_notifications=True),
    default_input_modes=["application/json"],
    default_output_modes=["application/json"],
    skills=[AgentSkill(id="do", name="do", description="Does as it is told", tags=["test"])],
)
configs = InMemoryPushNotificationConfigStore()
handler = DefaultRequestHandler(
    agent_executor=Executor(),
    task_store=InMemoryTaskStore(),
    push_config_store=configs,
    push_sender=BasePushNotificationSender(httpx.AsyncClient(), configs),
)
app = A2AStarletteApplication(agent_card=card, http_handler=handler).build(routes=[Route("/seen", seen), Route("/release", release)])
serve(Counting(app), SOCKET, ADDRESS)
