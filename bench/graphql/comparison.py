"""Owns the tables: every contestant answers the same questions in turn, and is compared with the floor of that run."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import psycopg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.graphql.contestants import Floor, InProcess, Selects
from bench.graphql.data import Data
from bench.graphql.peers import Peer, peers
from bench.graphql.served import OverHttp, PostGraphileTarget, Target, free_port, load, web_server
from bench.graphql.workloads import Workload, graph_of, graphs_of_load
from bench.graphql.workloads import pages as page_workloads
from config.env import cores

#: Answers that are not counted: caches fill, plans are made, compilers warm up.
WARM_UP: Final = 5
#: Connections, and different pipelines that they ask for.
LOADS: Final = ((1, 1), (8, 1), (8, 8), (64, 1), (64, 64))
LOAD_SECONDS: Final = 8.0


def graphs(data: Data, sizes: Sequence[int], rounds: int) -> list[Table]:
    """The pipeline graph at several sizes."""
    return _compare([graph_of(data, size) for size in sizes], data, rounds, "the pipeline graph")


def pages(data: Data, rounds: int) -> list[Table]:
    """The first pages of lists."""
    return _compare(page_workloads(data), data, rounds, "pages")


def loads(data: Data, size: int) -> list[Table]:
    """Requests per second over HTTP."""
    workloads = graphs_of_load(data, size)
    table = Table(title=f"{workloads[0].title}, over HTTP, {LOAD_SECONDS:.0f} s each")
    for heading in ("", "connections", "pipelines", "requests/s", "median ms", "p99 ms"):
        table.add_column(heading, justify="left" if not heading else "right")
    with _served(data, sorted({1, cores()})) as (_, targets):
        for target in targets:
            load(target, workloads, 4, 2.0)
            for concurrency, asked in LOADS:
                done = load(target, workloads[:asked], concurrency, LOAD_SECONDS)
                table.add_row(
                    target.name,
                    str(concurrency),
                    str(asked),
                    f"{done.per_second:,.0f}",
                    f"{statistics.median(done.milliseconds):.1f}",
                    f"{statistics.quantiles(done.milliseconds, n=100)[98]:.1f}",
                )
    return [table]


def _compare(workloads: Sequence[Workload], data: Data, rounds: int, title: str) -> list[Table]:
    table = Table(title=f"{title}: median of {rounds} answers")
    table.add_column("")
    for workload in workloads:
        table.add_column(f"{workload.title}\nms", justify="right")
        table.add_column("ratio\nto floor", justify="right")
    with _connection() as connection, _served(data, first=True) as (others, targets):
        floor = Floor(connection)
        contestants: list[Any] = [
            floor,
            Selects(connection),
            InProcess(data.token),
            *(OverHttp(target) for target in targets),
            *others,
        ]
        _check(contestants, workloads)
        rows: list[list[str]] = [[contestant.name] for contestant in contestants]
        for workload in track(workloads, description=f"measuring {title}", console=Console(stderr=True)):
            medians = _measure(contestants, workload, rounds)
            for row, median in zip(rows, medians, strict=True):
                row += [f"{median:.2f}", f"{median / medians[0]:.2f}"]
    for row in rows:
        table.add_row(*row)
    return [table]


def _measure(contestants: Sequence[Any], workload: Workload, rounds: int) -> list[float]:
    """The median milliseconds of each; in each round each answers once, so that all meet the same disturbances."""
    taken: list[list[float]] = [[] for _ in contestants]
    for number in range(WARM_UP + rounds):
        for contestant, times in zip(contestants, taken, strict=True):
            elapsed, _ = contestant.answer(workload)
            if number >= WARM_UP:
                times.append(elapsed)
    return [statistics.median(times) for times in taken]


def _check(contestants: Sequence[Any], workloads: Sequence[Workload]) -> None:
    """Fails unless all give the same data; of the peers, who write it differently, as many objects with an id."""
    for workload in workloads:
        _, expected = contestants[0].answer(workload)
        ids = len(re.findall(rb'"id" ?:', expected))
        for contestant in contestants[1:]:
            _, answer = contestant.answer(workload)
            if isinstance(contestant, Peer):
                # The API's graph has the project around the pipeline, without an id: nothing to allow for.
                assert answer == ids, f"{contestant.name}: {answer} objects, not {ids}, in {workload.title}"
            elif contestant.name.startswith("PostGraphile"):
                assert len(re.findall(rb'"id" ?:', answer)) == ids, contestant.name
            else:
                assert _plain(answer) == _plain(expected), f"{contestant.name}: {workload.title} differs"


def _plain(answer: bytes) -> Any:
    """The JSON, with times written in one way."""
    text = re.sub(rb"\.(\d{1,6})(Z|\+00:00)\"", lambda found: b"." + found[1].ljust(6, b"0") + b'Z"', answer)
    return json.loads(text.replace(b'+00:00"', b'Z"'))


@contextmanager
def _connection() -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own for hand-written SQL; it prepares nothing, as behind a pooler."""
    from django.db import connection

    connection.ensure_connection()
    parameters = {key: value for key, value in connection.get_connection_params().items() if key in _LIBPQ}
    with psycopg.connect(**parameters, autocommit=True) as own:
        yield own


_LIBPQ: Final = frozenset({"host", "port", "user", "password", "dbname"})


@contextmanager
def _served(
    data: Data, processes: Sequence[int] = (1,), *, first: bool = False
) -> Iterator[tuple[list[Peer], list[Target]]]:
    """The peers, and what is served over HTTP: the API by each of these numbers of processes, and PostGraphile.

    first: whether the API is also served by a process that takes every request for a new one.
    """
    port = free_port()
    with ExitStack() as stack:
        connection = stack.enter_context(_connection())
        others = stack.enter_context(peers(connection, port))
        ours = [stack.enter_context(web_server(data.token, count)) for count in processes]
        if first:
            ours.append(stack.enter_context(web_server(data.token, 1, expect=False)))
        yield others, [*ours, PostGraphileTarget("PostGraphile 5, over HTTP", port, "/graphql", {})]
