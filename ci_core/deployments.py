"""Reads what is deployed and who may deploy: asked by whoever starts a job, and by whoever shows environments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ci_core import access
from ci_core.decisions.deployments import Deployed, Protection, allowed_words, is_outdated, may_deploy
from ci_core.models import Deployment, Job, Pipeline, ProtectedEnvironment, User
from ci_core.statuses import DeploymentStatus, FailureReason

UPCOMING = (DeploymentStatus.CREATED.value, DeploymentStatus.BLOCKED.value, DeploymentStatus.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a job may not deploy: the reason it fails with, and words for people."""

    reason: FailureReason
    message: str


def refusal(pipeline: Pipeline, job: Job, *, user: User | None = None) -> Refusal | None:
    """Why a job with an environment may not start; None when it may. Costs nothing for jobs without one.

    user: who starts it by hand; None: whose job it is (asked when a runner takes it).
    """
    if not job.environment_name:
        return None
    protected = protection_refusal(pipeline, job, user)
    return protected or outdated_refusal(pipeline, job)


def protection_refusal(pipeline: Pipeline, job: Job, user: User | None = None) -> Refusal | None:
    """Why the environment's protection keeps the job from starting."""
    if not job.environment_name:
        return None
    deployer = user or (User.objects.filter(pk=job.user_id).first() if job.user_id else None)
    if user_may_deploy(pipeline.project_id, job.environment_name, deployer):
        return None
    who = f"{deployer.username} may not deploy to it" if deployer else "the job is nobody's"
    return Refusal(
        FailureReason.PROTECTED_ENVIRONMENT_FAILURE,
        f"{job.environment_name} is a protected environment, and {who}: "
        f"{_allowed(pipeline.project_id, job.environment_name)}.",
    )


def outdated_refusal(pipeline: Pipeline, job: Job) -> Refusal | None:
    """Why the age of the job's deployment keeps it from starting."""
    if not job.environment_name or not pipeline.project.prevent_outdated_deployments:
        return None
    own = Deployment.objects.filter(job_id=job.pk).values("id", "sha", "environment_id").first()
    if own is None:
        return None
    newest = newest_success(own["environment_id"])
    candidate = Deployed(own["id"], own["sha"])
    if newest is None or not is_outdated(candidate, Deployed(newest.pk, newest.sha)):
        return None
    return Refusal(
        FailureReason.FAILED_OUTDATED_DEPLOYMENT_JOB,
        f"{job.name} is older than the latest deployment to {job.environment_name}, #{newest.iid}: "
        "to roll back, retry an earlier deployment that has run, or run a new pipeline.",
    )


def outdated_among(job_ids: Collection[int]) -> list[int]:
    """Those of the jobs that would deploy something older than what is deployed; two statements."""
    own = list(Deployment.objects.filter(job_id__in=list(job_ids))) if job_ids else []
    if not own:
        return []
    successes = newest({deployment.environment_id for deployment in own}, [DeploymentStatus.SUCCESS.value])
    found = ((deployment, successes.get(deployment.environment_id)) for deployment in own)
    return [
        deployment.job_id
        for deployment, success in found
        if success is not None
        and is_outdated(Deployed(deployment.pk, deployment.sha), Deployed(success.pk, success.sha))
    ]


def user_may_deploy(project_id: int, environment_name: str, user: User | None) -> bool:
    """Whether the user may deploy to, stop and change an environment, as far as its protection goes."""
    found = ProtectedEnvironment.objects.filter(project_id=project_id, name=environment_name).first()
    if found is None:
        return True
    protection = Protection(found.access_level, set(found.users.values_list("pk", flat=True)))
    principal = access.signed_in(user) if user is not None and user.is_active else access.anonymous()
    return may_deploy(
        protection,
        user_id=principal.user.pk if principal.user else None,
        level=principal.level_in(project_id),
        is_admin=principal.user is not None and principal.user.is_superuser,
    )


def _allowed(project_id: int, environment_name: str) -> str:
    """Who may deploy to a protected environment, in words."""
    found = ProtectedEnvironment.objects.get(project_id=project_id, name=environment_name)
    role = found.get_access_level_display() if found.access_level is not None else None
    return allowed_words(role, list(found.users.values_list("username", flat=True)))


def newest_success(environment_id: int) -> Deployment | None:
    """What is deployed to an environment now."""
    return newest([environment_id], [DeploymentStatus.SUCCESS.value]).get(environment_id)


def newest(environment_ids: Collection[int], statuses: Collection[str]) -> dict[int, Deployment]:
    """The newest deployment in one of the statuses, by environment; one statement for all of them."""
    found = (
        Deployment.objects.filter(environment_id__in=list(environment_ids), status__in=list(statuses))
        .order_by("environment_id", "-id")
        .distinct("environment_id")
    )
    return {deployment.environment_id: deployment for deployment in found}


def upcoming(environment_ids: Collection[int]) -> dict[int, Deployment]:
    """The newest deployment that is still to come, by environment."""
    return newest(environment_ids, UPCOMING)
