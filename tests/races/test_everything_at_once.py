"""Random verbs, reports and sweeps on families of pipelines, on many connections at once: no deadlock, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from ci_core.actions import deadlocks, deleting, downstream, mirroring, resources, stopping, upkeep
from ci_core.actions import jobs as verbs
from ci_core.actions.handback import hand_back
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import CiError
from ci_core.models import (
    Environment,
    Job,
    Pipeline,
    ProcessMode,
    Project,
    ProjectMembership,
    ResourceGroup,
    User,
)
from ci_core.queueing import claim_job
from ci_core.statuses import AccessLevel, FailureReason, PipelineSource
from tests.factories import ProjectFactory, UserFactory, runner_with_token
from tests.support.bridges import run_bridges
from tests.support.race import at_once

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 4
STEPS = 25
#: Pipelines from which on some are deleted.
MOST_PIPELINES = 12


class Somebody:
    """One who does things to all that is there. Choices come from a seed; what they meet does not."""

    def __init__(self, project: Project, user: User, seed: int) -> None:
        self.project, self.user, self.rng = project, user, Random(seed)
        self.runner = runner_with_token()[0]

    def act(self) -> None:
        for _ in range(STEPS):
            try:
                self.rng.choice(self._everything())()
            except CiError:
                continue

    def _one(self, model: Any) -> int:
        ids = list(model.objects.order_by("id").values_list("id", flat=True))
        return self.rng.choice(ids) if ids else 0

    def _everything(self) -> list[Callable[[], Any]]:
        job_id, pipeline_id = self._one(Job), self._one(Pipeline)
        often: list[Callable[[], Any]] = [
            self._run_a_job,
            lambda: verbs.retry_job(job_id, acting_user=self.user),
            lambda: verbs.play_job(job_id, acting_user=self.user),
            downstream.start_waiting_bridges,
        ]
        return often * 3 + [
            lambda: verbs.cancel_job(job_id),
            lambda: verbs.unschedule_job(job_id),
            lambda: cancel_pipeline(pipeline_id),
            lambda: retry_pipeline(pipeline_id, acting_user=self.user),
            self._delete,
            lambda: create_pipeline(self.project, "main", PipelineSource.PUSH, acting_user=self.user),
            self._hand_back,
            self._change_mode,
            lambda: stopping.stop_environment(self._one(Environment), acting_user=self.user),
            downstream.cancel_wanted_children,
            mirroring.follow_moved_pipelines,
            resources.hand_over_free_groups,
            deadlocks.break_deadlocks,
            upkeep.start_due_jobs,
            stopping.settle_stopping_environments,
        ]

    def _run_a_job(self) -> None:
        job = claim_job(self.runner)
        if job is None:
            return
        if self.rng.random() < 0.7:
            verbs.succeed_job(job.pk)
        else:
            verbs.fail_job(job.pk, FailureReason.SCRIPT_FAILURE, exit_code=1)

    def _hand_back(self) -> None:
        job = claim_job(self.runner)
        if job is not None:
            hand_back(job.pk, job.attempt)

    def _delete(self) -> None:
        if Pipeline.objects.count() > MOST_PIPELINES:
            deleting.delete_pipeline(self._one(Pipeline))

    def _change_mode(self) -> None:
        group = ResourceGroup.objects.order_by("id").first()
        if group is not None:
            resources.change_process_mode(group, self.rng.choice(list(ProcessMode)))


PARENT = """
workflow: {auto_cancel: {on_job_failure: $POLICY}}
one: {trigger: {include: child.yml, strategy: depend}}
two: {trigger: {include: child.yml, strategy: mirror}, resource_group: a, allow_failure: true}
three: {trigger: {include: child.yml, strategy: depend}, allow_failure: true}
mirrors: {needs: {pipeline: group/main}, allow_failure: true}
asked: {script: x, when: manual, resource_group: b, environment: {name: live, on_stop: stop}}
stop: {script: x, when: manual, environment: {name: live, action: stop}}
after: {stage: deploy, script: x, resource_group: a, environment: live}
"""
CHILD = """
first: {script: x, resource_group: a, retry: 1}
second: {script: x, resource_group: b}
third: {script: x, needs: [first]}
fourth: {script: x, when: manual, environment: live}
"""


@pytest.mark.parametrize(("seed", "policy"), [(1, "none"), (2, "all"), (3, "none")])
def test_everything_at_once(seed: int, policy: str, caplog: pytest.LogCaptureFixture) -> None:
    user = UserFactory()
    files = {".gitlab-ci.yml": PARENT.replace("$POLICY", policy), "child.yml": CHILD}
    project = ProjectFactory(files=files, full_path="group/main", auto_cancel_pending_pipelines=False)
    ProjectMembership.objects.create(user=user, project=project, access_level=AccessLevel.OWNER)
    for _ in range(2):
        create_pipeline(project, "main", PipelineSource.PUSH, acting_user=user)
        run_bridges()
    people = [Somebody(project, user, seed * THREADS + number) for number in range(THREADS)]
    results = at_once([somebody.act for somebody in people])
    assert [each for each in results if each is not None] == []
    assert [record.msg for record in caplog.records if record.levelname == "ERROR"] == []
    # What was lost between a commit and what follows it, the sweeps make up for.
    downstream.cancel_wanted_children()
    mirroring.follow_moved_pipelines()
    resources.hand_over_free_groups()
