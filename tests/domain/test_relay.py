"""The bell over Redis: a relay tells web processes, and whatever breaks on the way, nobody misses a change for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from ci_core.events import bell, line, pauses, relay, ringing
from tests.support.redis_server import RedisServer, redis_server

#: Seconds within which something must happen; far above what it takes.
SOON = 10.0
#: Seconds of silence that count as silence.
SILENCE = 0.3
HERE = ringing.pipeline(1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Any) -> Iterator[RedisServer]:
    with redis_server(settings) as started:
        yield started


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds in life takes fractions of them here; polling is left as slow as it is."""
    monkeypatch.setattr(line, "BEAT", 0.1)
    monkeypatch.setattr(line, "SILENCE", 0.8)
    monkeypatch.setattr(line, "ANSWER_WITHIN", 1.0)
    monkeypatch.setattr(relay, "TURN_EVERY", 0.1)
    monkeypatch.setattr(pauses, "SHORTEST", 0.1)
    monkeypatch.setattr(pauses, "LONGEST", 0.2)
    monkeypatch.setattr(bell, "LOOK_EVERY", 60.0)


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread that stands for another process: its database connection is its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a coroutine within bounds, and finds tasks and connections that it leaves behind."""
    before = listening_backends()

    async def whole() -> None:
        async with asyncio.timeout(4 * SOON):
            await test()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    asyncio.run(whole())
    deadline = time.monotonic() + SOON
    while listening_backends() != before:
        assert time.monotonic() < deadline, "a connection was left behind"
        time.sleep(0.02)


def listening_backends() -> int:
    """Connections of this database that have been told to listen, or hold the relay's lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
            "(query LIKE 'LISTEN%%' OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s))",
            [relay.RELAY_LOCK],
        )
        (count,) = cursor.fetchone()
    return int(count)


@asynccontextmanager
async def relaying() -> AsyncIterator[asyncio.Task[None]]:
    """A worker's relay meanwhile."""
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def web_process() -> AsyncIterator[bell.Ringing]:
    """What a subscriber in a web process of its own has; rung for what was before it listened is over."""
    async with bell.Bell().listening(HERE) as listener:
        yield listener


async def rung(*listeners: bell.Ringing) -> None:
    for listener in listeners:
        assert await listener.wait(SOON)


async def silent(*listeners: bell.Ringing) -> None:
    """Lets what is under way arrive, and asserts that nothing follows it."""
    await asyncio.sleep(SILENCE)
    for listener in listeners:
        await listener.wait(0)
        assert not await listener.wait(SILENCE)


async def ring_in(elsewhere: ThreadPoolExecutor, *places: ringing.Place) -> None:
    await asyncio.wrap_future(elsewhere.submit(ringing.ring, *places))


def test_web_processes_are_told_and_only_the_relay_listens(
    server: RedisServer, elsewhere: ThreadPoolExecutor
) -> None:
    async def test() -> None:
        async with relaying(), web_process() as one, web_process() as other:
            await silent(one, other)
            assert await asyncio.wrap_future(elsewhere.submit(listening_backends)) == 1
            await ring_in(elsewhere, HERE)
            await rung(one, other)
            await ring_in(elsewhere, ringing.pipeline(2))
            await silent(one, other)

    run(test)
    assert server.connections() == 0


def test_of_several_workers_one_relays_and_the_next_takes_over(
    server: RedisServer, elsewhere: ThreadPoolExecutor
) -> None:
    async def test() -> None:
        async with relaying() as first:
            await eventually(lambda: server.ask("GET", line.relay_key()))
            async with relaying(), web_process() as listener:
                await silent(listener)
                relays = await asyncio.to_thread(server.ask, "GET", line.relay_key())
                first.cancel()
                # Whatever was rung while there was no relay: who listens looks.
                await rung(listener)
                assert await asyncio.to_thread(server.ask, "GET", line.relay_key()) != relays
                await silent(listener)
                await ring_in(elsewhere, HERE)
                await rung(listener)

    run(test)


