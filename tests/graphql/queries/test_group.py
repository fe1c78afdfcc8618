"""Query.group, and what projects and runners have of groups."""

from __future__ import annotations

import pytest

from ci_core.actions.groups import add_group_member, create_group
from ci_core.actions.variables import VariableSettings, set_group_variable
from ci_core.models import Group, Project
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory
from tests.graphql.runners import as_admin, gid, runner
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return create_group("shop", acting_user=UserFactory(username="owner"), name="The Shop", description="All")


@pytest.fixture
def web(shop):
    return create_group("shop/web", acting_user=UserFactory(), name="Web")


def project(path, **fields):
    groups = Group.objects.filter(full_path=path.rpartition("/")[0])
    return ProjectFactory(full_path=path, group=groups.first(), **fields)


def member_of(group, level):
    user = UserFactory()
    add_group_member(group, user, level)
    return as_user(user)


def ask(client, path, fields):
    return client.data("query($path: ID!) { group(fullPath: $path) {" + fields + "} }", path=path)["group"]


def test_what_it_tells(web):
    found = ask(as_admin(), "shop/web", "id fullPath name fullName description webUrl avatarUrl")
    assert found.pop("webUrl").endswith("/groups/shop/web")
    assert found == {
        "id": f"gid://gitlab/Group/{web.pk}",
        "fullPath": "shop/web",
        "name": "Web",
        "fullName": "The Shop / Web",
        "description": None,
        "avatarUrl": None,
    }


def test_who_sees_it(shop, web):
    strangers = [as_anonymous(), as_user(UserFactory())]
    for client in strangers:
        assert ask(client, "shop", "name") is None
    assert ask(member_of(shop, AccessLevel.GUEST), "shop/web", "name") == {"name": "Web"}
    assert ask(member_of(web, AccessLevel.OWNER), "shop", "name") is None
    assert ask(as_admin(), "nothing", "name") is None
    project("shop/web/site", visibility="public")
    for client in strangers:
        assert ask(client, "shop", "name") == {"name": "The Shop"}


def test_its_projects(web):
    project("shop/web/b", visibility="public")
    project("shop/web/a")
    project("shop/c", visibility="public")

    def paths(client, path, arguments=""):
        nodes = ask(client, path, f"projects{arguments} {{ nodes {{ fullPath }} }}")["projects"]["nodes"]
        return [node["fullPath"] for node in nodes]

    assert paths(as_admin(), "shop") == ["shop/c"]
    assert paths(as_admin(), "shop", "(includeSubgroups: true)") == ["shop/c", "shop/web/a", "shop/web/b"]
    assert paths(as_anonymous(), "shop/web") == ["shop/web/b"]


def test_its_runners(shop, web):
    inner = project("shop/web/site")
    for description, settings in {
        "outer": {"group": shop},
        "inner": {"group": web},
        "project": {"projects": [inner]},
        "shared": {},
        "other": {"projects": [ProjectFactory()]},
    }.items():
        runner(description=description, **settings)
    maintainer = member_of(shop, AccessLevel.MAINTAINER)

    def names(path, arguments=""):
        nodes = ask(maintainer, path, f"runners{arguments} {{ count nodes {{ description }} }}")["runners"]
        assert nodes["count"] == len(nodes["nodes"])
        return [node["description"] for node in nodes["nodes"]]

    assert names("shop") == ["project", "inner", "outer"]
    assert names("shop", "(membership: DIRECT)") == ["outer"]
    assert names("shop/web", "(membership: ALL_AVAILABLE)") == ["shared", "project", "inner", "outer"]
    assert names("shop/web") == ["project", "inner"]
    assert names("shop", "(type: GROUP_TYPE, sort: MOST_ACTIVE_DESC)") == ["inner", "outer"]
    (edge,) = ask(maintainer, "shop", "runners(membership: DIRECT) { edges { webUrl editUrl } }")["runners"][
        "edges"
    ]
    assert edge["webUrl"].endswith(f"/groups/shop/-/runners/{shop.runners.get().pk}")
    assert edge["editUrl"].endswith("/edit")
    project("shop/public", visibility="public")
    for client in (as_anonymous(), member_of(shop, AccessLevel.DEVELOPER), member_of(web, AccessLevel.OWNER)):
        assert ask(client, "shop", "runners { nodes { id } }") == {"runners": None}


