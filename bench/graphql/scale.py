"""Owns the question whether reading stays quick while tables grow: two documents, on few and on many jobs."""

from __future__ import annotations

import statistics
from typing import Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.graphql.contestants import InProcess
from bench.graphql.copies import copy_pipeline
from bench.graphql.data import PAGES_PATH, Data
from bench.graphql.workloads import Workload

SMALL: Final = 10_000
ROUNDS: Final = 201
WARM_UP: Final = 20
FIRST_PAGE: Final = """
query pipelines($path: ID!) {
  project(fullPath: $path) { pipelines(first: 20) {
    nodes { id iid status ref createdAt stages { nodes { name status } } } } }
}
"""
ONE_JOB: Final = """
query job($path: ID!, $id: JobID!) {
  project(fullPath: $path) { job(id: $id) {
    id name status stage { name } pipeline { id status } needs { nodes { name } } } }
}
"""


def measure(data: Data, jobs: int) -> list[Table]:
    """The first page of pipelines, and one job, on 10,000 jobs and on `jobs` of them."""
    table = Table(title=f"in process, median of {ROUNDS} answers")
    for heading in ("jobs in the table", "first page of pipelines, ms", "one job, ms"):
        table.add_column(heading, justify="right")
    rows = []
    for size in (SMALL, jobs):
        _grow(data, size)
        medians = [_median(data, workload) for workload in _workloads(data)]
        rows.append(medians)
        table.add_row(f"{size:,}", *(f"{median:.2f}" for median in medians))
    table.add_row("ratio", *(f"{many / few:.2f}" for few, many in zip(*rows, strict=True)))
    return [table]


def _grow(data: Data, jobs: int) -> None:
    """Copies the newest pipeline of the listed project until there are about so many jobs."""
    from django.db import connection

    from ci_core.models import Job, Pipeline

    there = Job.objects.count()
    newest = Pipeline.objects.order_by("-id").first()
    assert newest is not None
    each = Job.objects.in_pipeline(newest.pk).count()
    with Progress(console=Console(stderr=True)) as progress:
        progress.add_task(f"growing from {there:,} to {jobs:,} jobs", total=None)
        copy_pipeline(newest, max(0, (jobs - there) // each))
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _workloads(data: Data) -> list[Workload]:
    from ci_core.models import Job

    newest = Job.objects.filter(project_id=data.pages_project_id).order_by("-id").first()
    assert newest is not None
    job = f"gid://gitlab/Ci::Build/{newest.pk}"
    return [
        Workload("pipelines", "", FIRST_PAGE, {"path": PAGES_PATH}, "", {}),
        Workload("job", "", ONE_JOB, {"path": PAGES_PATH, "id": job}, "", {}),
    ]


def _median(data: Data, workload: Workload) -> float:
    asker = InProcess(data.token)
    times = [asker.answer(workload)[0] for _ in range(WARM_UP + ROUNDS)]
    return statistics.median(times[WARM_UP:])
