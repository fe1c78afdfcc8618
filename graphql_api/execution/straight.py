"""Carries out queries, and the updates of subscriptions, without Strawberry's hooks and turns of an event loop.

It happens in the thread that calls. For an operation that can be planned, Strawberry and graphql-core add only ways
around the execution, which take longer than a small one. What is checked is the same (`graphql_api.limits.measuring`,
`Prepared.errors`), and so is the answer: the tests compare both for every query and every update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import strawberry
from django.conf import settings
from graphql import GraphQLSchema, OperationType
from strawberry.execution import optimized_is_awaitable
from strawberry.types import ExecutionResult

from graphql_api.context import Context
from graphql_api.documents import Prepared, prepare
from graphql_api.errors import in_order
from graphql_api.execution.executor import BreadthFirst
from graphql_api.execution.run import Run
from graphql_api.http.reading import Operation
from graphql_api.limits.measuring import measure, weigh
from graphql_api.persisted import digest_in, document_of

#: What the executor is told by Strawberry, too.
_TOLD: Final[dict[str, Any]] = {"is_awaitable": optimized_is_awaitable}


def carried_out(schema: strawberry.Schema, operation: Operation, context: Context) -> ExecutionResult | None:
    """The result of a query; None for what Strawberry has to carry out: all else, and all that is to be refused.

    Runs where the database may be used, within the operation's deadline.
    """
    result = _carried_out(schema, lambda: _executor(schema, operation, context), context)
    if result is not None:
        result.extensions = {"limits": context.usage.report()}
    return result


def updated(
    schema: strawberry.Schema, operation: Operation, context: Context, row: Any
) -> ExecutionResult | None:
    """What a subscription gives for a row; None as above. Its document was checked when it began."""
    return _carried_out(schema, lambda: _executor_of_update(schema, operation, context, row), context)


def _carried_out(
    schema: strawberry.Schema, build: Callable[[], BreadthFirst | None], context: Context
) -> ExecutionResult | None:
    if not settings.PIPEYARD_BREADTH_FIRST or schema.execution_context_class is not BreadthFirst:
        return None
    try:
        executor = build()
        plan = executor.planned() if executor is not None else None
    except Exception:
        # Whatever is wrong, Strawberry and graphql-core say it in their own words.
        return None
    if executor is None or plan is None:
        return None
    context.announce(plan.fields)
    run = Run(executor, plan)
    data = run.execute()
    # graphql-core's executor refers to itself; what the context has read need not wait for the collector with it.
    executor.context_value = None
    return ExecutionResult(data=data, errors=in_order(run.errors.errors, context.request_id) or None)


def _executor(schema: strawberry.Schema, operation: Operation, context: Context) -> BreadthFirst | None:
    """The executor of a query that was checked. Raises GraphQLError for one that is to be refused."""
    text = operation.query
    digest = digest_in(operation.extensions)
    if digest or settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY:
        if text and digest:
            return None
        text = document_of(text, digest)
    prepared, name, core = prepare(text or ""), operation.operation_name, schema._schema
    asked = prepared.operation(name)
    if asked is None or asked.operation is not OperationType.QUERY:
        return None
    measure(prepared, name, asked, context.usage)
    if prepared.errors(core):
        return None
    weigh(prepared, name, asked, core, operation.variables or {}, context)
    return _built(core, prepared, operation, context)


def _executor_of_update(
    schema: strawberry.Schema, operation: Operation, context: Context, row: Any
) -> BreadthFirst | None:
    """The executor of a subscription whose event is this row. Raises GraphQLError for a document that is not right."""
    prepared, core = prepare(operation.query or ""), schema._schema
    asked = prepared.operation(operation.operation_name)
    if asked is None or asked.operation is not OperationType.SUBSCRIPTION or prepared.errors(core):
        return None
    return _built(core, prepared, operation, context, row)


def _built(
    core: GraphQLSchema, prepared: Prepared, operation: Operation, context: Context, root: Any = None
) -> BreadthFirst | None:
    """graphql-core's executor of an operation; None for variables that do not fit."""
    built = BreadthFirst.build(
        core,
        prepared.document,
        root_value=root,
        context_value=context,
        raw_variable_values=operation.variables,
        operation_name=operation.operation_name,
        operation_extensions=operation.extensions,
        **_TOLD,
    )
    return built if isinstance(built, BreadthFirst) else None