def test_variables(shop, web):
    site = project("shop/web/site", visibility="public")
    set_group_variable(shop, "A", "outer-value", VariableSettings(masked=True, description="For all"))
    set_group_variable(web, "B", "inner-value", VariableSettings(protected=True, hidden=True))
    own = "ciVariables { limit nodes { key value description masked hidden protected environmentScope } }"
    found = ask(member_of(shop, AccessLevel.OWNER), "shop", own)["ciVariables"]
    assert found["nodes"] == [
        {
            "key": "A",
            "value": "outer-value",
            "description": "For all",
            "masked": True,
            "hidden": False,
            "protected": False,
            "environmentScope": "*",
        }
    ]
    assert ask(as_admin(), "shop/web", own)["ciVariables"]["nodes"][0]["value"] is None
    maintainer = member_of(shop, AccessLevel.MAINTAINER)
    for client in (as_anonymous(), maintainer):
        assert ask(client, "shop", own) == {"ciVariables": None}
    document = """query($path: ID!) { project(fullPath: $path) { inheritedCiVariables { nodes {
      key variableType raw environmentScope protected masked groupName groupCiCdSettingsPath } } } }"""
    found = maintainer.data(document, path=site.full_path)["project"]["inheritedCiVariables"]["nodes"]
    assert [(row["key"], row["groupName"], row["groupCiCdSettingsPath"]) for row in found] == [
        ("A", "The Shop", "/groups/shop/-/settings/ci_cd"),
        ("B", "Web", "/groups/shop/web/-/settings/ci_cd"),
    ]
    assert found[1]["protected"] is True
    for client in (as_anonymous(), member_of(web, AccessLevel.DEVELOPER)):
        assert client.data(document, path=site.full_path)["project"] == {"inheritedCiVariables": None}


def test_the_group_of_a_project_and_of_a_runner(web):
    project("shop/web/site", visibility="public")
    document = "query($path: ID!) { project(fullPath: $path) { group { fullPath } } }"
    found = as_anonymous().data(document, path="shop/web/site")
    assert found == {"project": {"group": {"fullPath": "shop/web"}}}
    row = runner(group=web)
    document = (
        "query($id: CiRunnerID!) { runner(id: $id) { runnerType groups { count nodes { fullPath } } } }"
    )
    assert as_admin().data(document, id=gid(row))["runner"] == {
        "runnerType": "GROUP_TYPE",
        "groups": {"count": 1, "nodes": [{"fullPath": "shop/web"}]},
    }
    assert as_admin().data(document, id=gid(runner()))["runner"]["groups"] is None


def test_who_may_do_what_with_a_groups_runner(shop, web):
    site = project("shop/web/site")
    row = runner(group=shop)
    document = """query($id: CiRunnerID!) { runner(id: $id) { jobs { nodes { id } }
      userPermissions { updateRunner deleteRunner assignRunner } } }"""

    def may(client):
        return client.data(document, id=gid(row))["runner"]

    nothing = {"updateRunner": False, "deleteRunner": False, "assignRunner": False}
    everything = {"updateRunner": True, "deleteRunner": True, "assignRunner": False}
    of_project = UserFactory()
    site.memberships.create(user=of_project, access_level=AccessLevel.MAINTAINER)
    assert may(as_user(UserFactory())) is None
    assert may(member_of(shop, AccessLevel.DEVELOPER)) is None
    assert may(as_user(of_project)) == {"jobs": None, "userPermissions": nothing}
    assert may(member_of(web, AccessLevel.MAINTAINER)) == {"jobs": None, "userPermissions": nothing}
    assert may(member_of(shop, AccessLevel.MAINTAINER)) == {"jobs": {"nodes": []}, "userPermissions": nothing}
    assert may(member_of(shop, AccessLevel.OWNER)) == {"jobs": {"nodes": []}, "userPermissions": everything}


def test_statements_do_not_depend_on_rows(shop):
    client = as_admin()
    document = """{ projects(first: 10) { nodes { group { fullPath fullName projects(first: 2) { nodes { id } }
      runners(first: 2) { count nodes { id groups(first: 1) { nodes { name } } userPermissions { updateRunner } } }
      ciVariables(first: 2) { nodes { key } } } inheritedCiVariables(first: 2) { nodes { key groupName } }
      runners(first: 2) { nodes { id } } } } }"""

    def grow(size):
        for number in range(Project.objects.count(), size):
            group = create_group(f"g{number}", acting_user=UserFactory())
            project(f"g{number}/site")
            runner(group=group)
            set_group_variable(group, "A", "x", VariableSettings())

    assert_same_count("group", lambda: client.data(document), grow, (1, 10))
