"""Stopping, deleting and deploying at once."""

from __future__ import annotations

import pytest

from ci_core.actions.environments import delete_environment
from ci_core.actions.jobs import succeed_job
from ci_core.actions.pipelines import create_pipeline
from ci_core.actions.stopping import stop_environment
from ci_core.errors import CiError, EnvironmentStateConflict
from ci_core.models import Deployment, Environment, Job
from ci_core.queueing import claim_job
from ci_core.statuses import PipelineSource
from tests.domain.test_environments import REVIEW
from tests.factories import pipeline_with, runner_with_token
from tests.support.invariants import assert_consistent
from tests.support.race import at_once

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def test_two_stops_start_the_stop_job_once() -> None:
    pipeline = pipeline_with(REVIEW)
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    succeed_job(job.pk)
    environment = Environment.objects.get()
    results = at_once([lambda: stop_environment(environment.pk, acting_user=None)] * 3)
    assert sum(isinstance(result, EnvironmentStateConflict) for result in results) == 2, results
    assert Job.objects.in_pipeline(pipeline.pk).filter(name="stop").count() == 1
    assert Environment.objects.get().state == "stopping"
    assert_consistent(pipeline.pk)


def test_a_deployment_that_succeeds_while_its_environment_is_deleted() -> None:
    for _ in range(5):
        pipeline = pipeline_with("deploy: {script: x, environment: qa}")
        runner, _ = runner_with_token()
        job = claim_job(runner)
        assert job is not None
        environment = Environment.objects.get(project=pipeline.project)
        stop_environment(environment.pk, acting_user=None)
        results = at_once(
            [
                lambda: succeed_job(job.pk),  # noqa: B023
                lambda: delete_environment(environment.pk, acting_user=None),  # noqa: B023
                lambda: create_pipeline(pipeline.project, "main", PipelineSource.API, acting_user=None),  # noqa: B023
            ]
        )
        lost = [result for result in results if isinstance(result, Exception)]
        assert all(isinstance(error, CiError) for error in lost), lost
        assert Job.objects.by_ids([job.pk]).get().status == "success"
        left = Environment.objects.filter(project=pipeline.project)
        assert not Deployment.objects.filter(project=pipeline.project).exclude(environment__in=left).exists()
        assert_consistent(pipeline.pk)
        claim_job(runner)
