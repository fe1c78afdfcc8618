"""Owns the operations of one connection: queries and mutations are answered, subscriptions join a broadcast."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, Final, TypeGuard, cast

import orjson
import strawberry
import structlog
from graphql import GraphQLError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message
from strawberry.types.execution import ExecutionResult, PreExecutionError

from graphql_api.context import Context
from graphql_api.errors import presented
from graphql_api.subscriptions import broadcast
from graphql_api.subscriptions.execution import Request
from graphql_api.subscriptions.source import Admission
from graphql_api.subscriptions.topics import Topic

log = structlog.get_logger("pipeyard.graphql")

#: What the fields of a subscribe message's payload must be, if they are there.
_PAYLOAD: Final[dict[str, type]] = {"query": str, "variables": dict, "operationName": str}


class Following:
    """A subscription that has begun."""

    def __init__(
        self, handler: Handler, operation: Operation[Context, None], request: Request, context: Context
    ) -> None:
        self._handler = handler
        self._operation = operation
        self._request = request
        self._request_id = context.request_id
        assert context.caller is not None
        self.caller = context.caller
        self.user_id = context.principal.user.pk if context.principal.user else None

    async def begin(self, topic: Topic) -> None:
        """Joins those who follow the same."""
        await broadcast.of_this_loop().of(self._handler.schema, self._request, topic).join(self)

    def leave(self) -> None:
        """Ends without a word, as the client wished."""
        broadcast.of_this_loop().leave(self._request, self)

    def tell(self, payload: str) -> None:
        """See Subscriber."""
        start = f'{{"id":{orjson.dumps(self._operation.id).decode()},"type":"next","payload":'
        self._handler.websocket.send_shared(start, payload, "}")

    def end(self, error: Exception) -> None:
        """See Subscriber."""
        self.leave()
        self._handler.forget(self._operation)
        told = presented(GraphQLError(str(error), original_error=error), self._request_id)
        self._handler.websocket.put({"id": self._operation.id, "type": "error", "payload": [told.formatted]})


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    """Speaks graphql-transport-ws. A subscription that has begun needs no task of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._followings: dict[str, Following] = {}
        # Narrower than Strawberry's: see consumers.
        self.websocket: Any
        self.schema: strawberry.Schema

    async def handle_message(self, message: Any) -> None:
        """Closes the connection on what is not a message of the protocol."""
        if _is_message(message):
            await super().handle_message(cast("Message", message))
        else:
            await self.handle_invalid_message("Not a message of graphql-transport-ws")

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Answers a query or mutation; begins a subscription."""
        admission = Admission()
        context = self.context.for_operation(admission)
        try:
            results = await self.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                root_value=self.root_value,
                operation_name=operation.operation_name,
            )
            async with aclosing(results):
                async for result in results:
                    if isinstance(result, PreExecutionError):
                        await operation.send_initial_errors(result.errors or [])
                        return
                    assert isinstance(result, ExecutionResult)
                    await operation.send_next(result)
            if admission.topic is not None:
                await self._follow(operation, context, admission.topic)
            else:
                await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except Exception as error:
            told = presented(GraphQLError(str(error), original_error=error), context.request_id)
            await operation.send_initial_errors([told])

    async def _follow(self, operation: Operation[Context, None], context: Context, topic: Topic) -> None:
        request = Request(operation.query, operation.variables, operation.operation_name)
        following = Following(self, operation, request, context)
        self._followings[operation.id] = following
        await following.begin(topic)

    def forget_id(self, id: str) -> None:
        """Forgets an operation that answers for the last time."""
        self.operations.pop(id, None)

    def forget(self, operation: Operation[Context, None]) -> None:
        """Forgets an operation that has ended; its id may be used again."""
        operation.completed = True
        self._followings.pop(operation.id, None)
        self.forget_id(operation.id)

    async def cleanup_operation(self, operation_id: str) -> None:
        """Ends an operation as the client wished, or because the client has gone."""
        following = self._followings.pop(operation_id, None)
        if following is not None:
            following.leave()
        await super().cleanup_operation(operation_id)


def _is_message(message: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] in ("subscribe", "complete") and not isinstance(message.get("id"), str):
        return False
    if message["type"] != "subscribe":
        return True
    payload = message.get("payload")
    if not isinstance(payload, dict) or payload.get("query") is None:
        return False
    return all(
        payload.get(name) is None or isinstance(payload[name], kind) for name, kind in _PAYLOAD.items()
    )
