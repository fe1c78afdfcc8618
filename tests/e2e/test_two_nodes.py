"""Two web processes, a worker and Redis, as on several machines: a change made through one is heard at the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections

from tests.e2e.test_up import free_port
from tests.factories import member, pipeline_with
from tests.support.graphql_client import access_token
from tests.support.jobs import job_of
from tests.support.nodes import environment, eventually, following, play, process, told
from tests.support.redis_server import RedisServer, redis_server

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def web(port: int) -> list[str]:
    options = ["--port", str(port), "--lifespan", "off", "--log-level", "warning"]
    return ["-m", "uvicorn", "config.asgi:application", *options, "--timeout-graceful-shutdown", "1"]


def readiness(port: int) -> dict[str, str]:
    try:
        found: dict[str, str] = httpx.get(f"http://127.0.0.1:{port}/-/readiness", timeout=10).json()
    except httpx.HTTPError:
        return {}
    return found


@pytest.fixture
def nodes(settings: Any) -> Iterator[tuple[RedisServer, list[int]]]:
    ports = [free_port(), free_port()]
    with redis_server(settings) as server, ExitStack() as running:
        settings.PIPEYARD_REDIS_URL = None  # this process is none of them
        env = environment(REDIS_URL=server.url)
        for command in (["manage.py", "worker"], *map(web, ports)):
            running.enter_context(process(*command, env=env))
        for port in ports:
            eventually(lambda port=port: readiness(port).get("status") == "ok", f"ready: {readiness(port)}")
        yield server, ports


def listeners() -> int:
    """Connections to the database that were told to listen to the bell."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
                "AND objid = 7300003 AND datname = current_database()"
            )
            relays = cursor.fetchone()[0]
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN \"pipeyard%%'"
            )
            return int(relays + cursor.fetchone()[0])
    finally:
        connections.close_all()


def test_a_change_made_through_one_node_is_heard_at_the_other(nodes: tuple[RedisServer, list[int]]) -> None:
    server, (one, other) = nodes
    pipeline = pipeline_with({name: {"script": "x", "when": "manual"} for name in "abc"})
    token = access_token(member(pipeline.project))
    jobs = [job_of(pipeline, name).pk for name in "abc"]

    async def scenario() -> None:
        async with following(one, token, pipeline.pk) as here, following(other, token, pipeline.pk) as there:
            assert await sync_to_async(listeners, thread_sensitive=False)() == 1
            assert await asyncio.to_thread(server.ask, "PUBSUB", "NUMSUB", "pipeyard:bell") == [
                "pipeyard:bell",
                2,
            ]
            await play(one, token, jobs[0])
            assert await told(here, there) == ["PENDING", "PENDING"]

            await asyncio.to_thread(server.kill)
            await play(other, token, jobs[1])
            assert await told(here, there) == ["PENDING", "PENDING"]
            degraded = await asyncio.to_thread(readiness, one)
            assert (degraded["status"], degraded["redis"], degraded["worker"]) == ("degraded", "failed", "ok")

            await asyncio.to_thread(server.start)
            await asyncio.to_thread(eventually, lambda: readiness(one)["status"] == "ok", "Redis is back")
            await play(one, token, jobs[2])
            assert await told(here, there) == ["PENDING", "PENDING"]

    asyncio.run(scenario())
