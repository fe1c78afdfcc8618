"""Owns the root field that tries a configuration without changing anything."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core.access import access_project
from ci_core.configuration import Situation, compile_project
from ci_core.errors import NotFound
from ci_core.statuses import PipelineSource
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import argument, rooted
from graphql_api.types.ci_config import Config
from graphql_api.types.lint import Linted


def _config(
    info: Info,
    project_path: Annotated[strawberry.ID, argument("Path of the project, such as `group/shop`.")],
    content: Annotated[str, argument("The configuration, in place of the project's.")],
    sha: Annotated[
        str | None,
        argument("Commit to try it for, as one of the default branch; the newest if it is left out."),
    ] = None,
    dry_run: Annotated[
        bool | None, argument("Accepted and ignored: rules always decide, and nothing is ever created.")
    ] = None,
) -> Linted | None:
    principal = info.context.principal
    try:
        project = access_project(project_path, principal)
    except NotFound:
        return None
    permissions.load_levels(info.context, [project.pk])
    if not permissions.has_level(info.context, project.pk, permissions.OPERATE):
        return None
    situation = Situation(project.default_branch, PipelineSource.PUSH, sha=sha)
    compiled = compile_project(project, situation, acting_user=principal.user, content=content)
    return Linted(project.full_path, compiled.commit.sha, compiled.result)


@strawberry.type
class ConfigQueries:
    """Part of Query."""

    ci_config = rooted(
        Config | None,
        _config,
        "Tells what a configuration would come to in a push to the default branch; null if there is no such project, "
        "or the caller is no developer of it. Protected variables are not among those that it sees. "
        "`ciLint` tries other situations.",
    )
