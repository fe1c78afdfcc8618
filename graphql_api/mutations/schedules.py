"""Owns the mutations of pipeline schedules: create, update, delete, play, take ownership."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_project, access_schedule
from ci_core.actions import firing
from ci_core.actions import schedules as actions
from ci_core.actions.schedules import InputChange, VariableChange
from ci_core.errors import Forbidden
from ci_core.models import User, VariableType
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.mutations.inputs import CiInputsInput
from graphql_api.node_ids import CiPipelineScheduleID, CiPipelineScheduleVariableID
from graphql_api.permissions import OPERATE
from graphql_api.types import references as refs
from graphql_api.types.enums_things import CiVariableType

CRON = "Pattern of the times at which it is due: five fields, as in crontab(5), or a name such as `@daily`."
CRON_TIMEZONE = "IANA name of the time zone of the pattern, such as `Europe/Berlin`"
REF = "Branch or tag to run for."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    pipeline_schedule: models.PipelineSchedule | None = None


@strawberry.input(description="A variable to add to a schedule, or, with `id`, one to change or to remove.")
class PipelineScheduleVariableInput:
    """A variable."""

    id: CiPipelineScheduleVariableID | None = strawberry.field(
        description="ID of the variable to change; a new one without it."
    )
    key: str = strawberry.field(description="Name of the variable.")
    value: str = strawberry.field(description="Value of the variable.")
    variable_type: CiVariableType = strawberry.field(description="How jobs get it.")
    raw: bool | None = strawberry.field(
        description="Extension of Pipeyard: whether references to other variables in it stay as they are."
    )
    destroy: bool | None = strawberry.field(description="Removes the variable that `id` names.")


@strawberry.input(description="The new schedule.")
class PipelineScheduleCreateInput:
    """Input of pipelineScheduleCreate."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    description: str = strawberry.field(description="What it is for.")
    cron: str = strawberry.field(description=CRON)
    cron_timezone: str | None = strawberry.field(description=f"{CRON_TIMEZONE}; UTC by default.")
    ref: str = strawberry.field(description=REF)
    active: bool | None = strawberry.field(description="Whether it runs by itself; true by default.")
    variables: list[PipelineScheduleVariableInput] | None = strawberry.field(
        description="Variables for its pipelines."
    )
    inputs: list[CiInputsInput] | None = strawberry.field(description="Inputs for its pipelines.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="What to change of a schedule; what is left out stays.")
class PipelineScheduleUpdateInput:
    """Input of pipelineScheduleUpdate."""

    id: CiPipelineScheduleID = strawberry.field(description="ID of the schedule.")
    description: str | None = strawberry.field(description="What it is for.")
    cron: str | None = strawberry.field(description=CRON)
    cron_timezone: str | None = strawberry.field(description=f"{CRON_TIMEZONE}.")
    ref: str | None = strawberry.field(description=REF)
    active: bool | None = strawberry.field(description="Whether it runs by itself.")
    variables: list[PipelineScheduleVariableInput] | None = strawberry.field(
        description="Variables to add, change or remove; others stay."
    )
    inputs: list[CiInputsInput] | None = strawberry.field(description="Inputs to set or remove; others stay.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which schedule to delete.")
class PipelineScheduleDeleteInput:
    """Input of pipelineScheduleDelete."""

    id: CiPipelineScheduleID = strawberry.field(description="ID of the schedule.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which schedule to run now.")
class PipelineSchedulePlayInput:
    """Input of pipelineSchedulePlay."""

    id: CiPipelineScheduleID = strawberry.field(description="ID of the schedule.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which schedule to take over.")
class PipelineScheduleTakeOwnershipInput:
    """Input of pipelineScheduleTakeOwnership."""

    id: CiPipelineScheduleID = strawberry.field(description="ID of the schedule.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of pipelineScheduleCreate.")
class PipelineScheduleCreatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline_schedule = leaf(refs.SCHEDULE | None, "The new schedule.")


@strawberry.type(description="What came of pipelineScheduleUpdate.")
class PipelineScheduleUpdatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline_schedule = leaf(refs.SCHEDULE | None, "The schedule as it is now.")


@strawberry.type(description="What came of pipelineScheduleDelete.")
class PipelineScheduleDeletePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()


@strawberry.type(description="What came of pipelineSchedulePlay.")
class PipelineSchedulePlayPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline_schedule = leaf(
        refs.SCHEDULE | None, "The schedule as it is now; its lastPipeline is the one that was created."
    )


@strawberry.type(description="What came of pipelineScheduleTakeOwnership.")
class PipelineScheduleTakeOwnershipPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline_schedule = leaf(refs.SCHEDULE | None, "The schedule as it is now.")


def _variables(given: Iterable[PipelineScheduleVariableInput] | None) -> list[VariableChange]:
    return [
        VariableChange(
            item.key,
            item.value,
            VariableType(str(item.variable_type.value)),
            item.raw,
            item.id,
            bool(item.destroy),
        )
        for item in given or ()
    ]


def _inputs(given: Iterable[CiInputsInput] | None) -> list[InputChange]:
    return [InputChange(item.name, item.value, bool(item.destroy)) for item in given or ()]


def _create(
    info: Info, input: Annotated[PipelineScheduleCreateInput, argument("What to create.")]
) -> Outcome:
    project = access_project(input.project_path, info.context.principal, OPERATE)

    def action() -> models.PipelineSchedule:
        return actions.create_schedule(
            project,
            acting_user=_user(info),
            description=input.description,
            ref=input.ref,
            cron=input.cron,
            cron_timezone="UTC" if input.cron_timezone is None else input.cron_timezone,
            active=input.active is not False,
            variables=_variables(input.variables),
            inputs=_inputs(input.inputs),
        )

    created, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, created)


