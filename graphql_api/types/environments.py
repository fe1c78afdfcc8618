"""Owns environments and what was deployed to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import strawberry

from ci_core import models
from graphql_api import links
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.loaders import deployments, pipelines, rows
from graphql_api.node_ids import GlobalIds
from graphql_api.pagination import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    After,
    Before,
    First,
    Keyset,
    Last,
    Listing,
    Page,
    PageArguments,
)
from graphql_api.scalars import Time
from graphql_api.types import environment_permissions
from graphql_api.types import references as refs
from graphql_api.types.enums_things import DeploymentStatus, DeploymentTier, SortDirectionEnum
from graphql_api.types.environment_permissions import DeploymentPermissions, EnvironmentPermissions

#: Tags of a deployment that are told.
MAX_TAGS: Final = 100


@strawberry.input(description="Order of deployments; give one of the fields.")
class DeploymentsOrderByInput:
    """At most one of the fields is used."""

    created_at: SortDirectionEnum | None = strawberry.field(description="By creation.")
    finished_at: SortDirectionEnum | None = strawberry.field(
        description="By end; leaves out deployments that have not ended."
    )


def _deployments(
    parents: list[models.Environment],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    statuses: Annotated[list[DeploymentStatus] | None, argument("Only these statuses.")] = None,
    order_by: Annotated[DeploymentsOrderByInput | None, argument("Order; newest first by default.")] = None,
) -> list[Page[models.Deployment]]:
    found = models.Deployment.objects.all()
    if statuses:
        found = found.filter(status__in=[status.value for status in statuses])
    keyset = NEWEST_FIRST
    if order_by is not None and order_by.finished_at is not None:
        found = found.filter(finished_at__isnull=False)
        keyset = Keyset(("finished_at", "id"), order_by.finished_at is SortDirectionEnum.DESC)
    elif order_by is not None and order_by.created_at is SortDirectionEnum.ASC:
        keyset = OLDEST_FIRST
    page = PageArguments(after, before, first, last)
    listing = Listing(found, page, keyset, ("environment_id",), deployments.DEPLOYMENTS.asked)
    return [listing.page(environment.pk) for environment in parents]


def _last_deployment(
    parents: list[models.Environment],
    info: Info,
    status: Annotated[DeploymentStatus, argument("Status that the deployment has.")],
) -> list[models.Deployment | None]:
    ids = [environment.id for environment in parents]
    return [*map(deployments.newest(info.context, ids, str(status.value)).get, ids)]


def _environment_path(parents: list[models.Environment], info: Info) -> list[str]:
    projects = rows.projects_of(info.context, parents)
    return [
        links.environment(project, environment.pk)
        for environment, project in zip(parents, projects, strict=True)
    ]


def _folder(environment: models.Environment) -> str | None:
    folder, slash, _ = environment.name.partition("/")
    return folder if slash else None


@strawberry.type(name="ClusterAgent", description="What connects a Kubernetes cluster.")
class ClusterAgent:
    """There is none here."""

    id = leaf(strawberry.ID, "ID of the agent.")
    name = leaf(str | None, "Name of the agent.")


@strawberry.type(name="Environment", description="A place that jobs deploy to.")
class Environment:
    """Its parent is a row of Environment."""

    id = leaf(strawberry.ID, "ID of the environment.", GlobalIds("Environment"))
    name = leaf(str, "Name, such as `review/login`.")
    slug = leaf(str | None, "Name made safe for host names.")
    description = leaf(str | None, "What it is, in Markdown.", lambda row: row.description or None)
    state = leaf(str, "`available`, `stopping` while its stop jobs are at work, or `stopped`.")
    tier = leaf(DeploymentTier | None, "What the environment is for.")
    environment_type = leaf(str | None, "Folder: the part of the name before the first slash.", _folder)
    external_url = leaf(
        str | None, "Where the environment can be visited.", lambda row: row.external_url or None
    )
    path = batched(str, _environment_path, "Path of the environment's page.")
    created_at = leaf(Time | None, "When it was made.")
    updated_at = leaf(Time | None, "When it last changed.")
    auto_stop_at = leaf(Time | None, "When it stops by itself; null if it does not.")
    auto_delete_at = leaf(
        Time | None, "Always null: environments are not deleted by themselves.", lambda row: None
    )
    kubernetes_namespace = leaf(
        str | None,
        "Namespace in Kubernetes; kept, and not used.",
        lambda row: row.kubernetes_namespace or None,
    )
    cluster_agent = leaf(
        ClusterAgent | None, "Always null: Kubernetes is not connected here.", lambda row: None
    )
    flux_resource_path = leaf(
        str | None,
        "Path of its Flux resource; kept, and not used.",
        lambda row: row.flux_resource_path or None,
    )
    user_permissions = batched(
        EnvironmentPermissions, environment_permissions.of_environments, "What the caller may do with it."
    )
    deployments = batched(refs.DEPLOYMENTS, _deployments, "What was deployed here, newest first.")
    last_deployment = batched(
        refs.DEPLOYMENT | None, _last_deployment, "The newest deployment with a status."
    )


def _deployment_commit(parents: list[models.Deployment], info: Info) -> list[Any]:
    projects = rows.projects_of(info.context, parents)
    places = [(project, row.sha) for row, project in zip(parents, projects, strict=True)]
    return pipelines.commits(info.context, places)


def _deployment_job(parents: list[models.Deployment], info: Info) -> list[models.Job | None]:
    return rows.of_each(parents, rows.jobs(info.context, (row.job_id for row in parents)), "job_id")


def _triggerer(parents: list[models.Deployment], info: Info) -> list[models.User | None]:
    return rows.of_each(parents, rows.users(info.context, (row.user_id for row in parents)), "user_id")


def _deployment_path(parents: list[models.Deployment], info: Info) -> list[str]:
    projects = rows.projects_of(info.context, parents)
    return [
        f"{links.environment(project, row.environment_id)}/deployments/{row.iid}"
        for row, project in zip(parents, projects, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a project's repository."""

    project: models.Project
    name: str


