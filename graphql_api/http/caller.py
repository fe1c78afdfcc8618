"""Owns on whose behalf an HTTP request acts, and how many requests its caller sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from ci_core.access import Principal, anonymous
from graphql_api.authentication import principal_of_session, principal_of_token, token_in
from graphql_api.errors import Unauthenticated
from graphql_api.http.refusal import Refused, exceeding
from graphql_api.limits.exceeded import LimitExceeded
from graphql_api.limits.usage import Usage
from graphql_api.threads import ThreadRunner, in_request_thread


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


def thread_runner(request: HttpRequest) -> ThreadRunner:
    """Where what a request asks of the database runs: where its handler says, otherwise in its own thread."""
    scope: Mapping[str, Any] = getattr(request, "scope", {})
    runner: ThreadRunner = scope.get("pipeyard.run_in_thread", in_request_thread)
    return runner


async def caller_of(request: HttpRequest, run_in_thread: ThreadRunner) -> Principal:
    """Who calls. A token wins over a session, and needs no CSRF token. Raises Refused (401, 403, 429)."""
    try:
        token = token_in({name.lower(): value for name, value in request.headers.items()})
        if token is not None:
            by_token: Principal = await run_in_thread(lambda: principal_of_token(token))
            return by_token
    except Unauthenticated as error:
        count(anonymous(), request, Usage())
        headers = {"WWW-Authenticate": 'Bearer realm="Pipeyard"'}
        raise Refused(401, str(error), "unauthenticated", headers=headers) from error
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    principal: Principal = await run_in_thread(lambda: principal_of_session(session_key))
    if principal.user is not None and request.method == "POST" and (why := _csrf_failure(request)):
        raise Refused(
            403, f"The request was not trusted: {why} Send the CSRF token, or use a token.", "untrusted"
        )
    return principal


def count(principal: Principal, request: HttpRequest, usage: Usage) -> None:
    """Counts an operation for its caller. Raises Refused (429)."""
    rate = usage.count(principal, request.META.get("REMOTE_ADDR", ""))
    if rate.exceeded:
        raise exceeding(429, LimitExceeded("rate", rate.limit, rate.used), {"Retry-After": str(rate.wait)})
