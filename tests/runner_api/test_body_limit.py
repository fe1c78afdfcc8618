"""The ASGI wrapper by itself: what it counts, and what it leaves alone."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from runner_api import body_limit
from runner_api.body_limit import GIT, OTHERWISE, BodyLimit

MIB = 1024 * 1024
Message = MutableMapping[str, Any]


def scope(path: str, method: str = "POST", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": raw}


class Exchange:
    """One request through the wrapper, whose application reads the body and answers 200."""

    def __init__(self, scope: dict[str, Any], *chunks: bytes, lost: bool = False) -> None:
        self.received = 0
        self.sent: list[Message] = []
        self._messages: list[Message] = [
            {"type": "http.request", "body": chunk, "more_body": lost or chunk is not chunks[-1]}
            for chunk in chunks
        ]
        async_to_sync(BodyLimit(self._application))(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.received += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/v4/jobs/1/trace", OTHERWISE),
        ("/api/graphql", OTHERWISE),
        ("/group/project.git/git-upload-pack", GIT),
        ("/api/v4/jobs/1/artifacts/more", OTHERWISE),
    ],
)
def test_a_body_up_to_the_limit_of_its_path_passes(path: str, limit: int) -> None:
    exact = Exchange(scope(path), bytes(limit - 10), bytes(10))
    assert (exact.status, exact.received) == (200, limit)
    over = Exchange(scope(path), bytes(limit), b"x", bytes(MIB))
    assert over.status == 413
    assert over.received <= limit
    assert b"limit" in over.sent[1]["body"]
    assert dict(over.sent[0]["headers"])[b"connection"] == b"close"


def test_an_announced_length_is_believed_when_it_is_too_large() -> None:
    refused = Exchange(scope("/x", content_length=str(OTHERWISE + 1)), b"x")
    assert (refused.status, refused.received) == (413, 0)
    wrong = Exchange(scope("/x", content_length="many"), b"x")
    assert wrong.status == 200


def test_a_lost_client_is_a_lost_client() -> None:
    lost = Exchange(scope("/x"), b"abc", lost=True)
    assert (lost.status, lost.received) == (None, 3)


def test_the_end_of_a_body_is_not_waited_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "DRAIN_SECONDS", 0.01)
    assert Exchange(scope("/x"), bytes(OTHERWISE + 1)).status == 413


def test_the_key_is_looked_at_before_the_body(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    asked: list[tuple[int, str]] = []

    def may_upload(job_id: int, token: str) -> bool:
        asked.append((job_id, token))
        return token == "good"

    monkeypatch.setattr(body_limit, "_may_upload", may_upload)
    settings.PIPEYARD_ARTIFACT_LIMIT = 8 * MIB
    path = "/api/v4/jobs/7/artifacts"
    refused = Exchange(scope(path, job_token="bad"), bytes(MIB))
    assert (refused.status, refused.received) == (403, 0)
    assert Exchange(scope(path, job_token="good"), bytes(9 * MIB)).status == 200
    assert Exchange(scope(path, job_token="good"), bytes(9 * MIB), b"x").status == 413
    mounted = {**scope("/sub" + path, job_token="bad"), "root_path": "/sub"}
    assert Exchange(mounted, bytes(MIB)).status == 403
    assert asked == [(7, "bad"), (7, "good"), (7, "good"), (7, "bad")]
    assert Exchange(scope(path, method="GET"), b"").status == 200


def test_other_protocols_pass() -> None:
    seen: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async_to_sync(BodyLimit(application))({"type": "websocket"}, None, None)  # type: ignore[arg-type]
    assert seen == ["websocket"]
