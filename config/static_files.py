"""Serves static files without holding up other requests.

WhiteNoise's middleware is synchronous: in an ASGI process, a runner's held request would then keep a thread of its own
busy for as long as it waits. This one looks the path up in the event loop, and reads the file in a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

#: The files by path, once they were looked for.
_FOUND: Final[dict[str, Any]] = {}


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise for ASGI; files are small, so that each is read whole."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        super().__init__(get_response)
        markcoroutinefunction(self)

    def add_files_from_finders(self) -> None:
        """Looks for the files once a process: every handler serves the same, and each test client builds one."""
        if not _FOUND:
            super().add_files_from_finders()
            _FOUND.update(self.files)
        self.files.update(_FOUND)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The file of that path, or what the rest of the stack answers."""
        file = self.files.get(request.path_info)
        if file is None:
            response: HttpResponseBase = await self.get_response(request)
            return response
        return await sync_to_async(_serve, thread_sensitive=False)(file, request)


def _serve(file: Any, request: HttpRequest) -> HttpResponse:
    """The answer with the file's content and the headers that WhiteNoise gives it."""
    found = file.get_response(request.method, request.META)
    content = b""
    if found.file is not None:
        with found.file:
            content = found.file.read()
    response = HttpResponse(content, status=int(found.status))
    del response["Content-Type"]
    for name, value in found.headers:
        response[name] = value
    return response
