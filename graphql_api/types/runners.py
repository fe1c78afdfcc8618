"""Owns runners and the machines that serve them."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core import models
from ci_core.models import RunnerType
from graphql_api import links, permissions
from graphql_api.batching import BatchFunction
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.loaders import rows, runners
from graphql_api.node_ids import CiRunnerID, CiRunnerManagerID, global_id
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole
from graphql_api.scalars import Time
from graphql_api.types import references as refs
from graphql_api.types.enums_things import (
    CiRunnerAccessLevel,
    CiRunnerCreationMethod,
    CiRunnerCreationState,
    CiRunnerJobExecutionStatus,
    CiRunnerStatus,
    CiRunnerType,
)


@strawberry.type(name="RunnerPermissions", description="What the caller may do with a runner.")
class RunnerPermissions:
    """Its parent says whether the caller administers this installation."""

    read_runner = leaf(bool, "See it: always true for a runner that is shown.", lambda admin: True)
    update_runner = leaf(bool, "Change it.", lambda admin: admin)
    delete_runner = leaf(bool, "Remove it.", lambda admin: admin)


def _execution_status(parents: list[models.Runner], info: Info) -> list[str]:
    busy = runners.busy(row.pk for row in parents)
    return ["active" if row.pk in busy else "idle" for row in parents]


def _managers(
    parents: list[models.Runner],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    status: Annotated[CiRunnerStatus | None, argument("Only machines with this status.")] = None,
    system_id: Annotated[str | None, argument("Only the machine with this system id.")] = None,
) -> list[Page[models.RunnerManager]]:
    arguments = PageArguments(after, before, first, last)
    found = runners.managers(row.pk for row in parents)
    return [
        whole(
            [
                manager
                for manager in found.get(row.pk, [])
                if (status is None or _manager_status(manager) == str(status.value))
                and (system_id is None or manager.system_id == system_id)
            ],
            arguments,
            lambda manager: (manager.pk,),
        )
        for row in parents
    ]


def _owner(parents: list[models.Runner], info: Info) -> list[models.Project | None]:
    """The first project that a runner was assigned to, if the caller may see it."""
    assigned = runners.project_ids(row.pk for row in parents)
    first_ids = {row.pk: assigned[row.pk][0] for row in parents if row.pk in assigned}
    visible = {
        project.pk: project
        for project in models.Project.objects.visible_to(info.context.principal.user).filter(
            pk__in=first_ids.values()
        )
    }
    return [visible.get(first_ids.get(row.pk, 0)) for row in parents]


def _project_count(parents: list[models.Runner], info: Info) -> list[int | None]:
    assigned = runners.project_ids(row.pk for row in parents)
    return [
        len(assigned.get(row.pk, ())) if row.runner_type == RunnerType.PROJECT_TYPE else None
        for row in parents
    ]


def _creator(parents: list[models.Runner], info: Info) -> list[models.User | None]:
    return rows.of_each(parents, rows.users(info.context, (row.creator_id for row in parents)), "creator_id")


def _for_admins(verb: str) -> BatchFunction:
    def path(parents: list[models.Runner], info: Info) -> list[str | None]:
        admin = permissions.is_admin(info.context)
        return [links.absolute(links.runner_admin(row.pk, verb)) if admin else None for row in parents]

    return path


def _permissions(parents: list[models.Runner], info: Info) -> list[bool]:
    return [permissions.is_admin(info.context)] * len(parents)


@strawberry.type(name="CiRunner", description="A runner: what executes jobs, on one or more machines.")
class Runner:
    """Its parent is a row of Runner."""

    id = leaf(CiRunnerID, "ID of the runner.", lambda row: global_id("Ci::Runner", row.pk))
    description = leaf(str | None, "What its owner calls it.")
    short_sha = leaf(str | None, "First characters of its token, to recognise it by.", "token_prefix")
    runner_type = leaf(CiRunnerType, "Whose jobs it takes.")
    access_level = leaf(CiRunnerAccessLevel, "Which refs' jobs it takes.")
    status = leaf(
        CiRunnerStatus,
        "Whether it can be reached.",
        lambda row: runners.status(row.contacted_at, row.created_at),
    )
    paused = leaf(bool, "Whether it takes no new jobs.")
    active = leaf(bool, "Whether it takes new jobs.", lambda row: not row.paused, deprecated="Use paused.")
    locked = leaf(bool | None, "Whether it cannot be assigned to further projects.")
    run_untagged = leaf(bool, "Whether it takes jobs without tags.")
    tag_list = leaf(list[str] | None, "Its tags: it takes jobs whose tags are all among them.", "tags")
    maximum_timeout = leaf(int | None, "Seconds that a job may run on it.")
    maintenance_note = leaf(
        str | None, "What its owner notes about it.", lambda row: row.maintenance_note or None
    )
    created_at = leaf(Time | None, "When it was made.")
    created_by = batched(refs.USER | None, _creator, "Who made it.")
    contacted_at = leaf(Time | None, "When it last called.")
    token_expires_at = leaf(Time | None, "Always null: tokens of runners do not expire.", lambda row: None)
    creation_method = leaf(
        CiRunnerCreationMethod | None,
        "How it came to be.",
        lambda row: "authenticated_user" if row.creator_id else "registration_token",
    )
    creation_state = leaf(
        CiRunnerCreationState | None,
        "How far its making has come.",
        lambda row: "finished" if row.contacted_at else "started",
    )
    job_execution_status = batched(
        CiRunnerJobExecutionStatus | None, _execution_status, "Whether it runs a job."
    )
    managers = batched(refs.RUNNER_MANAGERS, _managers, "The machines that serve it. All of them by default.")
    owner_project = batched(
        refs.PROJECT | None,
        _owner,
        "The first project it was assigned to; null if the caller may not see it.",
    )
    project_count = batched(int | None, _project_count, "How many projects it is assigned to.")
    admin_url = batched(str | None, _for_admins(""), "URL of its page; only told to administrators.")
    edit_admin_url = batched(
        str | None, _for_admins("edit"), "URL of the page that changes it; only told to administrators."
    )
    user_permissions = batched(RunnerPermissions, _permissions, "What the caller may do with it.")


def _manager_status(row: models.RunnerManager) -> str:
    return runners.status(row.contacted_at, row.created_at)


def _manager_address(parents: list[models.RunnerManager], info: Info) -> list[str | None]:
    admin = permissions.is_admin(info.context)
    return [row.ip_address if admin else None for row in parents]


def _runner(parents: list[models.RunnerManager], info: Info) -> list[models.Runner | None]:
    return rows.of_each(parents, rows.runners(info.context, (row.runner_id for row in parents)), "runner_id")


def _manager_execution(parents: list[models.RunnerManager], info: Info) -> list[str]:
    busy = runners.busy_managers(row.pk for row in parents)
    return ["active" if row.pk in busy else "idle" for row in parents]


@strawberry.type(name="CiRunnerManager", description="A machine that runs a runner's jobs.")
class RunnerManager:
    """Its parent is a row of RunnerManager."""

    id = leaf(
        CiRunnerManagerID, "ID of the machine's entry.", lambda row: global_id("Ci::RunnerManager", row.pk)
    )
    system_id = leaf(str, "What the machine calls itself.")
    status = leaf(CiRunnerStatus, "Whether it can be reached.", _manager_status)
    version = leaf(str | None, "Version of its program.", lambda row: row.version or None)
    revision = leaf(str | None, "Revision of its program.", lambda row: row.revision or None)
    platform_name = leaf(str | None, "Operating system.", lambda row: row.platform or None)
    architecture_name = leaf(str | None, "Processor architecture.", lambda row: row.architecture or None)
    executor_name = leaf(str | None, "How it runs jobs, such as `docker`.", lambda row: row.executor or None)
    ip_address = batched(str | None, _manager_address, "Its address; only told to administrators.")
    created_at = leaf(Time | None, "When it first called.")
    contacted_at = leaf(Time | None, "When it last called.")
    job_execution_status = batched(
        CiRunnerJobExecutionStatus | None, _manager_execution, "Whether it runs a job."
    )
    runner = batched(refs.RUNNER | None, _runner, "The runner that it serves.")
