"""A WebSocket client of the GraphQL API for tests, speaking graphql-transport-ws to the ASGI application."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from asgiref.testing import ApplicationCommunicator

PROTOCOL = "graphql-transport-ws"
#: Seconds that a message may take.
PATIENCE = 5.0
#: Seconds of silence that count as "nothing is sent".
SILENCE = 0.15


class Closed(Exception):
    """The server closed the connection. code: the close code; None when it refused the handshake."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(code, reason)


class GraphQLSocket:
    """One connection, opened and initialised on entering."""

    def __init__(
        self,
        token: str | None = None,
        *,
        payload: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        protocol: str = PROTOCOL,
    ) -> None:
        from config.asgi import application

        given = {"host": "testserver", **(headers or {})}
        self._payload = {"Authorization": f"Bearer {token}"} if token else payload or {}
        self._application = ApplicationCommunicator(
            application,
            {
                "type": "websocket",
                "path": "/api/graphql",
                "query_string": b"",
                "headers": [(name.encode(), value.encode()) for name, value in given.items()],
                "subprotocols": [protocol],
            },
        )

    async def __aenter__(self) -> Self:
        await self.connect()
        await self.send({"type": "connection_init", "payload": self._payload})
        try:
            assert (await self.receive())["type"] == "connection_ack"
        except BaseException:
            await self.disconnect()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    async def connect(self) -> str | None:
        """Shakes hands; gives the protocol that the server chose. Raises Closed when it refuses."""
        await self._application.send_input({"type": "websocket.connect"})
        answer = await self._application.receive_output(PATIENCE)
        if answer["type"] == "websocket.close":
            await self.disconnect()
            raise Closed(None)
        protocol: str | None = answer["subprotocol"]
        return protocol

    async def disconnect(self) -> None:
        """Leaves, and waits until the server has noticed."""
        await self._application.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._application.wait(PATIENCE)

    async def send(self, message: dict[str, Any]) -> None:
        """Sends one message."""
        await self._application.send_input({"type": "websocket.receive", "text": json.dumps(message)})

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises Closed."""
        output = await self._application.receive_output(PATIENCE)
        if output["type"] == "websocket.close":
            raise Closed(output["code"], output.get("reason") or "")
        message: dict[str, Any] = json.loads(output["text"])
        return message

    async def subscribe(self, id: str, document: str, /, **variables: Any) -> None:
        """Starts an operation, and gives the server time to listen: the protocol has no answer to this."""
        await self.send(
            {"id": id, "type": "subscribe", "payload": {"query": document, "variables": variables}}
        )
        await asyncio.sleep(SILENCE)

    async def next(self, id: str) -> Any:
        """The next result of an operation."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        return message["payload"]

    async def quiet(self) -> None:
        """Asserts that nothing is sent for a while."""
        assert await self._application.receive_nothing(SILENCE), await self.receive()
