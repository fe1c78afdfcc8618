"""Owns CI/CD variables of projects and groups. Only maintainers see them; the values of hidden ones nobody does."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core import models
from graphql_api import links, permissions
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf, told_by
from graphql_api.node_ids import GlobalIds
from graphql_api.pagination import After, Before, First, Keyset, Last, Listing, Page, PageArguments
from graphql_api.types import group_relations
from graphql_api.types.enums_things import CiVariableSort, CiVariableType


def of_projects(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    sort: Annotated[CiVariableSort | None, argument("Order; by key, ascending, by default.")] = None,
) -> list[Page[models.ProjectVariable] | None]:
    """The variables of each project, for its maintainers."""
    listing = Listing(
        models.ProjectVariable.objects.all(),
        PageArguments(after, before, first, last),
        Keyset(("key", "id"), sort is CiVariableSort.KEY_DESC),
        ("project_id",),
    )
    permissions.load_levels(info.context, (row.pk for row in parents))
    return [
        listing.page(row.pk) if permissions.has_level(info.context, row.pk, permissions.ADMINISTER) else None
        for row in parents
    ]


@strawberry.interface(name="CiVariable", description="A variable for jobs, wherever it is kept.")
class CiVariable:
    """What variables of all kinds have."""

    id = leaf(strawberry.ID, "ID of the variable.")
    key = leaf(str | None, "Name of the variable.")
    value = leaf(str | None, "Value of the variable; null if it is hidden.")
    variable_type = leaf(CiVariableType | None, "How jobs get it.")
    raw = leaf(bool | None, "Whether references to other variables in it stay as they are.")


def _group_name(parents: list[models.GroupVariable], info: Info) -> list[str]:
    return [group.name for group in group_relations.of_variables(parents, info)]


def _settings_path(parents: list[models.GroupVariable], info: Info) -> list[str]:
    return [links.group_settings(group) for group in group_relations.of_variables(parents, info)]


@strawberry.type(name="CiGroupVariable", description="A variable that the jobs of a group's projects get.")
class CiGroupVariable(CiVariable):
    """Its parent is a row of GroupVariable."""

    id = leaf(strawberry.ID, "ID of the variable.", GlobalIds("Ci::GroupVariable"))
    value = leaf(
        str | None,
        "Value of the variable; null if it is hidden.",
        lambda row: None if row.hidden else row.value,
    )
    description = leaf(str | None, "What it is for.", lambda row: row.description or None)
    environment_scope = leaf(str | None, "Which environments' jobs get it: a name, or a pattern with `*`.")
    protected = leaf(bool | None, "Whether only pipelines of protected branches and tags get it.")
    masked = leaf(bool | None, "Whether job logs show stars in its place.")
    hidden = leaf(bool | None, "Whether its value is never shown again.")

    is_type_of = told_by(models.GroupVariable)  # tells them from variables of other kinds


@strawberry.type(
    name="InheritedCiVariable",
    description="A variable that a project has from a group around it; its value is not told.",
)
class InheritedCiVariable:
    """Its parent is a row of GroupVariable."""

    id = leaf(strawberry.ID, "ID of the variable.", GlobalIds("Ci::GroupVariable"))
    key = leaf(str | None, "Name of the variable.")
    variable_type = leaf(CiVariableType | None, "How jobs get it.")
    raw = leaf(bool | None, "Whether references to other variables in it stay as they are.")
    environment_scope = leaf(str | None, "Which environments' jobs get it: a name, or a pattern with `*`.")
    protected = leaf(bool | None, "Whether only pipelines of protected branches and tags get it.")
    masked = leaf(bool | None, "Whether job logs show stars in its place.")
    group_name = batched(str | None, _group_name, "Name of the group that it is of.")
    group_ci_cd_settings_path = batched(
        str | None, _settings_path, "Path of the page where that group's variables are set."
    )


@strawberry.type(name="CiProjectVariable", description="A variable that the jobs of a project get.")
class CiProjectVariable(CiVariable):
    """Its parent is a row of ProjectVariable."""

    id = leaf(strawberry.ID, "ID of the variable.", GlobalIds("Ci::Variable"))
    value = leaf(
        str | None,
        "Value of the variable; null if it is hidden.",
        lambda row: None if row.hidden else row.value,
    )
    description = leaf(str | None, "What it is for.", lambda row: row.description or None)
    environment_scope = leaf(str | None, "Which environments' jobs get it: a name, or a pattern with `*`.")
    protected = leaf(bool | None, "Whether only pipelines of protected branches and tags get it.")
    masked = leaf(bool | None, "Whether job logs show stars in its place.")
    hidden = leaf(bool | None, "Whether its value is never shown again.")

    is_type_of = told_by(models.ProjectVariable)  # tells them from variables of other kinds
