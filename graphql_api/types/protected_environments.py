"""Owns the protection of environments: who may deploy to them."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry
from strawberry import enum_value

from ci_core import models
from ci_core.statuses import AccessLevel
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import batched, leaf
from graphql_api.node_ids import GlobalIds
from graphql_api.pagination import After, Before, First, Keyset, Last, Listing, Page, PageArguments
from graphql_api.types import references as refs


@strawberry.enum(description="The least role that may deploy to a protected environment.")
class ProtectedEnvironmentRole(Enum):
    """The least role that may deploy to a protected environment."""

    REPORTER = enum_value(AccessLevel.REPORTER, description="Reporters and above.")
    DEVELOPER = enum_value(AccessLevel.DEVELOPER, description="Developers and above.")
    MAINTAINER = enum_value(AccessLevel.MAINTAINER, description="Maintainers and owners.")
    OWNER = enum_value(AccessLevel.OWNER, description="Owners.")


def _users(parents: list[models.ProtectedEnvironment], info: Info) -> list[list[Any]]:
    links = models.ProtectedEnvironment.users.through.objects.filter(
        protectedenvironment_id__in=[row.pk for row in parents]
    ).select_related("user")
    found: dict[int, list[models.User]] = {}
    for link in links.order_by("user__username"):
        found.setdefault(link.protectedenvironment_id, []).append(link.user)
    return [found.get(row.pk, []) for row in parents]


@strawberry.type(
    name="ProtectedEnvironment",
    description="Extension of Pipeyard: limits who may deploy to the environment of a name.",
)
class ProtectedEnvironment:
    """Its parent is a row of ProtectedEnvironment."""

    id = leaf(strawberry.ID, "ID of the protection.", GlobalIds("ProtectedEnvironment"))
    name = leaf(str, "Name of the environment, which need not exist yet.")
    role = leaf(
        ProtectedEnvironmentRole | None,
        "The least role that may deploy; null: only the users.",
        "access_level",
    )
    users = batched(list[refs.USER], _users, "Who may deploy besides.")


def of_projects(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.ProtectedEnvironment] | None]:
    """The protected environments of each project; None for those who may not run pipelines there."""
    permissions.load_levels(info.context, (row.pk for row in parents))
    arguments = PageArguments(after, before, first, last)
    listing = Listing(
        models.ProtectedEnvironment.objects.all(), arguments, Keyset(("name", "id")), ("project_id",)
    )
    return [
        listing.page(row.pk) if permissions.has_level(info.context, row.pk, permissions.OPERATE) else None
        for row in parents
    ]
