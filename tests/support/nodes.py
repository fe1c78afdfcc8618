"""Processes of an installation on the test's database, and clients of theirs; the test needs `transaction=True`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from psycopg.conninfo import make_conninfo
from websockets.asyncio.client import ClientConnection, connect

from ci_core.events import wires
from config.env import ROOT

#: Seconds that a step may take on a busy machine; far above what it takes.
PATIENCE = 60.0
FOLLOW = "subscription($id: CiPipelineID!) { ciPipelineStatusUpdated(pipelineId: $id) { status } }"
PLAY = "mutation($id: CiBuildID!) { jobPlay(input: {id: $id}) { errors } }"


def environment(**extra: str) -> dict[str, str]:
    """That of the processes: on the test's database."""
    parameters = wires.connection_parameters()
    url = make_conninfo("", **{key: str(value) for key, value in parameters.items()})
    return {**os.environ, "DATABASE_URL": url, "PIPEYARD_ALLOWED_HOSTS": "127.0.0.1", **extra}


@contextmanager
def process(*command: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs meanwhile."""
    started = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=env)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(PATIENCE)
        finally:
            started.kill()


def eventually(check: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@asynccontextmanager
async def following(port: int, token: str, pipeline_id: int, **options: Any) -> Any:
    """A subscriber. options: of `websockets.connect`."""
    address = f"ws://127.0.0.1:{port}/api/graphql"
    async with connect(
        address, subprotocols=["graphql-transport-ws"], open_timeout=PATIENCE, **options
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"token": token}}))
        await socket.recv()
        variables = {"id": f"gid://gitlab/Ci::Pipeline/{pipeline_id}"}
        payload = {"query": FOLLOW, "variables": variables}
        await socket.send(json.dumps({"id": "a", "type": "subscribe", "payload": payload}))
        await asyncio.sleep(1)
        yield socket


async def told(*sockets: ClientConnection) -> list[str]:
    """The next status that each hears."""
    async with asyncio.timeout(PATIENCE):
        messages = [json.loads(await socket.recv()) for socket in sockets]
    return [message["payload"]["data"]["ciPipelineStatusUpdated"]["status"] for message in messages]


async def play(port: int, token: str, job_id: int) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.post(
            f"http://127.0.0.1:{port}/api/graphql",
            json={"query": PLAY, "variables": {"id": f"gid://gitlab/Ci::Build/{job_id}"}},
            headers={"Authorization": f"Bearer {token}"},
        )
    assert answer.json()["data"] == {"jobPlay": {"errors": []}}
