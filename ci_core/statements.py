"""Owns the statements that one connection has prepared, and talks to PostgreSQL by libpq for them.

Of psycopg it uses what reads the values of a result; its cursor takes longer than most of these statements.
"""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import ConnStatus, ExecStatus
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
#: Statements that a connection keeps. More come only of documents that ask for ever different columns.
KEPT: Final = 200


class Statement(NamedTuple):
    """A statement and its values; lists as tuples, so that equal ones can be found.

    planned: whether PostgreSQL plans it for these values, rather than once for all.
    """

    sql: str
    values: tuple[Value, ...]
    planned: bool = False

    @classmethod
    def of(cls, sql: str, values: Sequence[Value], planned: bool = False) -> Statement:
        """The same from any sequence of values."""
        return cls(sql, tuple([tuple(v) if isinstance(v, list) else v for v in values]), planned)


class _Adapted:
    """How the values of a connection are read, without the connection, which must not be kept from closing."""

    connection = None

    def __init__(self, opened: psycopg.Connection[Any]) -> None:
        self.adapters = AdaptersMap(opened.adapters)
        assert MOMENTS is not None
        self.adapters.register_loader("timestamptz", MOMENTS)


class Statements:
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
        values = [text_of(value) for value in parameters]
        name, names = self._known.get(sql) or self._prepare(sql)
        return names, self._rows(self._pgconn.exec_prepared(name, values))  # type: ignore[arg-type]  # None is NULL

    def fetch_together(
        self, statements: Sequence[Statement], meanwhile: Callable[[], object] | None = None
    ) -> list[Fetched]:
        """The rows of each statement. The first are read while PostgreSQL answers the next. Raises psycopg.Error.

        meanwhile: called when all are sent, before rows are awaited; must not use the connection.
        """
        if self._outdated or len(self._known) + len(statements) > KEPT:
            self.forget()
        asked = [(statement, *self._ready(statement)) for statement in statements]
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        try:
            try:
                for statement, text_or_name, values, _ in asked:
                    if statement.planned:
                        pgconn.send_query_params(text_or_name, None)
                    else:
                        pgconn.send_query_prepared(text_or_name, values)
            finally:
                pgconn.pipeline_sync()
            self._flush()
            if meanwhile is not None:
                meanwhile()
            return [self._fetched(names, self._awaited()) for *_, names in asked]
        finally:
            self._leave_pipeline()

    def _ready(self, statement: Statement) -> tuple[bytes, list[bytes | None], Names | None]:
        """What to send: the text or the name of a statement, and its values; the names of its columns, if known."""
        if statement.planned:
            return self._filled(statement.sql, statement.values), [], None
        name, names = self._known.get(statement.sql) or self._prepare(statement.sql)
        return name, [text_of(value) for value in statement.values], names

    def _fetched(self, names: Names | None, result: PGresult) -> Fetched:
        rows = self._rows(result)
        return names_of(result) if names is None else names, rows

    def _flush(self) -> None:
        """Sends what is yet to be sent, and takes what comes meanwhile: the server may wait for that."""
        while self._pgconn.flush():
            self._poll(select.POLLIN | select.POLLOUT)
            self._pgconn.consume_input()

    def _awaited(self) -> PGresult:
        """The next result."""
        while True:
            while self._pgconn.is_busy():
                self._poll(select.POLLIN)
                self._pgconn.consume_input()
            # Between the results of two statements stands None.
            if (result := self._pgconn.get_result()) is not None:
                return result

    def _leave_pipeline(self) -> None:
        """Takes what is still to come, after an error, too. A connection that is lost stays as it is."""
        if self._pgconn.status != ConnStatus.OK:
            return
        while self._awaited().status != ExecStatus.PIPELINE_SYNC:
            pass
        self._pgconn.exit_pipeline_mode()

    def _poll(self, events: int) -> None:
        waiting = select.poll()
        waiting.register(self._pgconn.socket, events)
        waiting.poll()

    def fetch_planned(self, sql: str, parameters: Sequence[Value]) -> Fetched:
        """The rows of a statement that is planned for these values, which stand in it. Raises psycopg.Error."""
        result = self._pgconn.exec_(self._filled(sql, parameters))
        return self._fetched(None, result)

    def _filled(self, sql: str, parameters: Sequence[Value]) -> bytes:
        """The statement with its values in it."""
        first, *others = sql.split("%s")
        parts = [first.encode()]
        for value, part in zip(parameters, others, strict=True):
            parts += (self._quoting.escape_literal(text_of(value) or b""), part.encode())
        return b"".join(parts)

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
        names = names_of(self._pgconn.describe_prepared(name))
        self._known[sql] = name, names
        return name, names

    def _command(self, sql: bytes) -> None:
        result = self._pgconn.exec_(sql)
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)


def names_of(result: PGresult) -> Names:
    """The names of the columns that a result has."""
    return tuple((result.fname(place) or b"").decode() for place in range(result.nfields))


@lru_cache(256)
def _numbered(sql: str) -> bytes:
    """The statement with `$1`, `$2`... for its `%s`."""
    first, *others = sql.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))).encode()


def text_of(value: Value) -> bytes | None:
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
    """A value within an array. Raises ValueError as `text_of`."""
    if isinstance(value, int):
        return str(value)
    if "\0" in value:
        raise ValueError("PostgreSQL text cannot hold NUL")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
