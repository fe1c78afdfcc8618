"""The verbs of jobs and pipelines beyond what the processing vectors show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core import clock
from ci_core.actions import upkeep
from ci_core.actions.jobs import (
    cancel_job,
    fail_job,
    play_job,
    retry_job,
    start_delayed_jobs,
    succeed_job,
    unschedule_job,
)
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.actions.runners import touch_runner
from ci_core.errors import NotCancelable, NotFound, NotPlayable, NotRetryable
from ci_core.models import Deployment, Job, JobTimer, Need, PendingJob, Pipeline, Runner, RunningJob
from ci_core.models.ids import MAX_IN_PIPELINE
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason, PipelineSource
from tests.factories import UserFactory, pipeline_with, project_with, runner_with_token
from tests.support.bridges import run_commit_hooks
from tests.support.invariants import assert_all_consistent, assert_consistent

pytestmark = pytest.mark.django_db


def job_named(pipeline: Pipeline, name: str) -> Job:
    found: Job = Job.objects.in_pipeline(pipeline.pk).latest_copies().get(name=name)
    return found


def status(pipeline: Pipeline) -> str:
    return Pipeline.objects.get(pk=pipeline.pk).status


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> object:
    """Moves the clock: at(seconds) sets it to that many seconds after noon."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def move(seconds: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: noon + timedelta(seconds=seconds))

    move(0)
    return move


def test_a_graceful_cancel_waits_for_the_runner() -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner, _ = runner_with_token()
    manager = touch_runner(runner, "s_1", {"features": {"cancel_gracefully": True}}, None)
    job = claim_job(runner, manager)
    assert job is not None
    assert cancel_job(job.pk).status == "canceling"
    assert status(pipeline) == "canceling"
    with pytest.raises(NotCancelable):
        cancel_job(job.pk)
    assert fail_job(job.pk, FailureReason.UNKNOWN_FAILURE).status == "canceled"
    assert status(pipeline) == "canceled"
    assert_consistent(pipeline.pk)


def test_force_ends_a_canceling_job_at_once() -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner, _ = runner_with_token()
    job = claim_job(runner, touch_runner(runner, "s_1", {"features": {"cancel_gracefully": True}}, None))
    assert job is not None
    cancel_job(job.pk)
    assert cancel_job(job.pk, force=True).status == "canceled"
    assert status(pipeline) == "canceled"


def test_a_runner_that_cannot_stop_gracefully_loses_the_job_at_once() -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner, _ = runner_with_token()
    job = claim_job(runner, touch_runner(runner, "s_1", {}, None))
    assert job is not None
    cancel_pipeline(pipeline.pk)
    assert job_named(pipeline, "a").status == "canceled"
    assert not RunningJob.objects.exists()


def test_a_job_retries_itself_as_its_configuration_says() -> None:
    pipeline = pipeline_with("a: {script: x, retry: 2}\nb: {stage: deploy, script: x}\n")
    for _ in range(3):
        fail_job(job_named(pipeline, "a").pk, FailureReason.SCRIPT_FAILURE, exit_code=1)
    copies = Job.objects.in_pipeline(pipeline.pk).filter(name="a").order_by("id")
    assert [(job.status, job.retried) for job in copies] == [
        ("failed", True),
        ("failed", True),
        ("failed", False),
    ]
    assert status(pipeline) == "failed"
    assert_consistent(pipeline.pk)


def test_a_job_that_cannot_run_again_for_want_of_numbers_fails() -> None:
    pipeline = pipeline_with("a: {script: x, retry: 2}\nb: {stage: deploy, script: x}\n")
    Pipeline.objects.filter(pk=pipeline.pk).update(last_job_number=MAX_IN_PIPELINE)
    fail_job(job_named(pipeline, "a").pk, FailureReason.SCRIPT_FAILURE)
    assert [job_named(pipeline, name).status for name in "ab"] == ["failed", "skipped"]
    assert status(pipeline) == "failed"
    assert_consistent(pipeline.pk)


