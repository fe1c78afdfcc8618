"""Mutation.pipelineScheduleCreate."""

from __future__ import annotations

import pytest

from ci_core.models import PipelineSchedule
from ci_core.statuses import AccessLevel
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.schedules import shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

CREATE = """
mutation createPipelineSchedule($input: PipelineScheduleCreateInput!) {
  pipelineScheduleCreate(input: $input) {
    clientMutationId errors
    pipelineSchedule {
      id description cron cronTimezone ref active owner { username }
      variables { nodes { key value variableType raw } } inputs { nodes { name value } }
    }
  }
}
"""
GIVEN = {"projectPath": "group/shop", "description": "nightly", "cron": "0 3 * * *", "ref": "main"}


@pytest.fixture
def project():
    return shop()


def create(project, level=AccessLevel.DEVELOPER, **input_):
    client = as_user(member(project, level))
    return client.data(CREATE, input={**GIVEN, **input_})["pipelineScheduleCreate"]


def test_creates(project):
    client = as_user(member(project, username="ada"))
    made = client.data(
        CREATE,
        input={
            **GIVEN,
            "cronTimezone": "Europe/Berlin",
            "variables": [
                {"key": "A", "value": "1", "variableType": "ENV_VAR"},
                {"key": "F", "value": "$A", "variableType": "FILE", "raw": True},
            ],
            "inputs": [{"name": "level", "value": 3}],
            "clientMutationId": "7",
        },
    )["pipelineScheduleCreate"]
    stored = PipelineSchedule.objects.get()
    assert made == {
        "clientMutationId": "7",
        "errors": [],
        "pipelineSchedule": {
            "id": f"gid://gitlab/Ci::PipelineSchedule/{stored.pk}",
            "description": "nightly",
            "cron": "0 3 * * *",
            "cronTimezone": "Europe/Berlin",
            "ref": "refs/heads/main",
            "active": True,
            "owner": {"username": "ada"},
            "variables": {
                "nodes": [
                    {"key": "A", "value": "1", "variableType": "ENV_VAR", "raw": False},
                    {"key": "F", "value": "$A", "variableType": "FILE", "raw": True},
                ]
            },
            "inputs": {"nodes": [{"name": "level", "value": 3}]},
        },
    }


def test_defaults(project):
    made = create(project)["pipelineSchedule"]
    assert (made["cronTimezone"], made["active"]) == ("UTC", True)
    assert create(project, active=False)["pipelineSchedule"]["active"] is False


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"cron": "61 * * * *"}, 'cron "61 * * * *": minute 61 is not in 0-59.'),
        ({"cronTimezone": "Mars"}, "cronTimezone 'Mars' is not a time zone"),
        ({"cronTimezone": ""}, "cronTimezone '' is not a time zone"),
        ({"ref": "nowhere"}, "ref: The repository has no branch or tag named 'nowhere'."),
        ({"description": " "}, "description has 0 characters"),
        (
            {"variables": [{"key": "1 2", "value": "", "variableType": "FILE"}]},
            "'1 2' is not the key of a variable",
        ),
        ({"inputs": [{"name": "a", "value": None}]}, "inputs: a needs a value"),
    ],
)
def test_what_is_wrong(project, wrong, sentence):
    made = create(project, **wrong)
    assert made["pipelineSchedule"] is None
    assert len(made["errors"]) == 1
    assert made["errors"][0].startswith(sentence)
    assert not PipelineSchedule.objects.exists()


def test_too_many(project, settings):
    settings.PIPEYARD_SCHEDULES_PER_PROJECT = 1
    create(project)
    assert "has 1 pipeline schedules, the most" in create(project)["errors"][0]


def test_who_may(project):
    for level in (AccessLevel.DEVELOPER, AccessLevel.MAINTAINER, AccessLevel.OWNER):
        assert create(project, level)["errors"] == []


def test_who_may_not(project):
    assert_powerless(project, "pipelineScheduleCreate", CREATE, GIVEN, state)
