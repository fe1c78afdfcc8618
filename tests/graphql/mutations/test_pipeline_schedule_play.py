"""Mutation.pipelineSchedulePlay."""

from __future__ import annotations

import pytest

from ci_core.models import Pipeline, ScheduleRun
from ci_core.statuses import AccessLevel
from tests.factories import member, project_with
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.schedules import gid, schedule, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

PLAY = """
mutation($input: PipelineSchedulePlayInput!) {
  pipelineSchedulePlay(input: $input) {
    errors
    pipelineSchedule { active lastPipeline { source user { username } } runs { nodes { kind lateness error } } }
  }
}
"""


@pytest.fixture
def made():
    return schedule(shop(), active=False)


def play(made, user):
    return as_user(user).data(PLAY, input={"id": gid(made)})["pipelineSchedulePlay"]


def test_runs_with_the_rights_of_whoever_plays(made):
    assert play(made, member(made.project, username="bob")) == {
        "errors": [],
        "pipelineSchedule": {
            "active": False,
            "lastPipeline": {"source": "schedule", "user": {"username": "bob"}},
            "runs": {"nodes": [{"kind": "PLAYED", "lateness": 0, "error": None}]},
        },
    }


def test_once_a_minute(made):
    play(made, made.owner)
    again = play(made, member(made.project, AccessLevel.MAINTAINER))
    assert "it can be played once a minute" in again["errors"][0]
    assert Pipeline.objects.count() == 1


def test_why_there_is_no_pipeline_is_told_and_on_record():
    made = schedule(project_with("build: {script: x, rules: [{when: never}]}"))
    found = play(made, made.owner)
    assert len(found["errors"]) == 1
    assert found["pipelineSchedule"]["lastPipeline"] is None
    assert found["pipelineSchedule"]["runs"]["nodes"][0]["error"] == found["errors"][0]
    assert ScheduleRun.objects.count() == 1


def test_who_may_not(made):
    assert_powerless(made.project, "pipelineSchedulePlay", PLAY, {"id": gid(made)}, state)