def test_a_resource_is_handed_over_though_the_job_that_had_it_runs_again_later() -> None:
    project = project_with(
        "a: {script: x}\nb: {stage: deploy, script: x, needs: [a], resource_group: g, retry: 1}\n"
    )
    first, second = (create_pipeline(project, "main", PipelineSource.API, acting_user=None) for _ in "12")
    for pipeline in (first, second):
        succeed_job(job_named(pipeline, "a").pk)
    assert [job_named(pipeline, "b").status for pipeline in (first, second)] == [
        "pending",
        "waiting_for_resource",
    ]
    retry_job(job_named(first, "a").pk, acting_user=None)
    run_commit_hooks()
    fail_job(job_named(first, "b").pk, FailureReason.SCRIPT_FAILURE)
    run_commit_hooks()
    assert [job_named(pipeline, "b").status for pipeline in (first, second)] == ["created", "pending"]
    assert_all_consistent()


def test_an_exit_code_may_be_allowed() -> None:
    config = "a: {script: x, allow_failure: {exit_codes: [42]}}\n"
    allowed, refused = pipeline_with(config), pipeline_with(config)
    fail_job(job_named(allowed, "a").pk, FailureReason.SCRIPT_FAILURE, exit_code=42)
    fail_job(job_named(refused, "a").pk, FailureReason.SCRIPT_FAILURE, exit_code=1)
    assert (status(allowed), status(refused)) == ("success", "failed")


def test_retry_copies_needs_and_deployment_and_keeps_history() -> None:
    user = UserFactory()
    pipeline = pipeline_with(
        "a: {script: x}\nb: {script: x, needs: [{job: a, artifacts: false}], environment: {name: staging}}\n"
    )
    succeed_job(job_named(pipeline, "a").pk)
    old = job_named(pipeline, "b")
    fail_job(old.pk, FailureReason.SCRIPT_FAILURE)
    copy = retry_job(old.pk, acting_user=user)
    assert (copy.number, copy.status, copy.user_id, copy.definition_id) == (
        2,
        "pending",
        user.pk,
        old.definition_id,
    )
    assert Job.objects.by_ids([old.pk]).get().retried
    needs = Need.objects.of_jobs([copy.pk])
    assert [(need.name, need.artifacts) for need in needs] == [("a", False)]
    deployments = Deployment.objects.order_by("iid").values_list("job_id", "status")
    assert list(deployments) == [(old.pk, "failed"), (copy.pk, "created")]
    with pytest.raises(NotRetryable, match="newest run"):
        retry_job(old.pk, acting_user=user)


def test_a_deployment_follows_its_job() -> None:
    pipeline = pipeline_with("a: {script: x, environment: {name: staging}}")
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    assert Deployment.objects.get().status == "running"
    succeed_job(job.pk)
    deployment = Deployment.objects.get()
    assert deployment.status == "success"
    assert deployment.finished_at is not None
    assert status(pipeline) == "success"


def test_a_delayed_job_starts_when_its_timer_runs_out(at: object) -> None:
    pipeline = pipeline_with("a: {script: x, when: delayed, start_in: 10 minutes}")
    job = job_named(pipeline, "a")
    assert (job.status, status(pipeline)) == ("scheduled", "scheduled")
    assert JobTimer.objects.get().due_at == clock.now() + timedelta(minutes=10)
    at(599)  # type: ignore[operator]
    assert upkeep.start_due_jobs() == 0
    at(600)  # type: ignore[operator]
    assert upkeep.start_due_jobs() == 1
    assert job_named(pipeline, "a").status == "pending"
    assert upkeep.start_due_jobs() == 0
    assert_consistent(pipeline.pk)


def test_timers_that_ran_out_during_downtime_start_their_jobs_together(at: object) -> None:
    delayed = {"script": "x", "when": "delayed", "start_in": "10 minutes"}
    pipelines = [
        pipeline_with(
            {
                **{f"job{number}": delayed for number in range(count)},
                "one": {**delayed, "resource_group": "g"},
                "two": {**delayed, "resource_group": "g"},
                "later": {**delayed, "start_in": "2 days"},
            }
        )
        for count in (2, 40)
    ]
    deleted = pipeline_with({"gone": delayed})
    Pipeline.objects.filter(pk=deleted.pk).update(deleting_since=clock.now())
    unscheduled = job_named(pipelines[0], "job1")
    unschedule_job(unscheduled.pk)
    at(24 * 3600)  # type: ignore[operator]
    with CaptureQueriesContext(connection) as captured:
        assert upkeep.start_due_jobs() == 3 + 42
    statements = len(captured)
    assert statements < 60, "it does not depend on how many jobs there are"
    for pipeline in pipelines:
        found = {job.name: job.status for job in Job.objects.in_pipeline(pipeline.pk)}
        assert [found.pop(name) for name in ("one", "two", "later")] == [
            "pending",
            "waiting_for_resource",
            "scheduled",
        ]
        assert set(found.values()) == ({"pending"} if pipeline is pipelines[1] else {"pending", "manual"})
        assert_consistent(pipeline.pk)
    assert not JobTimer.objects.filter(pipeline_id=deleted.pk).exists()


