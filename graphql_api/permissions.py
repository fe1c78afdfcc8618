"""Owns what a caller may do with what they see; fields and mutations name levels from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ci_core.statuses import AccessLevel
from graphql_api.context import Context

#: Level that runs things: create, cancel, retry, play, unschedule.
OPERATE: Final = AccessLevel.DEVELOPER
#: Level that sees what was given to pipelines, and details of runners.
ADMINISTER: Final = AccessLevel.MAINTAINER
#: Level that removes history.
DESTROY: Final = AccessLevel.OWNER


def load_levels(context: Context, project_ids: Iterable[int]) -> None:
    """Reads the caller's levels in these projects with one statement."""
    context.principal.load_levels(list(dict.fromkeys(project_ids)))


def allows(context: Context, project_id: int, level: int) -> bool:
    """Whether the caller may change things in a project at this level: by role, and by the scope of their token."""
    return context.principal.may_write and context.principal.level_in(project_id) >= level


def has_level(context: Context, project_id: int, level: int) -> bool:
    """Whether the caller has this level in a project, whatever their token allows."""
    return context.principal.level_in(project_id) >= level


def is_admin(context: Context) -> bool:
    """Whether the caller administers this installation."""
    return context.principal.user is not None and context.principal.user.is_superuser
