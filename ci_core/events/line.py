"""The line between relay and web processes: one channel of a Redis server, and a key that shows that a relay lives.

Redis keeps nothing of what is rung. A message therefore says of which relay it is and which number it has, so that who
hears one knows whether they missed others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
import redis
from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry as SyncRetry

#: Seconds that connecting to Redis, and any answer of it, may take.
ANSWER_WITHIN: Final = 3.0
#: The same for somebody who only wants to know how the line is, and soon.
HEALTH_WITHIN: Final = 1.0
#: Seconds between two signs of life of a relay.
BEAT: Final = 1.0
#: Seconds of silence after which a relay counts as gone.
SILENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """What a relay says.

    number: how many messages with rings it has sent, this one included. rings: channel and payload of each; empty for
    a sign of life; None if there were too many to tell, which rings everybody.
    """

    relay: str
    number: int
    rings: list[tuple[str, str]] | None

    def encoded(self) -> bytes:
        """As it is sent."""
        return orjson.dumps([self.relay, self.number, self.rings])


def decoded(data: object) -> Message | None:
    """A message as it was sent; None for what no relay says."""
    try:
        given: Any = orjson.loads(data)  # type: ignore[arg-type]
        relay, number, rings = given
        told = None if rings is None else [(str(channel), str(payload)) for channel, payload in rings]
        return Message(str(relay), int(number), told)
    except (TypeError, ValueError):
        return None


def channel() -> str:
    """The channel of this installation."""
    return f"{settings.PIPEYARD_REDIS_PREFIX}:bell"


def relay_key() -> str:
    """The key that a relay sets to its name at each sign of life; it expires in silence."""
    return f"{settings.PIPEYARD_REDIS_PREFIX}:relay"


async def living_relay(redis: Redis) -> str | None:
    """The name of the relay that lives; None if there is none."""
    name = await redis.get(relay_key())
    return name.decode(errors="replace") if isinstance(name, bytes) else name


# Clients do not try again by themselves: who uses them has to know what was missed.
#: The older protocol is spoken by every Redis and Valkey server, and has all that is needed.
_PROTOCOL: Final = 2


def _url() -> str:
    assert settings.PIPEYARD_REDIS_URL is not None, "there is a line only where there is Redis"
    return settings.PIPEYARD_REDIS_URL


def client() -> Redis:
    """A client for the event loop; whoever uses it bounds each wait for an answer, by `asyncio.timeout`.

    The client's own bound is off: in Python 3.11 it loses a cancellation that comes in the moment of an answer
    (`asyncio.wait_for`, https://github.com/python/cpython/issues/86296), and the task then never ends.
    """
    found: Redis = Redis.from_url(
        _url(),
        protocol=_PROTOCOL,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=ANSWER_WITHIN,
        socket_timeout=None,
    )
    return found


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the Redis server answers, and whether a relay has lately given a sign of life there."""

    redis: bool
    relay: bool


def health() -> Health:
    """How the line is now; in a thread, for as long as HEALTH_WITHIN at most for connecting and for the answer."""
    try:
        with redis.Redis.from_url(
            _url(),
            protocol=_PROTOCOL,
            retry=SyncRetry(NoBackoff(), 0),
            socket_connect_timeout=HEALTH_WITHIN,
            socket_timeout=HEALTH_WITHIN,
        ) as server:
            return Health(redis=True, relay=server.get(relay_key()) is not None)
    except (RedisError, OSError):
        return Health(redis=False, relay=False)
