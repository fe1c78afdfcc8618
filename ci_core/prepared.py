"""Runs statements past Django's cursor: most as statements that PostgreSQL has planned before.

They are hand-written, and come with every request. To plan one of these takes PostgreSQL as long as to run it, or up to
five times as long, and so does Django's cursor. They are prepared once a connection, planned for all values alike
(`plan_cache_mode`), and sent by libpq itself. Where somebody keeps a log of the statements (`force_debug_cursor`) they
go by Django's cursor, with the same rows.

Those that are best read in different ways for different values are planned each time (`fetch_planned`). Those that do
not wait for one another's rows go in one message (`fetch_together`), and so does what a request is expected to ask
(`ci_core.expected`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import psycopg
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from ci_core.expected import Expected, current
from ci_core.statements import MOMENTS, Fetched, Names, Statement, Statements, Value, names_of

log = structlog.get_logger("pipeyard.database")
#: What PostgreSQL says of a statement that it does not know (any more), or whose tables have changed.
_FORGOTTEN: Final = frozenset({"26000", "0A000"})
_NAMED: Final = re.compile(r"%\((\w+)\)s")
#: Stands between statements that are sent at once, for whoever looks at what is sent.
BETWEEN: Final = ";\n"
R = TypeVar("R")
Fetch = Callable[[Statements, str, Sequence[Value]], R]
_BY_CONNECTION: Final[WeakKeyDictionary[Any, Statements]] = WeakKeyDictionary()


def fetch_prepared(sql: str, parameters: Sequence[Value]) -> Fetched:
    """The names of the columns that a statement gives, and its rows as psycopg reads them.

    sql: one of a small number of constants, since each stays prepared. Raises django.db.Error.
    """
    expected = current()
    if expected is not None:
        return _expected(expected, [Statement.of(sql, parameters)])[0]
    return _fetch(Statements.fetch, sql, parameters)


def fetch_together(statements: Sequence[Statement]) -> list[Fetched]:
    """The same for several statements, sent at once. Raises django.db.Error for the first that fails."""
    expected = current()
    return _fetch_together(statements) if expected is None else _expected(expected, statements)


def fetch_planned(sql: str, parameters: Sequence[Any]) -> Fetched:
    """The same for any statement: PostgreSQL plans it for these values. Raises django.db.Error."""
    if "%%" in sql or not all(map(_is_value, parameters)):
        return fetch_by_cursor(sql, parameters)
    expected = current()
    if expected is not None:
        return _expected(expected, [Statement.of(sql, parameters, planned=True)])[0]
    return _fetch(Statements.fetch_planned, sql, parameters)


def _expected(expected: Expected, statements: Sequence[Statement]) -> list[Fetched]:
    """What was read already of these statements, and the rest now."""
    if expected.begins():
        _send(expected, expected.first_message(statements))
    found = [expected.take(statement) for statement in statements]
    missing = [statement for statement, known in zip(statements, found, strict=True) if known is None]
    read = iter(_fetch_together(missing) if missing else ())
    return [next(read) if known is None else known for known in found]


def _send(expected: Expected, statements: Sequence[Statement]) -> None:
    """Asks for what is expected. Whatever is wrong with it shows when somebody asks for it."""
    connection = _opened()
    # In a transaction, an error would end it.
    if not _straight(connection) or not connection.connection.autocommit:
        return
    try:
        expected.have(statements, _sent_together(connection, statements, expected.wait))
    except Error as error:
        log.info("what was expected could not be read", error=str(error))


def _fetch_together(statements: Sequence[Statement]) -> list[Fetched]:
    connection = _opened()
    if not _straight(connection):
        return [fetch_by_cursor(sql, _listed(values)) for sql, values, _ in statements]
    if len(statements) == 1:
        ((sql, values, planned),) = statements
        return [_fetch(Statements.fetch_planned if planned else Statements.fetch, sql, values)]
    return _sent_together(connection, statements)


def _sent_together(
    connection: BaseDatabaseWrapper,
    statements: Sequence[Statement],
    meanwhile: Callable[[], object] | None = None,
) -> list[Fetched]:
    def fetch(prepared: Statements, _sql: str, _parameters: Sequence[Value]) -> list[Fetched]:
        return prepared.fetch_together(statements, meanwhile)

    return _wrapped(connection, fetch, BETWEEN.join(sql for sql, *_ in statements), ())


def _listed(values: Sequence[Value]) -> list[Value]:
    """The values as Django's cursor takes them: a tuple is no array there."""
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _is_value(given: Any) -> bool:
    """Whether a parameter is a text, a number or a list of numbers; not true or false, which is no number in SQL."""
    if isinstance(given, list):
        return all(type(item) is int for item in given)
    return type(given) in (int, str)


def _fetch(fetch: Fetch[Fetched], sql: str, parameters: Sequence[Value]) -> Fetched:
    connection = _opened()
    return (
        _wrapped(connection, fetch, sql, parameters)
        if _straight(connection)
        else fetch_by_cursor(sql, _listed(parameters))
    )


def _opened() -> BaseDatabaseWrapper:
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.connection is None:
        connection.ensure_connection()
    return connection


def _wrapped(connection: BaseDatabaseWrapper, fetch: Fetch[R], sql: str, parameters: Sequence[Value]) -> R:
    """What `fetch` gives, within the wrappers that Django puts around statements."""
    run: Callable[..., R] = _run
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


def _run(sql: str, parameters: Sequence[Value], _many: bool, context: Mapping[str, Any]) -> Any:
    connection = context["connection"]
    fetch: Fetch[Any] = context["fetch"]
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        opened = connection.connection
        statements = _BY_CONNECTION.get(opened)
        if statements is None:
            statements = _BY_CONNECTION[opened] = Statements(opened)
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
        return names_of(cursor.cursor.pgresult), found


@lru_cache(256)
def _positional(sql: str) -> tuple[str, Names]:
    """The statement with `%s` for its names, and the names in that order."""
    return _NAMED.sub("%s", sql), tuple(_NAMED.findall(sql))
