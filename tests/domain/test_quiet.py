"""Pipelines never hang: once nothing more happens by itself, they are over or wait for somebody.

Random pipelines, with downstream pipelines, retries, timers, resource groups, environments and runners that vanish, are
driven until they are quiet, by runners and by the sweeps alone; then somebody starts all that waits for that, until
nothing does.
"""

from __future__ import annotations

from random import Random
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ci_core.actions import jobs as verbs
from ci_core.actions import resources
from ci_core.decisions.waiting import WaitKind
from ci_core.deployments import outdated_refusal
from ci_core.models import (
    DownstreamPipeline,
    Job,
    MirroredPipeline,
    Pipeline,
    ProcessMode,
    Project,
    ProjectMembership,
    ResourceClaim,
    ResourceGroup,
    User,
)
from ci_core.statuses import COMPLETED, AccessLevel, Status
from ci_core.waiting import why_all_wait
from tests.factories import ProjectFactory, UserFactory
from tests.support.configs import GROUPS, random_config
from tests.support.driver import MOST_ROUNDS, Driver, statuses
from tests.support.invariants import assert_all_consistent


def waiting() -> list[Job]:
    return [job for job in Job.objects.filter(retried=False) if job.status not in COMPLETED]


def waited_for(pipeline: Pipeline) -> set[int]:
    """The ids of a pipeline and of all that its trigger jobs follow, or that come before it in a resource group."""
    found: set[int] = set()
    frontier = {pipeline.pk}
    while frontier:
        found |= frontier
        created = DownstreamPipeline.objects.filter(source_pipeline_id__in=frontier)
        mirrored = MirroredPipeline.objects.filter(pipeline_id__in=frontier, following=True)
        groups = ResourceClaim.objects.filter(pipeline_id__in=frontier, ready=True).values_list("group_id")
        ahead = ResourceClaim.objects.filter(group_id__in=groups)
        holders = ResourceGroup.objects.filter(pk__in=groups, holder_id__isnull=False)
        following = {*ahead.values_list("pipeline_id", flat=True)}
        following |= {job_id >> 16 for job_id in holders.values_list("holder_id", flat=True)}
        following |= {*created.values_list("pk", flat=True), *mirrored.values_list("mirrored_id", flat=True)}
        frontier = following - found
    return found


#: What a job in a status may wait for; one that has run out of reasons would be one that nothing moves.
REASONS = {
    "created": {WaitKind.NEEDS, WaitKind.EARLIER_STAGES},
    "waiting_for_resource": {WaitKind.RESOURCE_GROUP},
    "pending": {
        WaitKind.NO_RUNNER,
        WaitKind.MISSING_TAGS,
        WaitKind.UNTAGGED,
        WaitKind.RUNNERS_PAUSED,
        WaitKind.RUNNERS_OFFLINE,
        WaitKind.RUNNERS_BUSY,
        WaitKind.NEXT_REQUEST,
    },
    "manual": {WaitKind.MANUAL},
    "scheduled": {WaitKind.DELAYED},
}
OF_TRIGGER_JOBS = {WaitKind.DOWNSTREAM_PIPELINE, WaitKind.MIRRORED_PIPELINE}


def assert_all_say_why() -> None:
    """Every job that waits gives the reason that fits, and none that does not wait gives one."""
    jobs = list(Job.objects.filter(retried=False))
    found = why_all_wait(jobs)
    for job in jobs:
        kind = found[job.pk].kind if job.pk in found else None
        if (
            job.kind == "bridge"
            and job.status not in COMPLETED
            and (job.started_at or job.status == "pending")
        ):
            assert kind in OF_TRIGGER_JOBS, (job, job.status, kind)
        else:
            assert kind in REASONS.get(job.status, {None}), (job, job.status, kind)


def assert_waits_for_somebody() -> None:
    """Every pipeline is over, or something in it or below it is to be started by hand."""
    for job in waiting():
        quiet = job.status in ("manual", "created", "waiting_for_resource")
        assert quiet or job.kind == "bridge", statuses()
    held = {job.pipeline_id for job in waiting() if job.status == Status.MANUAL and job.started_at is None}
    for pipeline in Pipeline.objects.exclude(status__in=[status.value for status in COMPLETED]):
        assert held & waited_for(pipeline), (
            f"pipeline {pipeline.pk} is {pipeline.status} and waits for nobody: {statuses()}"
        )


def project(path: str, owner: User, files: dict[str, Any]) -> Project:
    """A project that everybody may see; files: their contents by name."""
    texts = {name: yaml.safe_dump(content) for name, content in files.items()}
    made: Project = ProjectFactory(files=texts, full_path=path, visibility="public")
    ProjectMembership.objects.create(user=owner, project=made, access_level=AccessLevel.OWNER)
    return made


@pytest.mark.django_db
@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
# An environment that its trigger job opened again whenever it was stopped.
@example(seed=257696867)
@given(seed=st.integers(0, 2**64 - 1))
def test_every_pipeline_ends_or_waits_for_somebody(seed: int) -> None:
    rng = Random(seed)
    with transaction.atomic():
        user = UserFactory()
        triggers = [{"include": "child.yml"}, {"include": "child.yml"}, {"project": "group/other"}]
        parent = random_config(
            rng, "p", most=6, triggers=triggers, mirrors="group/other", deploying=True, stray=True
        )
        child = random_config(rng, "c", most=4, deploying=True, stray=True)
        other = random_config(rng, "o", most=5, mirrors="group/main", stray=True)
        projects = [
            project("group/main", user, {".gitlab-ci.yml": parent, "child.yml": child}),
            project("group/other", user, {".gitlab-ci.yml": other}),
        ]
        driver = Driver(projects, rng, user)
        for made in projects:
            for group_id in resources.ensure_groups(made.pk, GROUPS).values():
                ResourceGroup.objects.filter(pk=group_id).update(process_mode=rng.choice(list(ProcessMode)))
        with patch("ci_core.clock.now", driver.now):
            _drive(driver, projects, rng.randint(0, 12))
        connection.run_on_commit.clear()
        transaction.set_rollback(True)


def _drive(driver: Driver, projects: list[Project], meddled: int) -> None:
    """Until all is quiet, with people who meddle first; then until all that waits for people has been started."""
    for made in (*projects, projects[0]):
        driver.create(made)
    for _ in range(meddled):
        driver.round()
        driver.meddle()
        assert_all_say_why()
    driver.settle()
    assert_all_say_why()
    assert_all_consistent()
    assert_waits_for_somebody()
    for _ in range(MOST_ROUNDS):
        manual = [job for job in waiting() if job.status == Status.MANUAL and job.started_at is None]
        if not manual:
            break
        for job in manual:
            _start_or_give_up(driver, job.pk)
        driver.settle()
    assert waiting() == [], statuses()
    assert_all_consistent()


def _start_or_give_up(driver: Driver, job_id: int) -> None:
    """Plays a manual job; one that nobody may start, since something newer is deployed, is cancelled."""
    driver.do(lambda: verbs.play_job(job_id, acting_user=driver.user))
    job = Job.objects.by_ids([job_id]).select_related("pipeline__project").first()
    if job is not None and job.status == Status.MANUAL and outdated_refusal(job.pipeline, job) is not None:
        driver.do(lambda: verbs.cancel_job(job_id))
