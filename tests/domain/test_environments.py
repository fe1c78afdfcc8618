"""Environments: what jobs do to them, stopping, protection, outdated deployments and rollback."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pygit2
import pytest

from ci_core import access, deployments
from ci_core.actions.artifacts import store_artifact
from ci_core.actions.environments import (
    cancel_auto_stop,
    create_environment,
    delete_environment,
    protect_environment,
    rollback_deployment,
    unprotect_environment,
    update_environment,
)
from ci_core.actions.jobs import fail_job, play_job, retry_job, succeed_job
from ci_core.actions.pipelines import create_pipeline
from ci_core.actions.projects import remove_member
from ci_core.actions.stopping import (
    settle_stopping_environments,
    stop_due_environments,
    stop_environment,
    stop_environments_of_deleted_branches,
)
from ci_core.errors import (
    EnvironmentStateConflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotPlayable,
    NotRetryable,
)
from ci_core.models import (
    Deployment,
    DeploymentTier,
    Environment,
    Job,
    JobDefinition,
    PendingJob,
    Pipeline,
    Project,
    Runner,
)
from ci_core.queueing import claim_job
from ci_core.statuses import AccessLevel, FailureReason, PipelineSource
from tests.factories import (
    ProjectFactory,
    UserFactory,
    member,
    pipeline_with,
    project_with,
    runner_with_token,
)
from tests.support.bridges import run_bridges, run_commit_hooks
from tests.support.invariants import assert_all_consistent, assert_consistent
from tests.support.repositories import commit_files

pytestmark = pytest.mark.django_db
At = Callable[[datetime], None]
NOW = datetime(2026, 5, 13, 10, 7, tzinfo=UTC)

REVIEW = """
deploy:
  script: x
  environment: {name: review/$CI_COMMIT_REF_NAME, url: "https://review.test", on_stop: stop, auto_stop_in: 1 day}
stop:
  script: x
  when: manual
  environment: {name: review/$CI_COMMIT_REF_NAME, action: stop}
"""
MANUAL = "deploy: {script: x, when: manual, environment: production}"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Sets the time."""

    def set_time(moment: datetime) -> None:
        monkeypatch.setattr("ci_core.clock.now", lambda: moment)

    set_time(NOW)
    return set_time


@pytest.fixture
def runner() -> Runner:
    return runner_with_token()[0]


def job_named(pipeline: Pipeline, name: str) -> Job:
    found: Job = Job.objects.in_pipeline(pipeline.pk).latest_copies().get(name=name)
    return found


def environment() -> Environment:
    return Environment.objects.get()


def run(pipeline: Pipeline, runner: Runner, name: str = "deploy") -> Job:
    """A runner takes the named job, the next in the queue, and it succeeds."""
    job = claim_job(runner)
    assert job is not None
    assert (job.name, job.pipeline_id) == (name, pipeline.pk)
    return succeed_job(job.pk)


def again(project: Project, config: str | None = None, branch: str = "main") -> Pipeline:
    """One more commit, and its pipeline."""
    text = (
        config
        or pygit2.Repository(project.repository_path).revparse_single("main:.gitlab-ci.yml").data.decode()
    )
    files = {".gitlab-ci.yml": text, "n": str(Pipeline.objects.count())}
    commit_files(pygit2.Repository(project.repository_path), files, branch=branch)
    return create_pipeline(project, branch, PipelineSource.PUSH, acting_user=None)


def test_the_definition_keeps_the_environment(at: At) -> None:
    pipeline = pipeline_with(REVIEW)
    content = JobDefinition.objects.by_ids([job_named(pipeline, "deploy").definition_id]).get().content
    assert content["environment"] == {
        "name": "review/main",
        "url": "https://review.test",
        "action": "start",
        "on_stop": "stop",
        "auto_stop_in": 86400,
        "tier": None,
    }
    deployment = Deployment.objects.get()
    assert (deployment.on_stop, deployment.auto_stop_in) == ("stop", 86400)


