"""Projects and who belongs to them."""

from __future__ import annotations

import re
from typing import Final

from django.db import transaction

from ci_core import clock
from ci_core.errors import InvalidInput
from ci_core.models import Project, ProjectMembership, User, Visibility
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


def add_member(project: Project, user: User, access_level: int) -> ProjectMembership:
    """Gives a user a role in a project, or changes it."""
    membership, _ = ProjectMembership.objects.update_or_create(
        project=project, user=user, defaults={"access_level": access_level}
    )
    return membership
