"""Project.repository and Project.projectPlanLimits."""

from __future__ import annotations

import pygit2
import pytest

from ci_core.models import Project
from tests.factories import ProjectFactory
from tests.support.graphql_client import as_anonymous

pytestmark = pytest.mark.django_db

NAMES = """query($path: ID!, $pattern: String!, $offset: Int!, $limit: Int!) { project(fullPath: $path) {
  repository { branchNames(searchPattern: $pattern, offset: $offset, limit: $limit) } } }"""


@pytest.fixture
def project():
    made = ProjectFactory(full_path="group/shop", visibility="public")
    git = pygit2.Repository(made.repository_path)
    for name in ("fix/b", "fix/a", "abc"):
        git.branches.create(name, git.head.peel(pygit2.Commit))
    return made


def names(pattern="*", offset=0, limit=100):
    found = as_anonymous().data(NAMES, path="group/shop", pattern=pattern, offset=offset, limit=limit)
    return found["project"]["repository"]["branchNames"]


def test_the_default_branch_is_first(project):
    assert names() == ["main", "abc", "fix/a", "fix/b"]
    assert names(offset=1, limit=2) == ["abc", "fix/a"]
    assert names("fix/*") == ["fix/a", "fix/b"]
    assert names("*a*") == ["main", "abc", "fix/a"]
    assert names("fix") == []


def test_numbers_that_cannot_be(project):
    given = {"path": "group/shop", "pattern": "*", "offset": -1, "limit": 1}
    assert as_anonymous().error(NAMES, **given) == "offset and limit must not be negative."


def test_without_a_repository(project):
    Project.objects.update(repository_path="nowhere")
    assert names() is None


def test_limits_of_the_plan(project, settings):
    settings.PIPEYARD_SCHEDULES_PER_PROJECT = 7
    document = '{ project(fullPath: "group/shop") { projectPlanLimits { ciPipelineSchedules } } }'
    assert as_anonymous().data(document) == {"project": {"projectPlanLimits": {"ciPipelineSchedules": 7}}}