def test_a_relay_whose_database_connection_is_killed_comes_back(
    server: RedisServer, elsewhere: ThreadPoolExecutor
) -> None:
    def kill() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE locktype = 'advisory' AND objid = %s AND datname = current_database()",
                [relay.RELAY_LOCK],
            )
            assert cursor.fetchall() == [(True,)]

    async def test() -> None:
        async with relaying(), web_process() as listener:
            await silent(listener)
            await asyncio.wrap_future(elsewhere.submit(kill))
            await rung(listener)
            await silent(listener)
            await ring_in(elsewhere, HERE)
            await rung(listener)

    run(test)


def test_redis_is_killed_and_comes_back(
    server: RedisServer, elsewhere: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "LOOK_EVERY", 0.2)

    async def test() -> None:
        async with relaying(), web_process() as listener:
            await silent(listener)
            await asyncio.to_thread(server.kill)
            # Nobody can be told, so everybody looks again and again.
            for _ in range(3):
                await rung(listener)
            await asyncio.wrap_future(elsewhere.submit(eventually_nobody_listens))
            await asyncio.to_thread(server.start)
            await eventually(lambda: server.ask("GET", line.relay_key()))
            # The relay is heard again: nobody looks any more without being told.
            await asyncio.sleep(1.0)
            await silent(listener)
            await ring_in(elsewhere, HERE)
            await rung(listener)

    run(test)
    assert server.connections() == 0


def eventually_nobody_listens() -> None:
    deadline = time.monotonic() + SOON
    while listening_backends():
        assert time.monotonic() < deadline, "a relay that can tell nobody goes on listening"
        time.sleep(0.02)


def test_without_a_relay_everybody_looks_for_themselves(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "LOOK_EVERY", 0.2)

    async def test() -> None:
        async with web_process() as listener:
            for _ in range(3):
                await rung(listener)
            async with relaying():
                await eventually(lambda: server.ask("GET", line.relay_key()))
                await asyncio.sleep(1.0)
                await silent(listener)
            # It has gone: that is noticed by its silence.
            for _ in range(3):
                await rung(listener)

    run(test)


@pytest.mark.parametrize("number", [3, 9], ids=["heard twice", "some not heard"])
def test_a_message_that_was_lost_is_noticed_by_the_next(server: RedisServer, number: int) -> None:
    async def say(*message: Any) -> None:
        await asyncio.to_thread(
            server.ask, "PUBLISH", line.channel(), line.Message(*message).encoded().decode()
        )

    async def test() -> None:
        async def beat() -> None:
            while True:
                await say("relay", 3, [])
                await asyncio.sleep(line.BEAT)

        beating = asyncio.create_task(beat())
        async with web_process() as listener:
            await silent(listener)
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            # Rings are of another place, but their number tells that there were others.
            await say("relay", number, [("pipeyard_changes", "pipeline/2")])
            await rung(listener)
            await say("relay", number + 1, [("pipeyard_changes", "pipeline/2")])
            assert not await listener.wait(SILENCE)
            await say("relay", number + 2, [])
            await rung(listener)

    run(test)


def test_who_connects_between_two_relays_looks_again_when_the_second_speaks(server: RedisServer) -> None:
    """The first has gone and its key has not expired yet; what was rung until the second listened was not heard."""

    async def say(relay_name: str, number: int) -> None:
        message = line.Message(relay_name, number, [])
        await asyncio.to_thread(server.ask, "PUBLISH", line.channel(), message.encoded().decode())

    async def test() -> None:
        await asyncio.to_thread(server.ask, "SET", line.relay_key(), "first")
        async with web_process() as listener:
            await rung(listener)
            assert not await listener.wait(SILENCE)
            await say("second", 0)
            await rung(listener)
            await say("second", 0)
            assert not await listener.wait(SILENCE)

    run(test)


