"""Owns how much of a request body the server takes in, before anything of it is stored.

Django writes a whole body to disk before it calls a view, so this wraps the ASGI application: it counts what comes in,
and lets nobody upload an artifact who does not show the token of a running job.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection

from runner_api import auth
from runner_api.wire import responses

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_KIB: Final = 1024
_MIB: Final = 1024 * _KIB
#: Bytes of a body on any other path: the largest JSON, and what surrounds it.
OTHERWISE: Final = 5 * _MIB + 64 * _KIB
#: Bytes of a request for git objects.
GIT: Final = 16 * _MIB
#: Bytes that a multipart body may have around its file.
AROUND_FILE: Final = _MIB
#: Seconds for which the rest of a refused body is read and thrown away: a client that is still sending when the
#: connection closes would not see the answer.
DRAIN_SECONDS: Final = 3.0

_ARTIFACTS: Final = re.compile(r"/api/v4/jobs/([0-9]{1,19})/artifacts")


class BodyLimit:
    """ASGI middleware: refuses bodies beyond the limit of their path with 413, and uploads without a key with 403."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        limit = OTHERWISE
        upload = _ARTIFACTS.fullmatch(path) if scope["method"] == "POST" else None
        if upload is not None:
            token = _header(scope, b"job-token")
            if not await sync_to_async(_may_upload, thread_sensitive=False)(int(upload[1]), token):
                text = "The job token is not that of this job, or the job is not running."
                await _refuse(scope, receive, send, 403, text, responses.job_status(responses.UNKNOWN_STATUS))
                return
            limit = settings.PIPEYARD_ARTIFACT_LIMIT + AROUND_FILE
        elif path.endswith(".git/git-upload-pack"):
            limit = GIT
        await self._limited(limit, scope, receive, send)

    async def _limited(
        self, limit: int, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        announced = _header(scope, b"content-length")
        counted = Counted(receive, send, limit)
        if not (announced.isascii() and announced.isdigit() and int(announced) > limit):
            await self._application(scope, counted.receive, counted.send)
            if not counted.exceeded or counted.answered:
                return
        text = f"The request body is larger than {limit} bytes, the limit of this path."
        await _refuse(scope, counted.rest, send, 413, text)


class Counted:
    """One request's ends of the ASGI application, counting. A body beyond the limit looks like a lost client."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self._ended = False
        self.exceeded = False
        self.answered = False

    async def receive(self) -> Message:
        """The next message of the request, as long as the body stays within the limit."""
        if self.exceeded:
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            if self._left < 0:
                self.exceeded = True
                return {"type": "http.disconnect"}
        return message

    async def rest(self) -> Message:
        """What is still to come of a body, uncounted; the end, once it has come."""
        return {"type": "http.disconnect"} if self._ended else await self._receive()

    async def send(self, message: Message) -> None:
        """Passes an answer on."""
        self.answered = True
        await self._send(message)


def _may_upload(job_id: int, token: str) -> bool:
    try:
        return auth.may_upload(job_id, token)
    finally:
        connection.close()


def _header(scope: MutableMapping[str, Any], name: bytes) -> str:
    """A header's first value; empty when it was not sent."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), "")


async def _refuse(
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    status: int,
    text: str,
    headers: dict[str, str] | None = None,
) -> None:
    """Answers in the application's place. A client that waits for `100 Continue` has sent nothing, and need not."""
    if not _header(scope, b"expect"):
        await _drain(receive)
    body = orjson.dumps({"message": text})
    fields = {
        "Content-Type": responses.JSON,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive) -> None:
    """Reads the rest of a body and throws it away, for DRAIN_SECONDS at most."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
