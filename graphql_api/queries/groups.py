"""Owns the root field that leads to groups."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_group
from ci_core.errors import NotFound
from graphql_api.context import Info
from graphql_api.fields import argument, rooted
from graphql_api.types import references as refs


def _group(
    info: Info, full_path: Annotated[strawberry.ID, argument("Path, such as `shop` or `shop/web`.")]
) -> models.Group | None:
    try:
        found = access_group(full_path, info.context.principal)
    except NotFound:
        return None
    info.context.know([found])
    return found


@strawberry.type
class GroupQueries:
    """Part of Query."""

    group = rooted(
        refs.PROJECT_GROUP | None,
        _group,
        "One group; null if there is none, or the caller may see neither it nor a project in it.",
    )
