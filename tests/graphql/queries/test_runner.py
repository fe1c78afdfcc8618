"""Query.runner, and what a runner tells of itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ci_core import clock
from ci_core.actions.runners import touch_runner
from ci_core.models import Runner
from ci_core.queueing.claim import claim_job
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member, pipeline_with
from tests.graphql.runners import as_admin, gid, runner
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import fail, succeed, take
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db


def ask(client, row, fields):
    return client.data("query($id: CiRunnerID!) { runner(id: $id) {" + fields + "} }", id=gid(row))["runner"]


def test_who_sees_a_runner_of_everybody():
    row = runner(description="shared", maintenance_note="a <b>note</b>")
    fields = (
        "description maintenanceNote maintenanceNoteHtml adminUrl userPermissions { readRunner updateRunner }"
    )
    assert ask(as_anonymous(), row, fields) is None
    assert ask(as_user(UserFactory()), row, fields) == {
        "description": "shared",
        "maintenanceNote": None,
        "maintenanceNoteHtml": None,
        "adminUrl": None,
        "userPermissions": {"readRunner": True, "updateRunner": False},
    }
    found = ask(as_admin(), row, fields)
    assert found["maintenanceNote"] == "a <b>note</b>"
    assert found["maintenanceNoteHtml"] == "<p>a &lt;b&gt;note&lt;/b&gt;</p>"
    assert found["adminUrl"].endswith(f"/admin/runners/{row.pk}")
    assert found["userPermissions"]["updateRunner"] is True


def test_who_sees_a_runner_of_projects():
    owning, other = ProjectFactory(), ProjectFactory()
    row = runner(projects=[owning, other])
    permissions = "userPermissions { updateRunner deleteRunner assignRunner }"
    for client in (
        as_anonymous(),
        as_user(UserFactory()),
        as_user(member(owning, AccessLevel.DEVELOPER)),
    ):
        assert ask(client, row, permissions) is None
    for project in (owning, other):
        found = ask(as_user(member(project, AccessLevel.MAINTAINER)), row, permissions)
        assert found["userPermissions"] == {
            "updateRunner": True,
            "deleteRunner": False,
            "assignRunner": True,
        }
    alone = runner(projects=[owning], locked=True)
    found = ask(as_user(member(owning, AccessLevel.MAINTAINER)), alone, permissions)
    assert found["userPermissions"] == {"updateRunner": True, "deleteRunner": True, "assignRunner": False}
    reading = as_user(member(owning, AccessLevel.MAINTAINER), ["read_api"])
    assert ask(reading, alone, permissions)["userPermissions"]["updateRunner"] is False


def test_one_that_there_is_not():
    assert as_admin().data('{ runner(id: "gid://gitlab/Ci::Runner/99") { id } }') == {"runner": None}


def test_jobs_and_their_count():
    pipeline_with({"a": {"script": "x"}, "b": {"script": "x"}})
    row = runner()
    succeed("a", runner=row)
    fail("b", runner=row)
    fields = (
        "jobCount failed: jobCount(statuses: FAILED) jobs(statuses: [FAILED, SUCCESS]) { nodes { name } }"
    )
    assert ask(as_admin(), row, fields) == {
        "jobCount": 2,
        "failed": 1,
        "jobs": {"nodes": [{"name": "b"}, {"name": "a"}]},
    }
    assert ask(as_user(UserFactory()), row, fields) == {"jobCount": 2, "failed": 1, "jobs": None}


def test_jobs_of_projects_that_the_caller_may_not_see():
    mine, hidden = (pipeline_with({name: {"script": "x"}}).project for name in ("mine", "hidden"))
    row = runner(projects=[mine, hidden])
    succeed("mine", runner=row)
    succeed("hidden", runner=row)
    client = as_user(member(mine, AccessLevel.MAINTAINER))
    found = ask(client, row, "jobs { nodes { name } } projects { nodes { fullPath } count } projectCount")
    assert found["jobs"]["nodes"] == [{"name": "mine"}]
    assert found["projects"] == {"nodes": [{"fullPath": mine.full_path}], "count": 1}
    assert found["projectCount"] == 2


def test_projects_in_order_and_pages():
    owning = ProjectFactory(full_path="g/c", name="B")
    others = [ProjectFactory(full_path=f"g/{path}", name=name) for path, name in (("a", "C"), ("b", "A"))]
    row = runner(projects=[owning, *others])
    names = "nodes { name } pageInfo { endCursor hasNextPage }"

    def projects(arguments=""):
        page = ask(as_admin(), row, f"projects{arguments} {{ {names} }}")["projects"]
        return "".join(node["name"] for node in page["nodes"]), page["pageInfo"]

    assert projects()[0] == "BCA"
    assert projects('(sort: "name_desc")')[0] == "CBA"
    assert projects('(search: "g/c")')[0] == "B"
    found, page = projects('(sort: "name_asc", first: 2)')
    assert (found, page["hasNextPage"]) == ("AB", True)
    assert projects(f'(sort: "name_asc", after: "{page["endCursor"]}")')[0] == "C"
    assert ask(as_admin(), row, "ownerProject { name }") == {"ownerProject": {"name": "B"}}
    assert ask(as_admin(), runner(), "projects { nodes { name } } projectCount") == {
        "projects": None,
        "projectCount": None,
    }


def test_machines():
    row = runner()
    now = clock.now()
    told = {"version": "18.1.0", "platform": "linux", "architecture": "amd64", "executor": "docker"}
    touch_runner(row, "s_1", told, "192.0.2.1")
    touch_runner(row, "s_2", {}, None)
    row.managers.filter(system_id="s_2").update(contacted_at=now - timedelta(hours=3))
    fields = """
    managers { count nodes { systemId status version platformName architectureName executorName ipAddress
      jobExecutionStatus runner { id } } }
    offline: managers(status: OFFLINE) { nodes { systemId } }
    named: managers(systemId: "s_1") { nodes { systemId } }
    """
    pipeline_with({"a": {"script": "x"}})
    take(row, row.managers.get(system_id="s_1"))
    found = ask(as_admin(), row, fields)
    assert found["managers"]["count"] == 2
    assert found["managers"]["nodes"][0] == {
        "systemId": "s_1",
        "status": "ONLINE",
        "version": "18.1.0",
        "platformName": "linux",
        "architectureName": "amd64",
        "executorName": "docker",
        "ipAddress": "192.0.2.1",
        "jobExecutionStatus": "ACTIVE",
        "runner": {"id": gid(row)},
    }
    assert found["offline"]["nodes"] == [{"systemId": "s_2"}]
    assert found["named"]["nodes"] == [{"systemId": "s_1"}]
    assert ask(as_user(UserFactory()), row, "managers { nodes { ipAddress } }")["managers"]["nodes"] == [
        {"ipAddress": None},
        {"ipAddress": None},
    ]


def test_what_is_never_told():
    fields = "ephemeralAuthenticationToken ephemeralRegisterUrl registerAdminUrl tokenExpiresAt"
    assert set(ask(as_admin(), runner(), fields).values()) == {None}


def test_statements_do_not_depend_on_rows():
    client = as_admin()
    document = """{ runners { nodes { jobCount jobExecutionStatus ownerProject { id } projectCount createdBy { id }
      queue { waitingJobs }
      userPermissions { updateRunner } maintenanceNote managers { nodes { id jobExecutionStatus } }
      projects { nodes { id } count } jobs { nodes { id } } } } }"""

    def grow(size):
        for _ in range(Runner.objects.count(), size):
            row = runner(projects=[ProjectFactory()])
            touch_runner(row, "s", {}, None)

    assert_same_count("runner", lambda: client.data(document), grow, (1, 10))


def queue_of(row, client=None):
    return ask(client or as_admin(), row, "queue { waitingJobs oldestWait }")["queue"]


def test_the_queue_of_a_runner(monkeypatch):
    pipeline = pipeline_with(
        "a: {script: x}\nb: {script: x, tags: [gpu]}\nc: {script: x, tags: [gpu, linux]}\n"
    )
    other = pipeline_with("d: {script: x}\n")
    later = clock.now() + timedelta(seconds=90)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert queue_of(runner())["waitingJobs"] == 2
    assert queue_of(runner(projects=[other.project]))["waitingJobs"] == 1
    assert queue_of(runner(tags=["gpu"], run_untagged=False, paused=True))["waitingJobs"] == 1
    found = queue_of(runner(tags=["gpu", "linux"]))
    assert found["waitingJobs"] == 4
    assert 89 <= found["oldestWait"] <= 91
    assert queue_of(runner(tags=["mac"], run_untagged=False)) == {"waitingJobs": 0, "oldestWait": None}
    own = runner(projects=[pipeline.project])
    assert queue_of(own, as_user(member(pipeline.project, AccessLevel.MAINTAINER)))["waitingJobs"] == 1
    assert queue_of(runner(), as_user(UserFactory())) is None


def test_the_queue_holds_what_the_runner_is_given():
    pipeline_with("a: {script: x}\nb: {script: x, tags: [gpu]}\nc: {script: x, tags: [linux]}\n")
    row = runner(tags=["gpu"])
    length = queue_of(row)["waitingJobs"]
    taken = 0
    while claim_job(row) is not None:
        taken += 1
    assert (length, queue_of(row)["waitingJobs"]) == (taken, 0) == (2, 0)