def test_success_sets_when_it_stops_and_a_redeploy_sets_it_anew(at: At, runner: Runner) -> None:
    pipeline = pipeline_with(REVIEW)
    assert environment().auto_stop_at is None
    job = run(pipeline, runner)
    assert environment().auto_stop_at == NOW + timedelta(days=1)
    at(NOW + timedelta(hours=5))
    retry_job(job.pk, acting_user=None)
    run(pipeline, runner)
    assert environment().auto_stop_at == NOW + timedelta(days=1, hours=5)
    again(pipeline.project, "deploy: {script: x, environment: {name: review/main}}")
    job = claim_job(runner)
    assert job is not None
    fail_job(job.pk, FailureReason.SCRIPT_FAILURE)
    assert environment().auto_stop_at == NOW + timedelta(days=1, hours=5)
    retry_job(job.pk, acting_user=None)
    job = claim_job(runner)
    assert job is not None
    succeed_job(job.pk)
    assert environment().auto_stop_at is None


@pytest.mark.parametrize(("action", "moved"), [("prepare", True), ("access", True), ("verify", False)])
def test_looking_in_counts_the_time_anew_but_verifying_does_not(
    at: At, runner: Runner, action: str, moved: bool
) -> None:
    pipeline = pipeline_with(REVIEW)
    run(pipeline, runner)
    at(NOW + timedelta(hours=2))
    other = again(
        pipeline.project, f"look: {{script: x, environment: {{name: review/main, action: {action}}}}}"
    )
    run(other, runner, "look")
    assert environment().auto_stop_at == NOW + timedelta(days=1, hours=2 if moved else 0)
    assert Deployment.objects.count() == 1


def test_stopping_plays_the_stop_job_and_its_success_stops(at: At, runner: Runner) -> None:
    pipeline = pipeline_with(REVIEW)
    run(pipeline, runner)
    user = member(pipeline.project)
    stopping = stop_environment(environment().pk, acting_user=user)
    assert (stopping.state, stopping.auto_stop_at, stopping.stopping_since) == ("stopping", None, NOW)
    assert (job_named(pipeline, "stop").status, job_named(pipeline, "stop").user) == ("pending", user)
    with pytest.raises(EnvironmentStateConflict, match="review/main is stopping already"):
        stop_environment(environment().pk, acting_user=user)
    run(pipeline, runner, "stop")
    assert (environment().state, environment().stopping_since) == ("stopped", None)
    assert_consistent(pipeline.pk)
    retry_job(job_named(pipeline, "deploy").pk, acting_user=user)
    run(pipeline, runner)
    assert environment().state == "available"
    stop_environment(environment().pk, acting_user=user)
    assert job_named(pipeline, "stop").status == "pending"  # a new copy: it had run before


def test_stopping_without_a_stop_job_or_by_force_is_at_once(at: At, runner: Runner) -> None:
    pipeline = pipeline_with(REVIEW)
    assert stop_environment(environment().pk, acting_user=None).state == "stopped"  # nothing deployed yet
    run(pipeline, runner)
    assert stop_environment(environment().pk, acting_user=None).state == "stopping"
    assert stop_environment(environment().pk, acting_user=None, force=True).state == "stopped"
    with pytest.raises(NotFound):
        stop_environment(0, acting_user=None)


def test_a_stop_job_that_is_missing_does_not_keep_it_up(at: At, runner: Runner) -> None:
    pipeline = pipeline_with(REVIEW)
    run(pipeline, runner)
    Job.objects.in_pipeline(pipeline.pk).filter(name="stop").update(when="on_success", status="created")
    assert stop_environment(environment().pk, acting_user=None).state == "stopped"


def test_stop_jobs_that_come_to_nothing_leave_it_available(at: At, runner: Runner) -> None:
    pipeline = pipeline_with(REVIEW)
    run(pipeline, runner)
    stop_environment(environment().pk, acting_user=None)
    at(NOW + timedelta(minutes=2))
    assert settle_stopping_environments() == 0
    job = claim_job(runner)
    assert job is not None
    fail_job(job.pk, FailureReason.SCRIPT_FAILURE)
    assert settle_stopping_environments() == 1
    assert environment().state == "available"


def test_the_sweep_does_not_run_what_nobody_may_run(at: At, runner: Runner) -> None:
    project = project_with(REVIEW)
    owner = member(project, AccessLevel.MAINTAINER)
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=owner)
    run(pipeline, runner)
    protect_environment(project, "review/main", access_level=AccessLevel.OWNER)
    at(NOW + timedelta(days=1))
    assert stop_due_environments() == 0
    assert (environment().state, environment().auto_stop_at) == ("available", None)
    assert job_named(pipeline, "stop").status == "manual"
    with pytest.raises(Forbidden, match="you may not deploy to it"):
        stop_environment(environment().pk, acting_user=owner)


