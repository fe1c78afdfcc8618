"""Owns reading the ends of job logs, one statement for all jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db import connection

from ci_core.models.ids import pipeline_of

#: Bytes that are read from the end of a log at most.
TAIL: Final = 128 * 1024
#: Largest chunk that the runner API stores.
CHUNK: Final = 1024 * 1024

# Chunks are looked for from one chunk before the tail, so that the index finds them; bytes before it are cut off.
_TAILS: Final = """
SELECT chunk.job_id, trace.size, chunk.start, chunk.data
FROM ci_core_trace AS trace
JOIN ci_core_tracechunk AS chunk
  ON chunk.pipeline_id = trace.pipeline_id AND chunk.job_id = trace.id
 AND chunk.start > trace.size - %(tail)s - %(chunk)s
 AND chunk.start + octet_length(chunk.data) > trace.size - %(tail)s
WHERE trace.pipeline_id = ANY(%(pipelines)s) AND trace.id = ANY(%(jobs)s)
  AND chunk.pipeline_id = ANY(%(pipelines)s)
ORDER BY chunk.job_id, chunk.start
"""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a log. whole: whether it is all of it."""

    data: bytes
    whole: bool


def tails(job_ids: Iterable[int]) -> Mapping[int, Tail]:
    """The end of each job's log; jobs without a log are left out."""
    ids = list(job_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            _TAILS,
            {
                "tail": TAIL,
                "chunk": CHUNK,
                "pipelines": sorted({pipeline_of(id_) for id_ in ids}),
                "jobs": ids,
            },
        )
        rows = cursor.fetchall()
    pieces: dict[int, list[bytes]] = {}
    sizes: dict[int, int] = {}
    for job_id, size, start, data in rows:
        begin = max(0, size - TAIL - start)
        pieces.setdefault(job_id, []).append(bytes(data)[begin:])
        sizes[job_id] = size
    return {job_id: Tail(b"".join(parts), sizes[job_id] <= TAIL) for job_id, parts in pieces.items()}


_WITH_LOG: Final = "SELECT id FROM ci_core_trace WHERE pipeline_id = ANY(%s) AND id = ANY(%s) AND size > 0"


def with_log(job_ids: Iterable[int]) -> set[int]:
    """Those of the jobs that have a log."""
    ids = list(job_ids)
    with connection.cursor() as cursor:
        cursor.execute(_WITH_LOG, [sorted({pipeline_of(id_) for id_ in ids}), ids])
        return {id_ for (id_,) in cursor.fetchall()}
