"""`manage.py web` with two processes: one address, where both answer as if they were one."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import httpx
import psutil
import pytest
from django.db import connection

from tests.e2e.test_up import free_port
from tests.factories import member, pipeline_with, runner_with_token
from tests.support.graphql_client import access_token
from tests.support.jobs import job_of
from tests.support.nodes import PATIENCE, PLAY, environment, eventually, following, process, told

# In one worker, which starts the processes once.
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("web processes"),
]

#: Connections to the database that each process keeps at most.
POOL = 3


@dataclass
class Web:
    """A running `manage.py web`."""

    port: int
    main: subprocess.Popen[bytes]

    def processes(self) -> set[int]:
        """The processes that answer."""
        return {child.pid for child in psutil.Process(self.main.pid).children()}

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    @contextmanager
    def one_to_each(self) -> Iterator[list[socket.socket]]:
        """A connection to each process: whoever has the fewest takes the next."""
        found: dict[int, socket.socket] = {}
        deadline = time.monotonic() + PATIENCE
        with ExitStack() as opened:
            while found.keys() != self.processes():
                assert time.monotonic() < deadline, "all connections went to one process"
                mine = opened.enter_context(self.connect())
                found.setdefault(self._taker(mine), mine)
            yield list(found.values())

    def _taker(self, mine: socket.socket) -> int:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for pid in self.processes():
                taken = psutil.Process(pid).net_connections("tcp")
                if any(one.raddr and one.raddr.port == mine.getsockname()[1] for one in taken):
                    return pid
            time.sleep(0.01)
        raise AssertionError("nobody took the connection")


@contextmanager
def running(**extra: str) -> Iterator[Web]:
    """`manage.py web` with two processes; asked to stop in the end, it leaves none behind."""
    port = free_port()
    env = environment(PORT=str(port), PIPEYARD_WEB_PROCESSES="2", PIPEYARD_KEEP_ALIVE_SECONDS="60", **extra)

    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{port}/-/health", timeout=PATIENCE).is_success
        return False

    with process("manage.py", "web", env=env) as main:
        eventually(lambda: main.poll() is not None or answers(), "the web server")
        web = Web(port, main)
        yield web
        if main.poll() is None:
            answering = [psutil.Process(pid) for pid in web.processes()]
            main.terminate()
            assert main.wait(PATIENCE) == 0
            assert_gone(answering)


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    assert not alive


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[Web]:
    with running(PIPEYARD_DATABASE_POOL=str(POOL)) as web:
        yield web


def post(over: socket.socket, path: str, content: Any, **headers: str) -> tuple[int, Any]:
    """What comes of a request over a connection, which stays open."""
    http = HTTPConnection("127.0.0.1")
    http.sock = over
    http.request("POST", path, json.dumps(content), {"Content-Type": "application/json", **headers})
    answer = http.getresponse()
    return answer.status, json.loads(answer.read() or "null")


def ask(over: socket.socket, token: str, query: str, **variables: Any) -> Any:
    """The answer to a GraphQL request."""
    content = {"query": query, "variables": variables}
    status, answer = post(over, "/api/graphql", content, Authorization=f"Bearer {token}")
    assert status == 200, answer
    return answer


def test_a_change_made_through_one_is_heard_at_the_other(web: Web) -> None:
    pipeline = pipeline_with({name: {"script": "x", "when": "manual"} for name in "ab"})
    token = access_token(member(pipeline.project))
    job = f"gid://gitlab/Ci::Build/{job_of(pipeline, 'a').pk}"

    async def scenario(listening: socket.socket, changing: socket.socket) -> None:
        async with following(web.port, token, pipeline.pk, sock=listening) as there:
            answer = await asyncio.to_thread(ask, changing, token, PLAY, id=job)
            assert answer["data"] == {"jobPlay": {"errors": []}}
            assert await told(there) == ["PENDING"]

    with web.one_to_each() as sockets:
        asyncio.run(scenario(*sockets))


def test_they_count_a_callers_requests_together(web: Web) -> None:
    token = access_token(member(pipeline_with({"a": {"script": "x"}}).project))
    with web.one_to_each() as (one, other):
        answers = [ask(over, token, "{ currentUser { id } }") for over in (one, other, other, one)]
    first, *others = [answer["extensions"]["limits"]["rate"][0] for answer in answers]
    assert others == [first + 1, first + 2, first + 3]


def test_a_runner_that_waits_at_one_is_given_what_starts_at_the_other(web: Web) -> None:
    pipeline = pipeline_with({"a": {"script": "x", "when": "manual"}})
    token = access_token(member(pipeline.project))
    _, runner = runner_with_token()
    job = job_of(pipeline, "a").pk
    with web.one_to_each() as (waiting, changing), ThreadPoolExecutor(1) as threads:
        given = threads.submit(post, waiting, "/api/v4/jobs/request", {"token": runner, "last_update": "0"})
        # It is held at the one before the other is asked.
        time.sleep(0.5)
        ask(changing, token, PLAY, id=f"gid://gitlab/Ci::Build/{job}")
        status, body = given.result(PATIENCE)
    assert (status, body["id"]) == (201, job)


def test_connections_to_the_database_are_bounded(web: Web) -> None:
    token = access_token(member(pipeline_with({"a": {"script": "x"}}).project))
    with ExitStack() as opened, ThreadPoolExecutor(16) as threads:
        sockets = [opened.enter_context(web.connect()) for _ in range(16)]
        for _ in range(3):
            list(threads.map(lambda over: ask(over, token, "{ projects { nodes { id } } }"), sockets))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        (connections,) = cursor.fetchone()
    assert 0 < connections <= 2 * (POOL + 1)


def test_one_that_dies_is_replaced(web: Web) -> None:
    before = web.processes()
    killed = psutil.Process(before.pop())
    killed.kill()
    eventually(lambda: len(web.processes() - {killed.pid}) == 2, "another one in its place")
    assert before < web.processes()
    with web.one_to_each() as sockets:
        assert len(sockets) == 2


def test_none_is_left_behind_by_one_that_is_killed() -> None:
    with running() as web, web.one_to_each():
        answering = [psutil.Process(pid) for pid in web.processes()]
        web.main.kill()
        assert web.main.wait(PATIENCE) == -signal.SIGKILL
        assert_gone(answering)
