"""Owns the variables that projects and groups keep: which of them a project has, and which is the stronger."""

from __future__ import annotations

from ci_core.models import GroupVariable, Project, ProjectVariable


def of_project(project: Project) -> list[GroupVariable | ProjectVariable]:
    """The variables around a project, the stronger later: those of inner groups, of the project, of narrower scopes.

    Precedence: https://docs.gitlab.com/ci/variables/#cicd-variable-precedence
    """
    of_groups = sorted(
        GroupVariable.objects.of_project(project),
        key=lambda item: (len(item.group.traversal_ids), item.key, len(item.environment_scope)),
    )
    own = sorted(project.variables.all(), key=lambda item: (item.key, len(item.environment_scope)))
    return [*of_groups, *own]
