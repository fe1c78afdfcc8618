"""Trigger tokens and job tokens that are used while they are revoked, or while their job ends."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest

from ci_core.actions import trigger_tokens
from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.jobs import succeed_job
from ci_core.actions.trigger_tokens import (
    TriggerRequest,
    create_trigger,
    delete_trigger,
    trigger_pipeline,
)
from ci_core.errors import CiError, JobNotRunning, NotFound, TriggerLimitReached
from ci_core.models import DownstreamPipeline, Job, Pipeline, PipelineTrigger, Project, User
from ci_core.statuses import AccessLevel
from ci_core.tokens import job_token
from tests.factories import ProjectFactory, member, pipeline_with
from tests.support.jobs import take
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def owned() -> tuple[Project, User]:
    project: Project = ProjectFactory()
    return project, member(project, AccessLevel.MAINTAINER)


def using(project: Project, token: str | None) -> Callable[[], Pipeline]:
    asked = TriggerRequest(project.full_path, token or "", "main")
    return lambda: trigger_pipeline(asked, address="192.0.2.1")


def running_job() -> tuple[Project, Job]:
    """A job that runs, whose user may run pipelines of its project."""
    pipeline = pipeline_with("build: {script: x}")
    Job.objects.in_pipeline(pipeline.pk).update(user=member(pipeline.project))
    return pipeline.project, take()


def test_a_token_that_is_used_while_it_is_revoked_is_waited_for() -> None:
    project, owner = owned()
    trigger = create_trigger(project, acting_user=owner, description="t")
    made, revoked = while_open(using(project, trigger.new_token), lambda: delete_trigger(trigger.pk))
    assert isinstance(made, Pipeline)
    assert revoked is None
    assert not PipelineTrigger.objects.exists()


def test_nothing_comes_of_a_token_that_is_being_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    project, owner = owned()
    trigger = create_trigger(project, acting_user=owner, description="t")
    compile_runnable = trigger_tokens.compile_runnable
    # The token has been found to be good before it is revoked.
    looked = Barrier(2)

    def compiled(*given: Any, **named: Any) -> Any:
        looked.wait(10)
        looked.wait(10)
        return compile_runnable(*given, **named)

    def revoke() -> None:
        looked.wait(10)
        delete_trigger(trigger.pk)
        looked.wait(10)

    monkeypatch.setattr(trigger_tokens, "compile_runnable", compiled)
    refused, revoked = at_once([using(project, trigger.new_token), revoke])
    assert isinstance(refused, NotFound)
    assert revoked is None
    assert not Pipeline.objects.exists()


def test_a_token_that_is_used_many_times_at_once() -> None:
    project, owner = owned()
    token = create_trigger(project, acting_user=owner, description="t").new_token
    made = at_once([using(project, token)] * 4)
    assert sorted(pipeline.iid for pipeline in made) == [1, 2, 3, 4], made


def test_a_job_that_ends_while_it_asks_for_a_pipeline() -> None:
    for _ in range(5):
        project, job = running_job()
        made, _ = at_once([using(project, job_token(job)), lambda: succeed_job(job.pk)])  # noqa: B023
        assert isinstance(made, Pipeline | JobNotRunning), made
        assert DownstreamPipeline.objects.filter(source_job_id=job.pk).exists() is isinstance(made, Pipeline)


def test_a_job_that_has_ended_before_its_pipeline_is_written_gets_none() -> None:
    project, job = running_job()
    _, refused = while_open(lambda: succeed_job(job.pk), using(project, job_token(job)))
    assert isinstance(refused, JobNotRunning)
    assert not DownstreamPipeline.objects.exists()


def test_a_job_whose_pipeline_is_deleted_while_it_asks_for_one() -> None:
    for _ in range(5):
        project, job = running_job()
        made, deleted = at_once(
            [using(project, job_token(job)), lambda: delete_pipeline(job.pipeline_id)]  # noqa: B023
        )
        assert isinstance(made, Pipeline | CiError), made
        assert deleted is None
        assert not Pipeline.objects.filter(pk=job.pipeline_id).exists()


def test_a_job_whose_pipeline_is_gone_once_its_token_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    project, job = running_job()
    root_of = trigger_tokens.root_of

    def after_deletion(pipeline_id: int) -> int:
        delete_pipeline(pipeline_id)
        return root_of(pipeline_id)

    monkeypatch.setattr(trigger_tokens, "root_of", after_deletion)
    with pytest.raises(NotFound):
        using(project, job_token(job))()
    assert not Pipeline.objects.exists()


def test_jobs_that_ask_at_once_do_not_pass_the_limit_of_their_family(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PIPEYARD_PIPELINE_FAMILY_SIZE = 3
    project, job = running_job()
    compile_runnable = trigger_tokens.compile_runnable
    # Each has looked at the size of the family before any of them has added to it.
    looked = Barrier(4)

    def compiled(*given: Any, **named: Any) -> Any:
        looked.wait(10)
        return compile_runnable(*given, **named)

    monkeypatch.setattr(trigger_tokens, "compile_runnable", compiled)
    results = at_once([using(project, job_token(job))] * 4)
    assert sum(isinstance(each, Pipeline) for each in results) == 2, results
    assert DownstreamPipeline.objects.count() == 2
    assert all("are 3 pipelines" in str(each) for each in results if not isinstance(each, Pipeline))


def test_guesses_at_once_find_no_more_room_than_one_after_the_other(settings: Any) -> None:
    settings.PIPEYARD_PASSWORD_TRIES_PER_ADDRESS = 3
    project, _ = owned()
    results = at_once([using(project, f"glptt-{number}") for number in range(8)])
    assert sorted(type(each).__name__ for each in results) == ["NotFound"] * 3 + ["TooManyTries"] * 5


def test_tokens_that_are_made_at_once_do_not_pass_the_limit(settings: Any) -> None:
    settings.PIPEYARD_TRIGGERS_PER_PROJECT = 2
    project, owner = owned()
    made = at_once([lambda: create_trigger(project, acting_user=owner, description="t")] * 4)
    assert sum(isinstance(each, TriggerLimitReached) for each in made) == 2, made
    assert PipelineTrigger.objects.count() == 2
