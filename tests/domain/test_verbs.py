"""Deleting, erasing, redundant pipelines, variables of single jobs, and what time does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from django.db import connection

from ci_core import clock, partitions, storage
from ci_core.actions import upkeep
from ci_core.actions.artifacts import remove_expired_artifacts, store_artifact
from ci_core.actions.deleting import INTERRUPTED_AFTER, delete_pipeline, resume_deletions
from ci_core.actions.erasing import erase_job
from ci_core.actions.jobs import fail_job, play_job, retry_job, succeed_job
from ci_core.actions.pipelines import create_pipeline, retry_pipeline
from ci_core.actions.redundancy import cancel_forgotten_pipelines, cancel_redundant_pipelines
from ci_core.actions.runners import delete_runner, heard_of
from ci_core.actions.traces import append_trace
from ci_core.errors import InvalidInput, NotErasable, NotFound, NotPlayable, NotRetryable
from ci_core.handout import prepare
from ci_core.models import Artifact, Job, JobDefinition, Pipeline, Project, RunningJob, TraceChunk
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason, PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import UserFactory, pipeline_with, project_with, runner_with_token
from tests.support.invariants import assert_all_consistent
from tests.support.repositories import commit_files

pytestmark = pytest.mark.django_db


def job_named(pipeline: Pipeline, name: str) -> Job:
    found: Job = Job.objects.in_pipeline(pipeline.pk).latest_copies().get(name=name)
    return found


def files(settings: object) -> list[Path]:
    root = Path(settings.PIPEYARD_ARTIFACTS)  # type: ignore[attr-defined]
    return [path for path in root.rglob("*") if path.is_file()]


def upload(job: Job) -> Artifact:
    return store_artifact(
        job, "a.zip", iter([b"zip"]), size=3, file_type="archive", file_format="zip", lives=None
    )


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> object:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def move(seconds: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: noon + timedelta(seconds=seconds))

    move(0)
    return move


CONFIG = """
a: {script: x, environment: production}
b: {script: x, needs: [a], resource_group: shop}
c: {stage: deploy, script: x, when: delayed, start_in: 1 hour}
"""


def rows_of(pipeline_id: int) -> dict[str, int]:
    """How many rows of each partitioned table a pipeline has, where it has any."""
    counts = {}
    with connection.cursor() as cursor:
        for table in partitions.TABLES:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE pipeline_id = %s", [pipeline_id])
            counts[table] = cursor.fetchone()[0]
    return {table: count for table, count in counts.items() if count}


def test_a_deleted_pipeline_leaves_nothing(settings: object) -> None:
    other, pipeline = pipeline_with(CONFIG), pipeline_with(CONFIG)
    kept = rows_of(other.pk)
    runner = runner_with_token()[0]
    job = next(job for job in iter(lambda: claim_job(runner), None) if job.pipeline_id == pipeline.pk)
    append_trace(job, 0, b"hello")
    upload(job)
    delete_pipeline(pipeline.pk)
    assert rows_of(pipeline.pk) == {}
    assert files(settings) == []
    assert not Pipeline.objects.filter(pk=pipeline.pk).exists()
    assert rows_of(other.pk).keys() == kept.keys()
    with pytest.raises(NotFound):
        delete_pipeline(pipeline.pk)
    assert_all_consistent()


def test_an_interrupted_deletion_is_ended_later(settings: object, at: object) -> None:
    pipeline = pipeline_with(CONFIG)
    job = claim_job(runner_with_token()[0])
    assert job is not None
    upload(job)
    with (
        mock.patch.object(storage, "delete", side_effect=OSError("disk")),
        pytest.raises(OSError, match="disk"),
    ):
        delete_pipeline(pipeline.pk)
    with pytest.raises(NotFound):
        succeed_job(job.pk)
    with pytest.raises(NotFound):
        retry_pipeline(pipeline.pk, acting_user=None)
    assert resume_deletions() == 0
    at(INTERRUPTED_AFTER)  # type: ignore[operator]
    assert resume_deletions() == 1
    assert rows_of(pipeline.pk) == {}
    assert files(settings) == []


def test_erasing_removes_log_and_artifacts_and_keeps_the_job(settings: object) -> None:
    pipeline_with("a: {script: x}")
    job = claim_job(runner_with_token()[0])
    assert job is not None
    user = UserFactory()
    append_trace(job, 0, b"hello")
    upload(job)
    with pytest.raises(NotErasable):
        erase_job(job.pk, acting_user=user)
    succeed_job(job.pk)
    with (
        mock.patch.object(storage, "delete", side_effect=OSError("disk")),
        pytest.raises(OSError, match="disk"),
    ):
        erase_job(job.pk, acting_user=user)
    assert remove_expired_artifacts() == 1
    stored = Job.objects.by_ids([job.pk]).get()
    assert (stored.status, stored.erased_by, stored.erased_at is not None) == ("success", user, True)
    assert files(settings) == []
    assert not TraceChunk.objects.of_jobs([job.pk]).exists()
    with pytest.raises(NotErasable):
        erase_job(job.pk, acting_user=user)


def variables_of_next_job() -> dict[str, str]:
    runner = runner_with_token()[0]
    job = claim_job(runner)
    assert job is not None
    return {variable.key: variable.value for variable in prepare(job, runner).variables}


def test_variables_given_with_play_reach_that_job_alone_and_its_retry() -> None:
    config = "variables: {A: file}\na: {script: x, when: manual, variables: {A: job}}\n"
    pipeline = pipeline_with(config)
    job = job_named(pipeline, "a")
    with pytest.raises(InvalidInput):
        play_job(job.pk, acting_user=None, variables=[GivenVariable("1-x", "")])
    play_job(job.pk, acting_user=None, variables=[GivenVariable("A", "given")])
    assert variables_of_next_job()["A"] == "given"
    fail_job(job.pk, FailureReason.SCRIPT_FAILURE)
    again = retry_job(job.pk, acting_user=None)
    assert variables_of_next_job()["A"] == "given"
    fail_job(again.pk, FailureReason.SCRIPT_FAILURE)
    retry_job(again.pk, acting_user=None, variables=[GivenVariable("B", "other")])
    variables = variables_of_next_job()
    assert (variables["A"], variables["B"]) == ("job", "other")


def test_the_question_before_a_manual_job_is_kept() -> None:
    pipeline = pipeline_with("a: {script: x, when: manual, manual_confirmation: Really?}")
    content = JobDefinition.objects.by_ids([job_named(pipeline, "a").definition_id]).get().content
    assert content["manual_confirmation"] == "Really?"


def push(project: Project, config: str) -> Pipeline:
    """A pipeline of a new commit."""
    import pygit2

    commit_files(pygit2.Repository(project.repository_path), {".gitlab-ci.yml": config})
    return create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)


@pytest.mark.parametrize(
    ("mode", "interruptible", "expected"),
    [
        ("conservative", True, {"a": "canceled", "b": "canceled"}),
        ("conservative", False, {"a": "running", "b": "pending"}),
        ("interruptible", False, {"a": "running", "b": "canceled"}),
        ("none", True, {"a": "running", "b": "pending"}),
    ],
)
def test_a_new_commit_cancels_what_it_makes_redundant(
    mode: str, interruptible: bool, expected: dict[str, str]
) -> None:
    config = f"""
