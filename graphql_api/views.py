"""Owns the HTTP door at /api/graphql, and the page of the explorer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

import orjson
from cross_web import HTTPException
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from strawberry.django.views import AsyncGraphQLView

from ci_core.access import Principal
from graphql_api.authentication import principal_of_session, principal_of_token, token_in
from graphql_api.context import Context
from graphql_api.errors import Unauthenticated
from graphql_api.schema import schema
from graphql_api.threads import in_request_thread

EXPLORER_URL: Final = "/-/graphql-explorer"


class _CsrfCheck(CsrfViewMiddleware):
    """Tells why a request is refused, instead of answering it."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _csrf_failure(request: HttpRequest) -> str | None:
    """Why a request that acts through a session cookie cannot be trusted; None if it can."""
    check = _CsrfCheck(lambda request: HttpResponse())
    check.process_request(request)
    reason: Any = check.process_view(request, HttpResponse, (), {})
    return None if reason is None else str(reason)


class GraphQLView(AsyncGraphQLView[Context, None]):
    """Answers queries and mutations."""

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """Finds out who asks, then answers; refusals are JSON, too."""
        if (
            request.method == "GET"
            and "query" not in request.GET
            and "text/html" in request.headers.get("accept", "")
        ):
            return HttpResponseRedirect(EXPLORER_URL)
        try:
            request.graphql_principal = await self._principal(request)  # type: ignore[attr-defined]
            return await self.run(request=request)
        except Unauthenticated as error:
            answer = _refusal(401, str(error), "unauthenticated")
            answer["WWW-Authenticate"] = 'Bearer realm="Pipeyard"'
            return answer
        except HTTPException as error:
            return _refusal(error.status_code, error.reason, "bad_request")

    async def _principal(self, request: HttpRequest) -> Principal:
        """On whose behalf the request acts. A token wins over a session, and needs no CSRF token."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        token = token_in(headers)
        if token is not None:
            return await in_request_thread(lambda: principal_of_token(token))
        session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        principal = await in_request_thread(lambda: principal_of_session(session_key))
        if principal.user is not None and request.method == "POST" and (why := _csrf_failure(request)):
            raise HTTPException(
                403, f"The request was not trusted: {why} Send the CSRF token, or use a token."
            )
        return principal

    async def get_context(self, request: HttpRequest, response: HttpResponse) -> Context:
        """The context of the one operation of this request."""
        return Context(request.graphql_principal)  # type: ignore[attr-defined]

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Never: the explorer is a page of its own."""
        return False

    def decode_json(self, data: str | bytes) -> object:
        """Parses a request's body, or its variables in a URL."""
        decoded: object = orjson.loads(data)
        if not isinstance(decoded, dict | list):
            raise HTTPException(400, "The request must be a JSON object.")
        return decoded

    def encode_json(self, data: object) -> bytes:
        """Writes a response."""
        return orjson.dumps(data)


def _refusal(status: int, message: str, code: str) -> JsonResponse:
    return JsonResponse({"errors": [{"message": message, "extensions": {"code": code}}]}, status=status)


graphql_view = csrf_exempt(
    GraphQLView.as_view(
        schema=schema, graphql_ide=None, allow_queries_via_get=True, subscription_protocols=()
    )
)

#: Files that the explorer's page needs, as `graphql_api.explorer.install` puts them.
ASSETS: Final[Mapping[str, str]] = {
    "react": "explorer/react.production.min.js",
    "react_dom": "explorer/react-dom.production.min.js",
    "graphiql": "explorer/graphiql.min.js",
    "style": "explorer/graphiql.min.css",
    "graphql_ws": "explorer/graphql-ws.min.js",
}


@ensure_csrf_cookie
def explorer(request: HttpRequest) -> HttpResponse:
    """The page on which people try queries; it acts through the session, or a token given as a header."""
    nonce = secrets.token_urlsafe(16)
    installed = all(finders.find(path) for path in ASSETS.values())
    response = render(
        request,
        "graphql_api/explorer.html",
        {"assets": ASSETS, "installed": installed, "nonce": nonce},
        status=200 if installed else 503,
    )
    host = request.get_host()
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; "
        f"img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws://{host} wss://{host}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return response
