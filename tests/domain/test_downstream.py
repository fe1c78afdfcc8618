"""Trigger jobs: what they create, what they pass on, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest

from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.downstream import cancel_wanted_children
from ci_core.actions.jobs import cancel_job, fail_job, play_job, retry_job
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import NotPlayable
from ci_core.models import (
    Deployment,
    Environment,
    Job,
    Pipeline,
    PipelineVariable,
    Project,
    ProjectMembership,
)
from ci_core.statuses import FailureReason, PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import ProjectFactory, member
from tests.support.bridges import child_of, downstream_of, run_bridges, run_commit_hooks
from tests.support.invariants import assert_all_consistent
from tests.support.jobs import fail, job_of, succeed, take
from tests.support.repositories import commit_files

pytestmark = pytest.mark.django_db


def project(files: dict[str, str], **fields: object) -> Project:
    made: Project = ProjectFactory(files=files, **fields)
    return made


def started(parent: str, child: str, **files: str) -> Pipeline:
    """A pipeline with this configuration, beside a file child.yml."""
    made = project({".gitlab-ci.yml": parent, "child.yml": child, **files})
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=None)
    run_bridges()
    return pipeline


def now(pipeline: Pipeline) -> Pipeline:
    pipeline.refresh_from_db()
    return pipeline


def given(pipeline: Pipeline) -> dict[str, str]:
    """The variables that a pipeline was given."""
    return dict(PipelineVariable.objects.in_pipeline(pipeline.pk).values_list("key", "value"))


CHILD = "test: {script: x}\n"


def test_a_child_pipeline_runs_for_the_commit_of_its_parent() -> None:
    pipeline = started("go: {trigger: {include: child.yml}}\nafter: {stage: deploy, script: x}\n", CHILD)
    bridge = job_of(pipeline, "go")
    child = child_of(pipeline, "go")
    assert (bridge.kind, bridge.status) == ("bridge", "success")
    assert (child.source, child.sha, child.ref, child.project_id) == (
        "parent_pipeline", pipeline.sha, pipeline.ref, pipeline.project_id,
    )  # fmt: skip
    assert job_of(child, "test").status == "pending"
    assert job_of(pipeline, "after").status == "pending"
    assert_all_consistent()


def test_without_strategy_the_child_does_not_matter_to_its_parent() -> None:
    pipeline = started("go: {trigger: {include: child.yml}}\n", CHILD)
    fail("test")
    assert now(pipeline).status == "success"
    assert child_of(pipeline, "go").status == "failed"
    assert_all_consistent()


@pytest.mark.parametrize(("strategy", "status"), [("depend", "running"), ("mirror", "pending")])
def test_a_trigger_job_with_a_strategy_waits_for_its_child(strategy: str, status: str) -> None:
    pipeline = started(
        f"go: {{trigger: {{include: child.yml, strategy: {strategy}}}}}\nafter: {{stage: deploy, script: x}}\n",
        CHILD,
    )
    assert job_of(pipeline, "go").status == status
    assert job_of(pipeline, "after").status == "created"
    assert_all_consistent()
    succeed("test")
    assert job_of(pipeline, "go").status == "success"
    assert job_of(pipeline, "after").status == "pending"
    assert_all_consistent()


def test_a_child_that_fails_fails_its_trigger_job() -> None:
    pipeline = started("go: {trigger: {include: child.yml, strategy: depend}}\n", CHILD)
    fail("test")
    assert job_of(pipeline, "go").status == "failed"
    assert now(pipeline).status == "failed"
    assert Job.objects.in_pipeline(pipeline.pk).count() == 1
    assert_all_consistent()


# --- environments of trigger jobs ---


@pytest.mark.parametrize("strategy", ["depend", "mirror"])
def test_an_environment_that_a_job_of_the_child_stops_stays_stopped(strategy: str) -> None:
    """That job lets the trigger job run and succeed again, which deploys nothing."""
    pipeline = started(
        f"""
go:
  trigger: {{include: child.yml, strategy: {strategy}}}
  environment: {{name: review, auto_stop_in: 1 day}}
""",
        """
