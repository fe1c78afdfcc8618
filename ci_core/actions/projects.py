"""Projects and who belongs to them."""

from __future__ import annotations

import re
from typing import Final

from django.db import transaction
from django.db.models import Q

from ci_core import clock
from ci_core.actions.groups import group_of
from ci_core.actions.schedules import stop_schedules_of
from ci_core.errors import InvalidInput
from ci_core.events import ringing
from ci_core.locks import lock_paths
from ci_core.models import (
    Group,
    Project,
    ProjectMembership,
    User,
    Visibility,
)
from ci_core.statuses import AccessLevel

_SEGMENT: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_FULL_PATH: Final = re.compile(rf"{_SEGMENT}(/{_SEGMENT})+")


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
    """A new project, owned by whoever creates it, in the innermost group that its path begins with.

    Raises InvalidInput for a path that cannot be one.
    """
    if not _FULL_PATH.fullmatch(full_path) or full_path.endswith((".git", ".atom")):
        raise InvalidInput(f"{full_path!r} is not a project path: write it like group/project.")
    lock_paths()
    taken = Q(full_path__iexact=full_path)
    if Project.objects.filter(taken).exists() or Group.objects.filter(taken).exists():
        raise InvalidInput(f"There is a project or a group {full_path} already.")
    now = clock.now()
    project = Project.objects.create(
        full_path=full_path,
        name=name or full_path.rpartition("/")[2],
        description=description,
        visibility=visibility.value,
        default_branch=default_branch,
        repository_path=repository_path,
        group=group_of(full_path),
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
