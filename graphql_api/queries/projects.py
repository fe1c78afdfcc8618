"""Owns the root fields that lead to projects."""

from __future__ import annotations

from typing import Annotated

import strawberry
from django.db.models import QuerySet

from ci_core import models
from ci_core.access import find_project
from ci_core.filters import ProjectFilter
from graphql_api.context import Info
from graphql_api.fields import argument, rooted
from graphql_api.filters.filtering import filtered
from graphql_api.pagination import After, Before, First, Last, Listing, Page, PageArguments
from graphql_api.types import references as refs
from graphql_api.types.project_orders import keyset_of


def _projects(
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    search: Annotated[str | None, argument("Only those whose name, path or description holds this.")] = None,
    membership: Annotated[bool | None, argument("Only those that the caller is a member of.")] = None,
    sort: Annotated[
        str | None, argument("Order: `id`, `name`, `path`, `created` or `updated`, with `_asc` or `_desc`.")
    ] = "id_desc",
) -> Page[models.Project]:
    user = info.context.principal.user
    found: QuerySet[models.Project] = models.Project.objects.visible_to(user)
    if membership:
        found = (
            found.filter(pk__in=models.Project.objects.with_member(user).values("pk"))
            if user
            else found.none()
        )
    found = filtered(ProjectFilter, found, search=search)
    arguments = PageArguments(after, before, first, last)
    return Listing(found, arguments, keyset_of(sort or "id_desc")).page()


def _project(
    info: Info,
    full_path: Annotated[strawberry.ID, argument("Path with its namespace, such as `group/shop`.")],
) -> models.Project | None:
    found = find_project(full_path, info.context.principal)
    info.context.know([found] if found else [])
    return found


@strawberry.type
class ProjectQueries:
    """Part of Query."""

    projects = rooted(refs.PROJECTS, _projects, "The projects that the caller may see.")
    project = rooted(
        refs.PROJECT | None, _project, "One project; null if there is none, or the caller may not see it."
    )
