"""Owns the mutations of runners: create, update, delete, and pauses and deletions of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Final

import strawberry

from ci_core import models
from ci_core.access import access_group_by_id, access_project_by_id
from ci_core.actions import runners as actions
from ci_core.errors import Forbidden, InvalidInput
from ci_core.models import Project, RunnerAccessLevel
from ci_core.runner_access import access_runner, runner_rights
from ci_core.statuses import AccessLevel
from graphql_api import permissions
from graphql_api.context import Context, Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.node_ids import CiRunnerID, GroupID, ProjectID, global_id
from graphql_api.types import references as refs
from graphql_api.types.enums_things import CiRunnerAccessLevel, CiRunnerType

#: Runners that one call pauses or deletes. Source: GitLab, Ci::Runners::BulkDeleteRunnersService.
BULK_LIMIT: Final = 50

DESCRIPTION = "What to call it."
NOTE = "What to note about it, for those who may change it."
TIMEOUT = "Seconds that a job may run on it."
ACCESS = "Which refs' jobs it takes."
PAUSED = "Whether it takes no new jobs."
LOCKED = "Whether it cannot be assigned to further projects."
UNTAGGED = "Whether it takes jobs without tags."
TAGS = "Its tags."
PROJECTS = (
    "The projects that it is to be assigned to, for a project's runner; the one that it was made for stays."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    runner: models.Runner | None = None
    runners: list[models.Runner] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)


@strawberry.input(description="The new runner.")
class RunnerCreateInput:
    """Input of runnerCreate."""

    runner_type: CiRunnerType = strawberry.field(description="Whose jobs it is to take.")
    group_id: GroupID | None = strawberry.field(description="The group, for a group's runner.")
    project_id: ProjectID | None = strawberry.field(description="The project, for a project's runner.")
    description: str | None = strawberry.field(description=DESCRIPTION)
    maintenance_note: str | None = strawberry.field(description=NOTE)
    maximum_timeout: int | None = strawberry.field(description=TIMEOUT)
    access_level: CiRunnerAccessLevel | None = strawberry.field(description=ACCESS)
    paused: bool | None = strawberry.field(description=PAUSED)
    locked: bool | None = strawberry.field(description=LOCKED)
    run_untagged: bool | None = strawberry.field(
        description="Whether it takes jobs without tags; it does by default, if it has no tags."
    )
    tag_list: list[str] | None = strawberry.field(description=TAGS)
    associated_projects: list[ProjectID] | None = strawberry.field(description=PROJECTS)
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="What to change of a runner; what is left out stays.")
class RunnerUpdateInput:
    """Input of runnerUpdate."""

    id: CiRunnerID = strawberry.field(description="ID of the runner.")
    description: str | None = strawberry.field(description=DESCRIPTION)
    maintenance_note: str | None = strawberry.field(description=NOTE)
    maximum_timeout: int | None = strawberry.field(
        default=strawberry.UNSET, description=f"{TIMEOUT} Null: as long as the job's own timeout."
    )
    access_level: CiRunnerAccessLevel | None = strawberry.field(description=ACCESS)
    active: bool | None = strawberry.field(
        description="Whether it takes new jobs.", deprecation_reason="Use paused."
    )
    paused: bool | None = strawberry.field(description=PAUSED)
    locked: bool | None = strawberry.field(description=LOCKED)
    run_untagged: bool | None = strawberry.field(description=UNTAGGED)
    tag_list: list[str] | None = strawberry.field(description=TAGS)
    associated_projects: list[ProjectID] | None = strawberry.field(description=PROJECTS)
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which runner to delete.")
class RunnerDeleteInput:
    """Input of runnerDelete."""

    id: CiRunnerID = strawberry.field(description="ID of the runner.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which runners to delete.")
class BulkRunnerDeleteInput:
    """Input of bulkRunnerDelete."""

    ids: list[CiRunnerID] | None = strawberry.field(description=f"IDs of the runners, {BULK_LIMIT} at most.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which runners to pause, or to let go on.")
class RunnerBulkPauseInput:
    """Input of runnerBulkPause."""

    ids: list[CiRunnerID] = strawberry.field(description=f"IDs of the runners, {BULK_LIMIT} at most.")
    paused: bool = strawberry.field(description="Whether they are to take no new jobs.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of runnerCreate.")
class RunnerCreatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    runner = leaf(refs.RUNNER | None, "The new runner; its ephemeralAuthenticationToken is shown this once.")


@strawberry.type(description="What came of runnerUpdate.")
class RunnerUpdatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    runner = leaf(refs.RUNNER | None, "The runner as it is now.")


@strawberry.type(description="What came of runnerDelete.")
class RunnerDeletePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()


@strawberry.type(description="What came of bulkRunnerDelete.")
class BulkRunnerDeletePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    deleted_count = leaf(int | None, "How many runners were deleted.", lambda row: len(row.ids))
    deleted_ids = leaf(
        list[CiRunnerID] | None,
        "IDs of the runners that were deleted.",
        lambda row: [global_id("Ci::Runner", id_) for id_ in row.ids],
    )


@strawberry.type(description="What came of runnerBulkPause.")
class RunnerBulkPausePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    updated_count = leaf(int | None, "How many runners were changed.", lambda row: len(row.runners))
    updated_runners = leaf(list[refs.RUNNER] | None, "The runners as they are now.", "runners")


def _level(given: CiRunnerAccessLevel | None) -> RunnerAccessLevel | None:
    return None if given is None else RunnerAccessLevel(str(given.value))


def _projects(context: Context, ids: Sequence[int]) -> list[Project]:
    return [access_project_by_id(id_, context.principal, permissions.ADMINISTER) for id_ in ids]


def _owners(info: Info, input: RunnerCreateInput) -> dict[str, Any]:
    """Whom the new runner is for. Raises NotFound or Forbidden for those who may not make it."""
    if input.runner_type is CiRunnerType.PROJECT_TYPE and input.project_id is not None:
        ids = dict.fromkeys([input.project_id, *(input.associated_projects or ())])
        return {"projects": _projects(info.context, list(ids))}
    if input.runner_type is CiRunnerType.GROUP_TYPE and input.group_id is not None:
        return {"group": access_group_by_id(input.group_id, info.context.principal, AccessLevel.OWNER)}
    if input.runner_type is CiRunnerType.INSTANCE_TYPE and not (
        permissions.is_admin(info.context) and info.context.principal.may_write
    ):
        raise Forbidden("Making a runner that takes everybody's jobs takes an administrator.")
    return {}


def _refuse_contradictions(input: RunnerCreateInput) -> None:
    if input.runner_type is CiRunnerType.PROJECT_TYPE and input.project_id is None:
        raise InvalidInput("projectId: name the project that the runner is for.")
    if input.runner_type is CiRunnerType.GROUP_TYPE and input.group_id is None:
        raise InvalidInput("groupId: name the group that the runner is for.")
    if input.runner_type is not CiRunnerType.GROUP_TYPE and input.group_id is not None:
        raise InvalidInput("groupId: only a group's runner has a group.")
    if input.runner_type is not CiRunnerType.PROJECT_TYPE and (
        input.project_id is not None or input.associated_projects
    ):
        raise InvalidInput("projectId, associatedProjects: only a project's runner is assigned to projects.")


def _create(info: Info, input: Annotated[RunnerCreateInput, argument("What to create.")]) -> Outcome:
    owners = _owners(info, input)

    def action() -> models.Runner:
        _refuse_contradictions(input)
        runner, token = actions.create_runner(
            acting_user=info.context.principal.user,
            description=input.description or "",
            tags=input.tag_list or (),
            run_untagged=input.run_untagged is not False,
            locked=bool(input.locked),
            paused=bool(input.paused),
            access_level=_level(input.access_level) or RunnerAccessLevel.NOT_PROTECTED,
            maximum_timeout=input.maximum_timeout,
            maintenance_note=input.maintenance_note or "",
            **owners,
        )
        runner.shown_token = token  # type: ignore[attr-defined]
        return runner

    created, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, created)


def _update(info: Info, input: Annotated[RunnerUpdateInput, argument("What to change.")]) -> Outcome:
    runner = access_runner(input.id, info.context.principal, "update")
    projects = None
    if input.associated_projects is not None:
        access_runner(input.id, info.context.principal, "assign")
        projects = _projects(info.context, input.associated_projects)
    paused = input.paused if input.active is None or input.paused is not None else not input.active
    unlimited = input.maximum_timeout is None
    changes = actions.RunnerChanges(
        description=input.description,
        tags=input.tag_list,
        run_untagged=input.run_untagged,
        locked=input.locked,
        paused=paused,
        access_level=_level(input.access_level),
        maximum_timeout=input.maximum_timeout if isinstance(input.maximum_timeout, int) else None,
        no_maximum_timeout=unlimited,
        maintenance_note=input.maintenance_note,
        projects=projects,
    )
    _, errors = carry_out(info.context, lambda: actions.change_runner(runner.pk, changes))
    return Outcome(input.client_mutation_id, errors, _now([runner.pk])[0])


def _delete(info: Info, input: Annotated[RunnerDeleteInput, argument("What to delete.")]) -> Outcome:
    runner = access_runner(input.id, info.context.principal, "delete")
    _, errors = carry_out(info.context, lambda: actions.delete_runner(runner))
    return Outcome(input.client_mutation_id, errors)


def _several(info: Info, ids: Sequence[int], right: str) -> tuple[list[models.Runner], list[str]]:
    """Those of the runners with which the caller may do this, and what to say of the others."""
    principal = info.context.principal
    named = list(dict.fromkeys(ids))
    found = list(models.Runner.objects.filter(pk__in=named[:BULK_LIMIT]).order_by("pk"))
    rights = runner_rights(principal, found)
    allowed = [runner for runner in found if getattr(rights[runner.pk], right)]
    refused = [global_id("Ci::Runner", id_) for id_ in named[:BULK_LIMIT]]
    done = {global_id("Ci::Runner", runner.pk) for runner in allowed}
    refused = [id_ for id_ in refused if id_ not in done]
    errors = []
    if refused:
        errors.append(f"These runners do not exist, or you may not do this to them: {', '.join(refused)}.")
    if len(named) > BULK_LIMIT:
        errors.append(f"One call takes {BULK_LIMIT} runners; the {len(named) - BULK_LIMIT} after them stay.")
    return allowed, errors


def _bulk_delete(info: Info, input: Annotated[BulkRunnerDeleteInput, argument("What to delete.")]) -> Outcome:
    allowed, errors = _several(info, input.ids or (), "delete")
    deleted = []
    for runner in allowed:
        id_ = runner.pk
        _, failed = carry_out(info.context, partial(actions.delete_runner, runner))
        errors += failed
        if not failed:
            deleted.append(id_)
    return Outcome(input.client_mutation_id, errors, ids=deleted)


def _bulk_pause(info: Info, input: Annotated[RunnerBulkPauseInput, argument("What to pause.")]) -> Outcome:
    allowed, errors = _several(info, input.ids, "update")
    for runner in allowed:
        _, failed = carry_out(info.context, partial(actions.pause_runner, runner, paused=input.paused))
        errors += failed
    now = [runner for runner in _now([runner.pk for runner in allowed]) if runner is not None]
    return Outcome(input.client_mutation_id, errors, runners=now)


def _now(ids: list[int]) -> list[models.Runner | None]:
    """The runners as they are stored."""
    found = {runner.pk: runner for runner in models.Runner.objects.filter(pk__in=ids)}
    return [found.get(id_) for id_ in ids]


@strawberry.type
class RunnerMutations:
    """Part of Mutation."""

    runner_create = rooted(
        RunnerCreatePayload | None,
        _create,
        "Makes a runner. For a project's it takes a maintainer of the project, for a group's an owner of the group, "
        "for everybody's an administrator.",
    )
    runner_update = rooted(
        RunnerUpdatePayload | None,
        _update,
        "Changes a runner. Takes a maintainer of a project that it is assigned to, an owner of its group, or an "
        "administrator.",
    )
    runner_delete = rooted(
        RunnerDeletePayload | None,
        _delete,
        "Deletes a runner; jobs that it runs fail. Takes a maintainer of its only project, an owner of its group, or "
        "an administrator.",
    )
    bulk_runner_delete = rooted(
        BulkRunnerDeletePayload | None,
        _bulk_delete,
        f"Deletes {BULK_LIMIT} runners at most: those that the caller may delete; `errors` tells of the others.",
    )
    runner_bulk_pause = rooted(
        RunnerBulkPausePayload | None,
        _bulk_pause,
        f"Pauses {BULK_LIMIT} runners at most, or lets them go on: those that the caller may change; `errors` tells of "
        "the others.",
    )
