"""Owns those who answer in this process: the API itself, one SQL statement, and plain SELECTs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection

from bench.graphql.selects import ANSWERS
from bench.graphql.workloads import Workload


class Floor:
    """One SQL statement that builds the JSON."""

    name = "one SQL statement (the floor)"

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def answer(self, workload: Workload) -> tuple[float, bytes]:
        """Sends the statement; the text comes as it goes to the client."""

        def run() -> bytes:
            row = self._connection.execute(workload.floor, workload.parameters).fetchone()
            assert row is not None
            return str(row[0]).encode()

        return timed(run)


class Selects:
    """A few SELECTs and plain Python."""

    name = "SELECTs, plain Python, orjson"

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def answer(self, workload: Workload) -> tuple[float, bytes]:
        """Calls the function of this kind of question."""
        return timed(lambda: ANSWERS[workload.kind](self._connection, workload.parameters))


class InProcess:
    """The API, without HTTP: parse, validate, execute and write, as the door does in its one visit to a thread."""

    name = "Pipeyard, in process"

    def __init__(self, token: str) -> None:
        from graphql_api.authentication import principal_of_token

        self._principal = principal_of_token(token)

    def answer(self, workload: Workload) -> tuple[float, bytes]:
        """Executes the document."""
        from graphql_api.context import Context
        from graphql_api.encoding import encode
        from graphql_api.execution.straight import carried_out
        from graphql_api.http.reading import Operation
        from graphql_api.schema import schema

        operation = Operation(workload.document, dict(workload.variables))

        def run() -> bytes:
            result = carried_out(schema, operation, Context(self._principal))
            assert result is not None and not result.errors, result
            return encode(result.data)

        return timed(run)


def timed(run: Callable[[], bytes]) -> tuple[float, bytes]:
    """Milliseconds that a call took, and what it gave."""
    started = time.perf_counter()
    answer = run()
    return (time.perf_counter() - started) * 1000, answer
