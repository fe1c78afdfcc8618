"""Owns what the API tells of a project's repository, and of what its plan allows."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Final

import strawberry
from django.conf import settings

from ci_core import models
from ci_core.errors import InvalidInput, RepositoryMissing
from ci_core.repositories import open_repository
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf

#: Names that one answer gives at most.
MOST_NAMES: Final = 1000


def _branch_names(
    parents: list[models.Project],
    info: Info,
    search_pattern: Annotated[
        str, argument("Only names that this fits; `*` stands for anything, and `*` alone for all names.")
    ],
    offset: Annotated[int, argument("How many names to leave out first.")],
    limit: Annotated[int, argument(f"How many names to give, {MOST_NAMES} at most.")],
) -> list[list[str] | None]:
    if offset < 0 or limit < 0:
        raise InvalidInput("offset and limit must not be negative.")
    size = min(limit, MOST_NAMES)
    return [_names(project, search_pattern, offset, size) for project in parents]


def _names(project: models.Project, pattern: str, offset: int, size: int) -> list[str] | None:
    """Branches that fit, the default branch first, the others by name; None without a repository."""
    try:
        names = open_repository(project).branches()
    except RepositoryMissing:
        return None
    found = sorted(
        (name for name in names if fnmatchcase(name, pattern)),
        key=lambda name: (name != project.default_branch, name),
    )
    return found[offset : offset + size]


@strawberry.type(name="Repository", description="The git repository of a project.")
class Repository:
    """Its parent is a row of Project."""

    branch_names = batched(
        list[str] | None, _branch_names, "Names of its branches, the default branch first, then by name."
    )


@strawberry.type(name="ProjectPlanLimits", description="How much of what a project may have.")
class ProjectPlanLimits:
    """Its parent is a row of Project; the limits are those of this installation."""

    ci_pipeline_schedules = leaf(
        int | None,
        "How many pipeline schedules it may have.",
        lambda row: settings.PIPEYARD_SCHEDULES_PER_PROJECT,
    )
