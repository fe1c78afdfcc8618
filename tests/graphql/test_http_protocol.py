"""The head of an answer goes out with its body: a client that is woken for the head alone has to wait again."""

from __future__ import annotations

import asyncio

from config.http_protocol import JoiningTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Transport:
    """Keeps what is written, as it is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def is_closing(self) -> bool:
        return self.written[-1:] == [b"<closed>"]

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.written.append(b"".join(parts))

    def close(self) -> None:
        self.written.append(b"<closed>")

    def get_extra_info(self, name: str) -> str:
        return name.upper()


def written(*steps: bytes | None) -> list[bytes]:
    """What reaches the transport: None lets the event loop come round, `<closed>` closes."""

    async def scenario() -> list[bytes]:
        inner = Transport()
        joining = JoiningTransport(inner, asyncio.get_running_loop())  # type: ignore[arg-type]
        for step in steps:
            if step is None:
                await asyncio.sleep(0)
            elif step == b"<closed>":
                joining.close()
            elif step.startswith(b"lines"):
                joining.writelines((step, b"!"))
            else:
                joining.write(step)
        await asyncio.sleep(0)
        assert joining.get_extra_info("peername") == "PEERNAME"
        assert joining.is_closing() == inner.is_closing()
        return inner.written

    return asyncio.run(scenario())


def test_head_and_body_are_one_write() -> None:
    assert written(HEAD, b"body") == [HEAD + b"body"]


def test_a_second_answer_is_joined_too() -> None:
    assert written(HEAD, b"body", HEAD, b"more", b"and more") == [HEAD + b"body", HEAD + b"more", b"and more"]


def test_a_head_without_a_body_waits_no_longer_than_the_event_loop() -> None:
    assert written(HEAD, None, b"body") == [HEAD, b"body"]


def test_nothing_is_lost_when_the_connection_is_closed() -> None:
    assert written(HEAD, b"<closed>") == [HEAD, b"<closed>"]


def test_parts_do_not_overtake_a_head() -> None:
    assert written(HEAD, b"lines") == [HEAD, b"lines!"]
