"""Random verbs on pipelines that trigger jobs create from one another: nothing contradicts itself after any step."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import yaml
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ci_core.actions import jobs as verbs
from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.downstream import cancel_wanted_children, start_waiting_bridges
from ci_core.actions.pipelines import cancel_pipeline, create_pipeline, retry_pipeline
from ci_core.errors import CiError
from ci_core.models import Job, Pipeline
from ci_core.statuses import FailureReason, PipelineSource
from tests.factories import ProjectFactory
from tests.support.bridges import run_commit_hooks
from tests.support.invariants import assert_all_consistent

numbers = st.integers(0, 11)


def config(rng: Random, include: str | None) -> str:
    """Jobs in two stages, some of them trigger jobs that include a file, if there is one to include."""
    made: dict[str, Any] = {"stages": ["one", "two"]}
    if rng.random() < 0.5:
        made["workflow"] = {"auto_cancel": {"on_job_failure": "all"}}
    for number in range(rng.randint(1, 3)):
        job: dict[str, Any] = {
            "stage": rng.choice(["one", "two"]),
            "when": rng.choice(["on_success", "on_success", "manual", "always"]),
            "allow_failure": rng.random() < 0.5,
        }
        if rng.random() < 0.5:
            job["environment"] = "production"
        if rng.random() < 0.25:
            job["resource_group"] = "one"
        if include is not None and rng.random() < 0.7:
            strategy = rng.choice([None, "depend", "mirror"])
            job["trigger"] = {"include": include, **({"strategy": strategy} if strategy else {})}
        else:
            job["script"] = "x"
        made[f"job{number}"] = job
    return yaml.safe_dump(made, sort_keys=False)


class Families(RuleBasedStateMachine):
    """One project whose pipeline has children and grandchildren."""

    @initialize(seed=st.integers(0, 2**64 - 1))
    def create(self, seed: int) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        rng = Random(seed)
        files = {
            ".gitlab-ci.yml": config(rng, "middle.yml"),
            "middle.yml": config(rng, "leaf.yml"),
            "leaf.yml": config(rng, None),
        }
        project = ProjectFactory(files=files, auto_cancel_pending_pipelines=False)
        create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
        self._do(start_waiting_bridges)

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            connection.run_on_commit.clear()
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    def _do(self, verb: Callable[[], Any]) -> None:
        try:
            with transaction.atomic():
                verb()
        except CiError:
            return
        run_commit_hooks()

    def _pipeline(self, number: int) -> int:
        ids = list(Pipeline.objects.order_by("id").values_list("id", flat=True))
        return ids[number % len(ids)] if ids else 0

    def _job(self, number: int) -> int:
        jobs = Job.objects.in_pipelines(Pipeline.objects.values_list("id", flat=True)).latest_copies()
        ids = list(jobs.in_order().values_list("id", flat=True))
        return ids[number % len(ids)] if ids else 0

    def _builds(self, number: int) -> int:
        jobs = Job.objects.in_pipelines(Pipeline.objects.values_list("id", flat=True)).latest_copies()
        ids = list(jobs.filter(kind="build", status="pending").in_order().values_list("id", flat=True))
        return ids[number % len(ids)] if ids else 0

    @rule(number=numbers)
    def succeed(self, number: int) -> None:
        self._do(lambda: verbs.succeed_job(self._builds(number)))

    @rule(number=numbers)
    def fail(self, number: int) -> None:
        self._do(lambda: verbs.fail_job(self._builds(number), FailureReason.SCRIPT_FAILURE))

    @rule()
    def work(self) -> None:
        """The worker creates what is to be created."""
        self._do(start_waiting_bridges)

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        self._do(lambda: verbs.cancel_job(self._job(number)))

    @rule(number=numbers)
    def play(self, number: int) -> None:
        self._do(lambda: verbs.play_job(self._job(number), acting_user=None))

    @rule(number=numbers)
    def retry(self, number: int) -> None:
        self._do(lambda: verbs.retry_job(self._job(number), acting_user=None))

    @rule(number=numbers)
    def cancel_all(self, number: int) -> None:
        self._do(lambda: cancel_pipeline(self._pipeline(number)))

    @rule(number=numbers)
    def retry_all(self, number: int) -> None:
        self._do(lambda: retry_pipeline(self._pipeline(number), acting_user=None))

    @rule(number=st.integers(1, 11))
    def delete(self, number: int) -> None:
        if Pipeline.objects.count() > 4:
            self._do(lambda: delete_pipeline(self._pipeline(number)))

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        if hasattr(self, "atomic"):
            assert cancel_wanted_children() == 0
            assert_all_consistent()


@pytest.mark.django_db
def test_random_verbs_on_families_of_pipelines() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Families,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            # Shrinking takes minutes here; add Phase.shrink to look into a failure.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