def _update(
    info: Info, input: Annotated[PipelineScheduleUpdateInput, argument("What to change.")]
) -> Outcome:
    schedule = access_schedule(input.id, info.context.principal, "update")

    def action() -> models.PipelineSchedule:
        return actions.update_schedule(
            schedule.pk,
            acting_user=_user(info),
            description=input.description,
            ref=input.ref,
            cron=input.cron,
            cron_timezone=input.cron_timezone,
            active=input.active,
            variables=_variables(input.variables),
            inputs=_inputs(input.inputs),
        )

    _, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, _now(schedule.pk))


def _delete(
    info: Info, input: Annotated[PipelineScheduleDeleteInput, argument("What to delete.")]
) -> Outcome:
    schedule = access_schedule(input.id, info.context.principal, "admin")
    _, errors = carry_out(info.context, lambda: actions.delete_schedule(schedule.pk))
    return Outcome(input.client_mutation_id, errors)


def _play(info: Info, input: Annotated[PipelineSchedulePlayInput, argument("What to run.")]) -> Outcome:
    schedule = access_schedule(input.id, info.context.principal, "play")
    _, errors = carry_out(info.context, lambda: firing.play_schedule(schedule.pk, acting_user=_user(info)))
    return Outcome(input.client_mutation_id, errors, _now(schedule.pk))


def _take_ownership(
    info: Info, input: Annotated[PipelineScheduleTakeOwnershipInput, argument("What to take over.")]
) -> Outcome:
    schedule = access_schedule(input.id, info.context.principal, "take_ownership")
    _, errors = carry_out(info.context, lambda: actions.take_ownership(schedule.pk, acting_user=_user(info)))
    return Outcome(input.client_mutation_id, errors, _now(schedule.pk))


def _now(schedule_id: int) -> models.PipelineSchedule | None:
    """The schedule as it is stored."""
    found: models.PipelineSchedule | None = models.PipelineSchedule.objects.filter(pk=schedule_id).first()
    return found


def _user(info: Info) -> User:
    """Who asks; whoever may change anything is somebody."""
    user = info.context.principal.user
    if user is None:
        raise Forbidden("Sign in first.")
    return user


@strawberry.type
class ScheduleMutations:
    """Part of Mutation."""

    pipeline_schedule_create = rooted(
        PipelineScheduleCreatePayload | None,
        _create,
        "Creates a schedule; its pipelines run with the rights of the caller. Takes a developer.",
    )
    pipeline_schedule_update = rooted(
        PipelineScheduleUpdatePayload | None, _update, "Changes a schedule. Takes its owner."
    )
    pipeline_schedule_delete = rooted(
        PipelineScheduleDeletePayload | None,
        _delete,
        "Deletes a schedule; its pipelines stay. Takes its owner or a maintainer.",
    )
    pipeline_schedule_play = rooted(
        PipelineSchedulePlayPayload | None,
        _play,
        "Runs a schedule now with the rights of the caller, once a minute. Takes a developer.",
    )
    pipeline_schedule_take_ownership = rooted(
        PipelineScheduleTakeOwnershipPayload | None,
        _take_ownership,
        "Makes the caller the owner, with whose rights the schedule runs from then on. Takes a maintainer.",
    )