workflow: {{auto_cancel: {{on_new_commit: {mode}}}}}
a: {{script: x, interruptible: {str(interruptible).lower()}}}
b: {{script: x, interruptible: true}}
"""
    project = project_with("x: {script: x}")
    older = push(project, config)
    assert claim_job(runner_with_token()[0]) is not None
    newer = push(project, config + "\n# changed")
    touched = cancel_redundant_pipelines(newer)
    assert {name: job_named(older, name).status for name in "ab"} == expected
    changed = "canceled" in expected.values()
    assert touched == ([older.pk] if changed else [])
    assert Pipeline.objects.get(pk=older.pk).auto_canceled_by_id == (newer.pk if changed else None)
    assert cancel_redundant_pipelines(newer) == []
    assert_all_consistent()


def test_a_project_may_keep_redundant_pipelines() -> None:
    project = project_with("x: {script: x}", auto_cancel_pending_pipelines=False)
    older = push(project, "a: {script: x}")
    assert cancel_redundant_pipelines(push(project, "a: {script: y}")) == []
    assert job_named(older, "a").status == "pending"


def test_redundant_pipelines_whose_cancellation_was_lost_are_found(at: Callable[[float], None]) -> None:
    project = project_with("x: {script: x}")
    older = push(project, "a: {script: x}")
    newer = push(project, "a: {script: y}")
    connection.run_on_commit.clear()  # as if the process died right after the commit
    assert cancel_forgotten_pipelines() == 0, "whoever created it may still be at it"
    at(61)
    assert cancel_forgotten_pipelines() == 2
    assert job_named(older, "a").status == "canceled"
    assert job_named(newer, "a").status == "pending"
    assert cancel_forgotten_pipelines() == 0


def test_a_job_that_its_runner_never_acknowledged_fails(at: object) -> None:
    pipeline = pipeline_with("a: {script: x}\nb: {script: x}\n")
    runner = runner_with_token()[0]
    first, second = claim_job(runner), claim_job(runner)
    assert first is not None
    assert second is not None
    at(1)  # type: ignore[operator]
    heard_of(first.pk)
    at(95)  # type: ignore[operator]
    assert upkeep.fail_unacknowledged_jobs() == 1
    lost = job_named(pipeline, "b")
    assert (lost.status, lost.failure_reason) == ("failed", "runner_system_failure")
    assert_all_consistent()


def test_what_a_deleted_runner_ran_fails() -> None:
    pipeline = pipeline_with("a: {script: x}")
    runner = runner_with_token()[0]
    claim_job(runner)
    delete_runner(runner)
    assert job_named(pipeline, "a").failure_reason == "runner_system_failure"
    assert not RunningJob.objects.exists()


def test_an_old_pipeline_is_archived(at: object, settings: object) -> None:
    settings.PIPEYARD_PIPELINE_AGE_LIMIT_SECONDS = 1000  # type: ignore[attr-defined]
    pipeline = pipeline_with("a: {script: x}\nb: {script: x, when: manual}\nc: {stage: deploy, script: x}\n")
    at(999)  # type: ignore[operator]
    assert upkeep.fail_archived_pipelines() == 0
    at(1001)  # type: ignore[operator]
    assert upkeep.fail_archived_pipelines() == 1
    assert (
        job_named(pipeline, "a").failure_reason
        == job_named(pipeline, "c").failure_reason
        == "archived_failure"
    )
    assert Pipeline.objects.get(pk=pipeline.pk).status == "failed"
    with pytest.raises(NotPlayable):
        play_job(job_named(pipeline, "b").pk, acting_user=None)
    with pytest.raises(NotRetryable):
        retry_job(job_named(pipeline, "a").pk, acting_user=None)
    assert upkeep.fail_archived_pipelines() == 0
    assert_all_consistent()
