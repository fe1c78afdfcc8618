"""Owns the HTTP door at /api/graphql, and the page of the explorer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from ci_core.access import Principal
from graphql_api.authentication import principal_of_session, principal_of_token, token_in
from graphql_api.context import Context
from graphql_api.errors import Unauthenticated
from graphql_api.http.answering import body_of, status_of
from graphql_api.http.media_types import JSON, negotiated
from graphql_api.http.reading import Operation, check_method, read_operations
from graphql_api.http.refusal import Refused
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


def encode_json(data: object) -> bytes:
    """Writes a response."""
    return orjson.dumps(data)


async def _graphql(request: HttpRequest) -> HttpResponseBase:
    """Answers queries and mutations; what is refused is told as a GraphQL response, too."""
    accept = request.headers.get("Accept")
    if request.method == "GET" and "query" not in request.GET and "text/html" in (accept or ""):
        return HttpResponseRedirect(EXPLORER_URL)
    media_type = negotiated(accept)
    try:
        check_method(request)
        if media_type is None:
            raise Refused(
                406,
                "Answers are application/graphql-response+json or application/json: accept one of them.",
                "not_acceptable",
            )
        principal = await _principal(request)
        operations = read_operations(request)
        if isinstance(operations, list):
            raise Refused(
                400, "Lists of operations are not taken: send one operation a request.", "bad_request"
            )
        result = await _execute(operations, request, Context(principal))
    except Refused as refused:
        return _response(refused.body, refused.status, media_type or JSON, refused.headers)
    return _response(body_of(result), status_of([result], media_type), media_type)


graphql_view = csrf_exempt(_graphql)


async def _principal(request: HttpRequest) -> Principal:
    """On whose behalf the request acts. A token wins over a session, and needs no CSRF token.

    Raises Refused (401, 403).
    """
    try:
        token = token_in({name.lower(): value for name, value in request.headers.items()})
        if token is not None:
            return await in_request_thread(lambda: principal_of_token(token))
    except Unauthenticated as error:
        headers = {"WWW-Authenticate": 'Bearer realm="Pipeyard"'}
        raise Refused(401, str(error), "unauthenticated", headers=headers) from error
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    principal = await in_request_thread(lambda: principal_of_session(session_key))
    if principal.user is not None and request.method == "POST" and (why := _csrf_failure(request)):
        raise Refused(
            403, f"The request was not trusted: {why} Send the CSRF token, or use a token.", "untrusted"
        )
    return principal


async def _execute(operation: Operation, request: HttpRequest, context: Context) -> ExecutionResult:
    """Carries out one operation. Raises Refused (405) for anything but a query in a GET."""
    allowed = {OperationType.QUERY} if request.method == "GET" else set(OperationType)
    try:
        return await schema.execute(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
            operation_extensions=operation.extensions,
            allowed_operation_types=allowed,
        )
    except InvalidOperationTypeError as error:
        message = f"A GET request carries out queries only: send this {error.operation_type.value} by POST."
        raise Refused(405, message, "method_not_allowed", headers={"Allow": "POST"}) from None
    except CannotGetOperationTypeError as error:
        return ExecutionResult(data=None, errors=[GraphQLError(undetermined(error))])


def undetermined(error: CannotGetOperationTypeError) -> str:
    """What to tell when it is not clear which operation of a document is meant."""
    if error.operation_name is None:
        return "Which operation is meant? Name it with `operationName`."
    return f"The document has no operation named {error.operation_name!r}."


def _response(
    body: object, status: int, media_type: str, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    return HttpResponse(
        encode_json(body), status=status, content_type=f"{media_type}; charset=utf-8", headers=headers
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
