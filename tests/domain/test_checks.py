"""`ci_check` finds what was broken by hand, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command

from ci_core import clock
from ci_core.actions.checks import check, check_pipeline
from ci_core.models import Deployment, Job, JobTimer, PendingJob, Pipeline, RunningJob, Stage
from tests.factories import pipeline_with

pytestmark = pytest.mark.django_db

CONFIG = """
a: {script: x}
b: {script: x, needs: [a], environment: production}
c: {stage: deploy, script: x}
"""


def of(pipeline: Pipeline, name: str) -> int:
    return int(Job.objects.in_pipeline(pipeline.pk).get(name=name).pk)


def _finish(pipeline: Pipeline) -> None:
    Pipeline.objects.filter(pk=pipeline.pk).update(status="success")


BREAKS: dict[str, tuple[Callable[[Pipeline], object], str]] = {
    "a queue row lost": (lambda p: PendingJob.objects.all().delete(), "no queue rows of jobs"),
    "a queue row too many": (
        lambda p: PendingJob.objects.create(
            job_id=of(p, "b"), pipeline_id=p.pk, project_id=p.project_id, queued_at=clock.now()
        ),
        "queue rows of jobs that have another status",
    ),
    "a timer too many": (
        lambda p: JobTimer.objects.create(job_id=of(p, "b"), pipeline_id=p.pk, due_at=clock.now()),
        "timers of jobs that have another status",
    ),
    "a finished pipeline": (_finish, "but the pipeline is success"),
    "a stage": (
        lambda p: Stage.objects.in_pipeline(p.pk).filter(name="test").update(status="failed"),
        "stages should be",
    ),
    "the tally of a stage": (
        lambda p: Stage.objects.in_pipeline(p.pk).filter(name="test").update(tally='{"created/0/stage": 7}'),
        "counts its jobs as",
    ),
    "a job": (lambda p: Job.objects.by_ids([of(p, "a")]).update(status="success"), "jobs could move on"),
    "an unlogged change": (
        lambda p: Job.objects.by_ids([of(p, "b")]).update(status="manual"),
        "its newest event says created",
    ),
    "a deployment without a job": (
        lambda p: Deployment.objects.update(job_id=(p.pk << 16) + 99),
        "has no job",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_contradiction_is_found(name: str) -> None:
    other = pipeline_with(CONFIG)
    pipeline = pipeline_with(CONFIG)
    assert list(check()) == []
    break_it, words = BREAKS[name]
    Deployment.objects.filter(pipeline_id=other.pk).delete()
    break_it(pipeline)
    assert any(words in found.what for found in check_pipeline(pipeline.pk))


def test_rows_of_pipelines_that_are_gone_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ci_check", skip_checks=True)
    assert "No contradiction" in capsys.readouterr().out
    JobTimer.objects.create(job_id=99 << 16 | 1, pipeline_id=99, due_at=clock.now())
    with pytest.raises(SystemExit):
        call_command("ci_check", skip_checks=True)
    assert "whose pipeline is gone" in capsys.readouterr().out
    assert not RunningJob.objects.exists()
