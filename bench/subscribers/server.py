"""Owns the web process: the application, with what it does counted, and bare sockets beside it as the floor."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from typing import Any, Final

import psutil

COUNTED: Final = {"executions": 0, "statements": 0}


def serve(port: int) -> None:
    """Serves until it is stopped."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import uvicorn

    from config.asgi import application

    _count()
    uvicorn.run(
        Beside(application),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
    )


def _count() -> None:
    """Counts the executions of updates, and the statements that sockets send."""
    from django.db.backends.utils import CursorWrapper

    from ci_core import prepared
    from graphql_api.subscriptions import broadcast

    module: Any = broadcast
    cursors: Any = CursorWrapper
    execute, send = module.execute, cursors._execute

    async def counted(*arguments: Any) -> Any:
        COUNTED["executions"] += 1
        return await execute(*arguments)

    def sent(self: Any, *arguments: Any) -> Any:
        if threading.current_thread().name.startswith("graphql-socket"):
            COUNTED["statements"] += 1
        return send(self, *arguments)

    statements: Any = prepared
    send_prepared = statements._run

    def sent_prepared(sql: str, *arguments: Any) -> Any:
        if threading.current_thread().name.startswith("graphql-socket"):
            COUNTED["statements"] += 1 + sql.count(prepared.BETWEEN)
        return send_prepared(sql, *arguments)

    module.execute = counted
    cursors._execute = sent
    statements._run = sent_prepared


class Beside:
    """The application, `/counts`, and sockets at `/bare` that get whatever is posted to `/tell`."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._sockets: set[asyncio.Queue[str]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["path"] == "/bare":
            await self._bare(receive, send)
        elif scope["path"] == "/tell":
            body = (await receive())["body"].decode()
            for waiting in self._sockets:
                waiting.put_nowait(body)
            await _answer(send, {})
        elif scope["path"] == "/counts":
            await _answer(send, {**COUNTED, "memory": psutil.Process().memory_info().rss})
        else:
            await self._application(scope, receive, send)

    async def _bare(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        waiting: asyncio.Queue[str] = asyncio.Queue()
        self._sockets.add(waiting)
        gone = asyncio.create_task(receive())
        try:
            while not gone.done():
                next_ = asyncio.create_task(waiting.get())
                await asyncio.wait([gone, next_], return_when=asyncio.FIRST_COMPLETED)
                if next_.done():
                    await send({"type": "websocket.send", "text": next_.result()})
                else:
                    next_.cancel()
        finally:
            self._sockets.discard(waiting)


async def _answer(send: Any, content: dict[str, Any]) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})
