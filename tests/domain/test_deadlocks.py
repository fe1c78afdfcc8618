"""Jobs that would wait for each other for ever by their resource groups."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core.actions.deadlocks import break_deadlocks
from ci_core.actions.jobs import succeed_job
from ci_core.actions.pipelines import create_pipeline
from ci_core.models import Pipeline, ProcessMode, Project, ResourceGroup
from ci_core.statuses import FailureReason, PipelineSource
from tests.factories import ProjectFactory
from tests.support.bridges import child_of, run_bridges, run_commit_hooks
from tests.support.invariants import assert_all_consistent
from tests.support.jobs import job_of, succeed, take

pytestmark = pytest.mark.django_db

DEPEND = "trigger: {include: child.yml, strategy: depend}"


def project(parent: str, child: str) -> Project:
    made: Project = ProjectFactory(
        files={".gitlab-ci.yml": parent, "child.yml": child}, auto_cancel_pending_pipelines=False
    )
    return made


def run(made: Project) -> Pipeline:
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=None)
    run_bridges()
    return pipeline


def settle() -> int:
    ended = break_deadlocks()
    run_commit_hooks()
    assert_all_consistent()
    return ended


def test_a_child_that_waits_for_what_its_trigger_job_has() -> None:
    parent = f"go: {{{DEPEND}, resource_group: a}}\n"
    pipeline = run(project(parent, "test: {script: x, resource_group: a}\nbeside: {script: x}\n"))
    job = job_of(child_of(pipeline, "go"), "test")
    assert job.status == "waiting_for_resource"
    assert settle() == 1
    job.refresh_from_db()
    assert (job.status, job.failure_reason) == ("failed", FailureReason.STUCK_OR_TIMEOUT_FAILURE)
    succeed("beside")
    assert job_of(pipeline, "go").status == "failed"
    assert ResourceGroup.objects.get().holder_id is None
    assert settle() == 0


def test_two_trigger_jobs_each_with_what_the_other_s_child_waits_for() -> None:
    parent = """
    one: {trigger: {include: child.yml, strategy: depend}, resource_group: a, variables: {WANTED: b}}
    two: {trigger: {include: child.yml, strategy: mirror}, resource_group: b, variables: {WANTED: a}}
    """
    pipeline = run(project(parent, "test: {script: x, resource_group: $WANTED}\n"))
    jobs = [job_of(child_of(pipeline, name), "test") for name in ("one", "two")]
    assert {job.status for job in jobs} == {"waiting_for_resource"}
    assert settle() == 1
    assert [job_of(child_of(pipeline, name), "test").status for name in ("one", "two")] == [
        "pending",
        "failed",
    ]
    assert job_of(pipeline, "two").status == "failed"
    succeed("test")
    run_commit_hooks()
    assert job_of(pipeline, "one").status == "success"
    assert settle() == 0


def test_a_child_of_an_older_pipeline_that_keeps_its_own_jobs_waiting() -> None:
    parent = f"go: {{{DEPEND}}}\nlater: {{stage: deploy, script: x, resource_group: a}}\n"
    made = project(parent, "test: {script: x, resource_group: a}\n")
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=None)
    ResourceGroup.objects.update(process_mode=ProcessMode.OLDEST_FIRST.value)
    run_bridges()
    run_commit_hooks()
    assert job_of(child_of(pipeline, "go"), "test").status == "waiting_for_resource"
    assert settle() == 1
    assert job_of(child_of(pipeline, "go"), "test").status == "pending"
    succeed("test")
    run_commit_hooks()
    succeed("later")
    pipeline.refresh_from_db()
    assert pipeline.status == "success"


def test_what_only_takes_its_time_is_left_alone() -> None:
    parent = (
        f"go: {{{DEPEND}}}\nslow: {{script: x}}\nlater: {{stage: deploy, script: x, resource_group: a}}\n"
    )
    made = project(parent, "test: {script: x, resource_group: a}\n")
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=None)
    ResourceGroup.objects.update(process_mode=ProcessMode.OLDEST_FIRST.value)
    run_bridges()
    run_commit_hooks()
    assert settle() == 0
    succeed("slow")
    assert settle() == 1
    assert job_of(child_of(pipeline, "go"), "test").status == "pending"


def test_a_job_that_waits_for_a_runner_s_job_or_another_family_is_left_alone() -> None:
    parent = f"go: {{{DEPEND}, resource_group: a}}\nother: {{script: x, resource_group: a, needs: []}}\n"
    pipeline = run(project(parent, "test: {script: x}\n"))
    assert {job_of(pipeline, name).status for name in ("go", "other")} >= {"waiting_for_resource"}
    assert settle() == 0
    job = take()
    succeed_job(job.pk)
    run_commit_hooks()
    assert settle() == 0


def test_the_sweep_reads_a_fixed_number_of_times() -> None:
    for _ in range(3):
        run(project(f"go: {{{DEPEND}, resource_group: a}}\n", "test: {script: x, resource_group: a}\n"))
    with CaptureQueriesContext(connection) as captured:
        settle()
    reads = [
        each["sql"]
        for each in captured.captured_queries
        if "ci_core_resourceclaim WHERE group_id" in each["sql"]
    ]
    assert len(reads) <= 3 * 4
