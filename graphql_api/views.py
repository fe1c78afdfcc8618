"""Owns the HTTP door at /api/graphql, and the page of the explorer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie

from graphql_api.door import Door, answer
from graphql_api.http.caller import caller_of
from graphql_api.http.reading import Sent, body_of_request
from graphql_api.threads import in_request_thread

EXPLORER_URL: Final = "/-/graphql-explorer"


async def _graphql(request: HttpRequest) -> HttpResponseBase:
    accept = request.headers.get("Accept")
    if request.method == "GET" and "query" not in request.GET and "text/html" in (accept or ""):
        return HttpResponseRedirect(EXPLORER_URL)
    sent = Sent(
        method=request.method or "",
        accept=accept,
        content_type=request.headers.get("Content-Type", ""),
        parameters=request.GET,
        body=lambda: body_of_request(request),
    )
    given = await answer(
        sent,
        Door(lambda: caller_of(request), request.META.get("REMOTE_ADDR", ""), in_request_thread),
    )
    return HttpResponse(
        given.body,
        status=given.status,
        content_type=f"{given.media_type}; charset=utf-8",
        headers=given.headers,
    )


graphql_view = csrf_exempt(_graphql)


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
