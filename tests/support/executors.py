"""Lets both executors answer each query that a test sends, and keeps what they answer differently."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.conf import settings
from django.db import connection, connections
from graphql import ExecutionResult, OperationType, Undefined
from graphql.execution.executor import CollectedErrors
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.utils.await_maybe import await_maybe

from ci_core import clock
from graphql_api.context import Context
from graphql_api.encoding import encode
from graphql_api.execution.executor import BreadthFirst
from graphql_api.execution.straight import carried_out, updated
from graphql_api.http.reading import Operation
from graphql_api.subscriptions import execution
from graphql_api.subscriptions.execution import Request
from graphql_api.subscriptions.rights import WatchedPrincipal
from graphql_api.subscriptions.source import Update
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
                await self._compare_straight(answer)
        return answer

    async def _compare_straight(self, answer: Any) -> None:
        """Queries over HTTP are carried out without Strawberry where that is possible (`execution.straight`)."""
        source = self.operation.loc.source.body if self.operation.loc else None
        try:
            self.planned()
        except Exception:
            source = None
        off = settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY or not settings.PIPEYARD_BREADTH_FIRST
        if source is None or self.context_value.live is not None or off:
            return
        context = self.context_value.for_operation(None)
        name = self.operation.name.value if self.operation.name else None
        operation = Operation(source, self._sent_variables(), name)
        as_served = SimpleNamespace(execution_context_class=BreadthFirst, _schema=self.schema)
        # In a thread of the request's own kind: only that gives its connection back.
        result = await context.run_in_thread(lambda: carried_out(as_served, operation, context))
        if result is None or (encode(result.data), places(result)) != (encode(answer.data), places(answer)):
            self.differences.append(f"{source}\nby Strawberry: {told(answer)}\nstraight: {result}")

    def _sent_variables(self) -> dict[str, Any]:
        """The variables as they were sent."""
        return {
            name: source.value
            for name, source in self.variable_values.sources.items()
            if source.value is not Undefined
        }

    def _compare(self, answer: Any, expected: Any) -> None:
        type(self).compared += 1
        if told(answer) != told(expected):
            source = self.operation.loc.source.body if self.operation.loc else ""
            self.differences.append(
                f"{source}\n{self.variable_values.coerced}\nbreadth-first: {told(answer)}\n"
                f"graphql-core: {told(expected)}"
            )


def told(answer: Any) -> tuple[bytes, list[str]]:
    """What an answer says, whatever the order of its errors; the order of keys counts."""
    return encode(answer.data), sorted(repr(error.formatted) for error in answer.errors or ())


def places(answer: Any) -> list[Any]:
    """Where the errors of an answer are."""
    return sorted(error.path or [] for error in answer.errors or ())


async def _straight_update(schema: Any, request: Request, context: Context) -> tuple[Any, bool]:
    """What a subscription gives without Strawberry, and whether it holds for nobody but the caller."""
    watched: Any = context.principal
    live: Any = context.live
    principal = WatchedPrincipal(watched._principal, watched._project_id)
    other = Context(principal, live=Update(live.row, principal))
    variables = dict(request.variables) if request.variables is not None else None
    operation = Operation(request.query, variables, request.operation_name)
    as_served: Any = SimpleNamespace(execution_context_class=BreadthFirst, _schema=schema._schema)

    def run() -> Any:
        try:
            return updated(as_served, operation, other, live.row)
        finally:
            connections.close_all()

    # Not in a thread of sockets, whose statements are counted.
    return await asyncio.to_thread(run), principal.personal


def _comparing_updates(differences: list[str]) -> Callable[..., Any]:
    """`execution._by_strawberry`, which compares with the straight way."""
    by_strawberry = execution._by_strawberry

    def same(answer: Any, straight: Any) -> bool:
        return straight is not None and (encode(answer.data), places(answer)) == (
            encode(straight.data),
            places(straight),
        )

    async def both(schema: Any, request: Request, context: Context) -> Any:
        answer = await by_strawberry(schema, request, context)
        if not settings.PIPEYARD_BREADTH_FIRST:
            return answer
        watched: Any = context.principal
        personal = watched.personal
        straight, also = await _straight_update(schema, request, context)
        if not same(answer, straight):
            # Something may have changed in between: then Strawberry tells it now.
            context.forget()
            answer = await by_strawberry(schema, request, context)
        if not same(answer, straight) or also != personal:
            differences.append(
                f"{request}\nby Strawberry: {answer}, {personal}\nstraight: {straight}, {also}"
            )
        return answer

    return both


@contextmanager
def both_executors(schema: Any) -> Iterator[type[Comparing]]:
    """Compares within; fails at the end if there were differences."""

    class Here(Comparing):
        differences: list[str] = []

    updates = mock.patch.object(execution, "_by_strawberry", _comparing_updates(Here.differences))
    with mock.patch.object(schema, "execution_context_class", Here), updates:
        yield Here
    assert not Here.differences, "\n\n".join(Here.differences)
