"""The relay: one connection that listens to the database, and tells all web processes over Redis.

A listening connection costs every commit, a subscriber of Redis does not. Each worker is ready to be the relay; the
one that has the lock is it, and the next takes over as soon as its connection ends. While Redis cannot be reached,
nobody is: web processes then look for themselves (see bell), and so nothing has to be kept for later.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ci_core.events import line, wires
from ci_core.events.pauses import Pauses

log = structlog.get_logger("pipeyard.bell")

#: Key of the advisory lock that the relay holds for as long as its connection lives; see ci_core.locks for the others.
RELAY_LOCK: Final = 7_300_003
#: Seconds between two attempts to get it. Waiting for it in one statement would keep a snapshot open for as long.
TURN_EVERY: Final = 1.0
#: Places that one message names at most; if more were rung at once, everybody is rung.
MOST_RINGS: Final = 1000


async def run() -> None:
    """Is the relay, or waits to become it, until cancelled."""
    pauses = Pauses()
    while True:
        try:
            await _carry(pauses)
        except (psycopg.Error, RedisError, OSError) as error:
            log.warning("relay interrupted", error=str(error) or "no answer")
        except Exception:
            log.exception("relay failed")
        await asyncio.sleep(pauses.next())


async def _carry(pauses: Pauses) -> None:
    """Carries the bell until a connection breaks."""
    async with line.client() as redis:
        await _answers(redis)
        async with await psycopg.AsyncConnection.connect(
            **wires.connection_parameters(), autocommit=True
        ) as connection:
            while not await _is_mine(connection):
                await asyncio.sleep(TURN_EVERY)
                await _answers(redis)
            await wires.listen(connection)
            relay = _Relay(redis, connection)
            await relay.beat()
            pauses.reset()
            log.info("this process relays the bell over Redis")
            await relay.tell_all()


async def _answers(redis: Redis) -> None:
    """Who cannot reach Redis does not become the relay."""
    async with asyncio.timeout(line.ANSWER_WITHIN):
        await line.living_relay(redis)


async def _is_mine(connection: psycopg.AsyncConnection) -> bool:
    """Whether this connection has the lock now. A try that is over at once tells that the connection lives, too."""
    async with asyncio.timeout(wires.CHECK_TIMEOUT):
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [RELAY_LOCK])
        row = await cursor.fetchone()
    return bool(row and row[0])


class _Relay:
    """Tells what one connection hears. Its messages are numbered under a name of their own."""

    def __init__(self, redis: Redis, connection: psycopg.AsyncConnection) -> None:
        self._redis = redis
        self._connection = connection
        self._name = secrets.token_hex(8)
        self._number = 0

    async def tell_all(self) -> None:
        """Tells until a connection breaks. What is rung while a message is sent is told with the next one."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + line.BEAT
        while True:
            if loop.time() >= beat_at:
                await self.beat()
                beat_at = loop.time() + line.BEAT
            rings = {
                (notification.channel, notification.payload): None
                async for notification in self._connection.notifies(
                    timeout=max(0.0, beat_at - loop.time()), stop_after=1
                )
            }
            if rings:
                self._number += 1
                await self._tell(list(rings) if len(rings) <= MOST_RINGS else None)

    async def beat(self) -> None:
        """A sign of life, given only if the database has just given one."""
        async with asyncio.timeout(wires.CHECK_TIMEOUT):
            await self._connection.execute("SELECT 1")
        async with asyncio.timeout(line.ANSWER_WITHIN):
            await self._redis.set(line.relay_key(), self._name, px=int(line.SILENCE * 1000))
        await self._tell([])

    async def _tell(self, rings: list[tuple[str, str]] | None) -> None:
        message = line.Message(self._name, self._number, rings)
        async with asyncio.timeout(line.ANSWER_WITHIN):
            await self._redis.publish(line.channel(), message.encoded())
