"""Owns the API as it is served: a web process of its own, and clients that talk HTTP to it and to PostGraphile."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bench.graphql.contestants import timed
from bench.graphql.environments import PEERS
from bench.graphql.workloads import Workload
from config.env import ROOT

HOST: Final = "127.0.0.1"
#: Seconds within which the web process must answer.
PATIENCE: Final = 60
#: Seconds that an idle connection stays open.
KEEP_ALIVE: Final = 600


@dataclass(frozen=True, slots=True)
class Target:
    """Where a document is posted to, and with which headers."""

    name: str
    port: int
    path: str
    headers: dict[str, str]

    def body(self, workload: Workload) -> bytes:
        """The request's body: the API's own document."""
        return json.dumps({"query": workload.document, "variables": dict(workload.variables)}).encode()


class PostGraphileTarget(Target):
    """PostGraphile, which has a document of its own for each kind of question."""

    def body(self, workload: Workload) -> bytes:
        """The request's body."""
        documents = json.loads((PEERS / "postgraphile_documents.json").read_text(encoding="utf-8"))
        variables = {name: str(value) for name, value in workload.parameters.items()}
        return json.dumps({"query": documents[workload.kind], "variables": variables}).encode()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def web_server(token: str, processes: int, *, expect: bool = True) -> Iterator[Target]:
    """The API's web server on the benchmark's database, with so many processes.

    expect: whether a request that comes again may ask for what it asked before (`graphql_api.expectations`).
    """
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "PIPEYARD_WEB_PROCESSES": str(processes),
        "PIPEYARD_GRAPHQL_EXPECT": str(expect).lower(),
        # Requests are counted, but a load is no client that has run away.
        "PIPEYARD_GRAPHQL_RATE_LIMIT": str(10**9),
        # A client that waits for its turn keeps its connection.
        "PIPEYARD_KEEP_ALIVE_SECONDS": str(KEEP_ALIVE),
    }
    server = subprocess.Popen([sys.executable, str(ROOT / "manage.py"), "web"], env=environment)
    name = f"Pipeyard, over HTTP, {processes} process{'' if processes == 1 else 'es'}"
    if not expect:
        name = "Pipeyard, over HTTP, each time as the first"
    try:
        _wait_for(port)
        yield Target(name, port, "/api/graphql", {"Authorization": f"Bearer {token}"})
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"Nothing answers on port {port} after {PATIENCE} s.")


class OverHttp:
    """One client that asks one thing after the other over one connection."""

    def __init__(self, target: Target) -> None:
        self.name = target.name
        self._target = target
        self._connection = http.client.HTTPConnection(HOST, target.port, timeout=PATIENCE)

    def answer(self, workload: Workload) -> tuple[float, bytes]:
        """Milliseconds from the request to the last byte, and the value of `data` as JSON."""
        body = self._target.body(workload)
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self._target.headers}

        def run() -> bytes:
            self._connection.request("POST", self._target.path, body, headers)
            return self._connection.getresponse().read()

        elapsed, answer = timed(run)
        decoded = json.loads(answer)
        assert not decoded.get("errors"), decoded["errors"]
        return elapsed, json.dumps(decoded["data"]).encode()


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: answers per second, and the milliseconds of each."""

    per_second: float
    milliseconds: list[float]


def load(target: Target, workloads: Sequence[Workload], concurrency: int, seconds: float) -> Load:
    """Keeps so many connections busy for so long; each asks one of the questions, in turn."""
    requests = [_request(target, target.body(workload)) for workload in workloads]
    return asyncio.run(_keep_busy(target.port, requests, concurrency, seconds))


def _request(target: Target, body: bytes) -> bytes:
    headers = {
        "Host": HOST,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **target.headers,
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _keep_busy(port: int, requests: Sequence[bytes], concurrency: int, seconds: float) -> Load:
    taken: list[float] = []
    started = time.perf_counter()
    until = started + seconds

    async def client(request: bytes) -> None:
        reader, writer = await asyncio.open_connection(HOST, port, limit=2**20)
        while (begun := time.perf_counter()) < until:
            writer.write(request)
            await _read_answer(reader)
            taken.append((time.perf_counter() - begun) * 1000)
        writer.close()

    await asyncio.gather(*(client(requests[number % len(requests)]) for number in range(concurrency)))
    return Load(len(taken) / (time.perf_counter() - started), taken)


async def _read_answer(reader: asyncio.StreamReader) -> None:
    """Reads one answer, which must be a 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert b" 200 " in head.split(b"\r\n", 1)[0], head
    if b"transfer-encoding: chunked" in head:
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
        return
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))
