"""Project.pipelineSchedules, Pipeline.pipelineSchedule, and the runs of a schedule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ci_core import clock
from ci_core.actions.firing import fire_due_schedules, play_schedule
from ci_core.actions.schedules import InputChange, VariableChange, create_schedule
from ci_core.models import PipelineSchedule
from ci_core.statuses import AccessLevel
from tests.factories import UserFactory, member, project_with
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return project_with("build: {script: x}", visibility="public", full_path="group/shop")


@pytest.fixture
def owner(project):
    return member(project, username="ada")


def schedule(project, owner, description="nightly", **fields):
    given = {"ref": "main", "cron": "0 3 * * *", "cron_timezone": "Europe/Berlin", **fields}
    return create_schedule(project, acting_user=owner, description=description, **given)


def ask(fields, arguments="", client=None):
    arguments = f"({arguments})" if arguments else ""
    document = '{ project(fullPath: "group/shop") { pipelineSchedules' + arguments + " {" + fields + "} } }"
    return (client or as_anonymous()).data(document)["project"]["pipelineSchedules"]


def names(arguments=""):
    return [node["description"] for node in ask("nodes { description }", arguments)["nodes"]]


def test_all_fields(project, owner):
    made = schedule(project, owner)
    (found,) = ask(
        "nodes { id description active deactivatedReason cron cronTimezone ref refForDisplay refPath forTag editPath "
        "nextRunAt realNextRun owner { username } project { fullPath } lastPipeline { id } }"
    )["nodes"]
    due = made.next_run_at.isoformat().replace("+00:00", "Z")
    assert found == {
        "id": f"gid://gitlab/Ci::PipelineSchedule/{made.pk}",
        "description": "nightly",
        "active": True,
        "deactivatedReason": None,
        "cron": "0 3 * * *",
        "cronTimezone": "Europe/Berlin",
        "ref": "refs/heads/main",
        "refForDisplay": "main",
        "refPath": "/group/shop/-/commits/main",
        "forTag": False,
        "editPath": f"/group/shop/-/pipeline_schedules/{made.pk}/edit",
        "nextRunAt": due,
        "realNextRun": due,
        "owner": {"username": "ada"},
        "project": {"fullPath": "group/shop"},
        "lastPipeline": None,
    }


def test_choice_and_order(project, owner):
    b = schedule(project, owner, "b", cron="0 5 * * *")
    schedule(project, owner, "a", active=False)
    c = schedule(project, owner, "c", cron="0 4 * * *")
    PipelineSchedule.objects.filter(pk=c.pk).update(next_run_at=b.next_run_at - timedelta(hours=1))
    assert names() == ["c", "a", "b"]
    assert names("status: ACTIVE") == ["c", "b"]
    assert names("status: INACTIVE") == ["a"]
    assert names("sort: DESCRIPTION_ASC") == ["a", "b", "c"]
    assert names("sort: NEXT_RUN_AT_ASC") == ["c", "b", "a"]
    assert names(f'ids: ["{b.pk}"]') == ["b"]
    assert names(f'ids: ["gid://gitlab/Ci::PipelineSchedule/{b.pk}"]') == ["b"]
    assert ask("count", "status: ACTIVE") == {"count": 2}


@pytest.mark.parametrize("sort", ["NEXT_RUN_AT_ASC", "NEXT_RUN_AT_DESC", "UPDATED_AT_DESC", "ID_ASC"])
def test_pages_in_every_order(project, owner, sort):
    for name, active in (("a", True), ("b", False), ("c", True), ("d", False)):
        schedule(project, owner, name, active=active)
    whole, forwards, cursor = names(f"sort: {sort}"), [], ""
    for _ in whole:
        page = ask(
            "nodes { description } pageInfo { endCursor }",
            f'sort: {sort}, first: 1, after: "{cursor}"' if cursor else f"sort: {sort}, first: 1",
        )
        forwards += [node["description"] for node in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
    assert forwards == whole
    before = names(f'sort: {sort}, last: 4, before: "{cursor}"')
    assert before == whole[:-1]


def test_bad_arguments(project):
    client = as_anonymous()
    for arguments in ('ids: ["gid://gitlab/Project/1"]', 'sort: ID_ASC, after: "W251bGxd"'):
        document = (
            '{ project(fullPath: "group/shop") { pipelineSchedules(' + arguments + ") { nodes { id } } } }"
        )
        assert client.error(document)


def test_who_sees_variables_and_inputs(project, owner):
    schedule(
        project,
        owner,
        variables=[VariableChange("KEY", "secret"), VariableChange("RAW", "$X", raw=True)],
        inputs=[InputChange("level", [1, 2])],
    )
    fields = "nodes { variables { nodes { key value variableType raw } } inputs { nodes { name value } } }"
    for reader in (owner, member(project, AccessLevel.MAINTAINER)):
        (found,) = ask(fields, client=as_user(reader))["nodes"]
        assert found["variables"]["nodes"] == [
            {"key": "KEY", "value": "secret", "variableType": "ENV_VAR", "raw": False},
            {"key": "RAW", "value": "$X", "variableType": "ENV_VAR", "raw": True},
        ]
        assert found["inputs"]["nodes"] == [{"name": "level", "value": [1, 2]}]
    others = (UserFactory(), member(project, AccessLevel.GUEST), member(project))
    for client in (as_anonymous(), *(as_user(other) for other in others)):
        assert ask(fields, client=client)["nodes"] == [{"variables": None, "inputs": None}]


def test_permissions(project, owner):
    schedule(project, owner)
    fields = (
        "nodes { userPermissions { playPipelineSchedule updatePipelineSchedule adminPipelineSchedule "
        "takeOwnershipPipelineSchedule } }"
    )

    def able(client):
        return list(ask(fields, client=client)["nodes"][0]["userPermissions"].values())

    assert able(as_anonymous()) == [False] * 4
    assert able(as_user(UserFactory())) == [False] * 4
    assert able(as_user(member(project, AccessLevel.GUEST))) == [False] * 4
    assert able(as_user(member(project))) == [True, False, False, False]
    assert able(as_user(owner)) == [True, True, True, False]
    assert able(as_user(owner, ["read_api"])) == [False] * 4
    assert able(as_user(member(project, AccessLevel.MAINTAINER))) == [True, False, True, True]


def test_runs_and_pipelines(project, owner):
    made = schedule(project, owner)
    due = clock.now() - timedelta(seconds=90)
    PipelineSchedule.objects.filter(pk=made.pk).update(next_run_at=due)
    assert fire_due_schedules() == 1
    project.memberships.all().delete()
    PipelineSchedule.objects.filter(pk=made.pk).update(next_run_at=clock.now())
    fire_due_schedules()
    (found,) = ask(
        "nodes { active deactivatedReason nextRunAt lastPipeline { iid pipelineSchedule { id } } runs { count nodes "
        "{ id kind dueAt startedAt finishedAt lateness missedRuns user { username } pipeline { iid source } error "
        "errorCode } } }"
    )["nodes"]
    assert (found["active"], found["nextRunAt"]) == (False, None)
    assert "does not have the Developer role" in found["deactivatedReason"]
    assert found["lastPipeline"]["pipelineSchedule"] == {"id": f"gid://gitlab/Ci::PipelineSchedule/{made.pk}"}
    assert found["runs"]["count"] == 2
    refused, ran = found["runs"]["nodes"]
    assert (refused["pipeline"], refused["errorCode"]) == (None, "schedule_deactivated")
    assert refused["error"] == found["deactivatedReason"]
    assert 90 <= ran["lateness"] < 120
    assert ran["dueAt"] == due.isoformat().replace("+00:00", "Z")
    assert (ran["kind"], ran["missedRuns"], ran["error"]) == ("DUE", 0, None)
    assert (ran["user"], ran["pipeline"]) == ({"username": "ada"}, {"iid": "1", "source": "schedule"})


def test_other_pipelines_have_no_schedule(project, owner):
    made = schedule(project, owner)
    played = play_schedule(made.pk, acting_user=owner)
    made.delete()
    document = '{ project(fullPath: "group/shop") { pipelines { nodes { id pipelineSchedule { id } } } } }'
    (found,) = as_anonymous().data(document)["project"]["pipelines"]["nodes"]
    assert found == {"id": f"gid://gitlab/Ci::Pipeline/{played.pk}", "pipelineSchedule": None}


def test_hidden_with_the_project(owner, project):
    schedule(project, owner)
    type(project).objects.update(visibility="private")
    document = '{ project(fullPath: "group/shop") { pipelineSchedules { nodes { id } } } }'
    for client in (as_anonymous(), as_user(UserFactory())):
        assert client.data(document) == {"project": None}


def test_statements_do_not_depend_on_rows(project, owner):
    client = as_user(member(project, AccessLevel.MAINTAINER))
    document = """{ project(fullPath: "group/shop") { pipelineSchedules(first: 50) { count nodes {
      id editPath refPath owner { name } project { name } variables { nodes { key } } inputs { nodes { name } }
      userPermissions { playPipelineSchedule } lastPipeline { iid pipelineSchedule { id } }
      runs(first: 3) { nodes { lateness user { name } pipeline { iid } } }
    } } } }"""

    def grow(size):
        for count in range(PipelineSchedule.objects.count(), size):
            person = member(project)
            made = schedule(project, person, f"s{count}", variables=[VariableChange("A", "1")])
            play_schedule(made.pk, acting_user=person)

    assert_same_count("project.pipelineSchedules", lambda: client.data(document), grow, (1, 10))
