"""Owns reading whether the caller may deploy to environments, one statement for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ci_core import models
from ci_core.decisions.deployments import Protection, may_deploy
from graphql_api import permissions
from graphql_api.context import Context

Place: TypeAlias = tuple[int, str]


def deployable(context: Context, places: Iterable[Place]) -> list[bool]:
    """Whether the caller may deploy to each environment, by project and name, as far as its protection goes."""
    wanted = list(places)
    protections = _protections(wanted)
    principal = context.principal
    permissions.load_levels(context, (project_id for project_id, _ in wanted))
    return [
        may_deploy(
            protections.get(place),
            user_id=principal.user.pk if principal.user else None,
            level=principal.level_in(place[0]),
            is_admin=permissions.is_admin(context),
        )
        for place in wanted
    ]


def _protections(places: Iterable[Place]) -> Mapping[Place, Protection]:
    rows = models.ProtectedEnvironment.objects.filter(
        project_id__in={project_id for project_id, _ in places}, name__in={name for _, name in places}
    ).prefetch_related("users")
    return {
        (row.project_id, row.name): Protection(row.access_level, {user.pk for user in row.users.all()})
        for row in rows
    }
