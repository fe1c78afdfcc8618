"""Owns what the caller may do with environments and deployments."""

from __future__ import annotations

from dataclasses import dataclass

import strawberry

from ci_core import models
from ci_core.models import EnvironmentState
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import leaf
from graphql_api.loaders import protection, rows


@strawberry.type(name="EnvironmentPermissions", description="What the caller may do with an environment.")
class EnvironmentPermissions:
    """Its parent is a Permissions."""

    update_environment = leaf(bool, "Change it.", "operate")
    stop_environment = leaf(bool, "Stop it.", "operate")
    destroy_environment = leaf(bool, "Delete it; it must be stopped for that.", "destroy")


@strawberry.type(name="DeploymentPermissions", description="What the caller may do with a deployment.")
class DeploymentPermissions:
    """Its parent is a Permissions."""

    update_deployment = leaf(bool, "Start its job or run it again.", "operate")
    destroy_deployment = leaf(
        bool, "Always false: deployments are only deleted with their environment.", "destroy"
    )


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the caller may do."""

    operate: bool
    destroy: bool


def of_environments(parents: list[models.Environment], info: Info) -> list[Permissions]:
    """What the caller may do with each environment."""
    deployable = protection.deployable(info.context, ((row.project_id, row.name) for row in parents))
    able = [
        may and permissions.allows(info.context, row.project_id, permissions.OPERATE)
        for row, may in zip(parents, deployable, strict=True)
    ]
    return [
        Permissions(may, may and row.state == EnvironmentState.STOPPED)
        for row, may in zip(parents, able, strict=True)
    ]


def of_deployments(parents: list[models.Deployment], info: Info) -> list[Permissions]:
    """What the caller may do with each deployment."""
    environments = rows.environments(info.context, (row.environment_id for row in parents))
    known = [environment for environment in environments.values() if environment is not None]
    able = dict(zip((row.pk for row in known), of_environments(known, info), strict=True))
    return [Permissions(able[row.environment_id].operate, destroy=False) for row in parents]
