"""Range partitions by pipeline id: which tables have them, and how they are made ahead of need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import connection

#: Tables partitioned by `pipeline_id`.
TABLES: Final = (
    "ci_core_stage",
    "ci_core_jobdefinition",
    "ci_core_job",
    "ci_core_need",
    "ci_core_artifact",
    "ci_core_trace",
    "ci_core_tracechunk",
    "ci_core_pipelinevariable",
    "ci_core_event",
)
#: Pipelines that one partition holds.
PIPELINES_PER_PARTITION: Final = 100_000
#: Partitions kept ready beyond the one in use.
AHEAD: Final = 2


def partition_sql(table: str, index: int) -> str:
    """The statement that makes the `index`-th (from 0) partition of a table, if it is not there yet."""
    first = index * PIPELINES_PER_PARTITION
    last = first + PIPELINES_PER_PARTITION
    return (
        f"CREATE TABLE IF NOT EXISTS {table}_p{index:05d} PARTITION OF {table} "
        f"FOR VALUES FROM ({first}) TO ({last})"
    )


def ensure(newest_pipeline_id: int, tables: Iterable[str] = TABLES) -> list[str]:
    """Makes the partitions that pipelines up to `AHEAD` partitions after this one will need.

    Returns the names of the partitions that were missing.
    """
    last = newest_pipeline_id // PIPELINES_PER_PARTITION + AHEAD
    made = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY(%s::regclass[])",
            [list(tables)],
        )
        present = {name for (name,) in cursor.fetchall()}
        for table in tables:
            for index in range(max(0, last - AHEAD), last + 1):
                name = f"{table}_p{index:05d}"
                if name not in present:
                    cursor.execute(partition_sql(table, index))
                    made.append(name)
    return made
