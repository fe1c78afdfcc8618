"""Owns the table: who is told in how many milliseconds, and what each change costs the server.

A web server in a process of its own, real sockets, a durable database. The floor is the same server sending a text as
long as an update to as many bare sockets, without database and GraphQL.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from bench.database import database
from bench.subscribers.clients import REST, Crowd, Server, serving
from bench.subscribers.data import change, people, pipelines
from bench.subscribers.server import serve

if TYPE_CHECKING:
    from ci_core.models import Pipeline

ROUNDS: Final = 10
JOBS: Final = 2 * ROUNDS + 5
DOCUMENT: Final = """
subscription($id: CiPipelineID!) {
  ciPipelineStatusUpdated(pipelineId: $id) {
    id status detailedStatus { label icon } userPermissions { updatePipeline }
    stages { nodes { name status jobs { nodes { id name status } } } }
  }
}
"""


@dataclass
class Case:
    """What was measured of one situation. waits: milliseconds from a commit to the last one told of it."""

    name: str
    told: int
    waits: list[float] = field(default_factory=list)
    executions: float = 0
    statements: float = 0
    kilobytes: float | None = None


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", type=int, metavar="PORT", help="be the web server")
    parser.add_argument("--subscribers", type=int, default=1000)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.serve:
        serve(options.serve)
        return
    with database():
        cases = asyncio.run(_measure(options.subscribers))
    _print(cases, options.subscribers)


def _print(cases: Sequence[Case], subscribers: int) -> None:
    table = Table(
        title=f"{subscribers} subscribers on real sockets: from a commit to the last one told of it"
    )
    table.add_column("")
    for heading in ("told", "median ms", "max ms", "ratio", "executions", "statements", "KB a subscriber"):
        table.add_column(heading, justify="right")
    floor = statistics.median(cases[0].waits)
    for case in cases:
        median = statistics.median(case.waits)
        table.add_row(
            case.name,
            str(case.told),
            f"{median:.1f}",
            f"{max(case.waits):.1f}",
            f"{median / floor:.2f}",
            f"{case.executions:g}",
            f"{case.statements:g}",
            "" if case.kilobytes is None else f"{case.kilobytes:.0f}",
        )
    Console(width=130).print(table)


async def _measure(count: int) -> list[Case]:
    project, tokens = await asyncio.to_thread(people, JOBS)
    (one,) = await asyncio.to_thread(pipelines, project, 1)
    many = await asyncio.to_thread(pipelines, project, count)
    async with serving() as server:
        shared, payload = await _one(
            server, "one pipeline, one document", _asked([DOCUMENT] * count, [one] * count, tokens), one
        )
        own = [f"{DOCUMENT}# {number}" for number in range(count)]
        apart, _ = await _one(
            server, "one pipeline, a document of each one's own", _asked(own, [one] * count, tokens), one
        )
        bare = await _bare(server, count, payload)
        each = await _each(server, _asked([DOCUMENT] * count, many, tokens), many)
    return [bare, shared, apart, *each]


def _asked(
    documents: Sequence[str], followed: Sequence[Pipeline], tokens: Sequence[str]
) -> list[tuple[str, dict[str, Any], str]]:
    return [
        (document, {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"}, tokens[nth % len(tokens)])
        for nth, (document, pipeline) in enumerate(zip(documents, followed, strict=True))
    ]


async def _bare(server: Server, count: int, payload: str) -> Case:
    case = Case(f"floor: {len(payload)} characters to bare sockets", count)
    crowd = Crowd(server)
    await crowd.bare(count)
    await asyncio.sleep(REST)
    for _ in range(ROUNDS):
        crowd.told.clear()
        began = time.perf_counter()
        await server.http.post("/tell", content=payload)
        case.waits.append((await crowd.all_told(count) - began) * 1000)
    await crowd.close()
    return case


async def _one(server: Server, name: str, asked: Sequence[Any], pipeline: Pipeline) -> tuple[Case, str]:
    """Changes of one pipeline that all follow."""
    case, crowd = Case(name, len(asked)), Crowd(server)
    before = await server.counts()
    await crowd.subscribe(asked)
    after = await server.counts()
    case.kilobytes = (after["memory"] - before["memory"]) / len(asked) / 1024
    await _changes(server, crowd, case, [pipeline] * ROUNDS)
    await crowd.close()
    await asyncio.sleep(REST)
    return case, crowd.payload


async def _each(server: Server, asked: Sequence[Any], many: Sequence[Pipeline]) -> list[Case]:
    """Changes where everybody follows a pipeline of their own: of one pipeline, and of all as fast as they commit."""
    one, crowd = Case("a pipeline each, one changes", 1), Crowd(server)
    before = await server.counts()
    await crowd.subscribe(asked)
    after = await server.counts()
    one.kilobytes = (after["memory"] - before["memory"]) / len(asked) / 1024
    await _changes(server, crowd, one, many[:ROUNDS])
    every = Case("a pipeline each, all change", len(asked))
    crowd.told.clear()
    before = await server.counts()
    committed = [await asyncio.to_thread(_commit, pipeline) for pipeline in many]
    await crowd.all_told(len(asked))
    every.waits = [(crowd.told[nth] - at) * 1000 for nth, at in enumerate(committed)]
    _count(every, before, await server.counts(), len(many))
    await crowd.close()
    return [one, every]


async def _changes(server: Server, crowd: Crowd, case: Case, followed: Sequence[Pipeline]) -> None:
    before = await server.counts()
    for pipeline in followed:
        crowd.told.clear()
        committed = await asyncio.to_thread(_commit, pipeline)
        case.waits.append((await crowd.all_told(case.told) - committed) * 1000)
    _count(case, before, await server.counts(), len(followed))


def _commit(pipeline: Pipeline) -> float:
    """When a change was committed."""
    change(pipeline)
    return time.perf_counter()


def _count(case: Case, before: dict[str, int], after: dict[str, int], changes: int) -> None:
    case.executions = (after["executions"] - before["executions"]) / changes
    case.statements = (after["statements"] - before["statements"]) / changes


if __name__ == "__main__":
    main()
