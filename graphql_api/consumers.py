"""Owns the WebSocket door at /api/graphql: protocol graphql-transport-ws, the caller known by token or session."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import orjson
import structlog
from django.conf import settings
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.urls import URLPattern, path
from strawberry.channels import GraphQLWSConsumer
from strawberry.channels.handlers.ws_handler import ChannelsWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UNSET, UnsetType

from ci_core.access import Principal
from graphql_api.authentication import (
    Caller,
    principal_of_session,
    principal_of_token,
    token_in_payload,
)
from graphql_api.context import Context
from graphql_api.encoding import encode
from graphql_api.errors import Unauthenticated
from graphql_api.schema import schema
from graphql_api.subscriptions.handler import Handler
from graphql_api.subscriptions.outbox import Outbox
from graphql_api.threads import in_socket_thread

log = structlog.get_logger("pipeyard.graphql")

#: Messages of a client that wait while an earlier one is read.
MAX_UNREAD: Final = 200
#: Close codes of RFC 6455.
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011


class Adapter(ChannelsWebSocketAdapter):
    """Sends through the outbox, so that nobody waits for a slow client."""

    ws_consumer: GraphQLConsumer

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Sends a message."""
        self.put(message)

    def put(self, message: Mapping[str, object]) -> None:
        """Sends a message."""
        self.ws_consumer.outbox.put(encode(message).decode())

    def send_shared(self, *parts: str) -> None:
        """Sends a message that is written already, in parts."""
        self.ws_consumer.outbox.put(*parts)

    async def close(self, code: int, reason: str) -> None:
        """Closes the connection after what was sent before."""
        self.ws_consumer.outbox.close(code, reason)


class GraphQLConsumer(GraphQLWSConsumer[Context, None]):
    """One connection.

    A browser sends cookies along whatever page opens the connection, so a session counts only if the page is ours.
    Other pages may connect with a token.
    """

    websocket_adapter_class = Adapter
    graphql_transport_ws_handler_class = Handler

    def __init__(self) -> None:
        super().__init__(
            schema=schema,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=settings.PIPEYARD_SOCKET_INIT_SECONDS),
            max_subscriptions_per_connection=settings.PIPEYARD_SOCKET_OPERATIONS,
        )
        self.outbox = Outbox(self._send_text, self._close_with, self._end_operations)

    async def connect(self) -> None:
        """Serves the connection in a task, while this object goes on receiving."""
        self.run_task = asyncio.create_task(self._serve(), name="graphql-socket")

    async def _serve(self) -> None:
        try:
            await self.run(self)
        except Exception:
            log.exception("connection failed")
            self.outbox.close(INTERNAL_ERROR, "Internal server error")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Takes a message in, within bounds."""
        if len(text_data or bytes_data or "") > settings.PIPEYARD_SOCKET_MESSAGE_LIMIT:
            limit = settings.PIPEYARD_SOCKET_MESSAGE_LIMIT
            self.outbox.close(TOO_BIG, f"A message may have {limit} characters")
        elif self.message_queue.qsize() >= MAX_UNREAD:
            self.outbox.close(POLICY_VIOLATION, "Too many messages at once")
        else:
            await super().receive(text_data, bytes_data)

    async def disconnect(self, code: int) -> None:
        """Ends everything that the connection began."""
        await super().disconnect(code)
        await self.outbox.stop()

    async def _send_text(self, text: str) -> None:
        await self.send(text_data=text)

    async def _close_with(self, code: int, reason: str) -> None:
        await self.close(code=code, reason=reason)

    def _end_operations(self) -> None:
        """Ends what the connection began, although the client has not gone."""
        self.message_queue.put_nowait({"message": None, "disconnected": True})

    async def get_context(self, request: GraphQLWSConsumer, response: GraphQLWSConsumer) -> Context:
        """The context of the connection; each operation gets one of its own from it."""
        address = (request.scope.get("client") or ("",))[0]
        return Context(run_in_thread=in_socket_thread, address=address)

    async def on_ws_connect(self, context: Context) -> UnsetType:
        """Finds out who connects, and remembers how to find out again."""
        session_key = self._session_key()

        def authenticate() -> Principal:
            token = token_in_payload(context.connection_params)
            return principal_of_token(token) if token else principal_of_session(session_key)

        try:
            context.principal = await context.run_in_thread(authenticate)
            token = token_in_payload(context.connection_params)
        except Unauthenticated as error:
            raise ConnectionRejectionError from error
        context.authenticate = authenticate
        signed_in = context.principal.user is not None
        context.caller = (
            Caller.with_token(token) if token else Caller(None, session_key if signed_in else None)
        )
        unset: UnsetType = UNSET
        return unset

    def _session_key(self) -> str | None:
        """The session that the browser sent along, if it called us by one of our names."""
        headers = self.get_websocket_headers(self)
        host = split_domain_port(headers.get("host", ""))[0]
        if not validate_host(host, settings.ALLOWED_HOSTS):
            return None
        return parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)

    def is_websocket_origin_allowed(self, request: GraphQLWSConsumer, origin: str) -> bool:
        """Whether a page of another site may connect: with a token, so not if the browser sent a session along."""
        return self._session_key() is None

    async def create_websocket_response(
        self, request: GraphQLWSConsumer, subprotocol: str | None
    ) -> GraphQLWSConsumer:
        """Accepts the connection; also one with another protocol, so that its client gets the code 4406."""
        offered = request.scope["subprotocols"]
        await request.accept(subprotocol=subprotocol or next(iter(offered), None))
        return request

    def decode_json(self, data: str | bytes) -> object:
        """Parses a message."""
        return orjson.loads(data)


def _consumer() -> Any:
    return GraphQLConsumer.as_asgi()


websocket_urlpatterns: list[URLPattern] = [path("api/graphql", _consumer())]
