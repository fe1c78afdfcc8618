"""`ci_check` finds what was broken by hand, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command

from ci_core import clock
from ci_core.actions.checks import check, check_pipeline
from ci_core.actions.pipelines import create_pipeline
from ci_core.models import (
    Deployment,
    DownstreamPipeline,
    Job,
    JobTimer,
    PendingBridge,
    PendingJob,
    Pipeline,
    ResourceClaim,
    ResourceGroup,
    RunningJob,
    Stage,
)
from ci_core.statuses import PipelineSource
from tests.factories import ProjectFactory, pipeline_with, runner_with_token
from tests.support.bridges import run_bridges, run_commit_hooks
from tests.support.jobs import take

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


FAMILY = """
go: {trigger: {include: child.yml, strategy: depend}}
mirror: {needs: {pipeline: $OTHER}}
has: {script: x, resource_group: one}
wants: {script: x, resource_group: one}
timed: {script: x, when: delayed, start_in: 1 hour}
runs: {script: x, tags: [here], environment: production}
"""


def _change(pipeline: Pipeline, name: str, **fields: object) -> None:
    Job.objects.by_ids([of(pipeline, name)]).update(**fields)


#: What is broken in a pipeline with every kind of row beside its jobs, and what is said of it.
BREAKS_BESIDE: dict[str, tuple[Callable[[Pipeline], object], str]] = {
    "a timer lost": (lambda p: JobTimer.objects.all().delete(), "no timers of jobs"),
    "a claim lost": (lambda p: ResourceClaim.objects.all().delete(), "no resource claims of jobs"),
    "a claim too many": (
        lambda p: ResourceClaim.objects.create(
            job_id=of(p, "has"), pipeline_id=p.pk, group=ResourceGroup.objects.get(key="one")
        ),
        "resource claims of jobs that have another status",
    ),
    "a row of the queue of trigger jobs too many": (
        lambda p: PendingBridge.objects.create(job_id=of(p, "go"), pipeline_id=p.pk, queued_at=clock.now()),
        "queue rows of trigger jobs of jobs that have another status",
    ),
    "a job that nobody looks after": (
        lambda p: RunningJob.objects.all().delete(),
        "is running, but not listed as on a runner",
    ),
    "a job that was over all the time": (
        lambda p: _change(p, "runs", status="success"),
        "is success, but listed as on a runner",
    ),
    "a resource nobody has": (
        lambda p: ResourceGroup.objects.update(holder_id=None),
        "is pending without its resource",
    ),
    "a resource that is not given back": (
        lambda p: _change(p, "has", status="failed"),
        "is failed, but has the resource one",
    ),
    "a copy that goes on": (lambda p: _change(p, "has", retried=True), "was retried, but is pending"),
    "a deployment that lags behind": (
        lambda p: _change(p, "runs", status="failed"),
        "is running, its job",
    ),
    "a trigger job that lags behind": (lambda p: _change(p, "go", status="pending"), "should be running"),
    "a trigger job without its pipeline": (
        lambda p: DownstreamPipeline.objects.all().delete(),
        "without a pipeline of its own",
    ),
    "a job that does not mirror": (
        lambda p: _change(p, "mirror", status="manual"),
        "is manual, but mirrors pipeline",
    ),
}


@pytest.mark.parametrize("name", BREAKS_BESIDE)
def test_a_contradiction_beside_a_job_is_found(name: str) -> None:
    other = pipeline_with("a: {script: x, tags: [nobody]}", visibility="public")
    files = {
        ".gitlab-ci.yml": FAMILY.replace("$OTHER", other.project.full_path),
        "child.yml": "test: {script: x, tags: [nobody]}",
    }
    pipeline = create_pipeline(ProjectFactory(files=files), "main", PipelineSource.PUSH, acting_user=None)
    run_bridges()
    run_commit_hooks()
    assert take(runner_with_token(tags=["here"], run_untagged=False)[0]).name == "runs"
    assert list(check()) == []
    break_it, words = BREAKS_BESIDE[name]
    break_it(pipeline)
    assert any(words in found.what for found in check_pipeline(pipeline.pk))


def test_a_resource_that_a_job_which_is_gone_has_is_found() -> None:
    pipeline_with("a: {script: x, resource_group: one}")
    gone = 99 << 16 | 1
    ResourceGroup.objects.update(holder_id=gone)
    assert f"resource group one is held by job {gone}, which is gone" in [found.what for found in check()]


def test_rows_of_pipelines_that_are_gone_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ci_check", skip_checks=True)
    assert "No contradiction" in capsys.readouterr().out
    JobTimer.objects.create(job_id=99 << 16 | 1, pipeline_id=99, due_at=clock.now())
    with pytest.raises(SystemExit):
        call_command("ci_check", skip_checks=True)
    assert "whose pipeline is gone" in capsys.readouterr().out
    assert not RunningJob.objects.exists()
