"""More actions that meet: deletion, processing against retry, resource groups changing hands."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from ci_core.actions import upkeep
from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.erasing import erase_job
from ci_core.actions.jobs import cancel_job, fail_job, play_job, retry_job, succeed_job, unschedule_job
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.actions.resources import change_process_mode, hand_over_free_groups
from ci_core.errors import CiError, NotFound
from ci_core.models import Job, JobTimer, Pipeline, ProcessMode, Project, ResourceGroup, RunningJob
from ci_core.processing import advance, hand_over
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason, PipelineSource
from tests.factories import pipeline_with, project_with, runner_with_token
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def job_named(pipeline: Pipeline, name: str) -> Job:
    found: Job = Job.objects.in_pipeline(pipeline.pk).latest_copies().get(name=name)
    return found


def no_surprise(results: list[object]) -> None:
    assert all(isinstance(each, CiError) for each in results if isinstance(each, Exception)), results


def test_delete_against_a_running_job_that_finishes() -> None:
    for _ in range(4):
        pipeline = pipeline_with("a: {script: x}\nb: {script: x, needs: [a]}\n")
        runner, _ = runner_with_token()
        job = claim_job(runner)
        assert job is not None
        results = at_once(
            [
                lambda: delete_pipeline(pipeline.pk),  # noqa: B023
                lambda: succeed_job(job.pk),  # noqa: B023
                lambda: claim_job(runner),  # noqa: B023
            ]
        )
        no_surprise(results)
        assert not Pipeline.objects.filter(pk=pipeline.pk).exists()
        assert not Job.objects.in_pipeline(pipeline.pk).exists()
        assert claim_job(runner) is None


def test_a_report_that_waits_for_a_deletion_finds_nothing() -> None:
    pipeline = pipeline_with("a: {script: x}")
    job = claim_job(runner_with_token()[0])
    assert job is not None
    _, finished = while_open(lambda: delete_pipeline(pipeline.pk), lambda: succeed_job(job.pk))
    assert isinstance(finished, NotFound)


def test_two_deletions_at_once() -> None:
    pipeline = pipeline_with("a: {script: x}")
    no_surprise(at_once([lambda: delete_pipeline(pipeline.pk)] * 2))
    assert not Pipeline.objects.filter(pk=pipeline.pk).exists()


def test_two_erasures_at_once() -> None:
    pipeline = pipeline_with("a: {script: x}")
    job = job_named(pipeline, "a")
    succeed_job(job.pk)
    results = at_once([lambda: erase_job(job.pk, acting_user=None)] * 3)
    assert sum(isinstance(each, CiError) for each in results) == 2


def test_processing_against_retry() -> None:
    """The last job of a stage ends while the failed one beside it is retried: the next stage waits for the copy."""
    for _ in range(5):
        pipeline = pipeline_with("a: {script: x}\nb: {script: x}\nc: {stage: deploy, script: x}\n")
        fail_job(job_named(pipeline, "a").pk, FailureReason.SCRIPT_FAILURE)
        a, b = job_named(pipeline, "a"), job_named(pipeline, "b")
        results = at_once([lambda: retry_job(a.pk, acting_user=None), lambda: succeed_job(b.pk)])  # noqa: B023
        assert not any(isinstance(each, Exception) for each in results), results
        assert job_named(pipeline, "a").status == "pending"
        assert job_named(pipeline, "c").status == "created"


def test_retry_of_the_pipeline_against_retry_of_its_job_and_cancel() -> None:
    for _ in range(5):
        pipeline = pipeline_with("a: {script: x}\nb: {script: x, needs: [a]}\n")
        job = job_named(pipeline, "a")
        fail_job(job.pk, FailureReason.SCRIPT_FAILURE)
        results = at_once(
            [
                lambda: retry_job(job.pk, acting_user=None),  # noqa: B023
                lambda: retry_pipeline(pipeline.pk, acting_user=None),  # noqa: B023
                lambda: cancel_pipeline(pipeline.pk),  # noqa: B023
            ]
        )
        no_surprise(results)
        assert Job.objects.in_pipeline(pipeline.pk).filter(name="a", retried=False).count() == 1


def test_play_against_cancel() -> None:
    for _ in range(5):
        pipeline = pipeline_with("a: {script: x, when: manual}\nb: {script: x}\n")
        job = job_named(pipeline, "a")
        no_surprise(at_once([lambda: play_job(job.pk, acting_user=None), lambda: cancel_job(job.pk)]))  # noqa: B023
        assert job_named(pipeline, "a").status in ("pending", "canceled")


def test_a_timer_that_runs_out_while_somebody_stops_or_starts_its_job() -> None:
    for verb in (
        lambda job: unschedule_job(job.pk),
        lambda job: play_job(job.pk, acting_user=None),
        lambda job: cancel_job(job.pk),
        lambda job: delete_pipeline(job.pipeline_id),
    ):
        pipeline = pipeline_with("a: {script: x, when: delayed, start_in: 1 hour}\nb: {script: x}\n")
        job = job_named(pipeline, "a")
        JobTimer.objects.update(due_at=job.created_at)
        results = at_once([lambda: verb(job), upkeep.start_due_jobs, upkeep.start_due_jobs])  # noqa: B023
        no_surprise(results)
        assert sum(each for each in results[1:] if isinstance(each, int)) <= 1
        left = Job.objects.in_pipeline(pipeline.pk).filter(name="a").values_list("status", flat=True)
        assert list(left) in ([], ["manual"], ["pending"], ["canceled"])
        assert not JobTimer.objects.exists()


def test_a_sweep_that_fails_a_job_while_its_runner_reports() -> None:
    for _ in range(3):
        pipeline = pipeline_with("a: {script: x, retry: 1}\nb: {script: x, needs: [a]}\n")
        job = claim_job(runner_with_token()[0])
        assert job is not None
        RunningJob.objects.update(deadline_at=job.created_at)
        results = at_once([lambda: succeed_job(job.pk), upkeep.fail_overdue_jobs, upkeep.fail_overdue_jobs])  # noqa: B023
        no_surprise(results)
        succeeded = not isinstance(results[0], Exception)
        assert sum(results[1:]) == (0 if succeeded else 1)
        assert [job_named(pipeline, name).status for name in "ab"] == (
            ["success", "pending"] if succeeded else ["pending", "created"]
        )
        delete_pipeline(pipeline.pk)


# --- resource groups ---

DEPLOY = "a: {script: x, resource_group: production}\n"


def created(project: Project, count: int) -> list[Pipeline]:
    return [create_pipeline(project, "main", PipelineSource.API, acting_user=None) for _ in range(count)]


def statuses(pipelines: list[Pipeline]) -> list[str]:
    return [job_named(pipeline, "a").status for pipeline in pipelines]


def test_a_resource_goes_from_pipeline_to_pipeline() -> None:
    pipelines = created(project_with(DEPLOY), 3)
    assert statuses(pipelines) == ["pending", "waiting_for_resource", "waiting_for_resource"]
    assert Pipeline.objects.get(pk=pipelines[1].pk).status == "waiting_for_resource"
    runner, _ = runner_with_token()
    for _ in range(3):
        job = claim_job(runner)
        assert job is not None
        assert claim_job(runner) is None
        succeed_job(job.pk)
    assert statuses(pipelines) == ["success"] * 3
    assert ResourceGroup.objects.get().holder_id is None


def test_jobs_of_one_pipeline_take_turns_within_the_transaction() -> None:
    pipeline = pipeline_with({name: {"script": "x", "resource_group": "g"} for name in "abc"})
    for name in "abc":
        assert job_named(pipeline, name).status == "pending"
        succeed_job(job_named(pipeline, name).pk)
    assert Pipeline.objects.get(pk=pipeline.pk).status == "success"


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        (ProcessMode.UNORDERED, [0, 1, 2, 3]),
        (ProcessMode.OLDEST_FIRST, [0, 1, 2, 3]),
        (ProcessMode.NEWEST_FIRST, [0, 3, 2, 1]),
        (ProcessMode.NEWEST_READY_FIRST, [0, 3, 2, 1]),
    ],
)
def test_process_modes(mode: ProcessMode, order: list[int]) -> None:
    pipelines = created(project_with(DEPLOY), 4)
    change_process_mode(ResourceGroup.objects.get(), mode)
    for position in order:
        assert statuses(pipelines)[position] == "pending"
        succeed_job(job_named(pipelines[position], "a").pk)
    assert statuses(pipelines) == ["success"] * 4


def test_oldest_first_waits_for_a_job_that_is_not_ready_and_unordered_does_not() -> None:
    project = project_with("build: {stage: build, script: x}\na: {script: x, resource_group: production}\n")
    first, second = created(project, 2)
    group = change_process_mode(ResourceGroup.objects.get(), ProcessMode.OLDEST_FIRST)
    succeed_job(job_named(second, "build").pk)
    assert statuses([first, second]) == ["created", "waiting_for_resource"]
    change_process_mode(group, ProcessMode.UNORDERED)
    assert statuses([first, second]) == ["created", "pending"]


def test_hand_over_under_contention() -> None:
    """Reports, cancels and sweeps of many pipelines at once: one holder at any time, and all get their turn."""
    project = project_with(DEPLOY)
    pipelines = created(project, 6)
    runner, _ = runner_with_token()
    group = ResourceGroup.objects.get()
    held: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        for _ in range(30):
            job = claim_job(runner)
            if job is None:
                hand_over(group.pk)
                continue
            with lock:
                held.append(job.pk)
                assert len(held) == 1, "two jobs have the resource"
            with lock:
                held.remove(job.pk)
            succeed_job(job.pk)

    results = at_once([work, work, lambda: cancel_pipeline(pipelines[5].pk), lambda: hand_over(group.pk)])
    no_surprise(results)
    assert statuses(pipelines[:5]) == ["success"] * 5
    assert ResourceGroup.objects.get().holder_id is None


def test_a_hand_over_that_was_lost_is_made_up_for() -> None:
    first, second = created(project_with(DEPLOY), 2)
    from django.db import transaction

    with transaction.atomic():
        succeed_job(job_named(first, "a").pk)
        connection.run_on_commit.clear()  # as if the process died right after the commit
    assert statuses([second]) == ["waiting_for_resource"]
    assert hand_over_free_groups() == 1
    assert statuses([second]) == ["pending"]
    assert hand_over_free_groups() == 0


def test_a_manual_job_waits_for_its_resource_once_played() -> None:
    project = project_with("a: {script: x, when: manual, resource_group: g}\n")
    first, second = created(project, 2)
    for pipeline in (first, second):
        play_job(job_named(pipeline, "a").pk, acting_user=None)
    assert statuses([first, second]) == ["pending", "waiting_for_resource"]
    cancel_job(job_named(first, "a").pk)
    assert statuses([first, second]) == ["canceled", "pending"]
    delete_pipeline(second.pk)
    assert ResourceGroup.objects.get().holder_id is None


def test_nothing_moves_without_a_change() -> None:
    from django.db import transaction

    from ci_core.locks import lock_pipeline

    (pipeline,) = created(project_with(DEPLOY), 1)
    with transaction.atomic():
        advance(lock_pipeline(pipeline.pk))
    assert statuses([pipeline]) == ["pending"]


# --- redundant pipelines ---


def test_a_push_cancels_the_pipeline_before_it_right_after_its_own_commit() -> None:
    import pygit2

    from tests.support.repositories import commit_files

    project = project_with("a: {script: x}\n")
    (older,) = created(project, 1)
    commit_files(pygit2.Repository(project.repository_path), {".gitlab-ci.yml": "a: {script: y}\n"})
    (newer,) = created(project, 1)
    assert (job_named(older, "a").status, job_named(newer, "a").status) == ("canceled", "pending")


def test_a_redundant_pipeline_that_finishes_meanwhile() -> None:
    import pygit2

    from tests.support.repositories import commit_files

    for number in range(3):
        project = project_with("a: {script: x}\n")
        (older,) = created(project, 1)
        job = job_named(older, "a")
        commit_files(
            pygit2.Repository(project.repository_path), {".gitlab-ci.yml": f"a: {{script: y{number}}}\n"}
        )
        no_surprise(at_once([lambda: created(project, 1), lambda: succeed_job(job.pk)]))  # noqa: B023
        assert job_named(older, "a").status in ("success", "canceled")
