"""Owns the lists of runners: their filters and orders, and the lists of projects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final

from django.db.models import QuerySet

from ci_core import models
from ci_core.filters import RunnerFilter
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import argument
from graphql_api.filters.filtering import filtered
from graphql_api.lateral import PARENT
from graphql_api.pagination import After, Before, First, Keyset, Last, Listing, Page, PageArguments
from graphql_api.types.enums_runners import CiRunnerSort
from graphql_api.types.enums_things import CiRunnerStatus, CiRunnerType

Paused = Annotated[bool | None, argument("Only those that are paused, or that are not.")]
Active = Annotated[bool | None, argument("The opposite of paused, by its former name.")]
Search = Annotated[
    str | None, argument("Only those whose description holds this, or whose token begins with it.")
]
Sort = Annotated[CiRunnerSort | None, argument("Order; the newest first by default.")]
RunnerStatus = Annotated[CiRunnerStatus | None, argument("Only those with this status.")]
Tags = Annotated[list[str] | None, argument("Only those that have all of these tags.")]
Type = Annotated[CiRunnerType | None, argument("Only those of this type.")]
VersionPrefix = Annotated[
    str | None, argument("Only those with a machine whose program has a version that begins with this.")
]
CreatorUsername = Annotated[str | None, argument("Only those that this user made.")]

#: What a runner is ordered by when it is not a column of its own.
BY_ACTIVITY: Final = "running_jobs"


def ordered(runners: Any, sort: CiRunnerSort | None) -> tuple[QuerySet[models.Runner], Keyset]:
    """The runners, and the order that is asked for."""
    column, _, direction = str((sort or CiRunnerSort.CREATED_DESC).value).rpartition("_")
    rows = runners.with_running_jobs() if column == BY_ACTIVITY else runners
    return rows, Keyset((column,) if column == "id" else (column, "id"), direction == "desc")


def fitting(runners: QuerySet[models.Runner], *, active: bool | None, **values: Any) -> Any:
    """Those of the runners that fit the arguments."""
    if active is not None and values["paused"] is None:
        values["paused"] = not active
    return filtered(RunnerFilter, runners, **values)


def of_projects(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    active: Active = None,
    paused: Paused = None,
    search: Search = None,
    sort: Sort = None,
    status: RunnerStatus = None,
    tag_list: Tags = None,
    type: Type = None,
    creator_username: CreatorUsername = None,
    version_prefix: VersionPrefix = None,
) -> list[Page[models.Runner] | None]:
    """The runners that take jobs of each project, for its maintainers."""
    found = fitting(
        models.Runner.objects.available_to(PARENT),
        active=active,
        paused=paused,
        search=search,
        status=status,
        tag_list=tag_list,
        type=type,
        creator_username=creator_username,
        version_prefix=version_prefix,
    )
    rows, keyset = ordered(found.annotate(for_project=PARENT), sort)
    listing = Listing(rows, PageArguments(after, before, first, last), keyset, ("for_project",))
    permissions.load_levels(info.context, (row.pk for row in parents))
    allowed = {
        row.pk for row in parents if permissions.has_level(info.context, row.pk, permissions.ADMINISTER)
    }
    return pages(listing, parents, allowed)


def pages(
    listing: Listing, owners: Sequence[models.Project | models.Group], allowed: Collection[int]
) -> list[Page[models.Runner] | None]:
    """The page of each owner whose runners the caller may list, known to its edges; None for the others."""
    found: list[Page[models.Runner] | None] = []
    for owner in owners:
        page: Page[models.Runner] | None = listing.page(owner.pk) if owner.pk in allowed else None
        if page is not None:
            page.owner = owner
        found.append(page)
    return found
