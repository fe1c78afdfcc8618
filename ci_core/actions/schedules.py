"""Keeps pipeline schedules: create, change, delete, take over, stop. What makes them fire is in `firing`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from ci_core import access, clock
from ci_core.decisions import cron as crons
from ci_core.errors import Forbidden, InvalidInput, NotFound, RefNotFound, ScheduleLimitReached
from ci_core.events.notes import note_schedule
from ci_core.models import (
    PipelineSchedule,
    PipelineScheduleVariable,
    Project,
    User,
    VariableType,
)
from ci_core.repositories import open_repository
from ci_core.statuses import AccessLevel
from ci_core.variables.given import check_key

#: Inputs that a schedule may have (https://docs.gitlab.com/ci/pipelines/schedules/).
MAX_INPUTS: Final = 20
#: Variables that a schedule may have.
MAX_VARIABLES: Final = 200


@dataclass(frozen=True, slots=True)
class VariableChange:
    """A variable to add, or (with `id`) one to change or to destroy. None: stays as it is, or the default."""

    key: str | None = None
    value: str | None = None
    variable_type: VariableType | None = None
    raw: bool | None = None
    id: int | None = None
    destroy: bool = False


@dataclass(frozen=True, slots=True)
class InputChange:
    """The value of an input to set or to destroy."""

    name: str
    value: Any = None
    destroy: bool = False


@transaction.atomic
def create_schedule(
    project: Project,
    *,
    acting_user: User,
    description: str,
    ref: str,
    cron: str,
    cron_timezone: str = "UTC",
    active: bool = True,
    variables: Sequence[VariableChange] = (),
    inputs: Sequence[InputChange] = (),
) -> PipelineSchedule:
    """A new schedule, owned by whoever creates it (https://docs.gitlab.com/ci/pipelines/schedules/).

    Raises InvalidInput with the field at fault, and ScheduleLimitReached.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    limit = settings.PIPEYARD_SCHEDULES_PER_PROJECT
    if PipelineSchedule.objects.filter(project=project).count() >= limit:
        raise ScheduleLimitReached(
            f"{project.full_path} has {limit} pipeline schedules, the most that a project may have: delete one first.",
            limit=limit,
        )
    now = clock.now()
    schedule = PipelineSchedule(
        project=project,
        description=_description(description),
        ref=_full_ref(project, ref),
        cron=cron.strip(),
        cron_timezone=cron_timezone,
        inputs=_inputs({}, inputs),
        active=active,
        owner=acting_user,
        created_at=now,
        updated_at=now,
    )
    due = next_due(schedule, now)
    schedule.next_run_at = due if active else None
    schedule.save(force_insert=True)
    _change_variables(schedule, variables)
    note_schedule(schedule)
    return schedule


@transaction.atomic
def update_schedule(
    schedule_id: int,
    *,
    acting_user: User | None = None,
    description: str | None = None,
    ref: str | None = None,
    cron: str | None = None,
    cron_timezone: str | None = None,
    active: bool | None = None,
    variables: Sequence[VariableChange] = (),
    inputs: Sequence[InputChange] = (),
) -> PipelineSchedule:
    """Changes what is given; the rest stays. Raises InvalidInput with the field at fault, NotFound, Forbidden.

    acting_user: must still be the owner: somebody may have taken over meanwhile, and it runs with their rights now.
    """
    schedule = lock_schedule(schedule_id)
    if acting_user is not None and schedule.owner_id != acting_user.pk:
        raise Forbidden("Only the owner of a schedule may change it: take ownership first.")
    now = clock.now()
    if description is not None:
        schedule.description = _description(description)
    if ref is not None:
        schedule.ref = _full_ref(schedule.project, ref)
    if cron is not None:
        schedule.cron = cron.strip()
    if cron_timezone is not None:
        schedule.cron_timezone = cron_timezone
    if active is not None:
        _set_active(schedule, active)
    if cron is not None or cron_timezone is not None or active is not None:
        due = next_due(schedule, now)
        schedule.next_run_at = due if schedule.active else None
    schedule.inputs = _inputs(schedule.inputs, inputs)
    schedule.updated_at = now
    schedule.save()
    _change_variables(schedule, variables)
    note_schedule(schedule)
    return schedule


def _set_active(schedule: PipelineSchedule, active: bool) -> None:
    lost = rights_lost(schedule) if active and not schedule.active else ""
    if lost:
        raise InvalidInput(f"active: {lost}", field="active")
    schedule.active = active
    schedule.deactivated_reason = ""


def delete_schedule(schedule_id: int) -> None:
    """Deletes a schedule with the record of its runs; its pipelines stay. Raises NotFound."""
    with transaction.atomic():
        lock_schedule(schedule_id).delete()


@transaction.atomic
def take_ownership(schedule_id: int, *, acting_user: User) -> PipelineSchedule:
    """Makes a user the owner, with whose rights the schedule runs from now on.

    A schedule that stopped because its owner lost their rights goes on with the new one
    (https://docs.gitlab.com/ci/pipelines/schedules/#take-ownership). Raises InvalidInput for a user without the rights.
    """
    schedule = lock_schedule(schedule_id)
    schedule.owner = acting_user
    lost = rights_lost(schedule)
    if lost:
        raise InvalidInput(lost, field="owner")
    now = clock.now()
    if schedule.deactivated_reason:
        schedule.active, schedule.deactivated_reason = True, ""
        schedule.next_run_at = next_due(schedule, now)
    schedule.updated_at = now
    schedule.save()
    note_schedule(schedule)
    return schedule


@transaction.atomic
def stop_schedules_of(user: User, project: Project | None = None) -> int:
    """Stops the schedules whose owner has lost their rights, at once and not when they are due; returns how many."""
    owned = PipelineSchedule.objects.filter(owner=user, active=True)
    if project is not None:
        owned = owned.filter(project=project)
    stopped = 0
    for schedule_id in owned.order_by("pk").values_list("pk", flat=True):
        schedule = lock_schedule(schedule_id)
        lost = rights_lost(schedule)
        if lost:
            deactivate(schedule, lost)
            stopped += 1
    return stopped


def deactivate(schedule: PipelineSchedule, reason: str) -> None:
    """Stops a locked schedule, and says why."""
    schedule.active, schedule.deactivated_reason, schedule.next_run_at = False, reason[:255], None
    schedule.updated_at = clock.now()
    schedule.save(update_fields=["active", "deactivated_reason", "next_run_at", "updated_at"])
    note_schedule(schedule)


def rights_lost(schedule: PipelineSchedule) -> str:
    """Why the schedule cannot run with its owner's rights; empty when it can."""
    owner = schedule.owner
    help_ = "Somebody with the Maintainer role can take ownership of the schedule."
    if owner is None:
        return f"The owner's account is gone. {help_}"
    if not owner.is_active:
        return f"The owner, {owner.username}, is blocked. {help_}"
    if access.signed_in(owner).level_in(schedule.project_id) < AccessLevel.DEVELOPER:
        return (
            f"The owner, {owner.username}, does not have the Developer role in the project any more. {help_}"
        )
    return ""


def lock_schedule(schedule_id: int) -> PipelineSchedule:
    """The schedule, locked until the transaction ends. Raises NotFound."""
    found = (
        PipelineSchedule.objects.select_for_update(of=("self",), no_key=True)
        .select_related("project", "owner")
        .filter(pk=schedule_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such pipeline schedule.")
    return found


def next_due(schedule: PipelineSchedule, after: datetime) -> datetime:
    """When the schedule is due next. Raises InvalidInput that names the field at fault."""
    try:
        pattern = crons.parse(schedule.cron)
    except crons.CronError as error:
        raise InvalidInput(f'cron "{schedule.cron[:80]}": {error}.', field="cron") from None
    try:
        zone = crons.time_zone(schedule.cron_timezone)
    except crons.CronError as error:
        raise InvalidInput(f"cronTimezone {error}.", field="cronTimezone") from None
    least = timedelta(seconds=settings.PIPEYARD_SCHEDULE_MIN_INTERVAL_SECONDS)
    gap = crons.shortest_gap(pattern)
    if gap < least:
        raise InvalidInput(
            f'cron "{schedule.cron}": it would be due every {_words(gap)}; on this server at least {_words(least)} '
            "must lie between two runs.",
            field="cron",
        )
    return crons.next_run(pattern, zone, after)


def _words(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return f"{seconds} s" if not minutes else f"{minutes} min" + (f" {seconds} s" if seconds else "")


def _description(text: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= 255:
        raise InvalidInput(
            f"description has {len(text)} characters; write 1 to 255 that tell what it is for.",
            field="description",
        )
    return text


def _full_ref(project: Project, ref: str) -> str:
    """The ref in full, so that a tag of a branch's name cannot take its place later."""
    if not ref.strip():
        raise InvalidInput("ref is empty: name the branch or tag to run for.", field="ref")
    try:
        commit = open_repository(project).resolve(ref.strip())
    except RefNotFound as error:
        raise InvalidInput(f"ref: {error.message}", field="ref") from None
    return f"refs/{'tags' if commit.tag else 'heads'}/{commit.ref}"


def _inputs(stored: Mapping[str, Any], changes: Iterable[InputChange]) -> dict[str, Any]:
    inputs = dict(stored)
    for change in changes:
        if not 0 < len(change.name) <= 255:
            raise InvalidInput("inputs: an input has a name of 1 to 255 characters.", field="inputs")
        if change.destroy:
            inputs.pop(change.name, None)
        elif isinstance(change.value, str | int | float | bool | list):
            inputs[change.name] = change.value
        else:
            raise InvalidInput(
                f"inputs: {change.name} needs a value: a text, a number, a boolean or a list.", field="inputs"
            )
    if len(inputs) > MAX_INPUTS:
        raise InvalidInput(f"inputs: there are {len(inputs)}; {MAX_INPUTS} are the most.", field="inputs")
    return inputs


def _change_variables(schedule: PipelineSchedule, changes: Sequence[VariableChange]) -> None:
    """Applies changes one by one, in their order, so that a key can be destroyed and given anew."""
    for change in changes:
        _change_variable(schedule, change)
    count = schedule.variables.count() if changes else 0
    if count > MAX_VARIABLES:
        raise InvalidInput(f"variables: there are {count}; {MAX_VARIABLES} are the most.", field="variables")


def _change_variable(schedule: PipelineSchedule, change: VariableChange) -> None:
    stored = PipelineScheduleVariable.objects.filter(schedule=schedule)
    variable: PipelineScheduleVariable | None = PipelineScheduleVariable(schedule=schedule)
    if change.id is not None:
        variable = stored.filter(pk=change.id).first()
    if variable is None:
        raise InvalidInput(
            f"variables: the schedule has no variable with the id {change.id}.", field="variables"
        )
    if change.destroy:
        if change.id is None:
            raise InvalidInput("variables: destroy needs the id of the variable.", field="variables")
        variable.delete()
        return
    for name in ("key", "value", "raw"):
        if getattr(change, name) is not None:
            setattr(variable, name, getattr(change, name))
    if change.variable_type is not None:
        variable.variable_type = change.variable_type.value
    check_key(variable.key)
    if stored.filter(key=variable.key).exclude(pk=variable.pk).exists():
        raise InvalidInput(
            f"variables: there is a variable {variable.key} already; give its id to change it.",
            field="variables",
        )
    variable.save()
