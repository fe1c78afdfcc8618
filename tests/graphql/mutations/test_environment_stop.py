"""Mutation.environmentStop."""

from __future__ import annotations

import pytest

from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import assert_protected, environment, gid, shop, state
from tests.support.graphql_client import as_user
from tests.support.jobs import job_of, succeed

pytestmark = pytest.mark.django_db

STOP = """
mutation($input: EnvironmentStopInput!) { environmentStop(input: $input) { errors environment { name state } } }
"""


@pytest.fixture
def made():
    return environment(shop())


def stop(made, **input_):
    client = as_user(member(made.project))
    return client.data(STOP, input={"id": gid(made), **input_})["environmentStop"]


@pytest.fixture
def deployed():
    pipeline = pipeline_with(
        {
            "up": {"script": "x", "environment": {"name": "staging", "on_stop": "down"}},
            "down": {
                "script": "x",
                "when": "manual",
                "environment": {"name": "staging", "action": "stop"},
            },
        }
    )
    succeed("up")
    return pipeline


def test_stops_at_once_without_stop_jobs(made):
    assert stop(made) == {"errors": [], "environment": {"name": "review/login", "state": "stopped"}}
    assert stop(made)["errors"] == ["review/login is stopped already."]


def test_starts_its_stop_jobs(deployed):
    found = stop(deployed.project.environments.get())
    assert found == {"errors": [], "environment": {"name": "staging", "state": "stopping"}}
    assert job_of(deployed, "down").status == "pending"


def test_by_force(deployed):
    found = stop(deployed.project.environments.get(), force=True)
    assert found["environment"]["state"] == "stopped"
    assert job_of(deployed, "down").status == "manual"


def test_who_may_not(made):
    assert_powerless(made.project, "environmentStop", STOP, {"id": gid(made)}, state)
    assert_protected(STOP, made, {"id": gid(made)})
