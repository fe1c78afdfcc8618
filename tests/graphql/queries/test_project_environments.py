"""Project.environments, environment and deployment."""

from __future__ import annotations

import shutil

import pygit2
import pytest

from ci_core.actions.environments import create_environment, protect_environment
from ci_core.actions.pipelines import create_pipeline
from ci_core.models import Environment
from ci_core.statuses import AccessLevel, PipelineSource
from tests.factories import member, project_with
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import fail, succeed
from tests.support.query_counts import assert_same_count
from tests.support.repositories import commit_files

pytestmark = pytest.mark.django_db

CONFIG = {
    "staging": {"script": "x", "environment": {"name": "staging"}},
    "production": {"script": "x", "environment": {"name": "production", "url": "https://example.com"}},
}


@pytest.fixture
def project():
    return project_with(CONFIG, visibility="public", full_path="group/shop")


@pytest.fixture
def deployed(project):
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    succeed("staging")
    fail("production")
    return pipeline


def ask(fields, **variables):
    return as_anonymous().data('{ project(fullPath: "group/shop") {' + fields + "} }", **variables)["project"]


def names(arguments=""):
    arguments = f"({arguments})" if arguments else ""
    return [
        node["name"]
        for node in ask(f"environments{arguments} {{ nodes {{ name }} }}")["environments"]["nodes"]
    ]


def test_list(deployed):
    Environment.objects.filter(name="staging").update(state="stopped")
    assert names() == ["production", "staging"]
    assert names('search: "ROD"') == ["production"]
    assert names('name: "staging"') == ["staging"]
    assert names('states: ["available"]') == ["production"]
    assert names("first: 1") == ["production"]


def test_pages_by_name(deployed):
    page = ask("environments(first: 1) { pageInfo { endCursor hasNextPage } }")["environments"]["pageInfo"]
    assert page["hasNextPage"]
    assert names(f'first: 1, after: "{page["endCursor"]}"') == ["staging"]


def test_one(deployed):
    assert ask('environment(name: "staging") { name }') == {"environment": {"name": "staging"}}
    assert ask('environment(name: "none") { name }') == {"environment": None}


def test_deployments(deployed):
    found = ask(
        "environments { nodes { name lastDeployment(status: SUCCESS) { iid status ref sha tag finishedAt "
        "job { name } commit { title } triggerer { id } webPath } "
        "deployments(statuses: FAILED) { nodes { iid status } } "
        "ended: deployments(orderBy: { finishedAt: DESC }) { nodes { iid } } } }"
    )
    production, staging = found["environments"]["nodes"]
    assert production["lastDeployment"] is None
    assert [row["status"] for row in production["deployments"]["nodes"]] == ["FAILED"]
    last = staging["lastDeployment"]
    assert (last["status"], last["ref"], last["job"]["name"], last["commit"]["title"]) == (
        "SUCCESS",
        "main",
        "staging",
        "Change",
    )
    assert last["sha"] == deployed.sha
    assert staging["deployments"]["nodes"] == []
    assert len(staging["ended"]["nodes"]) == 1


def test_what_was_given(project):
    create_environment(
        project, name="review/a", description="*x*", kubernetes_namespace="ns", flux_resource_path="p"
    )
    fields = "name tier environmentType description kubernetesNamespace fluxResourcePath"
    assert ask(f'environment(name: "review/a") {{ {fields} }}')["environment"] == {
        "name": "review/a",
        "tier": "DEVELOPMENT",
        "environmentType": "review",
        "description": "*x*",
        "kubernetesNamespace": "ns",
        "fluxResourcePath": "p",
    }


def test_permissions(project, deployed):
    Environment.objects.filter(name="staging").update(state="stopped")
    protect_environment(project, "production", access_level=AccessLevel.MAINTAINER)
    document = """{ project(fullPath: "group/shop") { environments { nodes {
      userPermissions { updateEnvironment stopEnvironment destroyEnvironment }
      deployments { nodes { userPermissions { updateDeployment destroyDeployment } } }
    } } } }"""

    def able(client):
        found = client.data(document)["project"]["environments"]["nodes"]
        return [
            (
                list(row["userPermissions"].values()),
                [list(made["userPermissions"].values()) for made in row["deployments"]["nodes"]],
            )
            for row in found
        ]

    nothing = ([False] * 3, [[False] * 2])
    guest, developer = member(project, AccessLevel.GUEST), member(project)
    for client in (as_anonymous(), as_user(guest), as_user(developer, ["read_api"])):
        assert able(client) == [nothing, nothing]
    assert able(as_user(developer)) == [nothing, ([True] * 3, [[True, False]])]
    maintainer = as_user(member(project, AccessLevel.MAINTAINER))
    assert able(maintainer)[0] == ([True, True, False], [[True, False]])


def test_tags(project, deployed):
    git = pygit2.Repository(project.repository_path)
    author = pygit2.Signature("Ada", "ada@example.com")
    git.create_tag("v1", deployed.sha, pygit2.enums.ObjectType.COMMIT, author, "Release")
    git.references.create("refs/tags/a/b", deployed.sha)
    git.references.create("refs/tags/tree", git[deployed.sha].tree.id)
    commit_files(git, {"README": "x"})
    git.references.create("refs/tags/later", git.references["refs/heads/main"].target)
    found = ask('deployment(iid: "1") { tags { name path webPath } }')["deployment"]["tags"]
    assert found == [
        {"name": "a/b", "path": "tags/a/b", "webPath": "/group/shop/-/tags/a/b"},
        {"name": "v1", "path": "tags/v1", "webPath": "/group/shop/-/tags/v1"},
    ]
    shutil.rmtree(project.repository_path)
    assert ask('deployment(iid: "1") { tags { name } }')["deployment"]["tags"] == []


def test_one_deployment(deployed):
    assert ask('deployment(iid: "1") { status }')["deployment"] is not None
    assert ask('deployment(iid: "99") { status }') == {"deployment": None}
    assert ask('deployment(iid: "x") { status }') == {"deployment": None}


def test_statements_do_not_depend_on_rows(project):
    client = as_user(member(project))
    document = """
    query($path: ID!) { project(fullPath: $path) { environments(first: 50) { nodes {
      id name path slug userPermissions { stopEnvironment }
      deployments(first: 3) { nodes { iid status userPermissions { updateDeployment } tags { name }
        commit { title } job { name detailedStatus { label } } triggerer { name } } }
      lastDeployment(status: CREATED) { iid status }
    } } } }
    """

    def grow(size):
        config = "\n".join(f"d{n}: {{script: x, environment: env-{n:02}}}" for n in range(size))
        commit_files(pygit2.Repository(project.repository_path), {".gitlab-ci.yml": config})
        user = member(project)
        create_pipeline(project, "main", PipelineSource.PUSH, acting_user=user)

    assert_same_count(
        "project.environments", lambda: client.data(document, path=project.full_path), grow, (1, 10, 30)
    )