def test_the_sweep_stops_what_is_due(at: At, runner: Runner) -> None:
    pipeline = pipeline_with(REVIEW)
    run(pipeline, runner)
    assert stop_due_environments() == 0
    at(NOW + timedelta(days=1))
    assert stop_due_environments() == 1
    assert environment().state == "stopping"
    assert stop_due_environments() == 0
    run(pipeline, runner, "stop")
    assert environment().state == "stopped"


def test_an_environment_can_be_kept_up(at: At, runner: Runner) -> None:
    run(pipeline_with(REVIEW), runner)
    assert cancel_auto_stop(environment().pk, acting_user=None).auto_stop_at is None
    at(NOW + timedelta(days=9))
    assert stop_due_environments() == 0


def test_environments_stop_when_their_branch_is_gone_from_the_repository() -> None:
    config = """
deploy: {script: x, environment: {name: review/$CI_COMMIT_REF_NAME, on_stop: stop}}
stop: {script: x, when: manual, environment: {name: review/$CI_COMMIT_REF_NAME, action: stop}}
plain: {script: x, environment: plain/$CI_COMMIT_REF_NAME}
"""
    project = project_with(config)
    repository = pygit2.Repository(project.repository_path)
    commit_files(repository, {".gitlab-ci.yml": config}, branch="topic")
    for branch in ("main", "topic"):
        pipeline = create_pipeline(project, branch, PipelineSource.API, acting_user=None)
        for name in ("deploy", "plain"):
            succeed_job(job_named(pipeline, name).pk)
    assert stop_environments_of_deleted_branches() == 0
    repository.references.delete("refs/heads/topic")
    assert stop_environments_of_deleted_branches() == 1
    assert job_named(pipeline, "stop").status == "pending"
    assert dict(Environment.objects.values_list("name", "state")) == {
        "review/main": "available",
        "review/topic": "stopping",
        "plain/main": "available",
        "plain/topic": "available",
    }
    Project.objects.update(repository_path="nowhere")
    assert stop_environments_of_deleted_branches() == 0


def test_what_another_branch_was_deployed_to_since_stays_up_without_its_first_branch() -> None:
    config = """
deploy: {script: x, environment: {name: shared, on_stop: stop}}
stop: {script: x, when: manual, environment: {name: shared, action: stop}}
"""
    project = project_with(config)
    repository = pygit2.Repository(project.repository_path)
    commit_files(repository, {".gitlab-ci.yml": config}, branch="topic")
    for branch in ("topic", "main"):
        pipeline = create_pipeline(project, branch, PipelineSource.API, acting_user=None)
        succeed_job(job_named(pipeline, "deploy").pk)
    repository.references.delete("refs/heads/topic")
    assert stop_environments_of_deleted_branches() == 0
    assert environment().state == "available"


@pytest.mark.parametrize(
    ("url", "report", "expected"),
    [
        ("https://$CI_PROJECT_NAME.test", None, "https://{name}.test"),
        ("https://job$CI_JOB_ID.test", None, "https://job{job}.test"),
        ("$DYNAMIC", "DYNAMIC=https://new.test\n", "https://new.test"),
        ("https://$DYNAMIC", "DYNAMIC=example.test\n", "https://example.test"),
        ("$DYNAMIC", None, "https://old.test"),
        ("$DYNAMIC", "DYNAMIC=javascript:alert(1)\n", "https://old.test"),
        ("https://t/$CI_JOB_TOKEN", None, "https://t/"),
    ],
)
def test_the_url_is_set_on_success_with_what_the_job_knew(
    runner: Runner, url: str, report: str | None, expected: str
) -> None:
    project = project_with({"deploy": {"script": "x", "environment": {"name": "qa", "url": url}}})
    create_environment(project, name="qa", external_url="https://old.test")
    create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    assert environment().external_url == "https://old.test"
    job = claim_job(runner)
    assert job is not None
    if report is not None:
        data = gzip.compress(report.encode())
        store_artifact(
            job, ".env.gz", [data], size=len(data), file_type="dotenv", file_format="gzip", lives=None
        )
    succeed_job(job.pk)
    name = project.full_path.rpartition("/")[2]
    assert environment().external_url == expected.format(name=name, job=job.pk)


