"""Jobs with `needs:pipeline` alone: they mirror the newest pipeline of another project's default branch."""

from __future__ import annotations

import pygit2
import pytest

from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.jobs import cancel_job, retry_job, succeed_job
from ci_core.actions.mirroring import follow_moved_pipelines
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline
from ci_core.actions.redundancy import cancel_redundant_pipelines
from ci_core.models import BridgeMessage, DownstreamPipeline, Job, MirroredPipeline, Pipeline, Project, User
from ci_core.processing import advance
from ci_core.statuses import AccessLevel, FailureReason, PipelineSource, Status
from ci_core.waiting import why_waiting
from tests.factories import UserFactory, member, project_with
from tests.support.bridges import run_bridges, run_commit_hooks
from tests.support.invariants import assert_all_consistent
from tests.support.jobs import fail, job_of, succeed, take
from tests.support.repositories import commit_files

pytestmark = pytest.mark.django_db

ONE = "test: {script: x}\n"


def mirror_of(path: str, **keys: object) -> str:
    """A configuration with a job `see` that mirrors a project, and one after it."""
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return f"see: {{needs: {{pipeline: {path}}}{more}}}\nafter: {{stage: deploy, script: x}}\n"


def run(project: Project, ref: str = "main", user: User | None = None) -> Pipeline:
    pipeline = create_pipeline(project, ref, PipelineSource.PUSH, acting_user=user)
    run_bridges()
    return pipeline


@pytest.fixture
def other() -> Project:
    """The project that is mirrored, open to everybody."""
    return project_with(
        ONE, visibility="public", full_path="group/other", auto_cancel_pending_pipelines=False
    )


def see(pipeline: Pipeline) -> str:
    run_commit_hooks()
    return job_of(pipeline, "see").status


def test_the_status_follows_and_jobs_behind_go_on(other: Project) -> None:
    mirrored = run(other)
    pipeline = run(project_with(mirror_of("group/other")))
    assert job_of(pipeline, "see").kind == "bridge"
    assert see(pipeline) == "pending"
    assert not DownstreamPipeline.objects.exists()
    assert_all_consistent()
    waiting = why_waiting(job_of(pipeline, "see"))
    assert waiting is not None
    assert waiting.message == f"Mirrors the pipeline #{mirrored.pk} (pending)."
    job = take()
    assert see(pipeline) == "running"
    assert job_of(pipeline, "after").status == "created"
    assert_all_consistent()
    succeed_job(job.pk)
    assert see(pipeline) == "success"
    assert job_of(pipeline, "after").status == "pending"
    assert not MirroredPipeline.objects.get().following
    assert_all_consistent()


def test_one_that_is_over_already_gives_its_status_at_once(other: Project) -> None:
    run(other)
    fail("test")
    pipeline = run(project_with(mirror_of("group/other")))
    job = job_of(pipeline, "see")
    assert (job.status, job.failure_reason) == ("failed", FailureReason.UNKNOWN_FAILURE)
    assert "of group/other failed" in BridgeMessage.objects.get(job_id=job.pk).content
    assert job_of(pipeline, "after").status == "skipped"
    assert_all_consistent()


def test_a_failure_may_be_allowed(other: Project) -> None:
    mirrored = run(other)
    pipeline = run(project_with(mirror_of("group/other", allow_failure="true")))
    cancel_pipeline(mirrored.pk)
    assert see(pipeline) == "canceled"
    assert job_of(pipeline, "after").status == "pending"


def test_the_newest_of_the_default_branch_is_mirrored_and_stays(other: Project) -> None:
    run(other)
    newest = run(other)
    pipeline = run(project_with(mirror_of("group/other")))
    run(other)
    assert MirroredPipeline.objects.get().mirrored_id == newest.pk
    cancel_pipeline(newest.pk)
    assert see(pipeline) == "canceled"


def test_children_and_other_branches_are_not_mirrored(other: Project) -> None:
    newest = run(other)
    Pipeline.objects.filter(pk=run(other).pk).update(source=PipelineSource.PARENT_PIPELINE.value)
    Pipeline.objects.filter(pk=run(other).pk).update(ref="topic")
    run(project_with(mirror_of("group/other")))
    assert MirroredPipeline.objects.get().mirrored_id == newest.pk


def test_without_a_pipeline_the_job_is_skipped_and_gets_another_chance(other: Project) -> None:
    config = f"first: {{stage: build, script: x}}\n{mirror_of('group/other')}"
    pipeline = run(project_with(config))
    succeed("first")
    run_bridges()
    assert job_of(pipeline, "see").status == "skipped"
    assert_all_consistent()
    run(other)
    retry_job(job_of(pipeline, "first").pk, acting_user=None)
    succeed("after", "first")
    run_bridges()
    assert see(pipeline) == "pending"
    succeed("test")
    assert see(pipeline) == "success"
    assert_all_consistent()


