"""Processes that share a socket have about as many connections each, and none waits long for one that is busy."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from config.web import accepting
from config.web.accepting import Accepting, Shares
from config.web.address import bound_socket

#: Seconds that all connections may take to be taken; far above what it takes.
PATIENCE = 10.0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with bound_socket("127.0.0.1", 0) as listener:
        listener.listen()
        listener.setblocking(False)
        yield listener


class Taker:
    """What takes connections in one of the processes; all are in one event loop here."""

    def __init__(self, listener: socket.socket, shares: Shares, number: int) -> None:
        self.taken: list[socket.socket] = []
        # An event loop watches each file descriptor once.
        self._listener = listener.dup()
        self._accepting = Accepting(self._listener, shares, number, lambda: len(self.taken), self._begin)

    async def _begin(self, connection: socket.socket) -> None:
        self.taken.append(connection)

    async def close(self) -> None:
        self._accepting.close()
        await self._accepting.wait_closed()
        for opened in (self._listener, *self.taken):
            opened.close()


def taken_of(listener: socket.socket, clients: int, shares: Shares, takers: int) -> list[int]:
    """How many of so many clients, who come together, each of so many processes takes."""

    async def scenario() -> list[int]:
        with ExitStack() as opened:
            for _ in range(clients):
                opened.enter_context(socket.create_connection(listener.getsockname()))
            mine = [Taker(listener, shares, number) for number in range(takers)]
            async with asyncio.timeout(PATIENCE):
                while sum(len(taker.taken) for taker in mine) < clients:
                    await asyncio.sleep(0.001)
            for taker in mine:
                await taker.close()
            return [len(taker.taken) for taker in mine]

    return asyncio.run(scenario())


def test_clients_that_come_together_are_shared(listener: socket.socket) -> None:
    assert taken_of(listener, 9, Shares(3), 3) == [3, 3, 3]


def test_one_process_takes_all(listener: socket.socket) -> None:
    assert taken_of(listener, 9, Shares(1), 1) == [9]


def test_what_a_busy_process_leaves_is_taken_by_another(listener: socket.socket) -> None:
    shares = Shares(2)
    shares.tell(1, 0)
    assert taken_of(listener, 5, shares, 1) == [5]


def test_it_is_tried_again_when_there_was_no_room(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    class Full(socket.socket):
        """No file can be opened for the first connection."""

        refused = 0

        def accept(self) -> Any:
            if not Full.refused:
                Full.refused += 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    monkeypatch.setattr(accepting, "ROOM_AFTER", 0.01)
    with Full() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        assert taken_of(listener, 3, Shares(1), 1) == [3]
    assert "Too many open files" in caplog.text


def test_nothing_is_left_to_a_process_that_has_gone(listener: socket.socket) -> None:
    shares = Shares(2)
    shares.tell(1, 0)
    shares.leave(1)
    assert shares.tell(0, 7)
