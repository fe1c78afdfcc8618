"""Owns the mutations of jobs: play, retry, cancel, unschedule, erase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_job
from ci_core.actions import jobs as actions
from ci_core.actions.erasing import erase_job
from ci_core.models import User
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.mutations.inputs import CiInputsInput, CiVariableInput, given_inputs, given_variables
from graphql_api.node_ids import CiBuildID, CiProcessableID
from graphql_api.permissions import ADMINISTER, OPERATE
from graphql_api.types import references as refs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    job: models.Job | None


@strawberry.input(description="Which job to start.")
class JobPlayInput:
    """Input of jobPlay."""

    id: CiProcessableID = strawberry.field(
        description="ID of the job; variables of the type CiBuildID and JobID are taken, too."
    )
    variables: list[CiVariableInput] | None = strawberry.field(
        description="Variables for this job alone, stronger than all others."
    )
    inputs: list[CiInputsInput] | None = strawberry.field(
        description="Values for inputs that the job declares; the others have their defaults."
    )
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which job to run again.")
class JobRetryInput:
    """Input of jobRetry."""

    id: CiProcessableID = strawberry.field(
        description="ID of the job; variables of the type CiBuildID and JobID are taken, too."
    )
    variables: list[CiVariableInput] | None = strawberry.field(
        description="Variables for the new job alone; without them it gets those of the old one."
    )
    inputs: list[CiInputsInput] | None = strawberry.field(
        description="Values for inputs that the job declares; the others have their defaults. "
        "Without any the new job gets those of the old one."
    )
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which job to cancel.")
class JobCancelInput:
    """Input of jobCancel."""

    id: CiBuildID = strawberry.field(description="ID of the job.")
    force: bool | None = strawberry.field(
        description="Extension of Pipeyard: end it at once, though its runner is still stopping it. Takes a maintainer."
    )
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which job's timer to stop.")
class JobUnscheduleInput:
    """Input of jobUnschedule."""

    id: CiBuildID = strawberry.field(description="ID of the job.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which job to erase.")
class JobEraseInput:
    """Input of jobErase."""

    id: CiBuildID = strawberry.field(description="ID of the job; it must have finished.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of jobPlay.")
class JobPlayPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    job = leaf(refs.JOB | None, "The job that was started; a new one where the old had run already.")


@strawberry.type(description="What came of jobRetry.")
class JobRetryPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    job = leaf(refs.JOB | None, "The new job.")


@strawberry.type(description="What came of jobCancel.")
class JobCancelPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    job = leaf(refs.JOB | None, "The job as it is now.")


@strawberry.type(description="What came of jobUnschedule.")
class JobUnschedulePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    job = leaf(refs.JOB | None, "The job as it is now.")


@strawberry.type(description="What came of jobErase.")
class JobErasePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    job = leaf(refs.JOB | None, "The job as it is now.")


def _carry_out(
    info: Info,
    job_id: int,
    client_mutation_id: str | None,
    action: Callable[[models.Job], models.Job],
    at_least: int = OPERATE,
) -> Outcome:
    """Carries an action out on a job of a project in which the caller has a level; the job is read again either way."""
    job = access_job(job_id, info.context.principal, at_least)
    changed, errors = carry_out(info.context, lambda: action(job))
    now: models.Job = models.Job.objects.by_ids([changed.pk if changed else job.pk]).get()
    return Outcome(client_mutation_id, errors, now)


def _play(info: Info, input: Annotated[JobPlayInput, argument("What to start.")]) -> Outcome:
    def action(job: models.Job) -> models.Job:
        return actions.play_job(
            job.pk,
            acting_user=_user(info),
            variables=given_variables(input.variables),
            inputs=given_inputs(input.inputs),
        )

    return _carry_out(info, input.id, input.client_mutation_id, action)


def _retry(info: Info, input: Annotated[JobRetryInput, argument("What to run again.")]) -> Outcome:
    def action(job: models.Job) -> models.Job:
        return actions.retry_job(
            job.pk,
            acting_user=_user(info),
            variables=given_variables(input.variables),
            inputs=given_inputs(input.inputs),
        )

    return _carry_out(info, input.id, input.client_mutation_id, action)


def _cancel(info: Info, input: Annotated[JobCancelInput, argument("What to cancel.")]) -> Outcome:
    force = bool(input.force)

    def action(job: models.Job) -> models.Job:
        return actions.cancel_job(job.pk, force=force)

    # GitLab has `force` in its other API alone: https://docs.gitlab.com/api/jobs/#cancel-a-job
    return _carry_out(info, input.id, input.client_mutation_id, action, ADMINISTER if force else OPERATE)


def _unschedule(
    info: Info, input: Annotated[JobUnscheduleInput, argument("Whose timer to stop.")]
) -> Outcome:
    return _carry_out(info, input.id, input.client_mutation_id, lambda job: actions.unschedule_job(job.pk))


def _erase(info: Info, input: Annotated[JobEraseInput, argument("What to erase.")]) -> Outcome:
    def action(job: models.Job) -> models.Job:
        return erase_job(job.pk, acting_user=_user(info))

    return _carry_out(info, input.id, input.client_mutation_id, action, ADMINISTER)


def _user(info: Info) -> User | None:
    return info.context.principal.user


@strawberry.type
class JobMutations:
    """Part of Mutation."""

    job_play = rooted(
        JobPlayPayload | None, _play, "Starts a manual, delayed or skipped job. Takes a developer."
    )
    job_retry = rooted(JobRetryPayload | None, _retry, "Runs a finished job again. Takes a developer.")
    job_cancel = rooted(
        JobCancelPayload | None, _cancel, "Cancels a waiting or running job. Takes a developer."
    )
    job_unschedule = rooted(
        JobUnschedulePayload | None, _unschedule, "Stops the timer of a delayed job. Takes a developer."
    )
    job_erase = rooted(
        JobErasePayload | None,
        _erase,
        "Extension of Pipeyard: removes the log and the artifacts of a finished job for good. Takes a maintainer.",
    )
