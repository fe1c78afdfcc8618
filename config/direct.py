"""Answers requests to the GraphQL API without a thread of their own.

Django opens a thread for each request, hops there and back to tell its signals, opens a database connection in it and
closes both at the end: for a small query that takes longer than the query. A request to the API that brings a token
needs none of it: what it asks of the database runs in threads that all such requests share. One that brings cookies may
change its session, and is left to Django.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpRequest
from django.urls import set_script_prefix

from graphql_api.threads import in_http_thread

PATH: Final = "/api/graphql"


class DirectHandler(ASGIHandler):
    """Django's handler, with a short way for the API."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path != PATH or any(name == b"cookie" for name, _ in scope["headers"]):
            await super().handle(scope, receive, send)
            return
        scope["pipeyard.run_in_thread"] = in_http_thread
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            if request is not None:
                await self._unless_gone(request, receive, send)
            elif refusal is not None:
                await self.send_response(refusal, send)
        finally:
            body.close()

    async def _unless_gone(self, request: HttpRequest, receive: Any, send: Any) -> None:
        """Answers a request; gives up when its client goes away."""
        answering = asyncio.ensure_future(self._answer(request, send))
        gone = asyncio.ensure_future(receive())
        gone.add_done_callback(lambda _: answering.cancel())
        try:
            await answering
        except asyncio.CancelledError:
            if not gone.done():
                raise
        finally:
            gone.cancel()

    async def _answer(self, request: HttpRequest, send: Any) -> None:
        await self.send_response(await self.run_get_response(request), send)
