"""Pipelines never hang: once nothing more happens by itself, they are over or wait for somebody.

Random pipelines, with children, retries, timers, resource groups and runners that vanish, are driven until they are
quiet, by runners and by the sweeps alone; then somebody starts all that waits for that, until nothing does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ci_core import clock
from ci_core.actions import deadlocks, downstream, mirroring, resources, upkeep
from ci_core.actions import jobs as verbs
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import CiError
from ci_core.models import (
    DownstreamPipeline,
    Job,
    MirroredPipeline,
    Pipeline,
    ProcessMode,
    Project,
    ResourceClaim,
    ResourceGroup,
    Runner,
    RunnerManager,
)
from ci_core.queueing import claim_job
from ci_core.statuses import COMPLETED, FailureReason, PipelineSource, Status
from tests.factories import ProjectFactory, runner_with_token
from tests.support.invariants import assert_all_consistent

STAGES = ["one", "two", "three"]
#: Rounds after which a pipeline that still moves counts as one that never ends.
MOST_ROUNDS = 60
WHENS = ["on_success"] * 4 + ["manual", "delayed", "on_failure", "always"]


@st.composite
def jobs(draw: st.DrawFn, prefix: str, *, triggers: bool = False, mirrors: str = "") -> dict[str, Any]:
    """The jobs of a configuration; some of them wait for nothing that exists, or for a runner that does not.

    triggers: some create children. mirrors: the project whose pipelines some mirror.
    """
    made: dict[str, Any] = {"stages": STAGES}
    if draw(st.integers(0, 3)) == 0:
        made["workflow"] = {"auto_cancel": {"on_job_failure": "all"}}
    stages = sorted(draw(st.lists(st.integers(0, 2), min_size=1, max_size=5)))
    for number, stage in enumerate(stages):
        job: dict[str, Any] = {"stage": STAGES[stage], "allow_failure": draw(st.booleans())}
        if mirrors and draw(st.integers(0, 4)) == 0:
            made[f"{prefix}{number}"] = {**job, "needs": {"pipeline": mirrors}}
            continue
        if triggers and draw(st.integers(0, 2)) == 0:
            strategy = draw(st.sampled_from([None, "depend", "mirror"]))
            job["trigger"] = {"include": "child.yml", **({"strategy": strategy} if strategy else {})}
            job["when"] = draw(st.sampled_from(["on_success", "on_success", "manual", "always"]))
        else:
            job["script"] = "x"
            job["when"] = draw(st.sampled_from(WHENS))
            job["retry"] = draw(st.sampled_from([0, 0, 1]))
            if draw(st.integers(0, 6)) == 0:
                job["tags"] = ["nobody"]
        if job["when"] == "delayed":
            job["start_in"] = "1 hour"
        if draw(st.integers(0, 2)) == 0:
            job["resource_group"] = draw(st.sampled_from(["a", "b"]))
        needs: list[Any] = [{"job": "absent", "optional": True}] if draw(st.integers(0, 5)) == 0 else []
        needs += [f"{prefix}{other}" for other in range(number) if draw(st.integers(0, 2)) == 0]
        if needs or draw(st.integers(0, 4)) == 0:
            job["needs"] = needs
        made[f"{prefix}{number}"] = job
    return made


class Driver:
    """Lets time, runners and sweeps work on all pipelines. Its choices come from a seed."""

    def __init__(self, projects: Sequence[Project], seed: int) -> None:
        self.projects = projects
        self.random = random.Random(seed)
        self.runner: Runner = runner_with_token()[0]
        features = {"cancel_gracefully": True}
        moment = clock.now()
        graceful = RunnerManager.objects.create(
            runner=self.runner, system_id="s", features=features, created_at=moment, contacted_at=moment
        )
        self.managers = [None, graceful]
        self.at = moment

    def now(self) -> datetime:
        return self.at

    def do(self, verb: Callable[[], Any]) -> Any:
        """What a verb gives back, None if it is refused; with what follows its commit."""
        try:
            with transaction.atomic():
                done = verb()
        except CiError:
            done = None
        while connection.run_on_commit:
            hooks = [entry[1] for entry in connection.run_on_commit]
            connection.run_on_commit.clear()
            for hook in hooks:
                hook()
        return done

    def create(self, project: Project | None = None) -> None:
        of = project or self.random.choice(self.projects)
        self.do(lambda: create_pipeline(of, "main", PipelineSource.PUSH, acting_user=None))

    def meddle(self) -> None:
        """One thing that a person does."""
        job_ids = list(Job.objects.all().values_list("id", flat=True))
        pipeline_ids = list(Pipeline.objects.values_list("id", flat=True))
        job_id, pipeline_id = self.random.choice(job_ids or [0]), self.random.choice(pipeline_ids)
        self.do(
            self.random.choice(
                [
                    lambda: verbs.cancel_job(job_id),
                    lambda: verbs.cancel_job(job_id, force=True),
                    lambda: verbs.retry_job(job_id, acting_user=None),
                    lambda: verbs.play_job(job_id, acting_user=None),
                    lambda: verbs.unschedule_job(job_id),
                    lambda: cancel_pipeline(pipeline_id),
                    lambda: retry_pipeline(pipeline_id, acting_user=None),
                    self.create,
                ]
            )
        )

    def round(self) -> bool:
        """Lets everything happen once that happens by itself; whether something did."""
        before = statuses()
        self.at += timedelta(hours=2)
        for sweep in self._sweeps():
            self.do(sweep)
        for _ in range(self.random.randint(0, 3)):
            self._take()
        for job_id in Job.objects.filter(status=Status.CANCELING.value, kind="build").values_list(
            "id", flat=True
        ):
            if self.random.random() < 0.7:  # else its runner has vanished
                self.do(lambda: verbs.succeed_job(job_id))  # noqa: B023
        return statuses() != before

    def _take(self) -> None:
        manager = self.random.choice(self.managers)
        job = self.do(lambda: claim_job(self.runner, manager))
        if job is None:
            return
        fate = self.random.random()
        if fate < 0.6:
            self.do(lambda: verbs.succeed_job(job.pk))
        elif fate < 0.85:
            self.do(lambda: verbs.fail_job(job.pk, FailureReason.SCRIPT_FAILURE, exit_code=1))

    def _sweeps(self) -> Iterator[Callable[[], Any]]:
        yield upkeep.start_due_jobs
        yield upkeep.fail_overdue_jobs
        yield upkeep.fail_lost_jobs
        yield upkeep.fail_jobs_without_runner
        yield downstream.start_waiting_bridges
        yield downstream.cancel_wanted_children
        yield mirroring.follow_moved_pipelines
        yield resources.hand_over_free_groups
        yield deadlocks.break_deadlocks

    def settle(self) -> None:
        """Rounds until three of them in a row change nothing."""
        still = 0
        for _ in range(MOST_ROUNDS):
            still = 0 if self.round() else still + 1
            if still == 3:
                return
        raise AssertionError(f"still moving: {statuses()}")


def statuses() -> list[Any]:
    """All jobs with their statuses, and the pipelines with theirs."""
    found = Job.objects.order_by("pipeline_id", "id").values_list(
        "pipeline_id", "id", "name", "status", "retried"
    )
    return [list(found), list(Pipeline.objects.order_by("id").values_list("id", "status"))]


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


def project(path: str, files: dict[str, Any]) -> Project:
    """A project that everybody may see; files: their contents by name."""
    texts = {name: yaml.safe_dump(content) for name, content in files.items()}
    made: Project = ProjectFactory(
        files=texts, full_path=path, visibility="public", auto_cancel_pending_pipelines=False
    )
    return made


@pytest.mark.django_db
@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(
    parent=jobs("p", triggers=True, mirrors="group/other"),
    child=jobs("c"),
    other=jobs("o", mirrors="group/main"),
    seed=st.integers(0, 2**32 - 1),
    meddled=st.integers(0, 5),
    modes=st.tuples(st.sampled_from(ProcessMode), st.sampled_from(ProcessMode)),
)
def test_every_pipeline_ends_or_waits_for_somebody(
    parent: dict[str, Any],
    child: dict[str, Any],
    other: dict[str, Any],
    seed: int,
    meddled: int,
    modes: tuple[ProcessMode, ProcessMode],
) -> None:
    with transaction.atomic():
        projects = [
            project("group/main", {".gitlab-ci.yml": parent, "child.yml": child}),
            project("group/other", {".gitlab-ci.yml": other}),
        ]
        driver = Driver(projects, seed)
        for made in projects:
            groups = resources.ensure_groups(made.pk, ["a", "b"])
            for group_id, mode in zip(groups.values(), modes, strict=True):
                ResourceGroup.objects.filter(pk=group_id).update(process_mode=mode.value)
        with patch("ci_core.clock.now", driver.now):
            for made in (*projects, projects[0]):
                driver.create(made)
            for _ in range(meddled):
                driver.round()
                driver.meddle()
            driver.settle()
            assert_all_consistent()
            assert_waits_for_somebody()
            for _ in range(MOST_ROUNDS):
                manual = [job for job in waiting() if job.status == Status.MANUAL and job.started_at is None]
                if not manual:
                    break
                for job in manual:
                    driver.do(lambda: verbs.play_job(job.pk, acting_user=None))  # noqa: B023
                driver.settle()
            assert waiting() == [], statuses()
            assert_all_consistent()
        connection.run_on_commit.clear()
        transaction.set_rollback(True)