def test_an_unscheduled_job_waits_to_be_played() -> None:
    pipeline = pipeline_with("a: {script: x, when: delayed, start_in: 1 day}")
    job = job_named(pipeline, "a")
    assert unschedule_job(job.pk).status == "manual"
    assert start_delayed_jobs(pipeline.pk, [job.pk]) == 0
    with pytest.raises(NotPlayable):
        unschedule_job(job.pk)
    assert play_job(job.pk, acting_user=None).status == "pending"
    assert_consistent(pipeline.pk)


def test_jobs_that_run_too_long_fail(at: object) -> None:
    pipeline = pipeline_with("a: {script: x, timeout: 5 minutes}")
    runner, _ = runner_with_token()
    assert claim_job(runner)
    at(299)  # type: ignore[operator]
    assert upkeep.fail_overdue_jobs() == 0
    at(300)  # type: ignore[operator]
    assert upkeep.fail_overdue_jobs() == 1
    job = job_named(pipeline, "a")
    assert (job.status, job.failure_reason) == ("failed", "job_execution_timeout")
    assert_consistent(pipeline.pk)


@pytest.mark.parametrize(
    ("of_job", "of_project", "of_runner", "seconds"),
    [
        (None, None, None, 3600),
        (None, 1200, None, 1200),
        ("5 minutes", 1200, None, 300),
        ("2 hours", 1200, None, 7200),
        ("2 hours", 1200, 900, 900),
        (None, 1200, 900, 900),
    ],
)
def test_the_timeouts_of_job_project_and_runner(
    at: object, of_job: str | None, of_project: int | None, of_runner: int | None, seconds: int
) -> None:
    job = {"script": "x", **({"timeout": of_job} if of_job else {})}
    pipeline_with({"a": job}, **({"build_timeout": of_project} if of_project else {}))
    assert claim_job(runner_with_token(maximum_timeout=of_runner)[0])
    assert RunningJob.objects.get().deadline_at == clock.now() + timedelta(seconds=seconds)


def test_a_vanished_runner_is_noticed(at: object, settings: object) -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner, _ = runner_with_token()
    assert claim_job(runner)
    at(settings.PIPEYARD_RUNNER_SILENCE_SECONDS)  # type: ignore[attr-defined, operator]
    assert upkeep.fail_lost_jobs() == 1
    job = job_named(pipeline, "a")
    assert (job.status, job.failure_reason) == ("failed", "stuck_or_timeout_failure")
    assert status(pipeline) == "failed"


def test_a_job_that_nobody_takes_fails_in_the_end(at: object, settings: object) -> None:
    pipeline = pipeline_with("a: {script: x, tags: [nobody]}")
    at(settings.PIPEYARD_PENDING_LIMIT_SECONDS)  # type: ignore[attr-defined, operator]
    assert upkeep.fail_stuck_jobs() == 1
    assert job_named(pipeline, "a").failure_reason == "stuck_or_timeout_failure"
    assert not PendingJob.objects.exists()


