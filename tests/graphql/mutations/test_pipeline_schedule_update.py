"""Mutation.pipelineScheduleUpdate."""

from __future__ import annotations

import pytest

from ci_core.access import access_schedule
from ci_core.actions.schedules import InputChange, VariableChange, take_ownership
from ci_core.models import ProjectMembership
from ci_core.statuses import AccessLevel
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.schedules import assert_refused, gid, schedule, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

UPDATE = """
mutation updatePipelineSchedule($input: PipelineScheduleUpdateInput!) {
  pipelineScheduleUpdate(input: $input) {
    errors
    pipelineSchedule {
      description cron cronTimezone refForDisplay active nextRunAt
      variables { nodes { id key value variableType } } inputs { nodes { name value } }
    }
  }
}
"""


@pytest.fixture
def project():
    return shop()


@pytest.fixture
def made(project):
    return schedule(
        project, variables=[VariableChange("A", "1"), VariableChange("B", "2")], inputs=[InputChange("x", 1)]
    )


def update(made, **input_):
    return as_user(made.owner).data(UPDATE, input={"id": gid(made), **input_})["pipelineScheduleUpdate"]


def test_only_what_is_given_changes(made):
    before = update(made)["pipelineSchedule"]
    after = update(made, description="weekly", cron="0 3 * * 1", cronTimezone="Asia/Tokyo")
    assert after["errors"] == []
    changed = {name for name, value in after["pipelineSchedule"].items() if value != before[name]}
    assert changed == {"description", "cron", "cronTimezone", "nextRunAt"}


def test_switches_off_and_on(made):
    off = update(made, active=False)["pipelineSchedule"]
    assert (off["active"], off["nextRunAt"]) == (False, None)
    on = update(made, active=True)["pipelineSchedule"]
    assert on["active"] and on["nextRunAt"]


def test_variables_and_inputs(made):
    a, b = update(made)["pipelineSchedule"]["variables"]["nodes"]
    after = update(
        made,
        variables=[
            {"id": a["id"], "key": "A", "value": "1", "variableType": "ENV_VAR", "destroy": True},
            {"id": b["id"], "key": "B", "value": "3", "variableType": "FILE"},
            {"key": "C", "value": "4", "variableType": "ENV_VAR"},
        ],
        inputs=[{"name": "x", "destroy": True}, {"name": "y", "value": ["z"]}],
    )
    assert after["errors"] == []
    found = after["pipelineSchedule"]
    assert [(row["key"], row["value"], row["variableType"]) for row in found["variables"]["nodes"]] == [
        ("B", "3", "FILE"),
        ("C", "4", "ENV_VAR"),
    ]
    assert found["inputs"]["nodes"] == [{"name": "y", "value": ["z"]}]


def test_nothing_changes_when_something_is_wrong(made):
    before = state()
    after = update(made, description="new", cron="* * *")
    assert after["errors"][0].startswith('cron "* * *"')
    assert after["pipelineSchedule"]["description"] == "nightly"
    other = schedule(made.project, variables=[VariableChange("O", "1")]).variables.get()
    given = {"key": "O", "value": "2", "variableType": "ENV_VAR"}
    given["id"] = f"gid://gitlab/Ci::PipelineScheduleVariable/{other.pk}"
    assert "no variable with the id" in update(made, variables=[given])["errors"][0]
    other.refresh_from_db()
    assert other.value == "1"
    other.schedule.delete()
    assert state() == before


def test_who_may_not(project, made):
    given = {"id": gid(made), "description": "mine"}
    assert_powerless(project, "pipelineScheduleUpdate", UPDATE, given, state)
    reason = "Only the owner of a schedule may change it: take ownership first."
    for level in (AccessLevel.DEVELOPER, AccessLevel.MAINTAINER):
        assert_refused(as_user(member(project, level)), UPDATE, given, reason)


def test_an_owner_who_lost_the_role(project, made):
    ProjectMembership.objects.filter(user=made.owner).update(access_level=AccessLevel.REPORTER)
    assert as_user(made.owner).execute(UPDATE, input={"id": gid(made), "active": True})["errors"]


def test_somebody_takes_over_meanwhile(project, made, monkeypatch):
    def overtaken(*arguments):
        found = access_schedule(*arguments)
        take_ownership(made.pk, acting_user=member(project, AccessLevel.MAINTAINER))
        return found

    monkeypatch.setattr("graphql_api.mutations.schedules.access_schedule", overtaken)
    given = {"id": gid(made), "variables": [{"key": "A2", "value": "1", "variableType": "ENV_VAR"}]}
    assert as_user(made.owner).execute(UPDATE, input=given)["data"] == {"pipelineScheduleUpdate": None}
    assert made.variables.count() == 2


def test_unknown(project, made):
    given = {"id": "gid://gitlab/Ci::PipelineSchedule/999999"}
    assert as_user(made.owner).execute(UPDATE, input=given)["data"] == {"pipelineScheduleUpdate": None}
