"""Projects and who belongs to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from ci_core import clock
from ci_core.actions.schedules import stop_schedules_of
from ci_core.errors import InvalidInput
from ci_core.events import ringing
from ci_core.models import (
    VARIABLE_KEY,
    Project,
    ProjectMembership,
    ProjectVariable,
    User,
    VariableType,
    Visibility,
)
from ci_core.statuses import AccessLevel

_SEGMENT: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_FULL_PATH: Final = re.compile(rf"{_SEGMENT}(/{_SEGMENT})+")
#: A masked value is looked for in job logs: a short one would be found everywhere, one with spaces or lines not at all
#: (https://docs.gitlab.com/ci/variables/#mask-a-cicd-variable).
_MASKABLE: Final = re.compile(r"\S{8,}")


@transaction.atomic
def create_project(
    full_path: str,
    *,
    acting_user: User,
    repository_path: str,
    name: str = "",
    description: str = "",
    visibility: Visibility = Visibility.PRIVATE,
    default_branch: str = "main",
) -> Project:
    """A new project, owned by whoever creates it. Raises InvalidInput for a path that cannot be one."""
    if not _FULL_PATH.fullmatch(full_path) or full_path.endswith((".git", ".atom")):
        raise InvalidInput(f"{full_path!r} is not a project path: write it like group/project.")
    if Project.objects.filter(full_path__iexact=full_path).exists():
        raise InvalidInput(f"There is a project {full_path} already.")
    now = clock.now()
    project = Project.objects.create(
        full_path=full_path,
        name=name or full_path.rpartition("/")[2],
        description=description,
        visibility=visibility.value,
        default_branch=default_branch,
        repository_path=repository_path,
        created_at=now,
        updated_at=now,
    )
    add_member(project, acting_user, AccessLevel.OWNER)
    return project


@transaction.atomic
def add_member(project: Project, user: User, access_level: int) -> ProjectMembership:
    """Gives a user a role in a project, or changes it; their schedules stop if it is too low for them."""
    membership, _ = ProjectMembership.objects.update_or_create(
        project=project, user=user, defaults={"access_level": access_level}
    )
    stop_schedules_of(user, project)
    ringing.ring(ringing.access(project.pk))
    return membership


@transaction.atomic
def update_project(
    project: Project,
    *,
    name: str,
    description: str,
    visibility: Visibility,
    default_branch: str,
    repository_path: str,
    ci_config_path: str,
    build_timeout: int,
    prevent_outdated_deployments: bool | None = None,
    auto_cancel_pending_pipelines: bool | None = None,
) -> Project:
    """Changes a project's settings; its path stays. build_timeout: seconds. None: stays. Raises InvalidInput."""
    missing = [
        words
        for words, value in (
            ("name", name),
            ("default branch", default_branch),
            ("repository path", repository_path),
            ("configuration path", ci_config_path),
        )
        if not value
    ]
    if missing:
        raise InvalidInput(f"A project needs a {' and a '.join(missing)}.")
    if build_timeout < 1:
        raise InvalidInput(f"A job may run for 1 second at least; the timeout is {build_timeout}.")
    if prevent_outdated_deployments is None:
        prevent_outdated_deployments = project.prevent_outdated_deployments
    Project.objects.filter(pk=project.pk).update(
        name=name,
        description=description,
        visibility=visibility.value,
        default_branch=default_branch,
        repository_path=repository_path,
        ci_config_path=ci_config_path,
        build_timeout=build_timeout,
        prevent_outdated_deployments=prevent_outdated_deployments,
        updated_at=clock.now(),
    )
    if auto_cancel_pending_pipelines is not None:
        Project.objects.filter(pk=project.pk).update(
            auto_cancel_pending_pipelines=auto_cancel_pending_pipelines
        )
    ringing.ring(ringing.access(project.pk))
    project.refresh_from_db()
    return project


@transaction.atomic
def remove_member(project: Project, user: User) -> bool:
    """Takes a user's role in a project away, and stops their schedules there; False if there was none."""
    deleted, _ = ProjectMembership.objects.filter(project=project, user=user).delete()
    stop_schedules_of(user, project)
    ringing.ring(ringing.access(project.pk))
    return deleted > 0


@dataclass(frozen=True, slots=True)
class VariableSettings:
    """How jobs get a variable, and who may see it."""

    variable_type: VariableType = VariableType.ENV_VAR
    protected: bool = False
    masked: bool = False
    hidden: bool = False
    raw: bool = False
    description: str = ""


@transaction.atomic
def set_variable(
    project: Project,
    key: str,
    value: str | None,
    settings: VariableSettings,
    *,
    environment_scope: str = "*",
) -> ProjectVariable:
    """Creates a project's variable of this key and scope, or changes it. value: None keeps the one it has.

    Raises InvalidInput for a key that cannot be one, for a new variable without a value, for a masked value that could
    not be masked, and when a hidden variable would be shown again.
    """
    if not VARIABLE_KEY.fullmatch(key):
        raise InvalidInput(f"{key!r} is not a variable's key: letters, digits and _, no digit first.")
    found = (
        ProjectVariable.objects.select_for_update(no_key=True)
        .filter(project=project, key=key, environment_scope=environment_scope)
        .first()
    )
    if value is None and found is None:
        raise InvalidInput("A new variable needs a value.")
    if found is not None and found.hidden and not settings.hidden:
        raise InvalidInput("A hidden variable stays hidden: delete it and set it anew.")
    stored = found.value if value is None and found is not None else value or ""
    if (settings.masked or settings.hidden) and not _MASKABLE.fullmatch(stored):
        raise InvalidInput("A masked value has 8 characters or more, and no spaces or line breaks.")
    variable, _ = ProjectVariable.objects.update_or_create(
        project=project,
        key=key,
        environment_scope=environment_scope,
        defaults={
            "value": stored,
            "variable_type": settings.variable_type.value,
            "protected": settings.protected,
            "masked": settings.masked or settings.hidden,
            "hidden": settings.hidden,
            "raw": settings.raw,
            "description": settings.description,
        },
    )
    return variable


def delete_variable(variable: ProjectVariable) -> None:
    """Removes a project's variable."""
    variable.delete()
