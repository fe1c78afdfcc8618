"""Owns the WebSocket door at /api/graphql: protocol graphql-transport-ws, the caller known by token or session."""

from __future__ import annotations

from typing import Any, Final

import orjson
from django.conf import settings
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.urls import URLPattern, path
from strawberry.channels import GraphQLWSConsumer
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UNSET, UnsetType

from ci_core.access import Principal
from graphql_api.authentication import principal_of_session, principal_of_token, token_in_payload
from graphql_api.context import Context
from graphql_api.errors import Unauthenticated
from graphql_api.schema import schema
from graphql_api.threads import in_socket_thread

#: Operations that one connection may have under way.
MAX_OPERATIONS: Final = 100


class GraphQLConsumer(GraphQLWSConsumer[Context, None]):
    """One connection.

    A browser sends cookies along whatever page opens the connection, so a session counts only if the page is ours.
    Other pages may connect with a token.
    """

    async def get_context(self, request: GraphQLWSConsumer, response: GraphQLWSConsumer) -> Context:
        """The context of the connection; each operation gets one of its own from it."""
        address = (request.scope.get("client") or ("",))[0]
        return Context(run_in_thread=in_socket_thread, live=True, address=address)

    async def on_ws_connect(self, context: Context) -> UnsetType:
        """Finds out who connects, and remembers how to find out again."""
        session_key = self._session_key()

        def authenticate() -> Principal:
            token = token_in_payload(context.connection_params)
            return principal_of_token(token) if token else principal_of_session(session_key)

        try:
            context.principal = await context.run_in_thread(authenticate)
        except Unauthenticated as error:
            raise ConnectionRejectionError from error
        context.authenticate = authenticate
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

    def encode_json(self, data: object) -> str:
        """Writes a message."""
        return orjson.dumps(data).decode()


def _consumer() -> Any:
    return GraphQLConsumer.as_asgi(
        schema=schema,
        subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
        max_subscriptions_per_connection=MAX_OPERATIONS,
    )


websocket_urlpatterns: list[URLPattern] = [path("api/graphql", _consumer())]
