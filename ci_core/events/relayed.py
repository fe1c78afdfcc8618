"""The wire of a web process where a relay carries the bell over Redis, and alone listens to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from ci_core.events import line
from ci_core.events.wires import Broken


class Relayed:
    """Listens to Redis.

    It is connected while a relay gives signs of life, since Redis alone rings nothing.
    """

    async def carry(self, connected: Callable[[], None], ring: Callable[[str, str], None]) -> None:
        """See Wire."""
        try:
            async with line.client() as redis, redis.pubsub() as pubsub:
                async with asyncio.timeout(line.ANSWER_WITHIN):
                    relay = await line.living_relay(redis)
                    await pubsub.subscribe(line.channel())
                    # What is rung after the answer is heard.
                    await pubsub.get_message(timeout=None)
                if relay is not None:
                    connected()
                await _hear(pubsub, relay, connected, ring)
        except (RedisError, OSError) as error:
            raise Broken(f"Redis: {error}" if str(error) else "Redis: no answer") from error


async def _hear(
    pubsub: PubSub,
    relay: str | None,
    connected: Callable[[], None],
    ring: Callable[[str, str], None],
) -> None:
    """Rings what is heard. relay: the one that was said to live; if another one speaks, something was missed."""
    number: int | None = None
    while True:
        message = await _next(pubsub)
        expected = number if message.rings == [] or number is None else number + 1
        all_heard = message.relay == relay and (number is None or message.number == expected)
        if not all_heard or message.rings is None:
            connected()
        for channel, payload in message.rings or ():
            ring(channel, payload)
        relay, number = message.relay, message.number


async def _next(pubsub: PubSub) -> line.Message:
    """The next message of a relay. Raises Broken when there is none for so long that no relay can be there."""
    try:
        async with asyncio.timeout(line.SILENCE):
            while True:
                heard = await pubsub.get_message(timeout=None)
                message = line.decoded(heard["data"]) if heard and heard["type"] == "message" else None
                if message is not None:
                    return message
    except TimeoutError as error:
        raise Broken("no relay is heard: is a worker running that reaches Redis?") from error
