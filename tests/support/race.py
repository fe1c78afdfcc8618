"""Makes actions meet: threads with database connections of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, transaction

#: Seconds after which a race that does not end counts as a deadlock.
LIMIT = 30


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs the calls in threads that start together; returns what each gave back, or the exception it raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(LIMIT)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(run, call) for call in calls]
        return [future.result(LIMIT) for future in futures]


def while_open(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """Runs `first` in a transaction, starts `second` while that is open, then commits; returns both results.

    `second` starts, and waits or not, before `first` is committed.
    """
    started = threading.Event()

    def run() -> Any:
        try:
            connection.ensure_connection()
            started.set()
            return second()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            result = first()
            future = pool.submit(run)
            started.wait(LIMIT)
            threading.Event().wait(0.2)
        return result, future.result(LIMIT)