def test_an_older_deployment_does_not_replace_a_newer(at: At, runner: Runner) -> None:
    first = pipeline_with("deploy: {script: x, environment: production}")
    old = job_named(first, "deploy")
    second = again(first.project)
    play = again(first.project, MANUAL)
    old_manual = job_named(play, "deploy")
    # The newer pipeline's job is taken first: the older waits for another runner.
    PendingJob.objects.filter(job_id=old.pk).update(tags=["slow"])
    run(second, runner)
    PendingJob.objects.filter(job_id=old.pk).update(tags=[])
    assert claim_job(runner) is None
    old.refresh_from_db()
    assert (old.status, old.failure_reason) == ("failed", "failed_outdated_deployment_job")
    assert Deployment.objects.get(job_id=old.pk).status == "failed"
    assert_consistent(first.pk)
    # A retry is a newer deployment: the way to roll back.
    retry_job(old.pk, acting_user=None)
    run(first, runner)
    assert deployments.newest_success(environment().pk).job_id == job_named(first, "deploy").pk  # type: ignore[union-attr]
    with pytest.raises(NotPlayable, match="older than the latest deployment to production, #4"):
        play_job(old_manual.pk, acting_user=None)
    Project.objects.update(prevent_outdated_deployments=False)
    assert play_job(old_manual.pk, acting_user=None).status == "pending"


SLOW = """
build: {script: x}
deploy: {stage: deploy, script: x, environment: production%s}
after: {stage: .post, script: x}
"""


@pytest.mark.parametrize("group", ["", ", resource_group: production"])
def test_an_outdated_deployment_is_not_even_queued(group: str, runner: Runner) -> None:
    first = pipeline_with(SLOW % group)
    second = again(first.project)
    succeed_job(job_named(second, "build").pk)
    succeed_job(job_named(second, "deploy").pk)
    succeed_job(job_named(first, "build").pk)
    old = job_named(first, "deploy")
    assert (old.status, old.failure_reason) == ("failed", "failed_outdated_deployment_job")
    assert job_named(first, "after").status == "skipped"
    first.refresh_from_db()
    assert first.status == "failed"
    assert_consistent(first.pk)
    retry_job(old.pk, acting_user=None)
    assert job_named(first, "deploy").status == "pending"
    assert_consistent(first.pk)


def test_a_deployment_that_got_outdated_while_it_waited_for_its_resource(runner: Runner) -> None:
    first = pipeline_with("deploy: {script: x, environment: production, resource_group: production}")
    holder = again(first.project, "hold: {script: x, resource_group: production}")
    Project.objects.update(auto_cancel_pending_pipelines=False)
    succeed_job(job_named(first, "deploy").pk)
    run_commit_hooks()
    waiting = again(first.project, "deploy: {script: x, environment: production, resource_group: production}")
    newest = again(first.project, "deploy: {script: x, environment: production}")
    assert job_named(waiting, "deploy").status == "waiting_for_resource"
    succeed_job(job_named(newest, "deploy").pk)
    succeed_job(job_named(holder, "hold").pk)
    run_commit_hooks()
    old = job_named(waiting, "deploy")
    assert (old.status, old.failure_reason) == ("failed", "failed_outdated_deployment_job")
    assert_all_consistent()


def test_a_trigger_job_of_a_protected_environment_fails_when_its_user_may_not_deploy() -> None:
    config = "go: {environment: production, trigger: {include: child.yml}}\n"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": config, "child.yml": "test: {script: x}\n"})
    protect_environment(project, "production", access_level=AccessLevel.MAINTAINER)
    pipelines = [
        create_pipeline(project, "main", PipelineSource.API, acting_user=member(project, level))
        for level in (AccessLevel.DEVELOPER, AccessLevel.MAINTAINER)
    ]
    run_bridges()
    developer, maintainer = (job_named(pipeline, "go") for pipeline in pipelines)
    assert (developer.status, developer.failure_reason) == ("failed", "protected_environment_failure")
    assert maintainer.status == "success"
    assert environment().state == "available"
    assert deployments.newest_success(environment().pk).job_id == maintainer.pk  # type: ignore[union-attr]


