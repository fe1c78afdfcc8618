"""Carries out queries, and the updates of subscriptions, without Strawberry's hooks and turns of an event loop.

It happens in the thread that calls. For an operation that can be planned, Strawberry and graphql-core add only ways
around the execution, which take longer than a small one. What is checked is the same (`graphql_api.limits.measuring`,
`Prepared.errors`), and so is the answer: the tests compare both for every query and every update.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import strawberry
from django.conf import settings
from graphql import GraphQLSchema, OperationDefinitionNode, OperationType
from strawberry.execution import optimized_is_awaitable
from strawberry.types import ExecutionResult

from graphql_api.context import Context
from graphql_api.documents import Prepared, prepare, recall
from graphql_api.errors import in_order
from graphql_api.execution.executor import BreadthFirst
from graphql_api.execution.run import Run
from graphql_api.execution.shapes import Plan
from graphql_api.http.reading import Operation
from graphql_api.limits.measuring import measure, weigh
from graphql_api.persisted import digest_in, document_of

#: What the executor is told by Strawberry, too.
_TOLD: Final[dict[str, Any]] = {"is_awaitable": optimized_is_awaitable}


@dataclass(frozen=True, slots=True)
class Ready:
    """An operation that lacks nothing but who asks it."""

    prepared: Prepared
    executor: BreadthFirst
    plan: Plan


def made_ready(schema: strawberry.Schema, operation: Operation) -> Ready | None:
    """Makes a query ready whose document came before and was right; None for any other. Does not use the database.

    What is asked is so little that it can be done for whoever came, before it is known who that is.
    """
    by_text = not (digest_in(operation.extensions) or settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY)
    prepared = recall(operation.query or "") if by_text and _is_taken(schema) else None
    if prepared is None or _asked(prepared, operation, OperationType.QUERY) is None:
        return None
    return _ready(schema._schema, prepared, operation)


def carried_out(
    schema: strawberry.Schema, operation: Operation, context: Context, ready: Ready | None = None
) -> ExecutionResult | None:
    """The result of a query; None for what Strawberry has to carry out: all else, and all that is to be refused.

    ready: what `made_ready` gave for it. Runs where the database may be used, within the operation's deadline.
    """
    result = _carried_out(schema, lambda: _checked(schema, operation, context, ready), context)
    if result is not None:
        result.extensions = {"limits": context.usage.report()}
    return result


def updated(
    schema: strawberry.Schema, operation: Operation, context: Context, row: Any
) -> ExecutionResult | None:
    """What a subscription gives for a row; None as above. Its document was checked when it began."""
    return _carried_out(schema, lambda: _update(schema, operation, row), context)


def _is_taken(schema: strawberry.Schema) -> bool:
    return settings.PIPEYARD_BREADTH_FIRST and schema.execution_context_class is BreadthFirst


def _carried_out(
    schema: strawberry.Schema, make: Callable[[], Ready | None], context: Context
) -> ExecutionResult | None:
    if not _is_taken(schema):
        return None
    try:
        ready = make()
    except Exception:
        # Whatever is wrong, Strawberry and graphql-core say it in their own words.
        return None
    if ready is None:
        return None
    executor, plan = ready.executor, ready.plan
    executor.context_value = context
    context.announce(plan.fields)
    run = Run(executor, plan)
    data = run.execute()
    # graphql-core's executor refers to itself; what the context has read need not wait for the collector with it.
    executor.context_value = None
    return ExecutionResult(data=data, errors=in_order(run.errors.errors, context.request_id) or None)


def _checked(
    schema: strawberry.Schema, operation: Operation, context: Context, ready: Ready | None
) -> Ready | None:
    """A query that was checked. Raises GraphQLError for one that is to be refused."""
    prepared = ready.prepared if ready else _prepared(operation)
    asked = _asked(prepared, operation, OperationType.QUERY) if prepared else None
    if prepared is None or asked is None:
        return None
    name, core = operation.operation_name, schema._schema
    measure(prepared, name, asked, context.usage)
    if prepared.errors(core):
        return None
    weigh(prepared, name, asked, core, operation.variables or {}, context)
    return ready or _ready(core, prepared, operation)


def _prepared(operation: Operation) -> Prepared | None:
    """The document, be it named by its digest; None for one that is to be kept. Raises GraphQLError."""
    text, digest = operation.query, digest_in(operation.extensions)
    if digest or settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY:
        if text and digest:
            return None
        text = document_of(text, digest)
    return prepare(text or "")


def _asked(prepared: Prepared, operation: Operation, kind: OperationType) -> OperationDefinitionNode | None:
    """What is asked of a document; None unless it is of this kind."""
    asked = prepared.operation(operation.operation_name)
    return asked if asked is not None and asked.operation is kind else None


def _update(schema: strawberry.Schema, operation: Operation, row: Any) -> Ready | None:
    """A subscription whose event is this row. Raises GraphQLError for a document that is not right."""
    prepared, core = prepare(operation.query or ""), schema._schema
    if _asked(prepared, operation, OperationType.SUBSCRIPTION) is None or prepared.errors(core):
        return None
    return _ready(core, prepared, operation, row)


def _ready(core: GraphQLSchema, prepared: Prepared, operation: Operation, root: Any = None) -> Ready | None:
    """graphql-core's executor of an operation, and its plan; None for variables that do not fit. Raises Unplannable."""
    built = BreadthFirst.build(
        core,
        prepared.document,
        root_value=root,
        raw_variable_values=operation.variables,
        operation_name=operation.operation_name,
        operation_extensions=operation.extensions,
        **_TOLD,
    )
    return Ready(prepared, built, built.planned()) if isinstance(built, BreadthFirst) else None
