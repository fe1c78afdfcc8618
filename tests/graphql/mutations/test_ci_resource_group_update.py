"""Mutation.ciResourceGroupUpdate, and Project.resourceGroups."""

from __future__ import annotations

import pytest

from ci_core.actions.pipelines import create_pipeline
from ci_core.models import ResourceGroup
from ci_core.statuses import AccessLevel, PipelineSource
from tests.factories import member, project_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import job_of, succeed
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

UPDATE = """
mutation($input: CiResourceGroupUpdateInput!) {
  ciResourceGroupUpdate(input: $input) { errors resourceGroup { key processMode holder { name } waitingCount } }
}
"""
GROUPS = """
{ project(fullPath: "group/lab") {
  resourceGroups { count nodes { id key processMode holder { id name } waitingCount } } } }
"""
CONFIG = {"flash": {"script": "x", "resource_group": "device"}}


@pytest.fixture
def project():
    return project_with(CONFIG, visibility="public", full_path="group/lab")


def start(project):
    return create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)


def update(project, mode="NEWEST_READY_FIRST", key="device"):
    given = {"projectPath": project.full_path, "key": key, "processMode": mode}
    return as_user(member(project)).execute(UPDATE, input=given)


@pytest.mark.django_db(transaction=True)
def test_the_newest_gets_it_next(project):
    oldest, middle, newest = (start(project) for _ in range(3))
    answer = update(project)
    assert answer["data"]["ciResourceGroupUpdate"] == {
        "errors": [],
        "resourceGroup": {
            "key": "device",
            "processMode": "NEWEST_READY_FIRST",
            "holder": {"name": "flash"},
            "waitingCount": 2,
        },
    }
    succeed("flash")
    assert [job_of(pipeline, "flash").status for pipeline in (oldest, middle, newest)] == [
        "success",
        "waiting_for_resource",
        "pending",
    ]


def test_a_group_that_is_not_there(project):
    answer = update(project)
    assert answer["data"] == {"ciResourceGroupUpdate": None}
    assert answer["errors"][0]["path"] == ["ciResourceGroupUpdate"]


def test_who_may_not(project):
    start(project)
    given = {"projectPath": project.full_path, "key": "device", "processMode": "OLDEST_FIRST"}
    state = lambda: list(ResourceGroup.objects.values())  # noqa: E731
    assert_powerless(project, "ciResourceGroupUpdate", UPDATE, given, state)


def test_groups_of_a_project(project):
    pipeline = start(project)
    start(project)
    found = as_user(member(project)).data(GROUPS)["project"]["resourceGroups"]
    job = job_of(pipeline, "flash")
    assert found == {
        "count": 1,
        "nodes": [
            {
                "id": f"gid://gitlab/Ci::ResourceGroup/{ResourceGroup.objects.get().pk}",
                "key": "device",
                "processMode": "UNORDERED",
                "holder": {"id": f"gid://gitlab/Ci::Build/{job.pk}", "name": "flash"},
                "waitingCount": 1,
            }
        ],
    }


def test_groups_are_for_developers(project):
    for client in (as_anonymous(), as_user(member(project, AccessLevel.REPORTER))):
        assert client.data(GROUPS) == {"project": {"resourceGroups": None}}


def test_statements_do_not_grow(project):
    client = as_user(member(project))

    def grow(size):
        for number in range(ResourceGroup.objects.count(), size):
            text = f"flash: {{script: x, resource_group: device{number}}}"
            other = project_with(text)
            start(other)
            ResourceGroup.objects.filter(project=other).update(project=project)

    assert_same_count("project.resourceGroups", lambda: client.data(GROUPS), grow, (1, 5))
