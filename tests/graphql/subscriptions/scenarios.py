"""What the tests of subscriptions share: running a scenario, and changing things as another process would."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.utils import CursorWrapper

from ci_core import prepared
from ci_core.access import Principal
from ci_core.events import bell
from graphql_api.subscriptions import broadcast

R = TypeVar("R")
ROOT = Path(__file__).resolve().parents[3]


#: Seconds that what a scenario began may take to end.
PATIENCE = 5.0


def run(scenario: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Runs a scenario to its end, and asserts that it leaves nothing behind.

    That is: no task, nobody who listens to the bell, no broadcast, no connection that was lent by the pool, and none to
    the database outside the pool.
    """
    before = at_rest()

    async def whole() -> R:
        result = await scenario()
        await asyncio.sleep(0.05)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        assert bell.of_this_loop().listeners == {}
        assert broadcast.of_this_loop()._by_key == {}
        return result

    result = asyncio.run(whole())
    deadline = time.monotonic() + PATIENCE
    while connections_in_use() != before:  # the server takes a moment to end one
        assert time.monotonic() < deadline, (before, connections_in_use())
        time.sleep(0.01)
    return result


@dataclass(frozen=True)
class InUse:
    """Connections to the database. lent: by this process's pool; listening: outside the pool, for the bell."""

    lent: int
    listening: int


def at_rest() -> InUse:
    """The connections in use once those of earlier requests have gone back, which takes a moment."""
    deadline = time.monotonic() + PATIENCE
    while (found := connections_in_use()).lent > 1 and time.monotonic() < deadline:
        time.sleep(0.005)
    return found


def connections_in_use() -> InUse:
    """The connections in use now; the one that asks is lent to the test itself."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %%'"
        )
        (listening,) = cursor.fetchone()
    pool = connections["default"].pool.get_stats()
    return InUse(pool["pool_size"] - pool["pool_available"], listening)


async def elsewhere(function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Runs a function in a thread with a connection of its own, which it gives back."""

    def call() -> R:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(call, thread_sensitive=False)()


async def in_another_process(code: str) -> None:
    """Runs Python code in a process of its own, on the test's database."""
    name = connections["default"].settings_dict["NAME"]
    prelude = (
        "import django; from django.conf import settings; "
        "settings.DATABASES['default']['NAME'] = %r; django.setup();"
    )
    done = await sync_to_async(subprocess.run, thread_sensitive=False)(
        [sys.executable, "-c", f"{prelude % str(name)}\n{code}"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def statements_of_sockets() -> Iterator[list[str]]:
    """The SQL statements that WebSocket operations send meanwhile, whichever thread they run in."""
    sent: list[str] = []
    plain = CursorWrapper._execute

    def execute(self: CursorWrapper, sql: Any, params: Any, *ignored: Any) -> Any:
        if threading.current_thread().name.startswith("graphql-socket"):
            sent.append(str(sql))
        return plain(self, sql, params, *ignored)

    straight = prepared._run

    def run(sql: str, *ignored: Any) -> Any:
        if threading.current_thread().name.startswith("graphql-socket"):
            sent.extend(sql.split(prepared.BETWEEN))
        return straight(sql, *ignored)

    with mock.patch.object(CursorWrapper, "_execute", execute), mock.patch.object(prepared, "_run", run):
        yield sent


@contextmanager
def executions() -> Iterator[list[str | None]]:
    """Whom subscriptions are executed for meanwhile, by name, one entry an execution; None for nobody signed in."""
    names: list[str | None] = []
    plain = broadcast.execute

    async def execute(*args: Any) -> Any:
        principal = next(arg for arg in args if isinstance(arg, Principal))
        names.append(principal.user and principal.user.username)
        return await plain(*args)

    broadcast.execute = execute  # type: ignore[assignment]
    try:
        yield names
    finally:
        broadcast.execute = plain
