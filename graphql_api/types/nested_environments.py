"""Owns the folders of environments."""

from __future__ import annotations

from typing import Annotated

import strawberry
from django.conf import settings

from ci_core import models
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.loaders import environments as loader
from graphql_api.loaders import rows
from graphql_api.loaders.environments import Folder
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole
from graphql_api.types import references as refs
from graphql_api.types.project_relations import (
    EnvironmentName,
    EnvironmentSearch,
    EnvironmentStates,
    environments_with,
)


def of_projects(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    name: EnvironmentName = None,
    search: EnvironmentSearch = None,
    states: EnvironmentStates = None,
    type: Annotated[str | None, argument("Only those in the folder of this name.")] = None,
) -> list[Page[Folder]]:
    """The folders of each project; no more on a page than on other pages."""
    asked = PageArguments(after, before, first, last)
    most = settings.PIPEYARD_PAGE_LIMIT
    size = most if asked.asked is None else min(asked.asked, most)
    arguments = PageArguments(
        after, before, None if asked.backwards else size, size if asked.backwards else None
    )
    fitting = environments_with(name, search, states)
    if type is not None:
        fitting = fitting.filter(name__startswith=f"{type}/")
    found = loader.folders(fitting, (row.pk for row in parents))
    return [whole(found.get(row.pk, ()), arguments, lambda folder: folder.key) for row in parents]


def _latest(parents: list[Folder], info: Info) -> list[models.Environment | None]:
    return rows.of_each(
        parents, rows.environments(info.context, (row.latest_id for row in parents)), "latest_id"
    )


@strawberry.type(
    name="NestedEnvironment", description="A folder of environments, or an environment that is in none."
)
class NestedEnvironment:
    """Its parent is a Folder."""

    name = leaf(str, "Name of the folder, or of the environment.")
    size = leaf(int, "How many environments are in it.")
    environment = batched(refs.ENVIRONMENT | None, _latest, "The newest environment in it.")
