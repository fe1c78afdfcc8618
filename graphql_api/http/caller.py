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


def caller_of(request: HttpRequest) -> Principal:
    """Who calls. A token wins over a session, and needs no CSRF token. Raises Refused (401, 403, 429).

    Runs where the database may be used.
    """
    address = request.META.get("REMOTE_ADDR", "")
    by_token = caller_by_token({name.lower(): value for name, value in request.headers.items()}, address)
    if by_token is not None:
        return by_token
    principal = principal_of_session(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    if principal.user is not None and request.method == "POST" and (why := _csrf_failure(request)):
        raise Refused(
            403, f"The request was not trusted: {why} Send the CSRF token, or use a token.", "untrusted"
        )
    return principal


def caller_by_token(headers: Mapping[str, str], address: str) -> Principal | None:
    """Who calls with a token; None without one. headers: by lower-case name. Raises Refused (401, 429)."""
    try:
        token = token_in(headers)
        return None if token is None else principal_of_token(token)
    except Unauthenticated as error:
        count(anonymous(), address, Usage())
        challenge = {"WWW-Authenticate": 'Bearer realm="Pipeyard"'}
        raise Refused(401, str(error), "unauthenticated", headers=challenge) from error


def count(principal: Principal, address: str, usage: Usage) -> None:
    """Counts an operation for its caller. Raises Refused (429)."""
    rate = usage.count(principal, address)
    if rate.exceeded:
        raise exceeding(429, LimitExceeded("rate", rate.limit, rate.used), {"Retry-After": str(rate.wait)})
