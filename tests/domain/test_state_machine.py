"""Random verbs on random pipelines, through the actions on the real database: nothing contradicts itself.

Pipelines without resource groups are also compared with the plain model of the rules after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ci_core.actions import jobs as verbs
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import CiError
from ci_core.models import Job, Pipeline, Stage
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason, PipelineSource
from tests.factories import project_with, runner_with_token
from tests.support.invariants import assert_all_consistent
from tests.support.model import CANCELABLE, Model, ModelJob

STAGES = ["one", "two", "three"]
NAMES = [f"job{number}" for number in range(7)]
names = st.sampled_from(NAMES)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Jobs whose needs point backwards, some of them manual, delayed, allowed to fail or of a resource group."""
    grouped = draw(st.booleans())
    config: dict[str, Any] = {"stages": STAGES}
    if draw(st.integers(0, 3)) == 0:
        config["workflow"] = {"auto_cancel": {"on_job_failure": "all"}}
    stages = sorted(draw(st.lists(st.integers(0, 2), min_size=1, max_size=len(NAMES))))
    for number, stage in enumerate(stages):
        when = draw(st.sampled_from(["on_success"] * 3 + ["manual", "delayed", "on_failure", "always"]))
        job: dict[str, Any] = {"stage": STAGES[stage], "script": "x", "when": when}
        allowed = draw(st.none() | st.booleans() | st.just({"exit_codes": [2]}))
        if allowed is not None:
            job["allow_failure"] = allowed
        job["retry"] = draw(st.sampled_from([0, 0, 1, 2]))
        if when == "delayed":
            job["start_in"] = "1 hour"
        earlier = NAMES[:number]
        needs = (
            draw(st.none() | st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else None
        )
        if needs is not None:
            absent = [{"job": "absent", "optional": True}] if draw(st.booleans()) else []
            job["needs"] = [*needs, *absent]
        if grouped and draw(st.booleans()):
            job["resource_group"] = draw(st.sampled_from(["a", "b"]))
        if draw(st.integers(0, 3)) == 0:
            _by_rules(job)
        config[NAMES[number]] = job
    config["absent"] = {"stage": STAGES[0], "script": "x", "rules": [{"if": "$NONE", "when": "always"}]}
    return config


def _by_rules(job: dict[str, Any]) -> None:
    """Has the last of two rules say when the job starts and whether it may fail."""
    moved = {key: job.pop(key) for key in ("when", "start_in") if key in job}
    if isinstance(job.get("allow_failure"), bool):
        moved["allow_failure"] = job.pop("allow_failure")
    job["rules"] = [{"if": "$NONE", "when": "never"}, moved]


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
        most_retries=job["retry"],
    )


class Verbs(RuleBasedStateMachine):
    """One project with a pipeline and, after `again`, more of the same."""

    @initialize(config=configs())
    def create(self, config: dict[str, Any]) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.project = project_with(config, auto_cancel_pending_pipelines=False)
        self.runner = runner_with_token()[0]
        self.grouped = any("resource_group" in job for job in config.values() if isinstance(job, dict))
        used = {name: job for name, job in config.items() if name in NAMES}
        self.model = Model(
            [stage for stage in STAGES if any(job["stage"] == stage for job in used.values())],
            {name: model_job(name, job) for name, job in used.items()},
            cancel_on_failure="workflow" in config,
        )
        self.model.step()
        self.pipeline = self._new()

    def _new(self) -> Pipeline:
        return create_pipeline(self.project, "main", PipelineSource.PUSH, acting_user=None)

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            connection.run_on_commit.clear()
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    def _do(self, verb: Callable[[], Any]) -> bool:
        """Whether the verb was accepted; then what follows a commit is run as well."""
        try:
            with transaction.atomic():
                done = verb()
        except CiError:
            return False
        while connection.run_on_commit:
            callbacks = [entry[1] for entry in connection.run_on_commit]
            connection.run_on_commit.clear()
            for callback in callbacks:
                callback()
        return bool(done)

    def _job(self, name: str) -> int:
        found = Job.objects.in_pipeline(self.pipeline.pk).latest_copies().filter(name=name).first()
        return found.pk if found else 0

    @rule(name=names)
    def succeed(self, name: str) -> None:
        if self._do(lambda: verbs.succeed_job(self._job(name))):
            self.model.end(name, "success")

    @rule(name=names, code=st.sampled_from([1, 2]))
    def fail(self, name: str, code: int) -> None:
        reason = FailureReason.SCRIPT_FAILURE
        if self._do(lambda: verbs.fail_job(self._job(name), reason, exit_code=code)):
            self.model.fail(name, code)

    @rule(name=names)
    def cancel(self, name: str) -> None:
        if self._do(lambda: verbs.cancel_job(self._job(name))):
            self.model.cancel([name])

    @rule(name=names)
    def play(self, name: str) -> None:
        before = self.model.jobs[name].status if name in self.model.jobs else ""
        if self._do(lambda: verbs.play_job(self._job(name), acting_user=None)):
            self.model.retry(name) if before in ("success", "failed", "canceled") else self.model.play(name)

    @rule(name=names)
    def retry(self, name: str) -> None:
        if self._do(lambda: verbs.retry_job(self._job(name), acting_user=None)):
            self.model.retry(name)

    @rule(name=names)
    def unschedule(self, name: str) -> None:
        if self._do(lambda: verbs.unschedule_job(self._job(name))):
            self.model.end(name, "manual")

    @rule(name=names)
    def time_runs_out(self, name: str) -> None:
        if self._do(lambda: verbs.start_delayed_job(self._job(name))):
            self.model.end(name, "pending")

    @rule()
    def claim(self) -> None:
        taken: list[Job] = []

        def take() -> bool:
            job = claim_job(self.runner)
            taken.extend([job] if job else [])
            return job is not None

        if self._do(take) and taken[0].pipeline_id == self.pipeline.pk:
            self.model.end(taken[0].name, "running")

    @rule()
    def cancel_all(self) -> None:
        if self._do(lambda: cancel_pipeline(self.pipeline.pk)):
            self.model.cancel([job.name for job in self.model.jobs.values() if job.status in CANCELABLE])

    @rule()
    def retry_all(self) -> None:
        if self._do(lambda: retry_pipeline(self.pipeline.pk, acting_user=None)):
            self.model.retry_all()

    @rule()
    def again(self) -> None:
        self._do(self._new)

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        if hasattr(self, "pipeline"):
            assert_all_consistent()

    @invariant()
    def it_is_as_the_rules_say(self) -> None:
        if not hasattr(self, "pipeline") or self.grouped:
            return
        jobs = Job.objects.in_pipeline(self.pipeline.pk).latest_copies().values_list("name", "status")
        assert dict(jobs) == {job.name: job.status for job in self.model.jobs.values()}
        stages = Stage.objects.in_pipeline(self.pipeline.pk).values_list("name", "status")
        assert dict(stages) == self.model.stored
        assert Pipeline.objects.get(pk=self.pipeline.pk).status == self.model.status


@pytest.mark.django_db
def test_random_verbs_on_random_pipelines() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Verbs,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            # Shrinking takes minutes here; add Phase.shrink to look into a failure.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