def test_what_no_relay_said_is_not_listened_to(server: RedisServer, elsewhere: ThreadPoolExecutor) -> None:
    async def test() -> None:
        async with relaying(), web_process() as listener:
            await silent(listener)
            for nonsense in ("", "null", "[]", '["a", "b", "c"]', '["a", 1, [1]]', "\x00"):
                await asyncio.to_thread(server.ask, "PUBLISH", line.channel(), nonsense)
            assert not await listener.wait(SILENCE)
            await ring_in(elsewhere, HERE)
            await rung(listener)

    run(test)


def test_what_is_rung_at_once_is_told_at_once_and_too_much_rings_everybody(
    server: RedisServer, elsewhere: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MOST_RINGS", 5)

    def ring_others(count: int) -> None:
        with transaction.atomic():
            ringing.ring(*map(ringing.pipeline, range(100, 100 + count)))

    async def test() -> None:
        async with relaying(), web_process() as listener:
            await silent(listener)
            await asyncio.wrap_future(elsewhere.submit(ring_others, 5))
            assert not await listener.wait(SILENCE)
            await asyncio.wrap_future(elsewhere.submit(ring_others, 6))
            await rung(listener)

    run(test)


def test_a_redis_that_stops_answering_is_given_up(
    server: RedisServer, elsewhere: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "LOOK_EVERY", 0.2)

    async def test() -> None:
        async with relaying(), web_process() as listener:
            await silent(listener)
            server.pause()
            for _ in range(3):
                await rung(listener)
            await asyncio.wrap_future(elsewhere.submit(eventually_nobody_listens))
            server.go_on()
            await eventually(lambda: server.ask("GET", line.relay_key()))
            await asyncio.sleep(1.0)
            await silent(listener)
            await ring_in(elsewhere, HERE)
            await rung(listener)

    run(test)


class Deaf:
    """Something that takes connections at Redis's address, and never answers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> None:
        self._server = await asyncio.start_unix_server(self._take, str(self._path))

    async def _take(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()


def test_a_redis_that_does_not_answer_holds_nobody_up(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PIPEYARD_REDIS_URL = f"unix://{tmp_path / 'deaf.sock'}"
    monkeypatch.setattr(line, "ANSWER_WITHIN", 0.3)
    monkeypatch.setattr(bell, "LOOK_EVERY", 0.1)

    async def test() -> None:
        async with Deaf(tmp_path / "deaf.sock"), relaying():
            began = time.monotonic()
            async with web_process() as listener:
                for _ in range(5):
                    await rung(listener)
            assert time.monotonic() - began < 2
            assert await asyncio.to_thread(line.health) == line.Health(redis=False, relay=False)

    run(test)


def test_a_worker_can_stop_at_any_moment(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancellation in the moment of an answer of Redis was lost: see `line.client`."""
    monkeypatch.setattr(line, "BEAT", 0.005)
    monkeypatch.setattr(relay, "TURN_EVERY", 0.02)

    async def test() -> None:
        for nth in range(40):
            task = asyncio.create_task(relay.run())
            await asyncio.sleep(nth * 0.0015)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=SOON)
            assert done, nth

    run(test)


def test_health(server: RedisServer) -> None:
    async def test() -> None:
        assert await asyncio.to_thread(line.health) == line.Health(redis=True, relay=False)
        async with relaying():
            await eventually(lambda: line.health() == line.Health(redis=True, relay=True))
        await eventually(lambda: line.health() == line.Health(redis=True, relay=False))
        await asyncio.to_thread(server.kill)
        assert await asyncio.to_thread(line.health) == line.Health(redis=False, relay=False)

    run(test)


def test_pauses_grow_to_a_bound_and_start_over() -> None:
    between = pauses.Pauses()
    waits = [between.next() for _ in range(20)]
    assert all(0.05 <= wait <= 0.2 for wait in waits)
    assert max(waits) > 0.1
    between.reset()
    assert between.next() <= 0.1


async def eventually(check: Callable[[], Any]) -> None:
    """Waits until a function, run in a thread, gives something true."""
    async with asyncio.timeout(SOON):
        while not await asyncio.to_thread(check):
            await asyncio.sleep(0.02)
