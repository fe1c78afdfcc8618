"""Stops environments: by hand, when their time has come, and when their branch is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models.functions import Random

from ci_core import clock
from ci_core.actions.environments import refuse_protected_environment
from ci_core.actions.jobs import play_job, retry_job
from ci_core.actions.sweeping import one_by_one
from ci_core.errors import (
    CiError,
    EnvironmentStateConflict,
    NotFound,
    NotPlayable,
    NotRetryable,
    RepositoryMissing,
)
from ci_core.models import Deployment, Environment, EnvironmentState, Job, Project, User
from ci_core.repositories import open_repository
from ci_core.statuses import RETRYABLE, STOPPED, DeploymentStatus

log = structlog.get_logger("pipeyard.environments")

#: Environments that one sweep looks at.
BATCH: Final = 100
#: Seconds that stop jobs have to be started, before somebody looks whether they still are at work.
GRACE: Final = 60
#: Environments whose branches one sweep looks for.
BRANCH_BATCH: Final = 500

_FINISHED: Final = (
    DeploymentStatus.SUCCESS.value,
    DeploymentStatus.FAILED.value,
    DeploymentStatus.CANCELED.value,
)


def stop_environment(environment_id: int, *, acting_user: User | None, force: bool = False) -> Environment:
    """Stops an environment: starts its stop jobs, whose success stops it, or stops it at once when there are none.

    force: without its stop jobs. acting_user: None for Pipeyard itself.
    https://docs.gitlab.com/ci/environments/#stopping-an-environment
    Raises EnvironmentStateConflict, NotFound, Forbidden.
    """
    environment = Environment.objects.filter(pk=environment_id).first()
    if environment is None:
        raise NotFound("There is no such environment.")
    refuse_protected_environment(environment, acting_user)
    jobs = [] if force else stop_jobs(environment)
    states = [EnvironmentState.AVAILABLE, *([EnvironmentState.STOPPING] if force else [])]
    to = EnvironmentState.STOPPING if jobs else EnvironmentState.STOPPED
    if not _move(environment, states, to):
        state = Environment.objects.filter(pk=environment.pk).values_list("state", flat=True).first()
        raise EnvironmentStateConflict(f"{environment.name} is {state or 'gone'} already.")
    # Each job's pipeline is locked in a transaction of its own, after the environment's row has been let go.
    if jobs:
        _start_all(environment, jobs, acting_user)
    environment.refresh_from_db()
    return environment


def _start_all(environment: Environment, jobs: Sequence[Job], acting_user: User | None) -> None:
    """Starts stop jobs: the environment is stopped if none of them can run, still up if somebody may not run them."""
    started = 0
    try:
        for job in jobs:
            started += _start(job, acting_user)
    except CiError:
        if not started:
            _move(environment, [EnvironmentState.STOPPING], EnvironmentState.AVAILABLE)
        raise
    if not started:
        _move(environment, [EnvironmentState.STOPPING], EnvironmentState.STOPPED)


def stop_jobs(environment: Environment) -> list[Job]:
    """The jobs that `on_stop` of the environment's finished deployments names, in the newest pipeline with one.

    https://docs.gitlab.com/ci/environments/#run-a-pipeline-job-when-environment-is-stopped
    """
    finished = Deployment.objects.filter(environment=environment, status__in=_FINISHED)
    newest = finished.order_by("-id").values_list("pipeline_id", flat=True).first()
    if newest is None:
        return []
    names = set(finished.filter(pipeline_id=newest).exclude(on_stop="").values_list("on_stop", flat=True))
    if not names:
        return []
    jobs = Job.objects.in_pipeline(newest).latest_copies().in_order()
    return list(jobs.filter(name__in=names, environment_name=environment.name))


def _start(job: Job, acting_user: User | None) -> bool:
    """Starts a stop job, again if it has run before; False when that is not possible."""
    try:
        play_job(job.pk, acting_user=acting_user)
    except NotPlayable:
        if job.status not in RETRYABLE:
            log.info("stop job left out", job_id=job.pk, status=job.status)
            return False
        try:
            retry_job(job.pk, acting_user=acting_user)
        except NotRetryable as error:
            log.info("stop job left out", job_id=job.pk, because=error.message)
            return False
    return True


@transaction.atomic
def _move(environment: Environment, states: Sequence[EnvironmentState], to: EnvironmentState) -> bool:
    """The guarded change of an environment's state; whether it was in one of `states`."""
    now = clock.now()
    fields = {"stopping_since": now if to == EnvironmentState.STOPPING else None, "updated_at": now}
    if to != EnvironmentState.AVAILABLE:
        fields["auto_stop_at"] = None
    values = [state.value for state in states]
    changed = Environment.objects.filter(pk=environment.pk, state__in=values).update(state=to.value, **fields)
    return changed > 0


def stop_environments_of_deleted_branches() -> int:
    """Stops environments that have a stop job and were deployed to last from a branch that is gone; returns how many.

    Branches are deleted in the repositories, which tell nobody: so this looks, each time at up to BRANCH_BATCH
    environments, chosen at random. A repository that cannot be opened tells nothing.
    """
    available = Environment.objects.filter(state=EnvironmentState.AVAILABLE.value)
    newest = (
        Deployment.objects.filter(environment__in=available, status=DeploymentStatus.SUCCESS.value)
        .order_by("environment_id", "-id")
        .distinct("environment_id")
    )
    with_stop_job = Deployment.objects.filter(pk__in=newest.values("pk"), tag=False).exclude(on_stop="")
    chosen = list(with_stop_job.select_related("project").order_by(Random())[:BRANCH_BATCH])
    gone: list[int] = []
    for project, deployed in _by_project(chosen):
        try:
            repository = open_repository(project)
        except RepositoryMissing as error:
            log.info("branches not looked for", project=project.full_path, because=error.message)
            continue
        gone += [each.environment_id for each in deployed if not repository.has_branch(each.ref)]
    return len(one_by_one(gone, _stop))


def _by_project(deployed: Sequence[Deployment]) -> list[tuple[Project, list[Deployment]]]:
    grouped: dict[int, tuple[Project, list[Deployment]]] = {}
    for each in deployed:
        grouped.setdefault(each.project_id, (each.project, []))[1].append(each)
    return list(grouped.values())


def stop_due_environments() -> int:
    """Stops environments whose `auto_stop_in` has run out; returns how many."""
    due = Environment.objects.filter(auto_stop_at__lte=clock.now(), state=EnvironmentState.AVAILABLE.value)
    return len(one_by_one(list(due.order_by("auto_stop_at").values_list("pk", flat=True)[:BATCH]), _stop))


def _stop(environment_id: int) -> Environment:
    return stop_environment(environment_id, acting_user=None)


def settle_stopping_environments() -> int:
    """Makes environments available again whose stop jobs have ended without stopping them; returns how many."""
    since = clock.now() - timedelta(seconds=GRACE)
    stopping = Environment.objects.filter(stopping_since__lte=since).order_by("stopping_since")
    return len(one_by_one(list(stopping[:BATCH]), _settle))


def _settle(environment: Environment) -> bool:
    at_work = any(job.status not in STOPPED for job in stop_jobs(environment))
    return not at_work and _move(environment, [EnvironmentState.STOPPING], EnvironmentState.AVAILABLE)
