"""Answers what is posted to the GraphQL API without Django's middlewares.

For a small query they take longer than the query: Django opens a thread for each request, hops there and back to tell
its signals, and opens a database connection in it. What is posted here needs none of it: no answer of the API changes
a session, and what it asks of the database runs in threads that all such requests share. The headers of the answer
are those that the middlewares give; a test compares them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http.request import split_domain_port, validate_host

from ci_core.access import Principal, anonymous
from config.request_id import request_id_for
from graphql_api.door import Answer, Door
from graphql_api.http.caller import caller_by_token, caller_of
from graphql_api.http.reading import Sent
from graphql_api.threads import HTTP_THREADS, in_http_thread
from graphql_api.together import Together

Application = Callable[[Any, Any, Any], Awaitable[None]]
PATH: Final = "/api/graphql"
#: Seconds after which it counts whether the client still waits.
PATIENCE: Final = 0.05
_COMMON: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
    (b"cross-origin-opener-policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY.encode()),
    (b"x-frame-options", settings.X_FRAME_OPTIONS.encode()),
)

#: The headers on which an answer depends.
_DECIDING: Final = (
    *("authorization", "private-token", "job-token", "accept", "content-type"),
    # Those of a session: whose it is, and whether the request can be trusted.
    *("cookie", "x-csrftoken", "origin", "referer", "host"),
)
_TOGETHER: Final = Together(HTTP_THREADS)


class ShortWay:
    """An ASGI application: answers what it can, and leaves the rest to another one."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        headers = _headers_of_short_way(scope) if scope["type"] == "http" else None
        if headers is None:
            await self._application(scope, receive, send)
        elif (body := await _body(receive)) is not None:
            await _while_wanted(_answer(scope, headers, body, send), receive)


async def _while_wanted(answering: Coroutine[Any, Any, None], receive: Any) -> None:
    """Answers, and ceases to if the client goes away; most answers are given before anybody looks."""
    task = asyncio.current_task()
    assert task is not None
    gone: asyncio.Future[Any] | None = None

    def look() -> None:
        nonlocal gone
        gone = asyncio.ensure_future(receive())
        gone.add_done_callback(lambda gone: gone.cancelled() or task.cancel())

    looking = asyncio.get_running_loop().call_later(PATIENCE, look)
    try:
        await answering
    except asyncio.CancelledError:
        if gone is None or not gone.done():
            raise
        task.uncancel()
    finally:
        looking.cancel()
        if gone is not None:
            gone.cancel()


def _headers_of_short_way(scope: Any) -> Mapping[str, str] | None:
    """The headers of a request that is answered here, by lower-case name; None for one that is left to the other."""
    if scope["method"] != "POST" or scope["path"].removeprefix(scope.get("root_path", "")) != PATH:
        return None
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
    if len(headers) != len(scope["headers"]):
        return None
    # Bodies of which the length was not announced, or is too long, are counted on the other way.
    length = headers.get("content-length", "") if "transfer-encoding" not in headers else ""
    if not (length.isascii() and length.isdigit() and int(length) <= settings.PIPEYARD_GRAPHQL_BODY_LIMIT):
        return None
    return headers if _is_allowed(headers.get("host", ""), tuple(settings.ALLOWED_HOSTS)) else None


@lru_cache(256)
def _is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


async def _body(receive: Any) -> bytes | None:
    """The body, which the server has held to the length that was announced; None if the client has gone."""
    body = b""
    while True:
        message: Mapping[str, Any] = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        body += chunk
        if not message.get("more_body", False):
            return body


async def _answer(scope: Any, headers: Mapping[str, str], body: bytes, send: Any) -> None:
    request_id = request_id_for(headers.get("x-request-id", ""))
    address = (scope.get("client") or ("",))[0]

    def caller() -> Principal:
        if "cookie" in headers:
            return caller_of(ASGIRequest(scope, BytesIO(body)))
        return caller_by_token(headers, address) or anonymous()

    sent = Sent(
        method="POST",
        accept=headers.get("accept"),
        content_type=headers.get("content-type", ""),
        parameters={},
        body=lambda: body,
    )
    key = (scope["scheme"], *(headers.get(name) for name in _DECIDING), body)
    # Not the key itself, which holds the caller's token.
    door = Door(caller, address, in_http_thread, hash(key))
    # For the task of this request alone: the server gives each its own.
    structlog.contextvars.bind_contextvars(request_id=request_id)
    given = await _TOGETHER.answer(key, sent, door)
    await send(
        {"type": "http.response.start", "status": given.status, "headers": _written(given, request_id)}
    )
    await send({"type": "http.response.body", "body": given.body})


def _written(given: Answer, request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer."""
    own = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in given.headers.items()]
    return [
        (b"content-type", f"{given.media_type}; charset=utf-8".encode()),
        (b"content-length", b"%d" % len(given.body)),
        *own,
        *_COMMON,
        (b"x-request-id", request_id.encode()),
    ]
