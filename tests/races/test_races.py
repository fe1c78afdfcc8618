"""Two actions at once, on connections of their own: nothing is lost, doubled or stuck."""

from __future__ import annotations

import pytest
from django.db import transaction

from ci_core.actions import runners
from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.jobs import cancel_job, fail_job, play_job, retry_job, succeed_job
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import CiError, JobNotRunning, NotRetryable
from ci_core.locks import next_internal_id
from ci_core.models import InternalId, Job, Pipeline, Runner
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason, PipelineSource
from tests.factories import pipeline_with, project_with, runner_with_token
from tests.support.invariants import assert_consistent
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def job_named(pipeline: Pipeline, name: str) -> Job:
    found: Job = Job.objects.in_pipeline(pipeline.pk).latest_copies().get(name=name)
    return found


def test_iids_have_no_gaps_and_no_doubles_under_concurrent_creation() -> None:
    project = project_with("a: {script: x}")

    def create() -> int:
        return create_pipeline(project, "main", PipelineSource.API, acting_user=None).iid

    def fail_after_counting() -> None:
        with transaction.atomic():
            next_internal_id(project.pk, "pipelines")
            raise ValueError("rolled back")

    results = at_once(
        [create, create, fail_after_counting, create, create, fail_after_counting, create, create]
    )
    assert sorted(iid for iid in results if isinstance(iid, int)) == [1, 2, 3, 4, 5, 6]
    assert InternalId.objects.get(project=project, usage="pipelines").last_value == 6


def test_two_runners_never_get_the_same_job() -> None:
    pipeline = pipeline_with({f"job{number}": {"script": "x"} for number in range(12)})
    runners = [runner_with_token()[0] for _ in range(4)]

    def take_all(runner: object) -> list[int]:
        taken = []
        while (job := claim_job(runner)) is not None:  # type: ignore[arg-type]
            taken.append(job.pk)
        return taken

    results = at_once([lambda runner=runner: take_all(runner) for runner in runners])
    taken = [job_id for result in results for job_id in result]
    assert len(taken) == len(set(taken)) == 12
    assert_consistent(pipeline.pk)


def test_a_claim_while_the_pipeline_is_cancelled() -> None:
    for _ in range(5):
        pipeline = pipeline_with({f"job{number}": {"script": "x"} for number in range(3)})
        runner, _ = runner_with_token()
        results = at_once([lambda: claim_job(runner), lambda: cancel_pipeline(pipeline.pk)])  # noqa: B023
        assert not any(isinstance(result, Exception) for result in results), results
        assert_consistent(pipeline.pk)
        assert Pipeline.objects.get(pk=pipeline.pk).status == "canceled"


def test_a_claim_that_meets_an_open_cancel_takes_nothing() -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner, _ = runner_with_token()
    _, claimed = while_open(lambda: cancel_pipeline(pipeline.pk), lambda: claim_job(runner))
    assert claimed is None
    assert_consistent(pipeline.pk)


def test_a_runner_that_claims_while_what_it_runs_fails_for_its_deletion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = pipeline_with("a: {script: x}\nb: {script: x}\n")
    runner, _ = runner_with_token()
    claim_job(runner)

    def fail_late(job_id: int, reason: FailureReason) -> Job:
        claim_job(runner)
        return fail_job(job_id, reason)

    monkeypatch.setattr(runners, "fail_job", fail_late)
    runners.delete_runner(runner)
    assert {job_named(pipeline, name).failure_reason for name in "ab"} == {"runner_system_failure"}
    assert not Runner.objects.exists()


def test_a_runner_that_claims_while_it_is_deleted() -> None:
    """The job fails with its runner, or is not claimed: it does not run on with nobody to look after it."""
    for _ in range(5):
        pipeline = pipeline_with("a: {script: x}")
        runner, _ = runner_with_token()
        results = at_once([lambda: claim_job(runner), lambda: runners.delete_runner(runner)])  # noqa: B023
        assert not any(isinstance(result, Exception) for result in results), results
        assert job_named(pipeline, "a").status in ("pending", "failed")
        assert not Runner.objects.filter(pk=runner.pk).exists()
        delete_pipeline(pipeline.pk)


def test_a_claim_that_meets_an_open_deletion_of_its_runner_takes_nothing() -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner, _ = runner_with_token()
    _, claimed = while_open(lambda: runners.delete_runner(runner), lambda: claim_job(runner))
    assert claimed is None
    assert job_named(pipeline, "a").status == "pending"


def test_cancel_against_finish() -> None:
    for _ in range(5):
        pipeline_with("a: {script: x}\nb: {script: x, needs: [a]}\n")
        runner, _ = runner_with_token()
        job = claim_job(runner)
        assert job is not None
        results = at_once([lambda: cancel_job(job.pk), lambda: succeed_job(job.pk)])  # noqa: B023
        lost = [result for result in results if isinstance(result, Exception)]
        assert all(isinstance(error, CiError) for error in lost), lost
        assert len(lost) == 1
        assert Job.objects.by_ids([job.pk]).get().status in ("success", "canceled")
        assert_consistent(job.pipeline_id)


def test_a_finish_that_waits_for_an_open_cancel_finds_the_job_gone() -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    _, finished = while_open(lambda: cancel_job(job.pk), lambda: succeed_job(job.pk))
    assert isinstance(finished, JobNotRunning)
    assert job_named(pipeline, "a").status == "canceled"


def test_a_double_retry_makes_one_copy() -> None:
    pipeline = pipeline_with("a: {script: x}")
    job = job_named(pipeline, "a")
    fail_job(job.pk, FailureReason.SCRIPT_FAILURE)
    results = at_once([lambda: retry_job(job.pk, acting_user=None) for _ in range(4)])
    assert sum(isinstance(result, NotRetryable) for result in results) == 3
    assert Job.objects.in_pipeline(pipeline.pk).count() == 2
    assert_consistent(pipeline.pk)


def test_a_double_retry_of_the_pipeline_makes_one_copy() -> None:
    pipeline = pipeline_with("a: {script: x}")
    fail_job(job_named(pipeline, "a").pk, FailureReason.SCRIPT_FAILURE)
    results = at_once([lambda: retry_pipeline(pipeline.pk, acting_user=None) for _ in range(3)])
    assert sum(isinstance(result, NotRetryable) for result in results) == 2
    assert Job.objects.in_pipeline(pipeline.pk).count() == 2


def test_two_plays_start_the_job_once() -> None:
    pipeline = pipeline_with("a: {script: x, when: manual}\nb: {script: x}\n")
    job = job_named(pipeline, "a")
    results = at_once([lambda: play_job(job.pk, acting_user=None) for _ in range(3)])
    assert sum(isinstance(result, CiError) for result in results) == 2
    assert job_named(pipeline, "a").status == "pending"
    assert_consistent(pipeline.pk)


def test_the_last_two_jobs_of_a_stage_finish_at_once() -> None:
    for _ in range(5):
        pipeline = pipeline_with(
            "a: {stage: build, script: x}\nb: {stage: build, script: x}\nc: {stage: test, script: x}\n"
        )
        jobs = [job_named(pipeline, name) for name in "ab"]
        results = at_once([lambda job=job: succeed_job(job.pk) for job in jobs])
        assert not any(isinstance(result, Exception) for result in results), results
        assert job_named(pipeline, "c").status == "pending"
        assert_consistent(pipeline.pk)
