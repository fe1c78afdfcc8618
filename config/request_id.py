"""Gives every request an id: taken from the caller, echoed in the answer, and on every log line between."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware

_ACCEPTED = re.compile(r"[A-Za-z0-9_-]{8,64}")


def request_id_for(given: str) -> str:
    """The caller's id if it is one, otherwise a new one."""
    return given if _ACCEPTED.fullmatch(given) else secrets.token_hex(16)


@async_only_middleware
def RequestIdMiddleware(
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Middleware: binds `request_id` for logs and sets the `X-Request-Id` header of the answer."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_for(request.headers.get("X-Request-Id", ""))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = await get_response(request)
        response["X-Request-Id"] = request_id
        return response

    return middleware
