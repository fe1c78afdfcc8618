"""Jobs that begin to mirror a pipeline while that moves, or while that begins to mirror theirs."""

from __future__ import annotations

import pytest

from ci_core.actions.downstream import start_bridge
from ci_core.actions.jobs import cancel_job, succeed_job
from ci_core.actions.pipelines import create_pipeline
from ci_core.errors import CiError
from ci_core.models import Pipeline, Project
from ci_core.statuses import PipelineSource
from tests.factories import project_with
from tests.support.jobs import job_of
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def public(config: str, path: str) -> Project:
    return project_with(config, visibility="public", full_path=path)


def run(project: Project) -> Pipeline:
    return create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)


def test_a_pipeline_that_ends_while_a_job_begins_to_mirror_it() -> None:
    mirrored = run(public("test: {script: x}\n", "group/other"))
    pipeline = run(public("see: {needs: {pipeline: group/other}}\n", "group/mine"))
    inner, see = job_of(mirrored, "test"), job_of(pipeline, "see")
    while_open(lambda: succeed_job(inner.pk), lambda: start_bridge(see.pk))
    assert job_of(pipeline, "see").status == "success"


def test_a_pipeline_that_ends_as_a_job_mirrors_it_or_is_cancelled() -> None:
    other = public("test: {script: x}\n", "group/other")
    mine = public("see: {needs: {pipeline: group/other}}\n", "group/mine")
    for _ in range(5):
        mirrored, pipeline = run(other), run(mine)
        inner, see = job_of(mirrored, "test"), job_of(pipeline, "see")
        results = at_once(
            [
                lambda: succeed_job(inner.pk),  # noqa: B023
                lambda: start_bridge(see.pk),  # noqa: B023
                lambda: cancel_job(see.pk),  # noqa: B023
            ]
        )
        assert all(isinstance(each, CiError) for each in results if isinstance(each, Exception)), results
        assert job_of(pipeline, "see").status in ("success", "canceled")


def test_two_pipelines_that_begin_to_mirror_each_other_do_not_both_wait() -> None:
    first = public("see: {needs: {pipeline: group/second}}\n", "group/first")
    second = public("see: {needs: {pipeline: group/first}}\n", "group/second")
    for _ in range(5):
        jobs = [job_of(run(each), "see") for each in (first, second)]
        results = at_once([lambda job=job: start_bridge(job.pk) for job in jobs])  # type: ignore[misc]
        assert not any(isinstance(each, Exception) for each in results), results
        assert {job_of(job.pipeline, "see").status for job in jobs} == {"failed"}
