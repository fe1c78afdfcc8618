"""The support desk shows what trigger jobs created or mirror."""

from __future__ import annotations

from typing import Any

import pytest

from ci_core.actions.pipelines import create_pipeline
from ci_core.statuses import PipelineSource
from tests.factories import ProjectFactory
from tests.support.bridges import child_of, run_bridges
from tests.support.desk import signed_in, staff, url
from tests.support.jobs import job_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


def test_pages_link_parents_trigger_jobs_and_children() -> None:
    config = "go: {trigger: {include: child.yml, strategy: depend}}\ngone: {trigger: {include: none.yml}}\n"
    project = ProjectFactory(files={".gitlab-ci.yml": config, "child.yml": "test: {script: x}\n"})
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    run_bridges()
    child, go, gone = child_of(pipeline, "go"), job_of(pipeline, "go"), job_of(pipeline, "gone")
    browser = signed_in(staff("view_pipeline", "view_job"))

    def page(row: Any) -> str:
        response = browser.get(url(row, "change"))
        assert response.status_code == 200
        return response.content.decode()

    assert url(child, "change") in page(pipeline)
    assert url(go, "change") in page(pipeline)
    assert url(pipeline, "change") in page(child)
    assert url(go, "change") in page(child)
    assert url(child, "change") in page(go)
    assert "Its configuration has errors." in page(gone)


def test_a_page_links_the_pipeline_that_a_job_mirrors() -> None:
    files = {".gitlab-ci.yml": "test: {script: x}\n"}
    other = ProjectFactory(files=files, full_path="group/other", visibility="public")
    mirrored = create_pipeline(other, "main", PipelineSource.PUSH, acting_user=None)
    project = ProjectFactory(files={".gitlab-ci.yml": "see: {needs: {pipeline: group/other}}\n"})
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    run_bridges()
    browser = signed_in(staff("view_job"))
    page = browser.get(url(job_of(pipeline, "see"), "change")).content.decode()
    assert url(mirrored, "change") in page
    assert "mirrored (needs:pipeline)" in page
