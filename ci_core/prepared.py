"""Runs hand-written statements that come with every request, as statements that PostgreSQL has planned before.

To plan one of these takes PostgreSQL as long as to run it, or up to five times as long, and so does Django's cursor.
They are prepared once a connection, planned for all values alike (`plan_cache_mode`), and sent by libpq itself. Where
somebody keeps a log of the statements (`force_debug_cursor`), and where a transaction is yet to be begun, they go by
Django's cursor, with the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

#: `%s` stands for each; the statement says its type (`%s::bigint[]`), since libpq sends it as text.
Value = int | str | Sequence[int]
Names = tuple[str, ...]
Fetched = tuple[Names, list[tuple[Any, ...]]]

MOMENTS: Final = psycopg.adapters.get_loader(
    psycopg.adapters.types["timestamptz"].oid, psycopg.pq.Format.TEXT
)
#: What PostgreSQL says of a statement that it does not know (any more), or whose tables have changed.
_FORGOTTEN: Final = frozenset({"26000", "0A000"})
#: Statements that a connection keeps. More come only of documents that ask for ever different columns.
KEPT: Final = 200


class _Adapted:
    """How the values of a connection are read, without the connection, which must not be kept from closing."""

    connection = None

    def __init__(self, opened: psycopg.Connection[Any]) -> None:
        self.adapters = AdaptersMap(opened.adapters)
        assert MOMENTS is not None
        self.adapters.register_loader("timestamptz", MOMENTS)


class _Statements:
    """The statements that one connection has prepared: by their text, their names and those of their columns."""

    def __init__(self, opened: psycopg.Connection[Any]) -> None:
        self._pgconn = opened.pgconn
        self._known: dict[str, tuple[bytes, Names]] = {}
        self._reading = Transformer(_Adapted(opened))
        self._quoting = psycopg.pq.Escaping(opened.pgconn)
        self._command(b"SET plan_cache_mode = force_generic_plan")

    def fetch(self, sql: str, parameters: Sequence[Value]) -> Fetched:
        """The rows. Raises psycopg.Error."""
        values = [_text(value) for value in parameters]
        name, names = self._known.get(sql) or self._prepare(sql)
        return names, self._rows(self._pgconn.exec_prepared(name, values))

    def fetch_planned(self, sql: str, parameters: Sequence[Value]) -> Fetched:
        """The rows of a statement that is planned for these values, which stand in it. Raises psycopg.Error."""
        first, *others = sql.split("%s")
        parts = [first.encode()]
        for value, part in zip(parameters, others, strict=True):
            text = _text(value)
            bare = isinstance(value, int) and value >= 0
            parts += (text if bare else self._quoting.escape_literal(text), part.encode())
        result = self._pgconn.exec_(b"".join(parts))
        rows = self._rows(result)
        return tuple((result.fname(place) or b"").decode() for place in range(result.nfields)), rows

    def _rows(self, result: PGresult) -> list[tuple[Any, ...]]:
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        self._reading.set_pgresult(result)
        return self._reading.load_rows(0, result.ntuples, tuple)

    def forget(self) -> None:
        """Prepares each statement again before it is run."""
        self._known.clear()
        self._command(b"DEALLOCATE ALL")

    def _prepare(self, sql: str) -> tuple[bytes, Names]:
        if len(self._known) >= KEPT:
            self.forget()
        name = b"pipeyard_%d" % len(self._known)
        result = self._pgconn.prepare(name, _numbered(sql))
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
        described = self._pgconn.describe_prepared(name)
        names = tuple((described.fname(place) or b"").decode() for place in range(described.nfields))
        self._known[sql] = name, names
        return name, names

    def _command(self, sql: bytes) -> None:
        result = self._pgconn.exec_(sql)
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)


_BY_CONNECTION: Final[WeakKeyDictionary[Any, _Statements]] = WeakKeyDictionary()


def fetch_prepared(sql: str, parameters: Sequence[Value]) -> Fetched:
    """The names of the columns that a statement gives, and its rows as psycopg reads them.

    sql: one of a small number of constants, since each stays prepared. Raises django.db.Error.
    """
    return _fetch(_Statements.fetch, sql, parameters)


def fetch_planned(sql: str, parameters: Sequence[Any]) -> Fetched:
    """The same for any statement: PostgreSQL plans it for these values. Raises django.db.Error."""
    if "%%" in sql or not all(map(_is_value, parameters)):
        return fetch_by_cursor(sql, parameters)
    return _fetch(_Statements.fetch_planned, sql, parameters)


def _is_value(given: Any) -> bool:
    """Whether a parameter is a text, a number or a list of numbers; not true or false, which is no number in SQL."""
    if isinstance(given, list):
        return all(type(item) is int for item in given)
    return type(given) in (int, str)


def _fetch(fetch: Callable[..., Fetched], sql: str, parameters: Sequence[Value]) -> Fetched:
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    if not _straight(connection):
        return fetch_by_cursor(sql, parameters)
    run: Callable[..., Fetched] = partial(_run, fetch)
    for wrapper in reversed(connection.execute_wrappers):
        run = partial(wrapper, run)
    return run(sql, parameters, False, {"connection": connection, "cursor": None})


def _straight(connection: BaseDatabaseWrapper) -> bool:
    """Whether a statement may go past Django's cursor."""
    if connection.queries_logged or not settings.PIPEYARD_PREPARED_STATEMENTS:
        return False
    opened = connection.connection
    # psycopg begins a transaction with the first statement of a cursor.
    return bool(opened.autocommit or opened.pgconn.transaction_status == TransactionStatus.INTRANS)


def _run(
    fetch: Callable[..., Fetched],
    sql: str,
    parameters: Sequence[Value],
    _many: bool,
    context: Mapping[str, Any],
) -> Fetched:
    connection = context["connection"]
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        opened = connection.connection
        statements = _BY_CONNECTION.get(opened)
        if statements is None:
            statements = _BY_CONNECTION[opened] = _Statements(opened)
        try:
            return fetch(statements, sql, parameters)
        except psycopg.Error as error:
            # In a transaction the error has ended it, and whoever began it must know.
            if error.sqlstate not in _FORGOTTEN or not opened.autocommit:
                raise
            statements.forget()
            return fetch(statements, sql, parameters)


def fetch_by_cursor(sql: str, parameters: Sequence[Any]) -> Fetched:
    """The same by Django's cursor, for any statement."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.cursor.adapters.register_loader("timestamptz", MOMENTS)
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        # Not `description`, which makes an object with nine properties of each column.
        result = cursor.cursor.pgresult
        return tuple(result.fname(place).decode() for place in range(result.nfields)), found


@lru_cache(256)
def _numbered(sql: str) -> bytes:
    """The statement with `$1`, `$2`... for its `%s`."""
    first, *others = sql.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))).encode()


def _text(value: Value) -> bytes:
    """A value as PostgreSQL reads it. Raises ValueError for a text with NUL, which would end there."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("PostgreSQL text cannot hold NUL")
        return value.encode()
    if isinstance(value, int):
        return b"%d" % value
    return ("{" + ",".join(map(str, value)) + "}").encode()
