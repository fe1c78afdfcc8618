"""Drives random families of pipelines: time, runners and sweeps by themselves, and people who meddle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pygit2
from django.db import connection, transaction

from ci_core import clock
from ci_core.actions import (
    artifacts,
    deadlocks,
    deleting,
    downstream,
    mirroring,
    redundancy,
    resources,
    runners,
    stopping,
    upkeep,
)
from ci_core.actions import jobs as verbs
from ci_core.actions.erasing import erase_job
from ci_core.actions.handback import hand_back
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import CiError
from ci_core.models import Environment, Job, Pipeline, ProcessMode, Project, ResourceGroup, Runner, User
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason, PipelineSource, Status
from tests.factories import runner_with_token
from tests.support.repositories import commit_files

#: Rounds after which a pipeline that still moves counts as one that never ends.
MOST_ROUNDS = 60
#: Pipelines after which nobody creates more.
MOST_PIPELINES = 12


class Driver:
    """Lets time, runners and sweeps work on all pipelines. user: on whose behalf everything is done."""

    def __init__(self, projects: Sequence[Project], rng: Random, user: User) -> None:
        self.projects = projects
        self.user = user
        self.random = rng
        self.at = clock.now()
        self._new_runner()

    def _new_runner(self) -> None:
        self.runner: Runner = runner_with_token()[0]
        graceful = runners.touch_runner(self.runner, "s", {"features": {"cancel_gracefully": True}}, None)
        self.managers = [None, graceful]

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
        if Pipeline.objects.count() < MOST_PIPELINES:
            of = project or self.random.choice(self.projects)
            self.do(lambda: create_pipeline(of, "main", PipelineSource.PUSH, acting_user=self.user))

    def push(self) -> None:
        """A new commit with the same files, and its pipeline."""
        project = self.random.choice(self.projects)
        repository = pygit2.Repository(project.repository_path)
        tree = repository.revparse_single("main^{tree}")
        files = {entry.name: entry.data for entry in tree}
        commit_files(repository, {**files, "README": str(self.random.random())})
        self.create(project)

    def meddle(self) -> None:
        """One thing that a person does."""
        job_ids = list(Job.objects.all().values_list("id", flat=True))
        pipeline_ids = list(Pipeline.objects.values_list("id", flat=True))
        job_id, pipeline_id = self.random.choice(job_ids or [0]), self.random.choice(pipeline_ids or [0])
        everything: list[Callable[[], Any]] = [
            lambda: verbs.cancel_job(job_id),
            lambda: verbs.cancel_job(job_id, force=True),
            lambda: verbs.retry_job(job_id, acting_user=self.user),
            lambda: verbs.play_job(job_id, acting_user=self.user),
            lambda: verbs.unschedule_job(job_id),
            lambda: erase_job(job_id, acting_user=self.user),
            lambda: cancel_pipeline(pipeline_id),
            lambda: retry_pipeline(pipeline_id, acting_user=self.user),
            lambda: deleting.delete_pipeline(pipeline_id),
            self._change_mode,
            self._stop_environment,
            self._hand_back,
            lambda: runners.pause_runner(self.runner, paused=not self.runner.paused),
            self._replace_runner,
            lambda: runners.forget_manager(self.runner, "s"),
        ]
        chosen = self.random.choice([*everything, self.create, self.push])
        if chosen in (self.create, self.push):
            chosen()
        else:
            self.do(chosen)

    def _change_mode(self) -> None:
        group = self.random.choice(list(ResourceGroup.objects.order_by("id")))
        resources.change_process_mode(group, self.random.choice(list(ProcessMode)))

    def _stop_environment(self) -> None:
        found = list(Environment.objects.order_by("id").values_list("id", flat=True))
        if found:
            chosen, force = self.random.choice(found), self.random.random() < 0.3
            stopping.stop_environment(chosen, acting_user=self.user, force=force)

    def _hand_back(self) -> None:
        job = claim_job(self.runner, self.random.choice(self.managers))
        if job is not None:
            hand_back(job.pk, job.attempt)

    def _replace_runner(self) -> None:
        runners.delete_runner(self.runner)
        self._new_runner()

    def round(self) -> bool:
        """Lets everything happen once that happens by itself; whether something did."""
        before = statuses()
        self.at += timedelta(hours=2)
        for sweep in self._sweeps():
            self.do(sweep)
        for _ in range(self.random.randint(0, 3)):
            self._take()
        canceling = Job.objects.filter(status=Status.CANCELING.value, kind="build")
        for job_id in canceling.values_list("id", flat=True):
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
        yield upkeep.fail_unacknowledged_jobs
        yield upkeep.fail_lost_jobs
        yield upkeep.fail_jobs_without_runner
        yield upkeep.fail_stuck_jobs
        yield downstream.start_waiting_bridges
        yield downstream.cancel_wanted_children
        yield mirroring.follow_moved_pipelines
        yield resources.hand_over_free_groups
        yield deadlocks.break_deadlocks
        yield redundancy.cancel_forgotten_pipelines
        yield deleting.resume_deletions
        yield stopping.stop_due_environments
        yield stopping.settle_stopping_environments
        yield artifacts.remove_expired_artifacts

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
