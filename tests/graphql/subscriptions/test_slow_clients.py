"""Clients that do not read: what waits for them is bounded, and they are disconnected with a code."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest
from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ci_core.actions import pipelines
from graphql_api.subscriptions.outbox import Outbox
from tests.factories import pipeline_with
from tests.support.live_server import serving

FOLLOW = "subscription($id: CiPipelineID!) { ciPipelineStatusUpdated(pipelineId: $id) { status } }"
#: Its answer, an error, repeats the ID: 200 KB.
HEAVY = {"query": "query($id: JobID!) { job(id: $id) { name } }", "variables": {"id": "x" * 200_000}}


class Client:
    """What an outbox writes to; `reads` lets one message pass."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.dropped = 0
        self._may_read = asyncio.Semaphore(0)
        self.outbox = Outbox(self._send, self._close, self._drop)

    def reads(self, count: int = 1) -> None:
        for _ in range(count):
            self._may_read.release()

    async def _send(self, text: str) -> None:
        await self._may_read.acquire()
        self.got.append(text)

    async def _close(self, code: int, reason: str) -> None:
        self.closed = code, reason

    def _drop(self) -> None:
        self.dropped += 1


@pytest.fixture(autouse=True)
def limits(settings):
    settings.PIPEYARD_SOCKET_OUTBOX_MESSAGES = 3
    settings.PIPEYARD_SOCKET_OUTBOX_CHARACTERS = 100


def run(scenario):
    async def whole():
        client = Client()
        await scenario(client)
        await client.outbox.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        return client

    return asyncio.run(whole())


async def turns():
    for _ in range(10):
        await asyncio.sleep(0)


def test_messages_are_sent_in_order_and_then_the_close():
    async def scenario(client):
        for number in range(3):
            client.outbox.put("m", str(number))
        client.outbox.close(4400, "enough")
        client.outbox.put("too late")
        client.reads(5)
        await turns()

    client = run(scenario)
    assert client.got == ["m0", "m1", "m2"]
    assert client.closed == (4400, "enough")
    assert client.dropped == 0


@pytest.mark.parametrize("messages", [["m"] * 4, ["m" * 60] * 2], ids=["too many", "too long"])
def test_who_does_not_read_is_dropped(messages):
    async def scenario(client):
        for message in messages:
            client.outbox.put(message)
        await turns()
        client.outbox.put("after the end")
        client.reads(5)
        await turns()

    client = run(scenario)
    assert client.got == []
    assert client.closed is not None and client.closed[0] == 1013
    assert client.dropped == 1


def test_one_message_may_be_as_long_as_it_is_and_who_reads_is_not_dropped():
    async def scenario(client):
        for _ in range(10):
            client.outbox.put("m" * 200)
            client.reads()
            await turns()

    client = run(scenario)
    assert len(client.got) == 10
    assert client.closed is None


@pytest.mark.django_db(transaction=True)
def test_over_the_network(settings):
    """The client sends what has long answers and reads nothing: it is dropped, and its subscription ends."""
    settings.PIPEYARD_SOCKET_OUTBOX_MESSAGES = 1000
    settings.PIPEYARD_SOCKET_OUTBOX_CHARACTERS = 1_000_000
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")

    def listeners():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %%'")
            return cursor.fetchone()[0]

    with serving(settings) as url, socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        plain.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client = connect(
            url.replace("http", "ws") + "/api/graphql",
            sock=plain,
            subprotocols=["graphql-transport-ws"],
            max_queue=1,
            max_size=None,
            compression=None,
        )
        with client:
            send = lambda **message: client.send(json.dumps(message))  # noqa: E731
            send(type="connection_init")
            assert json.loads(client.recv())["type"] == "connection_ack"
            variables = {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"}
            send(id="s", type="subscribe", payload={"query": FOLLOW, "variables": variables})
            assert eventually(lambda: listeners() == 1)
            for number in range(60):
                send(id=str(number), type="subscribe", payload=HEAVY)
            assert eventually(lambda: listeners() == 0), "the subscription goes on"
            pipelines.cancel_pipeline(pipeline.pk)
            with pytest.raises(ConnectionClosed) as caught:
                while True:
                    assert json.loads(client.recv(timeout=10))["id"] != "s"
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1013


def eventually(condition):
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.02)
    return False
