"""Owns answering a request over HTTP, whoever received it: what is asked, by whom, and the response.

A query is answered in one visit to one thread: who asks, its execution, and the writing of its response. All else goes
by Strawberry, which comes back to the event loop in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from ci_core.access import Principal
from graphql_api.context import Context, current_request_id
from graphql_api.encoding import encode
from graphql_api.errors import INTERNAL_MESSAGE, presented
from graphql_api.execution.straight import Ready, carried_out, made_ready
from graphql_api.expectations import asking_again
from graphql_api.http.answering import body_of, status_of
from graphql_api.http.caller import count
from graphql_api.http.media_types import JSON, negotiated
from graphql_api.http.reading import Operation, Sent, check_method, read_operations
from graphql_api.http.refusal import Refused
from graphql_api.limits.usage import Usage
from graphql_api.schema import schema
from graphql_api.threads import ThreadRunner

log = structlog.get_logger("pipeyard.graphql")
#: Finds out who calls, where the database may be used. Raises Refused.
FindCaller = Callable[[], Principal]
_ALL: Final = frozenset(OperationType)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. media_type: without its charset, which is UTF-8. caller: who asked, if that was found out."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    caller: Principal | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """Where a request came in. address: of the client, to count anonymous callers by.

    key: the same for requests that ask the same with the same key; None where nothing is expected of such requests.
    """

    caller: FindCaller
    address: str
    run_in_thread: ThreadRunner
    key: Hashable | None = None


async def answer(sent: Sent, door: Door) -> Answer:
    """Answers queries and mutations; what is refused is told as a GraphQL response, too."""
    media_type = negotiated(sent.accept)
    try:
        check_method(sent)
        if media_type is None:
            raise Refused(
                406,
                "Answers are application/graphql-response+json or application/json: accept one of them.",
                "not_acceptable",
            )
        return await _Visit(sent, door, media_type).answer()
    except Refused as refused:
        return _refusal(refused, media_type)
    except Exception as error:
        log.error("unexpected error", exc_info=error)
        details = {"requestId": current_request_id()}
        return _refusal(Refused(500, INTERNAL_MESSAGE, "internal", details=details), media_type)


def counted(given: Answer, address: str) -> Answer:
    """An answer that was given to another request of the same caller, too, for one that is counted now."""
    try:
        if given.caller is not None:
            count(given.caller, address, Usage())
    except Refused as refused:
        return _refusal(refused, given.media_type)
    return given


class _Visit:
    """One request on its way. The first part runs in a thread, the other in the event loop."""

    def __init__(self, sent: Sent, door: Door, media_type: str) -> None:
        self._sent = sent
        self._door = door
        self._media_type = media_type
        self._usage = Usage()
        self._operations: list[Operation] | Operation = []
        self._ready: Ready | None = None
        self._contexts: list[Context] = []
        self._principal: Principal | None = None

    async def answer(self) -> Answer:
        """Raises Refused."""
        deadline = self._usage.deadline
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline.seconds):
                at_once: Answer | None = await self._door.run_in_thread(
                    lambda: deadline.bounded(self._in_thread)
                )
        except TimeoutError:
            await asyncio.to_thread(deadline.end)
            return self._written(
                ExecutionResult(None, [deadline.exceeded()], {"limits": self._usage.report()})
            )
        except asyncio.CancelledError:
            # Nobody waits for it any more. It takes a moment, which the client that has gone is not to be made to wait.
            loop.run_in_executor(None, deadline.end)
            raise
        if at_once is not None:
            return at_once
        operations = self._operations
        listed = [operations] if isinstance(operations, Operation) else operations
        results = [
            await _execute(operation, self._sent.method == "GET", context)
            for operation, context in zip(listed, self._contexts, strict=True)
        ]
        return self._written(results[0] if isinstance(operations, Operation) else results)

    def _in_thread(self) -> Answer | None:
        """The answer to a query; None if the operations are yet to be carried out. Raises Refused."""
        key = self._door.key
        if key is None:
            return self._at_once()
        with asking_again(key, self._make_ready):
            return self._at_once()

    def _at_once(self) -> Answer | None:
        door = self._door
        principal = self._principal = door.caller()
        operations = self._operations = self._operations or read_operations(self._sent)
        if not isinstance(operations, Operation):
            self._contexts = [self._context(principal, Usage()) for _ in operations]
            return None
        context = self._context(principal, self._usage)
        self._contexts = [context]
        result = carried_out(schema, operations, context, self._ready)
        return self._written(result) if result is not None else None

    def _make_ready(self) -> None:
        """Does what does not depend on who calls. What is wrong is told later, to those who may be told."""
        with suppress(Exception):
            operations = self._operations = read_operations(self._sent)
            if isinstance(operations, Operation):
                self._ready = made_ready(schema, operations)

    def _context(self, principal: Principal, usage: Usage) -> Context:
        context = Context(principal, run_in_thread=self._door.run_in_thread, usage=usage)
        count(principal, self._door.address, usage)
        return context

    def _written(self, result: ExecutionResult | list[ExecutionResult]) -> Answer:
        results = result if isinstance(result, list) else [result]
        bodies = [body_of(result) for result in results]
        body = bodies if isinstance(result, list) else bodies[0]
        status = status_of(results, self._media_type)
        return Answer(status, self._media_type, encode(body), caller=self._principal)


async def _execute(operation: Operation, only_queries: bool, context: Context) -> ExecutionResult:
    """Carries out one operation. Raises Refused (405) for anything but a query in a GET."""
    try:
        result = await schema.execute(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
            operation_extensions=operation.extensions,
            allowed_operation_types={OperationType.QUERY} if only_queries else _ALL,
        )
    except InvalidOperationTypeError as error:
        message = f"A GET request carries out queries only: send this {error.operation_type.value} by POST."
        raise Refused(405, message, "method_not_allowed", headers={"Allow": "POST"}) from None
    except CannotGetOperationTypeError as error:
        return ExecutionResult(data=None, errors=[GraphQLError(undetermined(error))])
    # Those that were raised around the operation did not come by PresentErrors.
    result.errors = [presented(error, context.request_id) for error in result.errors or ()] or None
    return result


def undetermined(error: CannotGetOperationTypeError) -> str:
    """What to tell when it is not clear which operation of a document is meant."""
    if error.operation_name is None:
        return "Which operation is meant? Name it with `operationName`."
    return f"The document has no operation named {error.operation_name!r}."


def _refusal(refused: Refused, media_type: str | None) -> Answer:
    body: Any = refused.body
    return Answer(refused.status, media_type or JSON, encode(body), refused.headers)
