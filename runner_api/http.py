"""Owns what all views share: the methods of a path, reading a body within bounds, and errors as JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from runner_api import errors
from runner_api.errors import Refused
from runner_api.wire import responses
from runner_api.wire.fields import Fields

Handler = Callable[..., Any]
Result = TypeVar("Result")
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]

#: Bytes of a body of fields.
FIELDS_LIMIT: Final = 5 * 1024 * 1024


def endpoint(**methods: Handler) -> View:
    """The view of a path, one handler a method; `async def` handlers run in the event loop, others in a thread.

    Callers are programs that show a token, so there is no CSRF check.
    """

    async def view(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        handler = methods.get(request.method or "")
        if handler is None:
            allowed = ", ".join(methods)
            return responses.message(405, f"This path takes {allowed}.", {"Allow": allowed})
        try:
            response: HttpResponseBase
            if iscoroutinefunction(handler):
                response = await handler(request, **arguments)
            else:
                response = await in_thread(handler, request, **arguments)
        except Exception as error:
            return errors.answer(error)
        return response

    return csrf_exempt(view)


async def in_thread(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Runs what asks the database in the request's thread, and gives its connection back at once.

    Else a request would keep it to its end, and waiting runners and slow downloads would use up the pool.
    """

    def run() -> Result:
        try:
            return function(*arguments, **named)
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return await sync_to_async(run)()


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The body of a request. Raises Refused (413) beyond `limit` bytes."""
    body = request.read(limit + 1)
    if len(body) > limit:
        raise Refused(413, f"The request body is larger than {limit} bytes.")
    return body


def read_fields(request: HttpRequest) -> Fields:
    """The fields of a JSON or form body."""
    return Fields.read(read_body(request, FIELDS_LIMIT), request.content_type or "")


def client_ip(request: HttpRequest) -> str | None:
    """The address that the request came from; None when it is none (a socket file, what a proxy made up)."""
    try:
        return str(ip_address(request.META.get("REMOTE_ADDR", "").partition("%")[0]))
    except ValueError:
        return None
