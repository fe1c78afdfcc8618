"""Owns what groups hold and refer to, and what projects and runners have of them."""

from __future__ import annotations

from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from ci_core import models
from ci_core.models import RunnerType
from ci_core.statuses import AccessLevel
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import argument
from graphql_api.lateral import PARENT
from graphql_api.loaders import rows
from graphql_api.pagination import After, Before, First, Keyset, Last, Listing, Page, PageArguments, whole
from graphql_api.types import runner_lists as lists
from graphql_api.types.enums_runners import CiRunnerMembershipFilter
from graphql_api.types.enums_things import CiVariableSort

#: Inside a list's statement: the group whose list it is has, or is around, the group of the row at hand.
_INSIDE = RawSQL("array[parent.c0]", ())


def full_names(parents: list[models.Group], info: Info) -> list[str]:
    """The names of the groups around each group and its own."""
    found = rows.groups(info.context, (id_ for row in parents for id_ in row.traversal_ids))
    return [" / ".join(group.name for id_ in row.traversal_ids if (group := found[id_])) for row in parents]


def of_projects(parents: list[models.Project], info: Info) -> list[models.Group | None]:
    """The group of each project."""
    return rows.of_each(parents, rows.groups(info.context, (row.group_id for row in parents)), "group_id")


def of_runners(
    parents: list[models.Runner],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Group] | None]:
    """The group of each group's runner, if the caller may see it; None for runners of other types."""
    arguments = PageArguments(after, before, first, last)
    visible = models.Group.objects.visible_to(info.context.principal.user)
    wanted = [row.group_id for row in parents if row.group_id is not None]
    found = {group.pk: group for group in visible.filter(pk__in=wanted)} if wanted else {}
    return [
        whole([found[row.group_id]] if row.group_id in found else [], arguments, lambda group: (group.pk,))
        if row.runner_type == RunnerType.GROUP_TYPE
        else None
        for row in parents
    ]


def _with_level(parents: list[models.Group], info: Info, level: int) -> set[int]:
    """Ids of those of the groups in which the caller has a level."""
    levels = info.context.principal.levels_in_groups([row.pk for row in parents])
    return {group_id for group_id, found in levels.items() if found >= level}


def projects(
    parents: list[models.Group],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    include_subgroups: Annotated[bool | None, argument("Those of the groups in it as well.")] = False,
) -> list[Page[models.Project]]:
    """The projects of each group that the caller may see."""
    visible = models.Project.objects.visible_to(info.context.principal.user)
    inside = Q(group__traversal_ids__contains=_INSIDE) if include_subgroups else Q(group_id=PARENT)
    found = visible.filter(inside).annotate(of_group=PARENT)
    arguments = PageArguments(after, before, first, last)
    listing = Listing(found, arguments, Keyset(("full_path", "id")), ("of_group",))
    return [listing.page(row.pk) for row in parents]


def _members(membership: CiRunnerMembershipFilter) -> QuerySet[models.Runner]:
    """The runners that belong to a group in this way. Source: GitLab, Ci::RunnersFinder."""
    runners: QuerySet[models.Runner] = models.Runner.objects.all()
    own = Q(group_id=PARENT)
    if membership is CiRunnerMembershipFilter.DIRECT:
        return runners.filter(own)
    inner = models.Group.objects.filter(traversal_ids__contains=_INSIDE).values("pk")
    assigned = models.Runner.projects.through.objects.filter(project__group_id__in=inner)
    within = Q(group_id__in=inner) | Q(pk__in=assigned.values("runner_id"))
    if membership is CiRunnerMembershipFilter.DESCENDANTS:
        return runners.filter(within)
    around = models.Group.objects.around(models.Group.objects.filter(pk=PARENT)).values("pk")
    everybodys = Q(runner_type=RunnerType.INSTANCE_TYPE.value)
    return runners.filter(within | Q(group_id__in=around) | everybodys)


def runners(
    parents: list[models.Group],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    membership: Annotated[
        CiRunnerMembershipFilter | None, argument("How they belong to the group; by default within it.")
    ] = CiRunnerMembershipFilter.DESCENDANTS,
    active: lists.Active = None,
    paused: lists.Paused = None,
    search: lists.Search = None,
    sort: lists.Sort = None,
    status: lists.RunnerStatus = None,
    tag_list: lists.Tags = None,
    type: lists.Type = None,
    creator_username: lists.CreatorUsername = None,
    version_prefix: lists.VersionPrefix = None,
) -> list[Page[models.Runner] | None]:
    """The runners of each group, for its maintainers."""
    found = lists.fitting(
        _members(membership or CiRunnerMembershipFilter.DESCENDANTS),
        active=active,
        paused=paused,
        search=search,
        status=status,
        tag_list=tag_list,
        type=type,
        creator_username=creator_username,
        version_prefix=version_prefix,
    )
    ordered, keyset = lists.ordered(found.annotate(of_group=PARENT), sort)
    listing = Listing(ordered, PageArguments(after, before, first, last), keyset, ("of_group",))
    allowed = _with_level(parents, info, permissions.ADMINISTER)
    return lists.pages(listing, parents, allowed)


def variables(
    parents: list[models.Group],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    sort: Annotated[CiVariableSort | None, argument("Order; by key, ascending, by default.")] = None,
) -> list[Page[models.GroupVariable] | None]:
    """The variables of each group, for its owners."""
    arguments = PageArguments(after, before, first, last)
    keyset = Keyset(("key", "id"), sort is CiVariableSort.KEY_DESC)
    listing = Listing(models.GroupVariable.objects.all(), arguments, keyset, ("group_id",))
    allowed = _with_level(parents, info, AccessLevel.OWNER)
    return [listing.page(row.pk) if row.pk in allowed else None for row in parents]


def inherited(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.GroupVariable] | None]:
    """The variables of the groups around each project, for its maintainers."""
    of_project = models.Group.objects.filter(projects__pk=PARENT)
    found = models.GroupVariable.objects.filter(group__in=models.Group.objects.around(of_project))
    listing = Listing(
        found.annotate(for_project=PARENT),
        PageArguments(after, before, first, last),
        Keyset(("key", "id")),
        ("for_project",),
    )
    permissions.load_levels(info.context, (row.pk for row in parents))
    return [
        listing.page(row.pk) if permissions.has_level(info.context, row.pk, permissions.ADMINISTER) else None
        for row in parents
    ]


def of_variables(parents: list[Any], info: Info) -> list[models.Group]:
    """The group of each variable."""
    found = rows.groups(info.context, (row.group_id for row in parents))
    given = [found[row.group_id] for row in parents]
    return [group for group in given if group is not None]
