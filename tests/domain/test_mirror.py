"""Trigger jobs with `strategy: mirror`: they have the status of their pipeline, and do nothing by themselves."""

from __future__ import annotations

import pytest

from ci_core import clock
from ci_core.actions.downstream import start_bridge
from ci_core.actions.jobs import (
    play_job,
    retry_job,
    succeed_job,
    unschedule_job,
)
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline
from ci_core.actions.resources import hand_over_free_groups
from ci_core.actions.upkeep import start_due_jobs
from ci_core.errors import NotPlayable, NotRetryable
from ci_core.models import Job, JobTimer, PendingBridge, Pipeline, ResourceClaim, ResourceGroup, RunnerManager
from ci_core.statuses import PipelineSource
from ci_core.waiting import why_waiting
from tests.factories import ProjectFactory, pipeline_with, runner_with_token
from tests.support.bridges import child_of, run_bridges
from tests.support.invariants import assert_all_consistent
from tests.support.jobs import job_of, succeed, take

pytestmark = pytest.mark.django_db

PARENT = """
go: {{trigger: {{include: child.yml, strategy: mirror}}{more}}}
after: {{stage: deploy, script: x}}
"""
DELAYED = "test: {script: x, when: delayed, start_in: 1 hour}\n"


def mirrored(child: str, more: str = "") -> Pipeline:
    """A pipeline whose trigger job `go` mirrors a pipeline with this configuration."""
    files = {".gitlab-ci.yml": PARENT.format(more=more), "child.yml": child}
    pipeline = create_pipeline(ProjectFactory(files=files), "main", PipelineSource.PUSH, acting_user=None)
    run_bridges()
    return pipeline


def statuses(pipeline: Pipeline) -> tuple[str, str, str]:
    """Of the trigger job, of its pipeline, and of the pipeline that it is in."""
    pipeline.refresh_from_db()
    return job_of(pipeline, "go").status, child_of(pipeline, "go").status, pipeline.status


def test_it_is_pending_and_running_with_its_pipeline() -> None:
    pipeline = mirrored("test: {script: x}\n")
    assert statuses(pipeline) == ("pending", "pending", "running")
    assert_all_consistent()
    job = take()
    assert statuses(pipeline) == ("running", "running", "running")
    assert_all_consistent()
    succeed_job(job.pk)
    assert statuses(pipeline)[:2] == ("success", "success")
    bridge = job_of(pipeline, "go")
    assert bridge.attempt == 1
    assert bridge.finished_at is not None
    assert_all_consistent()


def test_one_that_is_pending_with_its_pipeline_creates_no_second_one() -> None:
    pipeline = mirrored("test: {script: x}\n")
    assert not PendingBridge.objects.exists()
    assert start_bridge(job_of(pipeline, "go").pk) is None
    assert Pipeline.objects.count() == 2
    assert statuses(pipeline)[0] == "pending"


def test_it_shows_a_timer_and_has_none() -> None:
    pipeline = mirrored(DELAYED)
    bridge = job_of(pipeline, "go")
    assert statuses(pipeline) == ("scheduled", "scheduled", "scheduled")
    assert JobTimer.objects.get().job_id == job_of(child_of(pipeline, "go"), "test").pk
    assert bridge.scheduled_at is None
    with pytest.raises(NotPlayable):
        unschedule_job(bridge.pk)
    with pytest.raises(NotPlayable):
        play_job(bridge.pk, acting_user=None)
    assert_all_consistent()
    JobTimer.objects.update(due_at=bridge.created_at)
    assert start_due_jobs() == 1
    assert statuses(pipeline)[0] == "pending"
    assert_all_consistent()


def test_it_shows_that_its_pipeline_waits_for_a_resource_and_claims_none() -> None:
    parent = PARENT.format(more=", resource_group: own")
    files = {".gitlab-ci.yml": parent, "child.yml": "test: {script: x, resource_group: shared}\n"}
    project = ProjectFactory(files=files, auto_cancel_pending_pipelines=False)
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    holder = job_of(pipeline_with({"x": {"script": "x", "when": "manual"}}), "x")
    ResourceGroup.objects.create(
        project=project, key="shared", holder_id=holder.pk, created_at=clock.now(), updated_at=clock.now()
    )
    run_bridges()
    bridge = job_of(pipeline, "go")
    assert statuses(pipeline)[:2] == ("waiting_for_resource", "waiting_for_resource")
    assert not ResourceClaim.objects.filter(job_id=bridge.pk).exists()
    assert ResourceGroup.objects.get(key="own").holder_id == bridge.pk
    assert_all_consistent()
    ResourceGroup.objects.filter(key="shared").update(holder_id=None)
    hand_over_free_groups()
    assert statuses(pipeline)[:2] == ("pending", "pending")
    succeed("test")
    assert ResourceGroup.objects.get(key="own").holder_id is None
    assert_all_consistent()


def test_it_shows_that_its_pipeline_is_being_cancelled() -> None:
    pipeline = mirrored("test: {script: x}\n")
    runner = runner_with_token()[0]
    manager = RunnerManager.objects.create(
        runner=runner,
        system_id="s",
        features={"cancel_gracefully": True},
        created_at=clock.now(),
        contacted_at=clock.now(),
    )
    job = take(runner, manager)
    cancel_pipeline(child_of(pipeline, "go").pk)
    assert statuses(pipeline)[:2] == ("canceling", "canceling")
    assert_all_consistent()
    assert retry_job(job_of(pipeline, "go").pk, acting_user=None).status == "pending"
    run_bridges()
    assert statuses(pipeline)[0] == "pending"
    succeed_job(job.pk)
    assert Job.objects.in_pipeline(pipeline.pk).get(name="go", retried=True).status == "canceled"
    assert statuses(pipeline)[0] == "pending"
    assert_all_consistent()


def test_one_that_was_skipped_with_its_pipeline_stays_with_that() -> None:
    files = {
        ".gitlab-ci.yml": "first: {script: x, stage: build}\n" + PARENT.format(more=""),
        "child.yml": "test: {script: x, when: on_failure}\n",
    }
    pipeline = create_pipeline(ProjectFactory(files=files), "main", PipelineSource.PUSH, acting_user=None)
    succeed("first")
    run_bridges()
    assert statuses(pipeline)[:2] == ("skipped", "skipped")
    succeed("after")
    retry_job(job_of(pipeline, "first").pk, acting_user=None)
    succeed("first")
    run_bridges()
    assert statuses(pipeline)[:2] == ("skipped", "skipped")
    assert Pipeline.objects.count() == 2
    assert_all_consistent()
    with pytest.raises(NotRetryable):
        retry_job(job_of(pipeline, "go").pk, acting_user=None)


@pytest.mark.parametrize(("child", "words"), [("test: {script: x}\n", "(pending)"), (DELAYED, "(scheduled)")])
def test_it_says_that_it_waits_for_its_pipeline(child: str, words: str) -> None:
    pipeline = mirrored(child)
    waiting = why_waiting(job_of(pipeline, "go"))
    assert waiting is not None
    assert f"#{child_of(pipeline, 'go').pk} {words}" in waiting.message
