"""Owns the carrying out of one update: an ordinary operation on the schema, its result written once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import strawberry
from strawberry.types.execution import ExecutionResult

from ci_core.access import Principal
from graphql_api.context import Context
from graphql_api.encoding import encode
from graphql_api.execution.straight import updated
from graphql_api.http.reading import Operation
from graphql_api.subscriptions.rights import WatchedPrincipal
from graphql_api.subscriptions.source import Update
from graphql_api.threads import in_socket_thread


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked to follow, as it sent it."""

    query: str
    variables: Mapping[str, Any] | None
    operation_name: str | None

    @property
    def key(self) -> bytes:
        """Equal for equal documents and variables."""
        return orjson.dumps([self.query, self.variables, self.operation_name], option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Told:
    """A result as it is sent. personal: whether it holds for nobody but the caller it was made for."""

    payload: str
    personal: bool


async def execute(
    schema: strawberry.Schema, request: Request, row: Any, principal: Principal, project_id: int
) -> Told:
    """The result of a subscription for one row and one caller."""
    watched = WatchedPrincipal(principal, project_id)
    update = Update(row, watched)
    context = Context(watched, run_in_thread=in_socket_thread, live=update)
    result = await _straight(schema, request, context, update)
    if result is None:
        result = await _by_strawberry(schema, request, context)
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return Told(encode(payload).decode(), watched.personal)


async def _straight(
    schema: strawberry.Schema, request: Request, context: Context, update: Update
) -> ExecutionResult | None:
    """The result in one visit to a thread; None for what Strawberry has to carry out."""
    variables = dict(request.variables) if request.variables is not None else None
    operation = Operation(request.query, variables, request.operation_name)
    deadline = context.usage.deadline
    try:
        async with asyncio.timeout(deadline.seconds):
            return await context.run_in_thread(lambda: updated(schema, operation, context, update.row))
    except TimeoutError:
        await asyncio.to_thread(deadline.end)
        return ExecutionResult(None, [deadline.exceeded()])


async def _by_strawberry(schema: strawberry.Schema, request: Request, context: Context) -> ExecutionResult:
    results = await schema.stream(
        request.query,
        variable_values=dict(request.variables) if request.variables is not None else None,
        context_value=context,
        operation_name=request.operation_name,
    )
    async with aclosing(results):
        result = await anext(results)
    assert isinstance(result, ExecutionResult)
    return result
