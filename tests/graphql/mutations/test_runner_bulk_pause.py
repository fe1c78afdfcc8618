"""Mutation.runnerBulkPause."""

from __future__ import annotations

import pytest

from ci_core.models import Runner
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member
from tests.graphql.runners import as_admin, everything, gid, runner
from tests.support.graphql_client import as_anonymous, as_user

pytestmark = pytest.mark.django_db

PAUSE = """mutation($input: RunnerBulkPauseInput!) {
  runnerBulkPause(input: $input) { errors updatedCount updatedRunners { id paused } } }"""


def pause(client, *rows, paused=True):
    return client.data(PAUSE, input={"ids": [gid(row) for row in rows], "paused": paused})["runnerBulkPause"]


def test_several_there_and_back():
    first, second, other = runner(), runner(), runner()
    assert pause(as_admin(), first, second) == {
        "errors": [],
        "updatedCount": 2,
        "updatedRunners": [{"id": gid(row), "paused": True} for row in (first, second)],
    }
    assert list(Runner.objects.filter(paused=False)) == [other]
    assert pause(as_admin(), first, paused=False)["updatedRunners"] == [{"id": gid(first), "paused": False}]


def test_those_that_the_caller_may_change():
    project = ProjectFactory()
    own, shared = runner(projects=[project, ProjectFactory()]), runner()
    found = pause(as_user(member(project, AccessLevel.MAINTAINER)), own, shared)
    assert found["updatedRunners"] == [{"id": gid(own), "paused": True}]
    assert found["errors"] == [f"These runners do not exist, or you may not do this to them: {gid(shared)}."]


def test_who_may_not():
    project = ProjectFactory(visibility="public")
    row = runner(projects=[project])
    before = everything()
    for client in (
        as_anonymous(),
        as_user(UserFactory()),
        as_user(member(project, AccessLevel.DEVELOPER)),
        as_user(member(project, AccessLevel.MAINTAINER), ["read_api"]),
    ):
        found = pause(client, row)
        assert (found["updatedCount"], len(found["errors"])) == (0, 1)
    assert everything() == before
