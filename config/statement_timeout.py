"""Bounds every statement of a web process: nobody waits for its answer longer than requests may take."""

from __future__ import annotations

from math import ceil
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

#: The bound of each connection that has one, ms; the pool gives the same ones out again and again.
_BOUNDS: Final[WeakKeyDictionary[Any, int]] = WeakKeyDictionary()


def bound_statements() -> None:
    """Called once by the web process. Workers and commands may take longer."""
    connection_created.connect(_bound)


def _bound(connection: BaseDatabaseWrapper, **_: Any) -> None:
    milliseconds = ceil(settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS * 1000)
    if _BOUNDS.get(connection.connection) == milliseconds:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(milliseconds)])
    _BOUNDS[connection.connection] = milliseconds