@strawberry.type(name="DeploymentTag", description="A tag that points to the commit of a deployment.")
class DeploymentTag:
    """Its parent is a Tag."""

    name = leaf(str | None, "Name of the tag.")
    path = leaf(str | None, "Name in full, without `refs/`: `tags/v1`.", lambda tag: f"tags/{tag.name}")
    web_path = leaf(str | None, "Path of the tag's page.", lambda tag: links.tag(tag.project, tag.name))


def _tags(parents: list[models.Deployment], info: Info) -> list[list[Tag]]:
    projects = rows.projects_of(info.context, parents)
    found = pipelines.tags_by_commit(info.context, projects)
    return [
        [Tag(project, name) for name in found[project.pk].get(row.sha, [])[:MAX_TAGS]]
        for row, project in zip(parents, projects, strict=True)
    ]


@strawberry.type(name="Deployment", description="A job's deployment of a commit to an environment.")
class Deployment:
    """Its parent is a row of Deployment."""

    id = leaf(strawberry.ID | None, "ID of the deployment.", GlobalIds("Deployment"))
    iid = leaf(strawberry.ID | None, "Number of the deployment in its project.", lambda row: str(row.iid))
    status = leaf(DeploymentStatus | None, "Status; follows the job's.")
    ref = leaf(str | None, "Branch or tag that was deployed.")
    tag = leaf(bool | None, "Whether a tag was deployed.")
    sha = leaf(str | None, "Commit that was deployed.")
    created_at = leaf(Time | None, "When its job was made.")
    updated_at = leaf(
        Time | None,
        "When it ended; before that, when it was made.",
        lambda row: row.finished_at or row.created_at,
    )
    finished_at = leaf(Time | None, "When it ended.")
    commit = batched(
        refs.COMMIT | None, _deployment_commit, "The commit; null if the repository has it no more."
    )
    job = batched(refs.JOB | None, _deployment_job, "The job that deploys.")
    triggerer = batched(refs.USER | None, _triggerer, "Who started it.")
    web_path = batched(str | None, _deployment_path, "Path of the deployment's page.")
    tags = batched(
        list[DeploymentTag] | None, _tags, "The first 100 tags, by name, that point to its commit now."
    )
    user_permissions = batched(
        DeploymentPermissions, environment_permissions.of_deployments, "What the caller may do with it."
    )
