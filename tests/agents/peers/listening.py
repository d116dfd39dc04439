"""Serves an application on a port of the system's choice and prints its address."""

import asyncio
import socket

import uvicorn


def listener():
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    found.listen(128)
    return found, f"http://127.0.0.1:{found.getsockname()[1]}"


def serve(app, found, address):
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))

    async def run():
        print(address, flush=True)
        await server.serve(sockets=[found])

    asyncio.run(run())
