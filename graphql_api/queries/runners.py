"""Owns the root fields that lead to runners."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core import models
from ci_core.errors import Forbidden, NotFound
from ci_core.runner_access import access_runner
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import argument, rooted
from graphql_api.node_ids import CiRunnerID
from graphql_api.pagination import After, Before, First, Last, Listing, Page, PageArguments
from graphql_api.types import references as refs
from graphql_api.types import runner_lists as lists


def _runner(info: Info, id: Annotated[CiRunnerID, argument("ID of the runner.")]) -> models.Runner | None:
    try:
        return access_runner(id, info.context.principal)
    except NotFound:
        return None


def _runners(
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    active: lists.Active = None,
    paused: lists.Paused = None,
    search: lists.Search = None,
    sort: lists.Sort = None,
    status: lists.RunnerStatus = None,
    tag_list: lists.Tags = None,
    type: lists.Type = None,
    creator_username: lists.CreatorUsername = None,
    version_prefix: lists.VersionPrefix = None,
) -> Page[models.Runner]:
    if not permissions.is_admin(info.context):
        raise Forbidden("Only administrators list all runners.")
    found = lists.fitting(
        models.Runner.objects.all(),
        active=active,
        paused=paused,
        search=search,
        status=status,
        tag_list=tag_list,
        type=type,
        creator_username=creator_username,
        version_prefix=version_prefix,
    )
    rows, keyset = lists.ordered(found, sort)
    return Listing(rows, PageArguments(after, before, first, last), keyset).page()


@strawberry.type
class RunnerQueries:
    """Part of Query."""

    runner = rooted(
        refs.RUNNER | None,
        _runner,
        "One runner; null if there is none, or the caller may not see it. Runners of everybody are seen by whoever is "
        "signed in, those of projects and groups by maintainers of these and of the groups' projects.",
    )
    runners = rooted(refs.RUNNERS, _runners, "All runners, newest first. Takes an administrator.")