def test_rollback_deploys_the_earlier_commit_again(runner: Runner) -> None:
    first = pipeline_with("deploy: {script: x, environment: production}")
    run(first, runner)
    earlier = Deployment.objects.get()
    second = again(first.project)
    run(second, runner)
    user = member(first.project)
    job = rollback_deployment(earlier.pk, acting_user=user)
    assert (job.pipeline_id, job.user) == (first.pk, user)
    with pytest.raises(NotRetryable):
        rollback_deployment(earlier.pk, acting_user=user)
    assert deployments.upcoming([environment().pk])[environment().pk].job_id == job.pk
    run(first, runner)
    current = deployments.newest_success(environment().pk)
    assert current is not None
    assert (current.sha, current.iid) == (first.sha, 3)
    rollback_deployment(earlier.pk, acting_user=user)  # the newest copy of its job
    run(first, runner)
    with pytest.raises(NotFound):
        rollback_deployment(0, acting_user=user)


def test_latest_and_upcoming_of_many_environments_are_one_statement_each(
    runner: Runner, django_assert_num_queries: Any
) -> None:
    pipeline = pipeline_with({f"d{n}": {"script": "x", "environment": f"e{n}"} for n in range(4)})
    job = claim_job(runner)
    assert job is not None
    succeed_job(job.pk)
    ids = list(Environment.objects.values_list("pk", flat=True))
    with django_assert_num_queries(1):
        assert [found.job_id for found in deployments.newest(ids, ["success"]).values()] == [job.pk]
    with django_assert_num_queries(1):
        assert len(deployments.upcoming(ids)) == 3
    assert pipeline.pk


def test_a_protected_environment_lets_only_the_allowed_deploy(runner: Runner) -> None:
    project = project_with(MANUAL)
    developer, reporter = (
        member(project, username="dev"),
        member(project, AccessLevel.REPORTER, username="rep"),
    )
    maintainer = member(project, AccessLevel.MAINTAINER, username="boss")
    protect_environment(project, "production", access_level=AccessLevel.MAINTAINER, users=[reporter])
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=developer)
    job = job_named(pipeline, "deploy")
    with pytest.raises(Forbidden) as caught:
        play_job(job.pk, acting_user=developer)
    assert caught.value.message == (
        "production is a protected environment, and dev may not deploy to it: "
        "allowed are the role maintainer or above, rep."
    )
    assert play_job(job.pk, acting_user=reporter).status == "pending"
    run(pipeline, runner)
    with pytest.raises(Forbidden):
        retry_job(job.pk, acting_user=developer)
    retry_job(job.pk, acting_user=maintainer)
    run(pipeline, runner)
    for call in (
        lambda: stop_environment(environment().pk, acting_user=developer),
        lambda: update_environment(environment().pk, acting_user=developer, description="x"),
        lambda: delete_environment(environment().pk, acting_user=developer),
        lambda: cancel_auto_stop(environment().pk, acting_user=developer),
    ):
        with pytest.raises(Forbidden):
            call()
    remove_member(project, reporter)
    assert not deployments.user_may_deploy(project.pk, "production", reporter)
    assert deployments.user_may_deploy(project.pk, "production", UserFactory(is_superuser=True))
    assert unprotect_environment(project, "production") is True
    assert unprotect_environment(project, "production") is False
    assert deployments.user_may_deploy(project.pk, "production", None)


@pytest.mark.parametrize(("allow_failure", "beside"), [("false", "canceled"), ("true", "pending")])
def test_the_rest_is_cancelled_when_a_job_may_not_deploy_and_the_workflow_wants_that(
    runner: Runner, allow_failure: str, beside: str
) -> None:
    workflow = "workflow: {auto_cancel: {on_job_failure: all}}\n"
    deploy = f"deploy: {{script: x, environment: production, allow_failure: {allow_failure}}}\n"
    project = project_with(f"{workflow}{deploy}beside: {{script: x, tags: [other]}}\n")
    protect_environment(project, "production", access_level=AccessLevel.MAINTAINER)
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=member(project))
    assert claim_job(runner) is None
    assert job_named(pipeline, "deploy").failure_reason == "protected_environment_failure"
    assert job_named(pipeline, "beside").status == beside
    assert_all_consistent()


