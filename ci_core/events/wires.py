"""What brings the bell to a process: a LISTEN connection to the database of its own, or Redis and a relay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql

from ci_core.events.ringing import CHANNELS

#: Seconds of silence after which a connection is checked.
CHECK_EVERY: Final = 30.0
#: Seconds that the check may take.
CHECK_TIMEOUT: Final = 5.0
#: Seconds that connecting may take.
CONNECT_TIMEOUT: Final = 10


class Broken(Exception):
    """The connection was lost, or could not be made."""


class Wire(Protocol):
    """Carries rings until it breaks."""

    async def carry(self, connected: Callable[[], None], ring: Callable[[str, str], None]) -> None:
        """Calls `connected` when rings can be heard, then `ring(channel, payload)` for each. Raises Broken.

        `connected` is called again whenever rings may have been missed.
        """


class Listen:
    """LISTEN on the database."""

    async def carry(self, connected: Callable[[], None], ring: Callable[[str, str], None]) -> None:
        """See Wire."""
        try:
            async with await psycopg.AsyncConnection.connect(
                **connection_parameters(), autocommit=True
            ) as connection:
                await listen(connection)
                connected()
                while True:
                    async for notification in connection.notifies(timeout=CHECK_EVERY):
                        ring(notification.channel, notification.payload)
                    async with asyncio.timeout(CHECK_TIMEOUT):
                        await connection.execute("SELECT 1")
        except (psycopg.Error, TimeoutError) as error:
            raise Broken(str(error) or "no answer") from error


async def listen(connection: psycopg.AsyncConnection) -> None:
    """Makes a connection hear all channels. Raises TimeoutError."""
    async with asyncio.timeout(CHECK_TIMEOUT):
        for channel in CHANNELS:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))


def chosen() -> Wire:
    """The wire of this installation."""
    if settings.PIPEYARD_REDIS_URL is None:
        return Listen()
    # Imported where it is used: an installation without Redis need not wait for its client at each start.
    from ci_core.events.relayed import Relayed

    return Relayed()


def connection_parameters() -> dict[str, Any]:
    """How to connect to the database outside Django and its pool."""
    parameters = connections["default"].get_connection_params()
    unwanted = ("cursor_factory", "context", "prepare_threshold", "pool", "assume_role", "isolation_level")
    kept = {key: value for key, value in parameters.items() if key not in unwanted}
    return {"connect_timeout": CONNECT_TIMEOUT, **kept}
