"""Random verbs on random pipelines that share resources and trigger each other, through the real actions and database.

After each step nothing contradicts itself, and all pipelines are as the plain models of the rules say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import yaml
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ci_core.actions import jobs as verbs
from ci_core.actions.downstream import start_waiting_bridges
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.actions.resources import change_process_mode, ensure_groups
from ci_core.errors import CiError
from ci_core.models import DownstreamPipeline, Job, Pipeline, ProcessMode, ResourceGroup, Stage
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason, PipelineSource
from tests.factories import ProjectFactory, runner_with_token
from tests.support.bridges import run_commit_hooks
from tests.support.configs import GROUPS, STAGES, random_config
from tests.support.invariants import assert_all_consistent
from tests.support.model import Model, ModelJob
from tests.support.world import World

#: Pipelines of one example; children count.
MOST_PIPELINES = 7


def model_job(name: str, job: dict[str, Any]) -> ModelJob:
    """A job of the configuration as the model has it.

    One that is manual by its own `when` may fail unless it says otherwise; one that is so by a rule may not.
    """
    own = {**job, **job["rules"][1]} if "rules" in job else job
    allowed = own.get("allow_failure", own["when"] == "manual" and "rules" not in job)
    by_codes = isinstance(allowed, dict)
    needs = [need for need in job["needs"] if isinstance(need, str)] if "needs" in job else None
    return ModelJob(
        name,
        job["stage"],
        own["when"],
        False if by_codes else allowed,
        needs,
        allowed_codes=tuple(allowed["exit_codes"]) if by_codes else (),
        most_retries=job.get("retry", 0),
        group=job.get("resource_group", ""),
        strategy=job["trigger"].get("strategy", "") if "trigger" in job else None,
    )


def model_of(config: dict[str, Any]) -> Model:
    used = {
        name: job
        for name, job in config.items()
        if isinstance(job, dict) and name != "absent" and "stage" in job
    }
    return Model(
        [stage for stage in STAGES if any(job["stage"] == stage for job in used.values())],
        {name: model_job(name, job) for name, job in used.items()},
        cancel_on_failure=config["workflow"]["auto_cancel"]["on_job_failure"] == "all",
    )


class Verbs(RuleBasedStateMachine):
    """One project with a pipeline, those that it triggers and, after `again`, more of the same.

    What is done is chosen by a seed; a failing example tells it.
    """

    @initialize(seed=st.integers(0, 2**64 - 1))
    def create(self, seed: int) -> None:
        self.rng = Random(seed)
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.parent = random_config(self.rng, "p", most=7, triggers=[{"include": "child.yml"}])
        self.child = random_config(self.rng, "c", most=3)
        files = {".gitlab-ci.yml": yaml.safe_dump(self.parent), "child.yml": yaml.safe_dump(self.child)}
        self.project = ProjectFactory(files=files, auto_cancel_pending_pipelines=False)
        self.runner = runner_with_token()[0]
        ensure_groups(self.project.pk, GROUPS)
        self.world = World(dict.fromkeys(GROUPS, "unordered"))
        self.models: dict[int, Model] = {}
        for _ in range(2):
            self.change_mode()
        self.again()
        self.often = [self.succeed, self.start_bridges, self.claim]
        self.seldom = [self.fail, self.cancel, self.play, self.retry, self.unschedule, self.time_runs_out]
        self.seldom += [self.cancel_all, self.retry_all, self.again, self.change_mode]

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            connection.run_on_commit.clear()
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @rule()
    def step(self) -> None:
        self.rng.choice([*self.often * 3, *self.seldom])()

    def _do(self, verb: Callable[[], Any], model: Callable[[], object], *about: object) -> None:
        """A verb, and what it does to the models if it is accepted; then what follows its commit."""
        caller = sys._getframe(1).f_code.co_name
        try:
            with transaction.atomic():
                done = verb()
        except CiError as error:
            note(f"{caller} {about}: {error.message}")
            return
        run_commit_hooks()
        note(f"{caller} {about}: {'done' if done else 'nothing to do'}")
        if done:
            model()
            self.world.settle()

    def _job(self, *statuses: str, kind: str = "") -> tuple[int, Model, str]:
        """One of the newest jobs: its id, the model of its pipeline, its name. Most often one in these statuses."""
        found = Job.objects.filter(retried=False).order_by("pipeline_id", "number")
        if kind:
            found = found.filter(kind=kind)
        fitting = found.filter(status__in=statuses) if self.rng.random() < 0.8 else found
        rows = list(fitting.values_list("id", "pipeline_id", "name"))
        if not rows:
            return 0, next(iter(self.models.values())), ""
        job_id, pipeline_id, name = self.rng.choice(rows)
        return job_id, self.models[pipeline_id], name

    def _pipeline(self) -> tuple[int, Model]:
        return self.rng.choice(sorted(self.models.items()))

    def succeed(self) -> None:
        job_id, model, name = self._job("running", kind="build")
        self._do(lambda: verbs.succeed_job(job_id), lambda: model.end(name, "success"), job_id, name)

    def fail(self) -> None:
        job_id, model, name = self._job("running", "pending", kind="build")
        code, reason = self.rng.choice([1, 2]), FailureReason.SCRIPT_FAILURE
        self._do(
            lambda: verbs.fail_job(job_id, reason, exit_code=code),
            lambda: self.world.fail(model, name, code),
            job_id,
            name,
            code,
        )

    def cancel(self) -> None:
        job_id, model, name = self._job("running", "pending")
        self._do(lambda: verbs.cancel_job(job_id), lambda: self.world.cancel_job(model, name), job_id, name)

    def play(self) -> None:
        job_id, model, name = self._job("manual")
        over = name and model.jobs[name].status in ("success", "failed", "canceled")
        self._do(
            lambda: verbs.play_job(job_id, acting_user=None),
            lambda: model.retry(name) if over else model.play(name),
            job_id,
            name,
        )

    def retry(self) -> None:
        job_id, model, name = self._job("success", "failed", "canceled")
        self._do(lambda: verbs.retry_job(job_id, acting_user=None), lambda: model.retry(name), job_id, name)

    def unschedule(self) -> None:
        job_id, model, name = self._job("scheduled")
        self._do(lambda: verbs.unschedule_job(job_id), lambda: model.end(name, "manual"), job_id, name)

    def time_runs_out(self) -> None:
        job_id, model, name = self._job("scheduled", kind="build")
        self._do(
            lambda: verbs.start_delayed_jobs(job_id >> 16, [job_id]),
            lambda: model.end(name, model.jobs[name].queued),
            job_id,
            name,
        )

    def claim(self) -> None:
        taken: list[Job] = []

        def take() -> bool:
            job = claim_job(self.runner)
            taken.extend([job] if job else [])
            return job is not None

        self._do(take, lambda: self.models[taken[0].pipeline_id].end(taken[0].name, "running"), taken)

    def cancel_all(self) -> None:
        pipeline_id, model = self._pipeline()
        self._do(lambda: cancel_pipeline(pipeline_id), lambda: self.world.cancel_pipeline(model), pipeline_id)

    def retry_all(self) -> None:
        pipeline_id, model = self._pipeline()
        self._do(lambda: retry_pipeline(pipeline_id, acting_user=None), model.retry_all, pipeline_id)

    def again(self) -> None:
        made: list[Pipeline] = []

        def run() -> bool:
            made.append(create_pipeline(self.project, "main", PipelineSource.PUSH, acting_user=None))
            return True

        def model() -> None:
            self.models[made[0].pk] = self.world.add(model_of(self.parent))

        if len(self.models) < MOST_PIPELINES:
            self._do(run, model)

    def start_bridges(self) -> None:
        """The worker creates the pipelines of trigger jobs, one by one."""
        waiting = Job.objects.filter(kind="bridge", status="pending", started_at=None, retried=False)
        if len(self.models) + waiting.count() <= MOST_PIPELINES:
            self._do(start_waiting_bridges, self._start_bridges)

    def _start_bridges(self) -> None:
        for link in DownstreamPipeline.objects.exclude(pk__in=self.models).order_by("pk"):
            name = Job.objects.by_ids([link.source_job_id]).get().name
            parent = self.models[link.source_pipeline_id]
            self.models[link.pk] = self.world.start_bridge(parent, name, model_of(self.child))
            self.world.settle()

    def change_mode(self) -> None:
        key, mode = self.rng.choice(GROUPS), self.rng.choice(list(ProcessMode))
        group = ResourceGroup.objects.get(project=self.project, key=key)
        self._do(
            lambda: change_process_mode(group, mode),
            lambda: self.world.modes.update({key: mode.value}),
            key,
            mode,
        )

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        if hasattr(self, "models"):
            assert_all_consistent()

    @invariant()
    def it_is_as_the_rules_say(self) -> None:
        for pipeline_id, model in getattr(self, "models", {}).items():
            latest = Job.objects.in_pipeline(pipeline_id).latest_copies().values_list("name", "status")
            assert dict(latest) == {job.name: job.status for job in model.jobs.values()}
            stages = Stage.objects.in_pipeline(pipeline_id).values_list("name", "status")
            assert dict(stages) == model.stored
            assert Pipeline.objects.get(pk=pipeline_id).status == model.status
        for group in ResourceGroup.objects.all() if hasattr(self, "models") else ():
            holders = [
                (pipeline_id, job.name)
                for pipeline_id, model in self.models.items()
                for job in model.jobs.values()
                if job.group == group.key and job.holds
            ]
            held = Job.objects.by_ids([group.holder_id]) if group.holder_id is not None else ()
            assert [(job.pipeline_id, job.name) for job in held] == holders


@pytest.mark.django_db
def test_random_verbs_on_random_pipelines() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Verbs,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            # Shrinking takes minutes here; add Phase.shrink to look into a failure.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