def test_an_automatic_job_to_a_protected_environment_fails_when_its_user_may_not(runner: Runner) -> None:
    project = project_with("deploy: {script: x, environment: production}\nafter: {script: x, stage: .post}\n")
    protect_environment(project, "production", access_level=AccessLevel.MAINTAINER)
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=member(project))
    assert claim_job(runner) is None
    job = job_named(pipeline, "deploy")
    assert (job.status, job.failure_reason) == ("failed", "protected_environment_failure")
    assert job_named(pipeline, "after").status == "skipped"
    assert_consistent(pipeline.pk)
    allowed = create_pipeline(
        project, "main", PipelineSource.PUSH, acting_user=member(project, AccessLevel.MAINTAINER)
    )
    run(allowed, runner)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "", "access_level": 30}, "name"),
        ({"name": "a", "access_level": 10}, "accessLevel"),
        ({"name": "a", "access_level": None}, "accessLevel"),
    ],
)
def test_a_protection_that_cannot_be(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        protect_environment(ProjectFactory(), fields.pop("name"), **fields)
    assert caught.value.fields["field"] == field


def test_users_of_a_protection_are_members() -> None:
    project = ProjectFactory()
    with pytest.raises(InvalidInput, match="users: ann must have the Reporter role"):
        protect_environment(project, "a", access_level=None, users=[UserFactory(username="ann")])
    insider = member(project, AccessLevel.REPORTER)
    protect_environment(project, "a", access_level=40)
    changed = protect_environment(project, "a", access_level=None, users=[insider])
    assert (changed.access_level, list(changed.users.all())) == (None, [insider])


def test_environments_are_created_and_changed(at: At) -> None:
    project = ProjectFactory()
    made = create_environment(project, name="staging/eu west", external_url="https://a.test")
    assert (made.tier, made.state, made.slug[:8]) == ("staging", "available", "staging-")
    at(NOW + timedelta(hours=1))
    changed = update_environment(made.pk, acting_user=None, tier=DeploymentTier.OTHER, description="d")
    assert (changed.tier, changed.description, changed.external_url) == ("other", "d", "https://a.test")
    assert changed.updated_at == NOW + timedelta(hours=1)
    assert update_environment(made.pk, acting_user=None, external_url="").external_url == ""
    assert create_environment(project, name="x", tier=DeploymentTier.PRODUCTION).tier == "production"
    with pytest.raises(InvalidInput, match="there is an environment x already"):
        create_environment(project, name="x")
    with pytest.raises(InvalidInput, match="externalUrl: 'ftp://a' is not a URL"):
        update_environment(made.pk, acting_user=None, external_url="ftp://a")
    with pytest.raises(NotFound):
        update_environment(0, acting_user=None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "/a"}, "name"),
        ({"name": "a/"}, "name"),
        ({"name": "ä"}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": "a", "external_url": "http://"}, "externalUrl"),
        ({"name": "a", "external_url": "http://[x"}, "externalUrl"),
        ({"name": "a", "kubernetes_namespace": "k" * 64}, "kubernetesNamespace"),
    ],
)
def test_an_environment_that_cannot_be(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        create_environment(ProjectFactory(), **fields)
    assert caught.value.fields["field"] == field


def test_only_a_stopped_environment_is_deleted(runner: Runner) -> None:
    pipeline = pipeline_with("deploy: {script: x, environment: qa}")
    run(pipeline, runner)
    with pytest.raises(EnvironmentStateConflict, match="qa is not stopped: stop it, then delete it"):
        delete_environment(environment().pk, acting_user=None)
    assert Deployment.objects.count() == 1
    stop_environment(environment().pk, acting_user=None)
    delete_environment(environment().pk, acting_user=None)
    assert not Environment.objects.exists()
    assert not Deployment.objects.exists()
    assert job_named(pipeline, "deploy").status == "success"


def test_who_may_see_an_environment() -> None:
    project = ProjectFactory()
    made = create_environment(project, name="a")
    assert (
        access.access_environment(made.pk, access.signed_in(member(project)), AccessLevel.DEVELOPER) == made
    )
    with pytest.raises(Forbidden):
        access.access_environment(
            made.pk, access.signed_in(member(project, AccessLevel.REPORTER)), AccessLevel.DEVELOPER
        )
    for call in (access.access_environment, access.access_deployment):
        with pytest.raises(NotFound):
            call(made.pk, access.anonymous())
