"""Keeps environments: create, change, protect and delete them. Stopping them is in `stopping`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction

from ci_core import clock, deployments
from ci_core.actions.jobs import retry_job
from ci_core.decisions.slugs import environment_slug, guessed_tier
from ci_core.errors import EnvironmentStateConflict, Forbidden, InvalidInput, NotFound, NotRetryable
from ci_core.models import (
    Deployment,
    DeploymentTier,
    Environment,
    EnvironmentState,
    Job,
    Project,
    ProtectedEnvironment,
    User,
)
from ci_core.models.ids import pipeline_of
from ci_core.statuses import AccessLevel

#: What an environment may be called (https://docs.gitlab.com/ci/yaml/#environmentname).
_NAME: Final = re.compile(r"[A-Za-z0-9_. -][A-Za-z0-9_/. -]*", re.ASCII)
_LENGTHS: Final = {
    "external_url": 1024,
    "kubernetes_namespace": 63,
    "flux_resource_path": 255,
    "description": 10_000,
}


def create_environment(
    project: Project,
    *,
    name: str,
    description: str = "",
    external_url: str = "",
    tier: DeploymentTier | None = None,
    kubernetes_namespace: str = "",
    flux_resource_path: str = "",
) -> Environment:
    """A new environment to which nothing is deployed yet. Raises InvalidInput with the field at fault."""
    if not _NAME.fullmatch(name) or len(name) > 255 or name.endswith("/"):
        raise InvalidInput(
            f"name: {name[:80]!r} may hold letters, digits, spaces and - _ / ., must not begin or end with a slash, "
            "and has 1 to 255 characters.",
            field="name",
        )
    fields = _checked(
        description=description,
        external_url=external_url,
        kubernetes_namespace=kubernetes_namespace,
        flux_resource_path=flux_resource_path,
    )
    now = clock.now()
    environment, made = Environment.objects.get_or_create(
        project=project,
        name=name,
        defaults={
            "slug": environment_slug(name),
            "tier": (tier or DeploymentTier(guessed_tier(name))).value,
            "created_at": now,
            "updated_at": now,
            **fields,
        },
    )
    if not made:
        raise InvalidInput(f"name: there is an environment {name} already.", field="name")
    return environment


@transaction.atomic
def update_environment(
    environment_id: int,
    *,
    acting_user: User | None,
    description: str | None = None,
    external_url: str | None = None,
    tier: DeploymentTier | None = None,
    kubernetes_namespace: str | None = None,
    flux_resource_path: str | None = None,
) -> Environment:
    """Changes what is given; the rest stays, the name always. Raises InvalidInput, NotFound, Forbidden."""
    environment = _get(environment_id)
    refuse_protected_environment(environment, acting_user)
    given = {
        "description": description,
        "external_url": external_url,
        "kubernetes_namespace": kubernetes_namespace,
        "flux_resource_path": flux_resource_path,
    }
    fields = _checked(**{name: value for name, value in given.items() if value is not None})
    if tier is not None:
        fields["tier"] = tier.value
    Environment.objects.filter(pk=environment.pk).update(updated_at=clock.now(), **fields)
    return _get(environment_id)


def cancel_auto_stop(environment_id: int, *, acting_user: User | None) -> Environment:
    """Keeps an environment up until somebody stops it, or the next deployment says otherwise."""
    environment = _get(environment_id)
    refuse_protected_environment(environment, acting_user)
    Environment.objects.filter(pk=environment.pk).update(auto_stop_at=None, updated_at=clock.now())
    return _get(environment_id)


@transaction.atomic
def delete_environment(environment_id: int, *, acting_user: User | None) -> None:
    """Deletes a stopped environment with its deployments; the jobs stay.

    https://docs.gitlab.com/ci/environments/#delete-an-environment
    Raises EnvironmentStateConflict, NotFound, Forbidden.
    """
    environment = _get(environment_id)
    refuse_protected_environment(environment, acting_user)
    # Deployments first: whoever finishes a job locks them in this order.
    Deployment.objects.filter(environment_id=environment.pk).delete()
    locked = Environment.objects.select_for_update().filter(pk=environment.pk).first()
    if locked is None or locked.state != EnvironmentState.STOPPED:
        raise EnvironmentStateConflict(f"{environment.name} is not stopped: stop it, then delete it.")
    locked.delete()


def rollback_deployment(deployment_id: int, *, acting_user: User | None) -> Job:
    """Deploys again what an earlier deployment did: runs the newest copy of its job anew, in its pipeline.

    https://docs.gitlab.com/ci/environments/deployments/#retry-or-roll-back-a-deployment
    The copy has a deployment of its own, the newest of all. Raises NotFound, NotRetryable, Forbidden.
    """
    deployment = Deployment.objects.select_related("environment").filter(pk=deployment_id).first()
    if deployment is None:
        raise NotFound("There is no such deployment.")
    job = Job.objects.by_ids([deployment.job_id]).first()
    if job is None:
        raise NotRetryable(f"Deployment #{deployment.iid} cannot be repeated: its job is gone.")
    newest = Job.objects.in_pipeline(pipeline_of(job.pk)).latest_copies().get(name=job.name)
    return retry_job(newest.pk, acting_user=acting_user)


@transaction.atomic
def protect_environment(
    project: Project, name: str, *, access_level: int | None, users: Collection[User] = ()
) -> ProtectedEnvironment:
    """Limits who may deploy to an environment, which need not exist yet; replaces an earlier limit of that name.

    access_level: the least role; None: only `users`. Raises InvalidInput.
    """
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise InvalidInput(f"name: {name[:80]!r} is not the name of an environment.", field="name")
    if access_level is not None and not AccessLevel.REPORTER <= access_level <= AccessLevel.OWNER:
        raise InvalidInput("access level: it is a role from Reporter to Owner.", field="accessLevel")
    if access_level is None and not users:
        raise InvalidInput("Nobody could deploy: name a role or users.", field="accessLevel")
    strangers = [
        user.username
        for user in users
        if not Project.objects.with_member(user, AccessLevel.REPORTER).filter(pk=project.pk).exists()
    ]
    if strangers:
        raise InvalidInput(
            f"users: {', '.join(strangers)} must have the Reporter role or above.", field="users"
        )
    protected, _ = ProtectedEnvironment.objects.update_or_create(
        project=project,
        name=name,
        defaults={"access_level": access_level},
        create_defaults={"access_level": access_level, "created_at": clock.now()},
    )
    protected.users.set(users)
    return protected


def unprotect_environment(project: Project, name: str) -> bool:
    """Lifts the limit; False if there was none."""
    deleted, _ = ProtectedEnvironment.objects.filter(project=project, name=name).delete()
    return deleted > 0


def refuse_protected_environment(environment: Environment, acting_user: User | None) -> None:
    """Raises Forbidden when the environment's protection keeps a user away; None acts for Pipeyard itself."""
    if acting_user is None:
        return
    if not deployments.user_may_deploy(environment.project_id, environment.name, acting_user):
        raise Forbidden(f"{environment.name} is a protected environment, and you may not deploy to it.")


def _get(environment_id: int) -> Environment:
    environment = Environment.objects.select_related("project").filter(pk=environment_id).first()
    if environment is None:
        raise NotFound("There is no such environment.")
    return environment


def _checked(**fields: str) -> dict[str, Any]:
    for name, value in fields.items():
        if len(value) > _LENGTHS[name]:
            raise InvalidInput(
                f"{_camel(name)} has {len(value)} characters; {_LENGTHS[name]} are the most.",
                field=_camel(name),
            )
    url = fields.get("external_url")
    if url and not _is_url(url):
        raise InvalidInput(
            f"externalUrl: {url[:80]!r} is not a URL: write one that begins with http:// or https://.",
            field="externalUrl",
        )
    return dict(fields)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