def test_a_project_in_the_same_group_needs_no_group_and_variables_are_expanded(other: Project) -> None:
    mirrored = run(other)
    run(project_with(mirror_of("$WHICH", variables="{WHICH: other}"), full_path="group/mine"))
    assert MirroredPipeline.objects.get().mirrored_id == mirrored.pk


@pytest.mark.parametrize(("level", "sees"), [(None, False), (AccessLevel.GUEST, True)])
def test_whoever_started_it_must_see_the_project(other: Project, level: int | None, sees: bool) -> None:
    run(other)
    Project.objects.filter(pk=other.pk).update(visibility="private")
    user = UserFactory() if level is None else member(other, level)
    pipeline = run(project_with(mirror_of("group/other"), visibility="public"), user=user)
    job = job_of(pipeline, "see")
    if sees:
        assert job.status == "pending"
        return
    assert job.failure_reason == FailureReason.UPSTREAM_BRIDGE_PROJECT_NOT_FOUND
    assert "There is no project group/other" in BridgeMessage.objects.get(job_id=job.pk).content
    assert_all_consistent()


def test_a_pipeline_does_not_wait_for_itself() -> None:
    project = project_with(mirror_of("group/mine"), full_path="group/mine", visibility="public")
    job = job_of(run(project), "see")
    assert (job.status, job.failure_reason) == ("failed", FailureReason.PIPELINE_LOOP_DETECTED)


def test_two_pipelines_do_not_wait_for_each_other() -> None:
    first = project_with(mirror_of("group/second"), full_path="group/first", visibility="public")
    second = project_with(mirror_of("group/first"), full_path="group/second", visibility="public")
    ones = [create_pipeline(each, "main", PipelineSource.PUSH, acting_user=None) for each in (first, second)]
    run_bridges()
    run_commit_hooks()
    run_bridges()
    jobs = [job_of(each, "see") for each in ones]
    assert [job.status for job in jobs] == ["failed", "failed"]
    assert {job.failure_reason for job in jobs} == {
        FailureReason.PIPELINE_LOOP_DETECTED,
        FailureReason.UNKNOWN_FAILURE,
    }
    assert_all_consistent()


def test_a_retry_looks_for_the_newest_again(other: Project) -> None:
    cancelled = run(other)
    pipeline = run(project_with(mirror_of("group/other")))
    cancel_pipeline(cancelled.pk)
    assert see(pipeline) == "canceled"
    newest = run(other)
    copy = retry_job(job_of(pipeline, "see").pk, acting_user=None)
    run_bridges()
    assert see(pipeline) == "pending"
    assert MirroredPipeline.objects.get(job_id=copy.pk).mirrored_id == newest.pk
    assert_all_consistent()


def test_one_that_was_cancelled_stays_so(other: Project) -> None:
    run(other)
    pipeline = run(project_with(mirror_of("group/other")))
    cancel_job(job_of(pipeline, "see").pk)
    succeed("test")
    assert see(pipeline) == "canceled"
    assert not MirroredPipeline.objects.get().following
    assert_all_consistent()


def test_a_mirrored_pipeline_that_is_deleted_ends_the_job(other: Project) -> None:
    mirrored = run(other)
    pipeline = run(project_with(mirror_of("group/other")))
    delete_pipeline(mirrored.pk)
    assert see(pipeline) in ("canceled", "failed")
    assert_all_consistent()
    delete_pipeline(pipeline.pk)
    assert not MirroredPipeline.objects.exists()


def test_what_a_lost_process_left_is_made_up_for(other: Project) -> None:
    mirrored = run(other)
    pipeline = run(project_with(mirror_of("group/other")))
    Job.objects.in_pipeline(mirrored.pk).update(status=Status.SUCCESS.value)
    advance(Pipeline.objects.select_related("project").get(pk=mirrored.pk))
    assert job_of(pipeline, "see").status == "pending"
    assert MirroredPipeline.objects.get().moved_since is not None
    assert follow_moved_pipelines() == 1
    assert job_of(pipeline, "see").status == "success"
    assert follow_moved_pipelines() == 0


def test_on_job_failure_cancels_the_rest(other: Project) -> None:
    run(other)
    config = "workflow: {auto_cancel: {on_job_failure: all}}\nbeside: {script: x}\n" + mirror_of(
        "group/other"
    )
    pipeline = run(project_with(config))
    fail("test")
    assert see(pipeline) == "failed"
    assert job_of(pipeline, "beside").status == "canceled"


@pytest.mark.parametrize(("interruptible", "status"), [("true", "canceled"), ("false", "pending")])
def test_one_that_may_not_be_interrupted_has_started_whatever_its_pipeline_waits_for(
    other: Project, interruptible: str, status: str
) -> None:
    run(other)
    config = mirror_of("group/other", interruptible=interruptible)
    project = project_with(config)
    pipeline = run(project)
    commit_files(pygit2.Repository(project.repository_path), {".gitlab-ci.yml": config + "# new\n"})
    cancel_redundant_pipelines(create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None))
    assert job_of(pipeline, "see").status == status
