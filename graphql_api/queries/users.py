"""Owns the root field that tells callers who they are."""

from __future__ import annotations

import strawberry

from ci_core import models
from graphql_api.context import Info
from graphql_api.fields import rooted
from graphql_api.types import references as refs


def _current_user(info: Info) -> models.User | None:
    return info.context.principal.user


@strawberry.type
class UserQueries:
    """Part of Query."""

    current_user = rooted(refs.USER | None, _current_user, "The caller; null for nobody signed in.")
