"""Environments and deployments of a pipeline's jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from ci_core import clock, deployments
from ci_core.bulk import copy_values
from ci_core.compiler import CompiledEnvironment, CompiledJob, expand
from ci_core.decisions.slugs import environment_slug, guessed_tier
from ci_core.errors import Forbidden, NotPlayable
from ci_core.locks import next_internal_id
from ci_core.models import Deployment, Job, Pipeline, User
from ci_core.statuses import DeploymentStatus

_ENSURE = """
INSERT INTO ci_core_environment (project_id, name, slug, external_url, state, tier, created_at, updated_at)
SELECT %(project_id)s, name, slug, url, 'available', tier, %(now)s, %(now)s
FROM unnest(%(names)s::text[], %(slugs)s::text[], %(urls)s::text[], %(tiers)s::text[]) AS t(name, slug, url, tier)
ORDER BY name
ON CONFLICT (project_id, name) DO UPDATE
SET updated_at = excluded.updated_at
RETURNING name, id
"""


_DEPLOYMENT: Final = (
    "project_id", "environment_id", "iid", "pipeline_id", "job_id", "on_stop", "auto_stop_in", "ref", "tag", "sha",
    "status", "user_id", "created_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """A deployment that a job is to make."""

    environment_id: int
    job_id: int
    on_stop: str
    auto_stop_in: int | None


def environment_content(environment: CompiledEnvironment) -> dict[str, Any]:
    """What a job's definition keeps of its environment: it is needed when the job runs and when it has run."""
    return {
        "name": environment.name,
        "url": environment.url,
        "action": environment.action,
        "on_stop": environment.on_stop,
        "auto_stop_in": environment.auto_stop_in,
        "tier": environment.deployment_tier,
    }


def plan_deployments(
    pipeline: Pipeline, jobs: Iterable[tuple[CompiledJob, int]], known: Mapping[str, str]
) -> None:
    """Makes the environments that a new pipeline's jobs name, and a deployment for each job that deploys.

    jobs: with their ids. known: variables to put into the URLs of new environments; one that exists keeps its own
    until the deployment succeeds. Jobs whose `environment:action` is not `start` deploy nothing
    (https://docs.gitlab.com/ci/yaml/#environmentaction).
    """
    with_environment = [(job.environment, id_, job) for job, id_ in jobs if job.environment is not None]
    if not with_environment:
        return
    environments = _ensure(
        pipeline,
        {
            environment.name: (environment, _url(environment, job, known))
            for environment, _, job in with_environment
        },
    )
    deploying = [
        Planned(environments[environment.name], id_, environment.on_stop or "", environment.auto_stop_in)
        for environment, id_, _ in with_environment
        if environment.action == "start"
    ]
    _insert(pipeline, deploying)


def copy_deployments(pipeline: Pipeline, copies: Mapping[int, int]) -> None:
    """Gives each copied job a deployment of its own where the original had one. copies: new job id by old."""
    old = Deployment.objects.filter(job_id__in=list(copies)).order_by("id")
    _insert(
        pipeline,
        [
            Planned(
                deployment.environment_id,
                copies[deployment.job_id],
                deployment.on_stop,
                deployment.auto_stop_in,
            )
            for deployment in old
        ],
    )


def _url(environment: CompiledEnvironment, job: CompiledJob, known: Mapping[str, str]) -> str:
    if environment.url is None or "$" not in environment.url:
        return environment.url or ""
    own = {variable["key"]: str(variable["value"]) for variable in job.definition()["variables"]}
    slug = {
        "CI_ENVIRONMENT_NAME": environment.name,
        "CI_ENVIRONMENT_SLUG": environment_slug(environment.name),
    }
    return expand(environment.url, {**known, **own, **slug})


def _ensure(pipeline: Pipeline, wanted: Mapping[str, tuple[CompiledEnvironment, str]]) -> dict[str, int]:
    """Ids by name of environments, made where missing; in the order of names, so that two never deadlock."""
    names = sorted(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            _ENSURE,
            {
                "project_id": pipeline.project_id,
                "now": clock.now(),
                "names": names,
                "slugs": [environment_slug(name) for name in names],
                "urls": [wanted[name][1] for name in names],
                "tiers": [wanted[name][0].deployment_tier or guessed_tier(name) for name in names],
            },
        )
        return dict(cursor.fetchall())


def _insert(pipeline: Pipeline, deploying: Sequence[Planned]) -> None:
    if not deploying:
        return
    now = clock.now().isoformat()
    iid = next_internal_id(pipeline.project_id, "deployments", len(deploying))
    copy_values(
        Deployment,
        _DEPLOYMENT,
        (
            (
                pipeline.project_id,
                planned.environment_id,
                iid + offset,
                pipeline.pk,
                planned.job_id,
                planned.on_stop,
                planned.auto_stop_in,
                pipeline.ref,
                pipeline.tag,
                pipeline.sha,
                DeploymentStatus.CREATED.value,
                pipeline.user_id,
                now,
            )
            for offset, planned in enumerate(deploying)
        ),
    )


def refuse_protected(pipeline: Pipeline, job: Job, acting_user: User | None) -> None:
    """Raises Forbidden when the environment's protection keeps whoever acts from starting the job."""
    refused = deployments.protection_refusal(pipeline, job, acting_user)
    if refused is not None:
        raise Forbidden(refused.message)


def refuse_outdated(pipeline: Pipeline, job: Job) -> None:
    """Raises NotPlayable when the job would deploy something older than what is deployed."""
    refused = deployments.outdated_refusal(pipeline, job)
    if refused is not None:
        raise NotPlayable(refused.message)
