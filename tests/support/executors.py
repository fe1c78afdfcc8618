"""Lets both executors answer each query that a test sends, and keeps what they answer differently."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db import connection
from graphql import ExecutionResult, OperationType
from graphql.execution.executor import CollectedErrors
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.utils.await_maybe import await_maybe

from ci_core import clock
from graphql_api.execution.executor import BreadthFirst
from graphql_api.threads import in_request_thread


class Comparing(BreadthFirst):
    """Executes queries breadth-first and by graphql-core; gives the former's answer, and keeps differences."""

    differences: list[str]
    compared = 0

    def execute_operation(self, serially: bool | None = None) -> Any:
        """The answer of the executor that is tested. Time stands still until both have answered."""
        if self.operation.operation is not OperationType.QUERY:
            return super().execute_operation(serially)
        return self._both()

    async def _both(self) -> ExecutionResult:
        now = clock.now()
        other = copy.copy(self)
        other.collected_errors = CollectedErrors()
        other.context_value = self.context_value.for_operation(self.context_value.live)
        other.context_value.usage = self.context_value.usage
        with mock.patch.object(clock, "now", lambda: now):
            answer = await await_maybe(super().execute_operation())
            # Whoever counts statements wants those of one executor.
            if not await in_request_thread(lambda: connection.force_debug_cursor):
                expected = await await_maybe(StrawberryGraphQLCoreExecutionContext.execute_operation(other))
                self._compare(answer, expected)
        return answer

    def _compare(self, answer: Any, expected: Any) -> None:
        type(self).compared += 1
        if told(answer) != told(expected):
            source = self.operation.loc.source.body if self.operation.loc else ""
            self.differences.append(
                f"{source}\n{self.variable_values.coerced}\nbreadth-first: {told(answer)}\n"
                f"graphql-core: {told(expected)}"
            )


def told(answer: Any) -> tuple[Any, list[str]]:
    """What an answer says, whatever the order of its errors; the order of keys counts."""
    return repr(answer.data), sorted(repr(error.formatted) for error in answer.errors or ())


@contextmanager
def both_executors(schema: Any) -> Iterator[type[Comparing]]:
    """Compares within; fails at the end if there were differences."""

    class Here(Comparing):
        differences: list[str] = []

    with mock.patch.object(schema, "execution_context_class", Here):
        yield Here
    assert not Here.differences, "\n\n".join(Here.differences)
