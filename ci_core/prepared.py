"""Runs statements past Django's cursor: most as statements that PostgreSQL has planned before.

They are hand-written, and come with every request. To plan one of these takes PostgreSQL as long as to run it, or up to
five times as long, and so does Django's cursor. They are prepared once a connection, planned for all values alike
(`plan_cache_mode`), and sent by libpq itself. Where somebody keeps a log of the statements (`force_debug_cursor`) they
go by Django's cursor, with the same rows.

Those that are best read in different ways for different values are planned each time (`fetch_planned`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
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
from psycopg.types.json import Jsonb

#: `%s` stands for each; the statement says its type (`%s::bigint[]`) where PostgreSQL cannot tell it, since libpq sends
#: it as text.
Value = int | float | str | datetime | Jsonb | Sequence[int] | Sequence[str] | None
Names = tuple[str, ...]
Fetched = tuple[Names, list[tuple[Any, ...]]]

MOMENTS: Final = psycopg.adapters.get_loader(
    psycopg.adapters.types["timestamptz"].oid, psycopg.pq.Format.TEXT
)
#: What PostgreSQL says of a statement that it does not know (any more), or whose tables have changed.
_FORGOTTEN: Final = frozenset({"26000", "0A000"})
_NAMED: Final = re.compile(r"%\((\w+)\)s")
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
        self._outdated = False
        self._reading = Transformer(_Adapted(opened))
        self._quoting = psycopg.pq.Escaping(opened.pgconn)
        self._command(b"SET plan_cache_mode = force_generic_plan")

    def fetch(self, sql: str, parameters: Sequence[Value]) -> Fetched:
        """The rows. Raises psycopg.Error."""
        if self._outdated:
            self.forget()
        values = [_text(value) for value in parameters]
        name, names = self._known.get(sql) or self._prepare(sql)
        return names, self._rows(self._pgconn.exec_prepared(name, values))  # type: ignore[arg-type]  # None is NULL

    def fetch_planned(self, sql: str, parameters: Sequence[Value]) -> Fetched:
        """The rows of a statement that is planned for these values, which stand in it. Raises psycopg.Error."""
        first, *others = sql.split("%s")
        parts = [first.encode()]
        for value, part in zip(parameters, others, strict=True):
            parts += (self._quoting.escape_literal(_text(value) or b""), part.encode())
        result = self._pgconn.exec_(b"".join(parts))
        rows = self._rows(result)
        return _names(result), rows

    def _rows(self, result: PGresult) -> list[tuple[Any, ...]]:
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        self._reading.set_pgresult(result)
        return self._reading.load_rows(0, result.ntuples, tuple)

    def begin(self) -> None:
        """Begins a transaction, as psycopg does with the first statement of a cursor."""
        self._command(b"BEGIN")

    def forget(self) -> None:
        """Prepares each statement again before it is run."""
        self._known.clear()
        self._command(b"DEALLOCATE ALL")
        self._outdated = False

    def forget_later(self) -> None:
        """The same with the next statement: a transaction that has failed takes none."""
        self._outdated = True

    def _prepare(self, sql: str) -> tuple[bytes, Names]:
        if len(self._known) >= KEPT:
            self.forget()
        name = b"pipeyard_%d" % len(self._known)
        result = self._pgconn.prepare(name, _numbered(sql))
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
        names = _names(self._pgconn.describe_prepared(name))
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
    if connection.connection is None:
        connection.ensure_connection()
    if not _straight(connection):
        return fetch_by_cursor(sql, parameters)
    run: Callable[..., Fetched] = _run
    for wrapper in reversed(connection.execute_wrappers):
        run = partial(wrapper, run)
    return run(sql, parameters, False, {"connection": connection, "cursor": None, "fetch": fetch})


def fetch_named(sql: str, parameters: Mapping[str, Value]) -> list[tuple[Any, ...]]:
    """The rows of a statement in which `%(name)s` stands for the parameter of that name. Raises django.db.Error."""
    text, names = _positional(sql)
    return fetch_prepared(text, [parameters[name] for name in names])[1]


def _straight(connection: BaseDatabaseWrapper) -> bool:
    """Whether a statement may go past Django's cursor."""
    if connection.queries_logged or not settings.PIPEYARD_PREPARED_STATEMENTS:
        return False
    opened = connection.connection
    # Who wants more of a transaction than the server's defaults leaves its beginning to psycopg.
    return opened.autocommit or (opened.isolation_level is None and opened.read_only is None)


def _run(sql: str, parameters: Sequence[Value], _many: bool, context: Mapping[str, Any]) -> Fetched:
    connection = context["connection"]
    fetch: Callable[..., Fetched] = context["fetch"]
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        opened = connection.connection
        statements = _BY_CONNECTION.get(opened)
        if statements is None:
            statements = _BY_CONNECTION[opened] = _Statements(opened)
        if not opened.autocommit and opened.pgconn.transaction_status == TransactionStatus.IDLE:
            statements.begin()
        try:
            return fetch(statements, sql, parameters)
        except psycopg.Error as error:
            if error.sqlstate not in _FORGOTTEN:
                raise
            # In a transaction the error has ended it, and whoever began it must know.
            if not opened.autocommit:
                statements.forget_later()
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
        return _names(cursor.cursor.pgresult), found


def _names(result: PGresult) -> Names:
    """The names of the columns that a result has."""
    return tuple((result.fname(place) or b"").decode() for place in range(result.nfields))


@lru_cache(256)
def _positional(sql: str) -> tuple[str, Names]:
    """The statement with `%s` for its names, and the names in that order."""
    return _NAMED.sub("%s", sql), tuple(_NAMED.findall(sql))


@lru_cache(256)
def _numbered(sql: str) -> bytes:
    """The statement with `$1`, `$2`... for its `%s`."""
    first, *others = sql.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))).encode()


def _text(value: Value) -> bytes | None:
    """A value as PostgreSQL reads it. Raises ValueError for a text with NUL, which would end there."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("PostgreSQL text cannot hold NUL")
        return value.encode()
    if isinstance(value, int | float):
        return str(value).encode()
    if isinstance(value, datetime):
        return value.isoformat().encode()
    if isinstance(value, Jsonb):
        return json.dumps(value.obj).encode()
    return ("{" + ",".join(map(_item, value)) + "}").encode()


def _item(value: int | str) -> str:
    """A value within an array. Raises ValueError as `_text`."""
    if isinstance(value, int):
        return str(value)
    if "\0" in value:
        raise ValueError("PostgreSQL text cannot hold NUL")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
