"""Owns resource groups: what a job's `resource_group` names."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from django.db.models import Count
from strawberry import enum_value

from ci_core import models
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.loaders import rows
from graphql_api.node_ids import GlobalIds
from graphql_api.pagination import After, Before, First, Keyset, Last, Listing, Page, PageArguments
from graphql_api.types import references as refs


@strawberry.enum(description="Which of the jobs that wait for a resource group gets it next.")
class CiResourceGroupProcessMode(Enum):
    """Which of the jobs that wait for a resource group gets it next."""

    UNORDERED = enum_value("unordered", description="Whichever is ready first.")
    OLDEST_FIRST = enum_value("oldest_first", description="That of the oldest pipeline.")
    NEWEST_FIRST = enum_value(
        "newest_first", description="That of the newest pipeline, even if it is not ready yet."
    )
    NEWEST_READY_FIRST = enum_value(
        "newest_ready_first", description="That of the newest pipeline among those that are ready."
    )


def _holders(parents: list[models.ResourceGroup], info: Info) -> list[models.Job | None]:
    held = [row.holder_id for row in parents if row.holder_id is not None]
    return rows.of_each(parents, rows.jobs(info.context, held), "holder_id")


def _waiting(parents: list[models.ResourceGroup], info: Info) -> list[int]:
    claims = models.ResourceClaim.objects.filter(group_id__in=[row.pk for row in parents], ready=True)
    found = dict(
        claims.values("group_id").annotate(waiting=Count("job_id")).values_list("group_id", "waiting")
    )
    return [found.get(row.pk, 0) for row in parents]


@strawberry.type(
    name="CiResourceGroup",
    description="Extension of Pipeyard: a resource group of a project, of which one job at a time runs.",
)
class ResourceGroup:
    """Its parent is a row of ResourceGroup."""

    id = leaf(strawberry.ID, "ID of the resource group.", GlobalIds("Ci::ResourceGroup"))
    key = leaf(str, "Its name, as `resource_group` of the jobs has it.")
    process_mode = leaf(CiResourceGroupProcessMode, "Which waiting job gets it next.")
    holder = batched(refs.JOB | None, _holders, "The job that has it; null if it is free.")
    waiting_count = batched(int, _waiting, "How many jobs are ready and wait for it.")


def of_projects(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    key: Annotated[str | None, argument("Only the one with this name.")] = None,
) -> list[Page[models.ResourceGroup] | None]:
    """The resource groups of each project; None for those who may not run pipelines there."""
    found = (
        models.ResourceGroup.objects.all() if key is None else models.ResourceGroup.objects.filter(key=key)
    )
    permissions.load_levels(info.context, (row.pk for row in parents))
    arguments = PageArguments(after, before, first, last)
    listing = Listing(found, arguments, Keyset(("key", "id")), ("project_id",))
    return [
        listing.page(row.pk) if permissions.has_level(info.context, row.pk, permissions.OPERATE) else None
        for row in parents
    ]
