"""Why jobs wait, read from the database; and that the queue's SQL and the pure matcher never disagree."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ci_core import clock
from ci_core.actions import upkeep
from ci_core.actions.environments import protect_environment
from ci_core.actions.groups import create_group
from ci_core.actions.jobs import play_job, succeed_job
from ci_core.actions.pipelines import create_pipeline
from ci_core.actions.resources import change_process_mode
from ci_core.actions.runners import create_runner
from ci_core.decisions.runner_matching import may_take
from ci_core.errors import NotPlayable
from ci_core.models import (
    Deployment,
    Job,
    PendingJob,
    Pipeline,
    ProcessMode,
    Project,
    ResourceGroup,
    Runner,
    RunnerAccessLevel,
)
from ci_core.processing import hand_over
from ci_core.queueing import claim_job
from ci_core.statuses import AccessLevel, PipelineSource
from ci_core.waiting import is_stuck, load_runners, queued, why_all_wait, why_waiting
from tests.factories import (
    ProjectFactory,
    UserFactory,
    member,
    pipeline_with,
    project_with,
    runner_with_token,
)

pytestmark = pytest.mark.django_db


def job_named(pipeline: Pipeline, name: str) -> Job:
    found: Job = Job.objects.in_pipeline(pipeline.pk).latest_copies().get(name=name)
    return found


def online(**settings: object) -> Runner:
    runner, _ = runner_with_token(**settings)
    Runner.objects.filter(pk=runner.pk).update(contacted_at=clock.now())
    return runner


def reason(pipeline: Pipeline, name: str) -> str:
    waiting = why_waiting(job_named(pipeline, name))
    return f"{waiting.kind.value}: {waiting.message}" if waiting else ""


CONFIG = """
build: {stage: build, script: x, tags: [docker]}
unit: {stage: test, script: x, needs: [build]}
lint: {stage: test, script: x}
ask: {stage: build, script: x, when: manual, allow_failure: true}
later: {stage: build, script: x, when: delayed, start_in: 1 hour}
"""


def test_each_kind_of_waiting() -> None:
    pipeline = pipeline_with(CONFIG)
    assert reason(pipeline, "build") == "no_runner: No runner that serves its project is online."
    assert is_stuck(job_named(pipeline, "build"))
    online(description="small", tags=["linux"])
    assert "missing_tags" in reason(pipeline, "build")
    assert "the nearest, small, lacks docker" in reason(pipeline, "build")
    runner = online(description="big", tags=["docker"])
    assert reason(pipeline, "build").startswith("next_request: Runner big takes it")
    assert not is_stuck(job_named(pipeline, "build"))
    assert reason(pipeline, "unit") == "needs: Waits for the jobs that it needs: build (pending)."
    assert "build (pending), later (scheduled)" in reason(pipeline, "lint")
    assert reason(pipeline, "ask").startswith("manual:")
    assert reason(pipeline, "later").startswith("delayed: Delayed until 2")
    claim_job(runner)
    assert reason(pipeline, "build") == ""
    other = pipeline_with("a: {script: x, tags: [docker]}\nb: {script: x, tags: [docker]}\n")
    assert "The one matching runner is busy: position 2 of 2" in reason(other, "b")


def test_a_resource_group_names_its_holder() -> None:
    project = project_with("a: {script: x, resource_group: production}\n")
    first, second = (create_pipeline(project, "main", PipelineSource.API, acting_user=None) for _ in range(2))
    holder = job_named(first, "a")
    assert f"production, held by job a (#{holder.pk}, pending) of pipeline #{first.pk}" in reason(second, "a")


def test_a_free_resource_is_kept_for_the_job_whose_turn_it_is() -> None:
    config = "build: {script: x, stage: build}\na: {script: x, resource_group: production}\n"
    project = project_with(config)
    first, second = (create_pipeline(project, "main", PipelineSource.API, acting_user=None) for _ in range(2))
    group = ResourceGroup.objects.get(key="production")
    change_process_mode(group, ProcessMode.OLDEST_FIRST)
    succeed_job(job_named(second, "build").pk)
    kept_for = job_named(first, "a")
    assert reason(second, "a") == (
        "resource_group: Waits for resource group production, which by its process mode is kept for "
        f"job a (#{kept_for.pk}, created) of pipeline #{first.pk}."
    )
    change_process_mode(group, ProcessMode.UNORDERED)
    hand_over(group.pk)
    assert reason(second, "a").startswith("no_runner")


def test_statements_do_not_depend_on_the_number_of_jobs() -> None:
    def statements(count: int) -> int:
        jobs = {"build": {"stage": "build", "script": "x"}}
        for number in range(count):
            jobs[f"need{number}"] = {"stage": "test", "script": "x", "needs": ["build"]}
            jobs[f"stage{number}"] = {"stage": "test", "script": "x"}
            jobs[f"first{number}"] = {"stage": "build", "script": "x"}
        pipeline = pipeline_with(jobs)
        found = list(Job.objects.in_pipeline(pipeline.pk))
        with CaptureQueriesContext(connection) as captured:
            assert len(why_all_wait(found)) == len(found)
        return len(captured)

    assert statements(1) == statements(15)


def test_a_job_that_no_runner_may_take_fails_in_the_end(settings: object) -> None:
    settings.PIPEYARD_STUCK_LIMIT_SECONDS = 0  # type: ignore[attr-defined]
    pipeline = pipeline_with("a: {script: x, tags: [gpu]}\nb: {script: x}\n")
    online()
    assert upkeep.fail_jobs_without_runner() == 1
    assert job_named(pipeline, "a").failure_reason == "no_matching_runner"
    assert job_named(pipeline, "b").status == "pending"


@pytest.mark.parametrize("others", ["never heard of", "online"])
def test_a_runner_is_seen_among_any_number_of_others(monkeypatch: pytest.MonkeyPatch, others: str) -> None:
    monkeypatch.setattr("ci_core.waiting.RUNNER_LIMIT", 2)
    pipeline = pipeline_with("a: {script: x, tags: [docker]}")
    online(description="big", tags=["docker"])
    for number in range(4):
        made, _ = runner_with_token(description=f"other{number}", tags=["linux"])
        if others == "online":
            later = clock.now() + timedelta(seconds=1)
            Runner.objects.filter(pk=made.pk).update(contacted_at=later)
    assert reason(pipeline, "a").startswith("next_request: Runner big takes it")
    PendingJob.objects.update(queued_at=clock.now() - timedelta(days=1))
    assert upkeep.fail_jobs_without_runner() == 0
    Runner.objects.filter(description="big").delete()
    assert upkeep.fail_jobs_without_runner() == 1


def test_a_runner_that_works_is_online_though_it_asks_for_nothing() -> None:
    pipeline = pipeline_with("a: {script: x}\nb: {script: x}\n")
    runner = runner_with_token()[0]
    assert "offline" in reason(pipeline, "a")
    claim_job(runner)
    assert "busy" in reason(pipeline, "b")


TAGS = ["docker", "gpu", "linux"]


def random_runner(chance: random.Random, projects: list[Project]) -> Runner:
    assigned = chance.sample(projects, chance.randint(0, 2))
    group = None if assigned else chance.choice([None, *(project.group for project in projects)])
    runner, _ = create_runner(
        acting_user=None,
        projects=assigned,
        group=group,
        tags=chance.sample(TAGS, chance.randint(0, 3)),
        run_untagged=chance.random() < 0.6,
        paused=chance.random() < 0.2,
        access_level=chance.choice(list(RunnerAccessLevel)),
    )
    Runner.objects.filter(pk=runner.pk).update(contacted_at=clock.now())
    return runner


@pytest.mark.parametrize("seed", range(6))
def test_the_queue_and_the_matcher_agree(seed: int) -> None:
    """Every runner gets, one after the other, exactly the jobs that the matcher says it may take."""
    chance = random.Random(seed)
    outer = create_group("outer", acting_user=UserFactory())
    inner = create_group("outer/inner", acting_user=UserFactory())
    projects = [ProjectFactory(group=group) for group in (None, outer, inner)]
    for project in projects:
        jobs = {
            f"job{number}": {"script": "x", "tags": chance.sample(TAGS, chance.randint(0, 2))}
            for number in range(8)
        }
        pipeline = pipeline_with(jobs)
        Job.objects.in_pipeline(pipeline.pk).update(project=project)
        PendingJob.objects.filter(pipeline_id=pipeline.pk).update(
            project=project, protected=chance.random() < 0.5
        )
    for _ in range(12):
        runner = random_runner(chance, projects)
        (snapshot,) = [each for each in load_runners() if each.id == runner.pk]
        rows = list(PendingJob.objects.all())
        expected = {
            row.job_id for row in rows if may_take(snapshot, queued(row.project_id, row.tags, row.protected))
        }
        mark = transaction.savepoint()
        taken = set()
        while (job := claim_job(runner)) is not None:
            taken.add(job.pk)
        assert taken == expected
        transaction.savepoint_rollback(mark)


def test_played_and_finished_jobs_do_not_wait() -> None:
    pipeline = pipeline_with("a: {script: x, when: manual}\nb: {script: x}\n")
    play_job(job_named(pipeline, "a").pk, acting_user=None)
    succeed_job(job_named(pipeline, "b").pk)
    assert reason(pipeline, "b") == ""
    assert reason(pipeline, "a").startswith("no_runner")


def test_a_manual_job_that_nobody_may_start_any_more_says_so() -> None:
    project = project_with("a: {script: x, when: manual, environment: production}\n")
    older, newer = (create_pipeline(project, "main", PipelineSource.API, acting_user=None) for _ in "12")
    assert reason(older, "a").startswith("manual: Waits for somebody to start it")
    play_job(job_named(newer, "a").pk, acting_user=None)
    Deployment.objects.filter(pipeline_id=newer.pk).update(sha="0" * 40)  # of another commit
    succeed_job(job_named(newer, "a").pk)
    assert reason(older, "a").startswith("manual: Nobody can start it any more, since something newer")
    with pytest.raises(NotPlayable):
        play_job(job_named(older, "a").pk, acting_user=None)
    Project.objects.update(prevent_outdated_deployments=False)
    assert reason(older, "a").startswith("manual: Waits for somebody to start it")
    play_job(job_named(older, "a").pk, acting_user=None)


def test_a_manual_job_of_an_archived_pipeline_says_so(settings: Any) -> None:
    pipeline = pipeline_with("a: {script: x, when: manual}\n")
    settings.PIPEYARD_PIPELINE_AGE_LIMIT_SECONDS = 1000
    assert reason(pipeline, "a").startswith("manual: Waits for somebody to start it")
    Pipeline.objects.update(created_at=clock.now() - timedelta(seconds=1001))
    assert reason(pipeline, "a") == (
        "manual: Nobody can start it any more, since its pipeline is archived: run a new pipeline."
    )
    with pytest.raises(NotPlayable, match="archived"):
        play_job(job_named(pipeline, "a").pk, acting_user=None)


def test_a_manual_job_of_a_protected_environment_says_who_may_deploy() -> None:
    pipeline = pipeline_with(
        "a: {script: x, when: manual, environment: production}\nb: {script: x, when: manual}\n"
    )
    deployer = member(pipeline.project, username="ada")
    protect_environment(pipeline.project, "production", access_level=AccessLevel.MAINTAINER, users=[deployer])
    assert reason(pipeline, "a") == (
        "manual: Waits for somebody to start it; its environment is protected: "
        "allowed are the role maintainer or above, ada."
    )
    assert "developers, maintainers and owners" in reason(pipeline, "b")
