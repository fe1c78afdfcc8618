"""Mutation.bulkRunnerDelete."""

from __future__ import annotations

import pytest

from ci_core.models import Runner
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member
from tests.graphql.runners import as_admin, everything, gid, runner
from tests.support.graphql_client import as_anonymous, as_user

pytestmark = pytest.mark.django_db

DELETE = """mutation($input: BulkRunnerDeleteInput!) {
  bulkRunnerDelete(input: $input) { errors deletedCount deletedIds } }"""


def delete(client, *rows):
    return client.data(DELETE, input={"ids": [gid(row) for row in rows]})["bulkRunnerDelete"]


def test_several():
    first, second, third = runner(), runner(), runner()
    assert delete(as_admin(), second, first, second) == {
        "errors": [],
        "deletedCount": 2,
        "deletedIds": [gid(first), gid(second)],
    }
    assert list(Runner.objects.all()) == [third]


def test_those_that_the_caller_may_delete():
    project = ProjectFactory()
    own, shared = runner(projects=[project]), runner()
    found = delete(as_user(member(project, AccessLevel.MAINTAINER)), own, shared)
    assert found["deletedIds"] == [gid(own)]
    assert found["errors"] == [f"These runners do not exist, or you may not do this to them: {gid(shared)}."]
    assert list(Runner.objects.all()) == [shared]


def test_fifty_at_most():
    rows = [runner() for _ in range(52)]
    found = delete(as_admin(), *rows)
    assert found["deletedCount"] == 50
    assert found["errors"] == ["One call takes 50 runners; the 2 after them stay."]
    assert Runner.objects.count() == 2


def test_none():
    assert as_admin().data(DELETE, input={})["bulkRunnerDelete"] == {
        "errors": [],
        "deletedCount": 0,
        "deletedIds": [],
    }


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
        found = delete(client, row)
        assert (found["deletedCount"], len(found["errors"])) == (0, 1)
    assert everything() == before
