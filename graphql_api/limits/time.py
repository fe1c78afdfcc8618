"""Owns how long an operation may take: it is answered at its deadline, and its statement ends then, too."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import connection
from psycopg import Connection, OperationalError

from graphql_api.limits.exceeded import LimitExceeded

R = TypeVar("R")

#: Seconds that telling the database to end a statement may take.
CANCEL_TIMEOUT: Final = 2.0
log = structlog.get_logger("pipeyard.graphql")


class Deadline:
    """When one operation has to be done: PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS after it began.

    Work in threads goes through `bounded`: no statement begins after the deadline. `end` ends the one that runs.
    """

    def __init__(self) -> None:
        self.seconds: float = settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS
        self._began = monotonic()
        #: Held while a connection begins or ceases to be this operation's, and while its statement is ended: a
        #: connection that works for another request by then must not be hit.
        self._lock = Lock()
        self._in_use: Connection[Any] | None = None
        self._ended = False

    @property
    def elapsed(self) -> int:
        """Milliseconds since the operation began."""
        return round((monotonic() - self._began) * 1000)

    @property
    def allowed(self) -> int:
        """Milliseconds that the operation may take."""
        return round(self.seconds * 1000)

    def exceeded(self) -> LimitExceeded:
        """The refusal to go on."""
        return LimitExceeded("time", self.allowed, max(self.elapsed, self.allowed))

    def bounded(self, function: Callable[[], R]) -> R:
        """Runs a function that uses the database, in its thread. Raises LimitExceeded, also from within it."""
        try:
            with connection.execute_wrapper(self._statement):
                return function()
        finally:
            with self._lock:
                self._in_use = None
                if self._ended and connection.connection is not None and not connection.in_atomic_block:
                    # A request to end a statement may arrive late, and would then hit the next one.
                    connection.connection.close()
                    connection.close()

    def _statement(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        with self._lock:
            if self._ended or monotonic() - self._began >= self.seconds:
                raise self.exceeded()
            self._in_use = context["connection"].connection
        return execute(sql, params, many, context)

    def end(self) -> None:
        """Lets no further statement begin, and ends the one that runs. Takes CANCEL_TIMEOUT seconds at most."""
        with self._lock:
            self._ended = True
            if self._in_use is not None:
                try:
                    self._in_use.cancel_safe(timeout=CANCEL_TIMEOUT)
                except OperationalError as error:
                    log.warning("a statement could not be ended", error=str(error))
