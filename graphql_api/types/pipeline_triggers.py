"""Owns pipeline trigger tokens. Only maintainers see them; the whole token is told once, when it is made."""

from __future__ import annotations

import strawberry

from ci_core import access, models
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import batched, leaf
from graphql_api.loaders import rows
from graphql_api.node_ids import GlobalIds
from graphql_api.pagination import (
    NEWEST_FIRST,
    After,
    Before,
    First,
    Last,
    Listing,
    Page,
    PageArguments,
)
from graphql_api.scalars import Time
from graphql_api.types import references as refs


def of_projects(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.PipelineTrigger] | None]:
    """The trigger tokens of each project, for its maintainers."""
    arguments = PageArguments(after, before, first, last)
    listing = Listing(models.PipelineTrigger.objects.all(), arguments, NEWEST_FIRST, ("project_id",))
    permissions.load_levels(info.context, (row.pk for row in parents))
    return [
        listing.page(row.pk) if permissions.has_level(info.context, row.pk, permissions.ADMINISTER) else None
        for row in parents
    ]


def _owners(parents: list[models.PipelineTrigger], info: Info) -> list[models.User]:
    found = rows.users(info.context, (row.owner_id for row in parents))
    given = (found[row.owner_id] for row in parents)
    return [owner for owner in given if owner is not None]


def _can_access_project(parents: list[models.PipelineTrigger], info: Info) -> list[bool]:
    owners = _owners(parents, info)
    places = [(owner, row.project_id) for owner, row in zip(owners, parents, strict=True)]
    return [level >= permissions.OPERATE for level in access.levels_of(places)]


@strawberry.type(
    name="PipelineTrigger",
    description="A token with which other systems create pipelines of a project, with the rights of its owner.",
)
class PipelineTrigger:
    """Its parent is a row of PipelineTrigger."""

    id = leaf(strawberry.ID, "ID of the trigger token.", GlobalIds("Ci::Trigger"))
    description = leaf(str | None, "What it is for.")
    owner = batched(refs.USER, _owners, "With whose rights its pipelines run.")
    token = leaf(
        str,
        "The token itself in the answer to pipelineTriggerCreate, where `hasTokenExposed` is true, and never again: "
        "its first four characters behind `glptt-`.",
        lambda row: row.new_token or row.short_token,
    )
    has_token_exposed = leaf(
        bool, "Whether `token` is the whole token.", lambda row: row.new_token is not None
    )
    can_access_project = batched(
        bool, _can_access_project, "Whether its owner may run pipelines of the project; else it creates none."
    )
    last_used = leaf(
        Time | None, "When it last created a pipeline, to the minute; null if it never has.", "last_used_at"
    )
    expires_at = leaf(Time | None, "When it stops working; null if it never does.")
