"""Pipelines of one family that meet: children that end while their parent is cancelled, retried or deleted."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest

from ci_core.actions import downstream
from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.downstream import start_bridge, start_waiting_bridges
from ci_core.actions.jobs import cancel_job, fail_job, retry_job, succeed_job
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import CiError
from ci_core.models import DownstreamPipeline, Job, PendingBridge, Pipeline
from ci_core.queueing import claim_job
from ci_core.statuses import COMPLETED, FailureReason, PipelineSource
from tests.factories import ProjectFactory, runner_with_token
from tests.support.bridges import child_of, run_bridges
from tests.support.jobs import job_of
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PARENT = "go: {trigger: {include: child.yml, strategy: depend}}\nafter: {stage: deploy, script: x}\n"
CHILD = "test: {script: x}\n"
TWICE = PARENT + "too: {trigger: {include: child.yml, strategy: mirror}}\n"


def created(parent: str, child: str = CHILD) -> Pipeline:
    project = ProjectFactory(files={".gitlab-ci.yml": parent, "child.yml": child})
    return create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)


def started(parent: str = PARENT, child: str = CHILD) -> Pipeline:
    pipeline = created(parent, child)
    run_bridges()
    return pipeline


def inner_job(pipeline: Pipeline, bridge: str = "go") -> Job:
    """The job of the child that a trigger job created."""
    return job_of(child_of(pipeline, bridge), "test")


def meet(*calls: Callable[[], Any]) -> list[Any]:
    """Runs the calls at once; what they are refused is no surprise, anything else is."""
    results = at_once(calls)
    assert all(isinstance(each, CiError) for each in results if isinstance(each, Exception)), results
    return results


def status_of(pipeline: Pipeline) -> str:
    pipeline.refresh_from_db()
    return pipeline.status


def test_a_child_that_ends_while_its_parent_is_cancelled() -> None:
    for _ in range(5):
        pipeline = started()
        job = inner_job(pipeline)
        meet(lambda: succeed_job(job.pk), lambda: cancel_pipeline(pipeline.pk))  # noqa: B023
        ended = {status_of(pipeline), status_of(child_of(pipeline, "go"))}
        assert ended <= {"success", "canceled"}
        assert status_of(pipeline) == "canceled"
        assert job_of(pipeline, "after").status in ("canceled", "skipped")


def test_a_parent_that_is_cancelled_while_its_child_ends_waits_for_it() -> None:
    pipeline = started()
    job = inner_job(pipeline)
    _, cancelled = while_open(lambda: succeed_job(job.pk), lambda: cancel_pipeline(pipeline.pk))
    assert not isinstance(cancelled, Exception)
    assert job_of(pipeline, "go").status == "success"
    assert job_of(pipeline, "after").status == "canceled"


def test_a_child_that_ends_while_its_parent_s_cancellation_is_under_way() -> None:
    pipeline = started()
    job = inner_job(pipeline)
    _, ended = while_open(lambda: cancel_pipeline(pipeline.pk), lambda: succeed_job(job.pk))
    assert not isinstance(ended, Exception) or isinstance(ended, CiError)
    assert job_of(pipeline, "go").status == "canceled"
    assert status_of(child_of(pipeline, "go")) in ("success", "canceled")


def test_two_children_that_end_at_once() -> None:
    for _ in range(5):
        pipeline = started(TWICE)
        go, too = inner_job(pipeline), inner_job(pipeline, "too")
        results = meet(lambda: succeed_job(go.pk), lambda: succeed_job(too.pk))  # noqa: B023
        assert not any(isinstance(each, Exception) for each in results), results
        assert job_of(pipeline, "after").status == "pending"


def test_a_child_that_ends_while_its_trigger_job_is_retried() -> None:
    for _ in range(5):
        pipeline = started()
        bridge, job = job_of(pipeline, "go"), inner_job(pipeline)
        cancel_job(bridge.pk)
        meet(
            lambda: retry_job(bridge.pk, acting_user=None),  # noqa: B023
            lambda: succeed_job(job.pk),  # noqa: B023
            start_waiting_bridges,
        )
        run_bridges()
        assert job_of(pipeline, "go").status == "running"
        succeed_job(inner_job(pipeline).pk)
        assert job_of(pipeline, "after").status == "pending"


def test_a_child_that_is_retried_while_its_parent_is() -> None:
    for _ in range(5):
        pipeline = started()
        job = inner_job(pipeline)
        fail_job(job.pk, FailureReason.SCRIPT_FAILURE)
        meet(
            lambda: retry_job(job.pk, acting_user=None),  # noqa: B023
            lambda: retry_pipeline(pipeline.pk, acting_user=None),  # noqa: B023
            lambda: cancel_pipeline(pipeline.pk),  # noqa: B023
        )
        run_bridges()


def test_two_workers_that_start_one_trigger_job() -> None:
    for _ in range(3):
        pipeline = created(PARENT)
        job = job_of(pipeline, "go")
        results = at_once([lambda: start_bridge(job.pk)] * 3)  # noqa: B023
        assert sum(isinstance(each, Pipeline) for each in results) == 1, results
        assert DownstreamPipeline.objects.filter(source_pipeline_id=pipeline.pk).count() == 1
        assert job_of(pipeline, "go").status == "running"


def test_a_trigger_job_that_starts_while_its_pipeline_is_cancelled() -> None:
    for _ in range(5):
        pipeline = created(PARENT)
        job = job_of(pipeline, "go")
        meet(lambda: start_bridge(job.pk), lambda: cancel_pipeline(pipeline.pk))  # noqa: B023
        assert status_of(pipeline) == "canceled"
        for link in DownstreamPipeline.objects.filter(source_pipeline_id=pipeline.pk):
            assert status_of(link.pipeline) == "canceled"


def test_a_trigger_job_that_starts_while_its_pipeline_is_deleted() -> None:
    for _ in range(5):
        pipeline = created(PARENT)
        job = job_of(pipeline, "go")
        meet(lambda: start_bridge(job.pk), lambda: delete_pipeline(pipeline.pk))  # noqa: B023
        assert not Pipeline.objects.exists()
        assert not PendingBridge.objects.exists()


def test_a_child_that_ends_while_its_parent_is_deleted() -> None:
    for _ in range(3):
        pipeline = started()
        job = inner_job(pipeline)
        meet(lambda: succeed_job(job.pk), lambda: delete_pipeline(pipeline.pk))  # noqa: B023
        assert not Pipeline.objects.exists()


def test_parent_and_child_that_deploy_to_one_environment_at_once() -> None:
    """The child's transaction holds the environment and moves the parent; the parent's wants the environment."""
    deploy = "test: {script: x, environment: production}\n"
    for _ in range(5):
        pipeline = started(PARENT + "own: {script: x, environment: production}\n", deploy)
        own, job = job_of(pipeline, "own"), inner_job(pipeline)
        results = meet(lambda: succeed_job(own.pk), lambda: succeed_job(job.pk))  # noqa: B023
        assert not any(isinstance(each, Exception) for each in results), results
        assert job_of(pipeline, "after").status == "pending"


def test_parent_and_child_that_want_one_resource() -> None:
    group = "test: {script: x, resource_group: one}\nmore: {script: x, resource_group: one}\n"
    for _ in range(3):
        pipeline = started(PARENT + "own: {script: x, resource_group: one}\n", group)
        child = child_of(pipeline, "go")
        jobs = Job.objects.in_pipelines([pipeline.pk, child.pk]).filter(resource_group__isnull=False)
        while any(job.status not in COMPLETED for job in jobs.all()):
            calls = [lambda job=job: succeed_job(job.pk) for job in jobs.filter(status="pending")]
            cancelling = [lambda job=job: cancel_job(job.pk) for job in jobs.exclude(status="pending")[:1]]
            meet(*calls, *cancelling)
        assert status_of(child) in COMPLETED


def test_runners_that_claim_jobs_of_children_while_the_parent_is_cancelled() -> None:
    for _ in range(3):
        pipeline = started(TWICE)
        runner, _ = runner_with_token()
        meet(
            lambda: claim_job(runner),  # noqa: B023
            lambda: claim_job(runner),  # noqa: B023
            lambda: cancel_pipeline(pipeline.pk),  # noqa: B023
        )
        assert status_of(pipeline) == "canceled"
        assert {status_of(child_of(pipeline, name)) for name in ("go", "too")} == {"canceled"}


def test_trigger_jobs_that_start_at_once_do_not_pass_the_limit_of_their_family(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PIPEYARD_PIPELINE_FAMILY_SIZE = 3
    compile_runnable = downstream.compile_runnable
    # Each has looked at the size of the family before any of them has added to it.
    looked = Barrier(4)

    def compiled(*given: Any, **named: Any) -> Any:
        looked.wait(10)
        return compile_runnable(*given, **named)

    monkeypatch.setattr(downstream, "compile_runnable", compiled)
    names = ["a", "b", "c", "d"]
    pipeline = created("".join(f"{name}: {{trigger: {{include: child.yml}}}}\n" for name in names))
    bridges = [job_of(pipeline, name) for name in names]
    at_once([lambda bridge=bridge: start_bridge(bridge.pk) for bridge in bridges])
    assert DownstreamPipeline.objects.count() == 2
    assert sorted(job_of(pipeline, name).status for name in names) == [
        "failed",
        "failed",
        "success",
        "success",
    ]
    reasons = {job_of(pipeline, name).failure_reason for name in names} - {""}
    assert reasons == {"reached_max_pipeline_hierarchy_size"}
