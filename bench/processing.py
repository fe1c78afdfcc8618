"""From a job's success report to its dependants being claimable: `python -m bench.processing`.

Baselines, on the same data and in one transaction each: "bare" writes by hand, with the fewest statements and no
decision, the rows that a report writes; "replay" sends a report's own statements, as captured, from bare psycopg.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.database import database

if TYPE_CHECKING:
    from ci_core.models import Pipeline

SIZES = (10, 100, 1000, 5000)
ROUNDS = 200


def main() -> None:
    """Prints, for pipelines of several sizes, the time of a report, its ratios to bare SQL, and what it does."""
    table = Table(title="success report -> dependants claimable (same process)")
    for heading in (
        "jobs",
        "median ms",
        "p99 ms",
        "bare ms",
        "ratio",
        "replay ms",
        "ratio",
        "statements",
        "rows",
    ):
        table.add_column(heading, justify="right")
    with database():
        for size in track(SIZES, description="measuring", console=Console(stderr=True)):
            reports, bare, replayed, statements, rows = _measure(size)
            median = statistics.median(reports)
            table.add_row(
                str(size),
                f"{median:.2f}",
                f"{statistics.quantiles(reports, n=100)[98]:.2f}",
                f"{statistics.median(bare):.2f}",
                f"{median / statistics.median(bare):.1f}",
                f"{statistics.median(replayed):.2f}",
                f"{median / statistics.median(replayed):.1f}",
                str(statements),
                str(rows),
            )
    Console().print(table)


def _measure(size: int) -> tuple[list[float], list[float], list[float], int, int]:
    """Milliseconds of each report, of each bare write, of each replay; statements and rows written of one report."""
    from ci_core.actions.jobs import succeed_job
    from ci_core.models import Job, PendingJob

    rounds = min(ROUNDS, size // 2 - 2)
    pipelines = [_pipeline(size) for _ in range(-(-ROUNDS // rounds))]
    reports: list[float] = []
    for pipeline in pipelines:
        names = [f"first{number}" for number in range(rounds)]
        jobs = dict(Job.objects.in_pipeline(pipeline.pk).filter(name__in=names).values_list("name", "id"))
        for name in names:
            started = time.perf_counter()
            succeed_job(jobs[name])
            reports.append((time.perf_counter() - started) * 1000)
        expected = Job.objects.in_pipeline(pipeline.pk).filter(name=f"second{rounds - 1}").values("id")
        assert PendingJob.objects.filter(job_id__in=expected).exists()
    bare = [_bare(pipelines[0], number) for number in range(ROUNDS)]
    statements, rows = _captured(pipelines[-1], rounds)
    replayed = [_replay(statements) for _ in range(ROUNDS)]
    return reports, bare, replayed, len(statements) + 2, rows


def _captured(pipeline: Pipeline, number: int) -> tuple[list[str], int]:
    """The statements of a report (without BEGIN and COMMIT), and the rows that it inserted, changed and deleted."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from ci_core.actions.jobs import succeed_job
    from ci_core.models import Job

    job = Job.objects.in_pipeline(pipeline.pk).get(name=f"first{number}")
    before = _rows_written()
    with CaptureQueriesContext(connection) as captured:
        succeed_job(job.pk)
    statements = [query["sql"] for query in captured.captured_queries]
    return [sql for sql in statements if sql not in ("BEGIN", "COMMIT")], _rows_written() - before


def _rows_written() -> int:
    """Rows inserted, updated and deleted in all tables so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
        return int(cursor.fetchone()[0])


def _replay(statements: list[str]) -> float:
    """Milliseconds to send the statements once more, as they are, in a transaction."""
    from django.db import connection

    raw: Any = connection.connection
    started = time.perf_counter()
    with raw.transaction(), raw.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    return (time.perf_counter() - started) * 1000


def _pipeline(size: int) -> Pipeline:
    """A pipeline of `size` jobs: each of the second half needs one of the first."""
    from ci_core import clock
    from ci_core.actions.pipelines import create_pipeline
    from ci_core.models import Project
    from ci_core.repositories.samples import import_folder
    from ci_core.statuses import PipelineSource

    lines = [f"first{number}: {{stage: build, script: x}}" for number in range(size // 2)]
    lines += [
        f"second{number}: {{stage: test, script: x, needs: [first{number}]}}" for number in range(size // 2)
    ]
    source = Path(tempfile.mkdtemp(prefix="source-"))
    (source / ".gitlab-ci.yml").write_text("\n".join(lines), encoding="utf-8")
    target = Path(tempfile.mkdtemp(prefix="repository-")) / "repository.git"
    now = clock.now()
    import_folder(source, target, branch="main", author="Ada", email="a@example.com", at=now, message="Start")
    project = Project.objects.create(
        full_path=f"bench/{target.parent.name}",
        name="bench",
        repository_path=str(target),
        created_at=now,
        updated_at=now,
    )
    return create_pipeline(project, "main", PipelineSource.API, acting_user=None)


def _bare(pipeline: Pipeline, number: int) -> float:
    """Milliseconds to write by hand what a report writes: two jobs, a queue row, stages, events, a ring."""
    from django.db import connection, transaction

    first = pipeline.pk << 16 | 1
    parameters: dict[str, Any] = {
        "pipeline": pipeline.pk,
        "project": pipeline.project_id,
        "job": first + number % 5,
        "next": first + 5 + number % 5,
        "queued": -(pipeline.pk << 16 | number + 1),
    }
    statements = (
        "SELECT * FROM ci_core_pipeline WHERE id = %(pipeline)s FOR NO KEY UPDATE",
        "UPDATE ci_core_job SET status = 'success' WHERE pipeline_id = %(pipeline)s AND id = %(job)s",
        "UPDATE ci_core_job SET status = 'pending' WHERE pipeline_id = %(pipeline)s AND id = %(next)s",
        "INSERT INTO ci_core_pendingjob (job_id, pipeline_id, project_id, tags, protected, queued_at) "
        "VALUES (%(queued)s, %(pipeline)s, %(project)s, '{}', false, now())",
        "INSERT INTO ci_core_event (pipeline_id, project_id, kind, subject_id, old_status, status, created_at) "
        "SELECT %(pipeline)s, %(project)s, 'job', n, 'x', 'y', now() FROM generate_series(1, 3) n",
        "SELECT pg_notify('pipeyard_pipelines', %(pipeline)s::text)",
    )
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, parameters)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