def test_times_and_duration(at: object) -> None:
    pipeline = pipeline_with("a: {stage: build, script: x}\nb: {stage: test, script: x}\n")
    runner, _ = runner_with_token()
    for started, finished in ((10, 25), (100, 130)):
        at(started)  # type: ignore[operator]
        job = claim_job(runner)
        assert job is not None
        at(finished)  # type: ignore[operator]
        succeed_job(job.pk)
    pipeline.refresh_from_db()
    assert pipeline.duration == 45
    assert pipeline.started_at is not None
    assert pipeline.finished_at is not None
    assert (pipeline.finished_at - pipeline.started_at).total_seconds() == 120


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        (lambda job_id: play_job(job_id, acting_user=None), NotPlayable),
        (lambda job_id: retry_job(job_id, acting_user=None), NotRetryable),
        (unschedule_job, NotPlayable),
    ],
)
def test_verbs_that_do_not_fit_a_pending_job_change_nothing(verb: object, error: type[Exception]) -> None:
    pipeline = pipeline_with("a: {script: x}")
    with pytest.raises(error, match="a is pending"):
        verb(job_named(pipeline, "a").pk)  # type: ignore[operator]
    assert_consistent(pipeline.pk)


def test_nothing_to_cancel_or_retry_is_said() -> None:
    pipeline = pipeline_with("a: {script: x}")
    with pytest.raises(NotRetryable):
        retry_pipeline(pipeline.pk, acting_user=None)
    succeed_job(job_named(pipeline, "a").pk)
    with pytest.raises(NotCancelable):
        cancel_pipeline(pipeline.pk)
    with pytest.raises(NotCancelable):
        cancel_job(job_named(pipeline, "a").pk)


def test_a_job_that_does_not_exist() -> None:
    with pytest.raises(NotFound):
        succeed_job(99_999 << 16 | 1)


class TestClaim:
    """Which job a runner gets."""

    def take(self, runner: Runner) -> str | None:
        job = claim_job(runner)
        return job.name if job else None

    def test_tags_must_all_be_there(self) -> None:
        pipeline_with("a: {script: x, tags: [linux, gpu]}")
        assert self.take(runner_with_token(tags=["linux"])[0]) is None
        assert self.take(runner_with_token(tags=["linux", "gpu", "fast"])[0]) == "a"

    def test_untagged_jobs_only_where_the_runner_takes_them(self) -> None:
        pipeline_with("a: {script: x}")
        assert self.take(runner_with_token(tags=["linux"], run_untagged=False)[0]) is None
        assert self.take(runner_with_token(tags=["linux"], run_untagged=True)[0]) == "a"

    def test_a_paused_runner_gets_nothing(self) -> None:
        pipeline_with("a: {script: x}")
        assert self.take(runner_with_token(paused=True)[0]) is None

    def test_a_project_runner_takes_its_projects_jobs_only(self) -> None:
        pipeline_with("other: {script: x}")
        mine = pipeline_with("mine: {script: x}")
        runner, _ = runner_with_token(projects=[mine.project])
        assert self.take(runner) == "mine"
        assert self.take(runner) is None

    def test_projects_share_runners_fairly(self) -> None:
        first = pipeline_with({f"first{number}": {"script": "x"} for number in range(3)})
        pipeline_with("second: {script: x}")
        runner, _ = runner_with_token()
        assert [self.take(runner) for _ in range(4)] == ["first0", "second", "first1", "first2"]
        assert status(first) == "running"

    def test_the_smallest_timeout_wins(self, at: object) -> None:
        pipeline_with("a: {script: x, timeout: 2 hours}")
        runner, _ = runner_with_token(maximum_timeout=60)
        assert self.take(runner) == "a"
        assert RunningJob.objects.get().deadline_at == clock.now() + timedelta(seconds=60)


def test_a_copy_of_a_job_that_was_allowed_to_fail_for_its_exit_code_is_not_allowed_to_by_that() -> None:
    pipeline = pipeline_with(
        "a: {script: x, allow_failure: {exit_codes: [2]}}\nb: {script: x, allow_failure: true}\n"
    )
    for name in ("a", "b"):
        fail_job(job_named(pipeline, name).pk, FailureReason.SCRIPT_FAILURE, exit_code=2)
        assert job_named(pipeline, name).allow_failure
    for name in ("a", "b"):
        retry_job(job_named(pipeline, name).pk, acting_user=None)
    assert [job_named(pipeline, name).allow_failure for name in ("a", "b")] == [False, True]
    cancel_job(job_named(pipeline, "a").pk)
    succeed_job(job_named(pipeline, "b").pk)
    pipeline.refresh_from_db()
    assert pipeline.status == "canceled"
