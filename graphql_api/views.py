"""Owns the HTTP door at /api/graphql, and the page of the explorer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

import orjson
import structlog
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from graphql_api.context import Context, current_request_id
from graphql_api.errors import INTERNAL_MESSAGE, presented
from graphql_api.http.answering import body_of, status_of
from graphql_api.http.caller import caller_of, count, thread_runner
from graphql_api.http.media_types import JSON, negotiated
from graphql_api.http.reading import Operation, check_method, read_operations
from graphql_api.http.refusal import Refused
from graphql_api.schema import schema

EXPLORER_URL: Final = "/-/graphql-explorer"
log = structlog.get_logger("pipeyard.graphql")


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
        run_in_thread = thread_runner(request)
        principal = await caller_of(request, run_in_thread)
        operations = read_operations(request)
        listed = [operations] if isinstance(operations, Operation) else operations
        contexts = [Context(principal, run_in_thread=run_in_thread) for _ in listed]
        for context in contexts:
            count(principal, request, context.usage)
        results = [
            await _execute(operation, request.method == "GET", context)
            for operation, context in zip(listed, contexts, strict=True)
        ]
    except Refused as refused:
        return _response(refused.body, refused.status, media_type or JSON, refused.headers)
    except Exception as error:
        details = {"requestId": current_request_id()}
        log.error("unexpected error", exc_info=error)
        bug = Refused(500, INTERNAL_MESSAGE, "internal", details=details)
        return _response(bug.body, bug.status, media_type or JSON)
    bodies = [body_of(result) for result in results]
    body = bodies[0] if isinstance(operations, Operation) else bodies
    return _response(body, status_of(results, media_type), media_type)


graphql_view = csrf_exempt(_graphql)


async def _execute(operation: Operation, only_queries: bool, context: Context) -> ExecutionResult:
    """Carries out one operation. Raises Refused (405) for anything but a query in a GET."""
    allowed = {OperationType.QUERY} if only_queries else set(OperationType)
    try:
        result = await schema.execute(
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
    # Those that were raised around the operation did not come by PresentErrors.
    result.errors = [presented(error, context.request_id) for error in result.errors or ()] or None
    return result


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
