"""How late schedules fire: `python -m bench.schedules`: many due at one minute, real workers with busy slots.

Reads the lateness that the product itself stores, and when each pipeline was there.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from procrastinate.contrib.django import app
from rich.console import Console
from rich.table import Table

from bench.database import database
from config.env import ROOT, child_environment

CONFIG = "\n".join(f"job{number}: {{script: make, stage: test}}" for number in range(10))

PER_PROJECT = 5


def main() -> None:
    """Prints lateness of the start and of the pipeline, in milliseconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worker", action="store_true", help="be one of the workers")
    parser.add_argument("--schedules", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.worker:
        _work()
        return
    table = Table(title=f"{options.schedules} schedules due at one minute, {options.workers} busy workers")
    for heading in ("", "median ms", "p99 ms", "max ms"):
        table.add_column(heading, justify="right")
    with database():
        for name, values in _measure(options.schedules, options.workers).items():
            p99 = statistics.quantiles(values, n=100)[98]
            table.add_row(name, f"{statistics.median(values):.0f}", f"{p99:.0f}", f"{max(values):.0f}")
    Console().print(table)


def _work() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    app.task(name="bench_busy")(lambda: time.sleep(2))
    call_command("worker")


def _measure(count: int, workers: int) -> dict[str, list[float]]:
    from ci_core import clock
    from ci_core.models import PipelineSchedule, ScheduleRun

    _schedules(count)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.schedules", "--worker"], cwd=ROOT, env=child_environment()
        )
        for _ in range(workers)
    ]
    try:
        time.sleep(5)
        due = clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
        if (due - clock.now()).total_seconds() < 5:
            due += timedelta(minutes=1)
        time.sleep((due - clock.now()).total_seconds() - 4)
        PipelineSchedule.objects.update(next_run_at=due)
        busy = app.configure_task("bench_busy")
        for _ in range(workers * 4 * 8):
            busy.defer()
        while ScheduleRun.objects.count() < count and clock.now() < due + timedelta(seconds=50):
            time.sleep(0.2)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)
    runs = list(ScheduleRun.objects.all())
    assert len(runs) == count, f"{len(runs)} of {count} fired, each once"
    assert all(run.pipeline_id for run in runs), [run.error for run in runs]
    return {
        "due to started": [float(run.lateness_ms) for run in runs],
        "due to pipeline there": [(run.finished_at - run.due_at) / timedelta(milliseconds=1) for run in runs],
    }


def _schedules(count: int) -> None:
    from ci_core import clock
    from ci_core.actions.projects import create_project
    from ci_core.actions.schedules import create_schedule
    from ci_core.actions.users import create_user
    from ci_core.repositories.samples import import_folder

    folder = Path(tempfile.mkdtemp())
    (folder / "source").mkdir()
    (folder / "source" / ".gitlab-ci.yml").write_text(CONFIG)
    target = folder / "repository.git"
    import_folder(
        folder / "source",
        target,
        branch="main",
        author="A",
        email="a@example.com",
        at=clock.now(),
        message="m",
    )
    owner = create_user("bench", "bench-password")
    for number in range(-(-count // PER_PROJECT)):
        project = create_project(f"bench/p{number}", acting_user=owner, repository_path=str(target))
        for nth in range(min(PER_PROJECT, count - number * PER_PROJECT)):
            create_schedule(project, acting_user=owner, description=f"s{nth}", ref="main", cron="0 0 1 1 *")


if __name__ == "__main__":
    main()