test: {script: x}
stop: {script: x, when: manual, environment: {name: review, action: stop}}
""",
    )
    deployment = Deployment.objects.get()
    succeed("test")
    environment = Environment.objects.get()
    assert (environment.state, environment.auto_stop_at is None) == ("available", False)
    deployment.refresh_from_db()
    deployed_at = deployment.finished_at
    for run in (play_job, retry_job):
        run(job_of(child_of(pipeline, "go"), "stop").pk, acting_user=None)
        assert job_of(pipeline, "go").status in ("pending", "running")
        deployment.refresh_from_db()
        assert (deployment.status, deployment.finished_at) == ("success", deployed_at)
        succeed("stop")
        assert job_of(pipeline, "go").status == "success"
        environment.refresh_from_db()
        assert (environment.state, environment.auto_stop_at) == ("stopped", None)
        assert_all_consistent()


def test_a_deployment_that_had_failed_succeeds_with_its_trigger_job() -> None:
    pipeline = started("go: {trigger: {include: child.yml, strategy: depend}, environment: review}\n", CHILD)
    fail("test")
    assert Deployment.objects.get().status == "failed"
    retry_job(job_of(child_of(pipeline, "go"), "test").pk, acting_user=None)
    assert Deployment.objects.get().status == "running"
    succeed("test")
    assert (Deployment.objects.get().status, Environment.objects.get().state) == ("success", "available")
    retry_job(job_of(child_of(pipeline, "go"), "test").pk, acting_user=None)
    fail("test")
    assert Deployment.objects.get().status == "failed"
    assert_all_consistent()


# --- statuses that a trigger job takes over ---

DEPEND = "go: {trigger: {include: child.yml, strategy: depend}}\nafter: {stage: deploy, script: x}\n"
MIRROR = DEPEND.replace("depend", "mirror")
BLOCKING = "test: {script: x, when: manual, allow_failure: false}\n"


@pytest.mark.parametrize(
    ("parent", "status", "played"), [(DEPEND, "running", "running"), (MIRROR, "manual", "pending")]
)
def test_a_child_that_waits_for_somebody(parent: str, status: str, played: str) -> None:
    pipeline = started(parent, BLOCKING)
    child = child_of(pipeline, "go")
    assert child.status == "manual"
    assert job_of(pipeline, "go").status == status
    assert now(pipeline).status == status
    assert_all_consistent()
    with pytest.raises(NotPlayable):
        play_job(job_of(pipeline, "go").pk, acting_user=None)
    play_job(job_of(child, "test").pk, acting_user=None)
    assert job_of(pipeline, "go").status == played
    succeed("test")
    assert job_of(pipeline, "go").status == "success"
    assert job_of(pipeline, "after").status == "pending"
    assert_all_consistent()


@pytest.mark.parametrize(("parent", "status"), [(DEPEND, "failed"), (MIRROR, "skipped")])
def test_a_child_all_of_whose_jobs_are_left_to_people(parent: str, status: str) -> None:
    pipeline = started(parent, "test: {script: x, when: manual}\n")
    assert child_of(pipeline, "go").status == "skipped"
    assert job_of(pipeline, "go").status == status
    assert_all_consistent()


@pytest.mark.parametrize("parent", [DEPEND, MIRROR])
def test_a_child_that_is_cancelled_cancels_its_trigger_job(parent: str) -> None:
    pipeline = started(parent, CHILD)
    cancel_pipeline(child_of(pipeline, "go").pk)
    assert job_of(pipeline, "go").status == "canceled"
    assert now(pipeline).status == "canceled"
    assert_all_consistent()


def test_a_failure_that_is_allowed_lets_the_parent_go_on() -> None:
    pipeline = started(DEPEND.replace("go: {", "go: {allow_failure: true, "), CHILD)
    fail("test")
    assert job_of(pipeline, "go").status == "failed"
    assert job_of(pipeline, "after").status == "pending"
    assert_all_consistent()


def test_a_failed_child_cancels_the_rest_of_a_workflow_that_wants_it() -> None:
    parent = "workflow: {auto_cancel: {on_job_failure: all}}\nlong: {script: x}\n"
    parent += "go: {trigger: {include: child.yml, strategy: depend}}\nother: {trigger: {include: long.yml}}\n"
    pipeline = started(parent, CHILD, **{"long.yml": "sleep: {script: x}\n"})
    fail_job(job_of(child_of(pipeline, "go"), "test").pk, FailureReason.SCRIPT_FAILURE)
    run_commit_hooks()
    assert job_of(pipeline, "long").status == "canceled"
    assert child_of(pipeline, "other").status == "canceled"
    assert_all_consistent()


def test_grandchildren_pass_their_status_up() -> None:
    middle = "deeper: {trigger: {include: leaf.yml, strategy: depend}}\n"
    pipeline = started(DEPEND, middle, **{"leaf.yml": "leaf: {script: x}\n"})
    child = child_of(pipeline, "go")
    assert now(pipeline).status == "running"
    assert_all_consistent()
    succeed("leaf")
    assert now(child).status == "success"
    assert job_of(pipeline, "go").status == "success"
    assert job_of(pipeline, "after").status == "pending"
    assert_all_consistent()


def test_a_child_that_runs_again_takes_its_trigger_job_along() -> None:
    pipeline = started(DEPEND, CHILD)
    child = child_of(pipeline, "go")
    fail("test")
    assert job_of(pipeline, "after").status == "skipped"
    retry_job(job_of(child, "test").pk, acting_user=None)
    assert job_of(pipeline, "go").status == "running"
    assert job_of(pipeline, "go").finished_at is None
    assert job_of(pipeline, "after").status == "created"
    assert now(pipeline).status == "running"
    assert_all_consistent()
    succeed("test")
    assert job_of(pipeline, "after").status == "pending"
    assert_all_consistent()


# --- verbs ---


def test_a_manual_trigger_job_is_played_on_behalf_of_who_plays_it() -> None:
    made = project(
        {".gitlab-ci.yml": "go: {when: manual, trigger: {include: child.yml}}\n", "child.yml": CHILD}
    )
    owner, player = member(made), member(made)
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=owner)
    run_bridges()
    assert job_of(pipeline, "go").status == "manual"
    play_job(job_of(pipeline, "go").pk, acting_user=player, variables=[GivenVariable("A", "1")])
    run_bridges()
    child = child_of(pipeline, "go")
    assert child.user == player
    assert given(child) == {"A": "1"}
    assert_all_consistent()


def test_a_retry_of_a_trigger_job_creates_another_pipeline() -> None:
    pipeline = started(DEPEND, CHILD)
    first, old = job_of(pipeline, "go"), child_of(pipeline, "go")
    fail("test")
    retry_job(first.pk, acting_user=None)
    run_bridges()
    new = child_of(pipeline, "go")
    assert new != old
    assert downstream_of(first) == old
    assert job_of(pipeline, "go").status == "running"
    retry_job(job_of(old, "test").pk, acting_user=None)
    succeed("test")
    assert now(old).status == "success"
    assert job_of(pipeline, "go").status == "running", "the old pipeline counts no more"
    assert_all_consistent()


def test_a_retry_of_the_pipeline_runs_failed_trigger_jobs_again() -> None:
    pipeline = started(DEPEND, CHILD)
    old = child_of(pipeline, "go")
    fail("test")
    retry_pipeline(pipeline.pk, acting_user=None)
    run_bridges()
    assert child_of(pipeline, "go") != old
    assert_all_consistent()


@pytest.mark.parametrize("strategy", ["", ", strategy: depend"])
def test_cancelling_a_pipeline_cancels_its_descendants(strategy: str) -> None:
    middle = "deeper: {trigger: {include: leaf.yml}}\nlong: {script: x}\n"
    parent = f"go: {{trigger: {{include: child.yml{strategy}}}}}\nlong: {{script: x}}\n"
    pipeline = started(parent, middle, **{"leaf.yml": "leaf: {script: x}\n"})
    child = child_of(pipeline, "go")
    leaf = child_of(child, "deeper")
    cancel_pipeline(pipeline.pk)
    run_commit_hooks()
    assert {now(each).status for each in (pipeline, child, leaf)} == {"canceled"}
    assert cancel_wanted_children() == 0
    assert_all_consistent()


def test_a_cancellation_that_was_lost_on_its_way_to_a_child_is_made_up_for() -> None:
    pipeline = started(DEPEND, CHILD)
    child = child_of(pipeline, "go")
    cancel_pipeline(pipeline.pk)
    assert now(child).status == "pending"
    assert cancel_wanted_children() == 1
    assert now(child).status == "canceled"
    assert cancel_wanted_children() == 0
    assert_all_consistent()


def test_cancelling_a_trigger_job_cancels_its_child() -> None:
    pipeline = started(DEPEND + "other: {trigger: {include: child.yml}}\n", CHILD)
    cancel_job(job_of(pipeline, "go").pk)
    run_commit_hooks()
    assert child_of(pipeline, "go").status == "canceled"
    assert child_of(pipeline, "other").status == "pending"
    assert_all_consistent()


def test_a_trigger_job_that_is_cancelled_before_its_turn_creates_nothing() -> None:
    made = project({".gitlab-ci.yml": DEPEND, "child.yml": CHILD})
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=None)
    cancel_pipeline(pipeline.pk)
    run_bridges()
    assert Pipeline.objects.count() == 1
    assert_all_consistent()


def test_deleting_a_pipeline_deletes_its_children_but_not_those_of_other_projects() -> None:
    other = project({".gitlab-ci.yml": CHILD}, visibility="public")
    parent = (
        f"go: {{trigger: {{include: child.yml, strategy: depend}}}}\nfar: {{trigger: {other.full_path}}}\n"
    )
    made = project({".gitlab-ci.yml": parent, "child.yml": CHILD})
    user = member(made)
    ProjectMembership.objects.create(user=user, project=other, access_level=30)
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=user)
    run_bridges()
    far = child_of(pipeline, "far")
    delete_pipeline(pipeline.pk)
    assert list(Pipeline.objects.all()) == [far]
    succeed("test")
    assert_all_consistent()


def test_a_child_can_be_deleted_and_leaves_its_trigger_job_as_it_is() -> None:
    pipeline = started("go: {trigger: {include: child.yml}}\n", CHILD)
    delete_pipeline(child_of(pipeline, "go").pk)
    assert job_of(pipeline, "go").status == "success"
    assert_all_consistent()


def test_a_redundant_parent_goes_without_a_child_that_may_not_be_interrupted() -> None:
    parent = "go: {interruptible: true, trigger: {include: child.yml, strategy: depend}}\n"
    pipeline = started(parent, CHILD)
    take()
    repository = pygit2.Repository(str(Path(pipeline.project.repository_path)))
    commit_files(repository, {".gitlab-ci.yml": "new: {script: x}\n"})
    newer = create_pipeline(pipeline.project, "main", PipelineSource.PUSH, acting_user=None)
    run_commit_hooks()
    assert now(newer).status != "canceled"
    assert now(pipeline).status == "canceled"
    assert child_of(pipeline, "go").status == "running"
    assert_all_consistent()
