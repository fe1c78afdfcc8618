"""Query.ciConfig."""

from __future__ import annotations

import pytest

from ci_core.models import Event, Pipeline
from ci_core.repositories import open_repository
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, member, project_with
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import statements_of

pytestmark = pytest.mark.django_db

CONFIG = """
query($path: ID!, $content: String!, $sha: String) {
  ciConfig(projectPath: $path, content: $content, sha: $sha, dryRun: true) {
    status errors warnings mergedYaml
    includes { type location blob raw extra contextProject contextSha }
    stages { nodes { name groups { nodes { name size jobs { nodes {
      name groupName stage script tags when allowFailure environment only { refs } needs { nodes { name } }
    } } } } } }
  }
}
"""
PAGES = """
query($path: ID!, $content: String!, $after: String) {
  ciConfig(projectPath: $path, content: $content) {
    stages(first: 1, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
  }
}
"""


@pytest.fixture
def project():
    files = {".gitlab-ci.yml": "a: {script: x}", "ci/b.yml": "b: {stage: build, script: y}"}
    return ProjectFactory(files=files, full_path="group/shop", visibility="public")


def config(project, content, client=None, document=CONFIG, **arguments):
    client = client or as_user(member(project))
    return client.data(document, path=project.full_path, content=content, **arguments)["ciConfig"]


def test_stages_groups_jobs_and_includes(project):
    content = "include: ci/*.yml\nc: {script: z, parallel: 2, needs: [b], tags: [t], only: [main]}\n"
    found = config(project, content)
    sha = open_repository(project).resolve("main").sha
    assert (found["status"], found["errors"], found["warnings"]) == ("VALID", [], [])
    page = f"/group/shop/-/%s/{sha}/ci/b.yml"
    (include,) = found["includes"]
    assert include.pop("blob").endswith(page % "blob")
    assert include.pop("raw").endswith(page % "raw")
    assert include == {
        "type": "local",
        "location": "ci/b.yml",
        "extra": {},
        "contextProject": "group/shop",
        "contextSha": sha,
    }
    build, test = found["stages"]["nodes"]
    assert (build["name"], test["name"]) == ("build", "test")
    (group,) = test["groups"]["nodes"]
    assert (group["name"], group["size"]) == ("c", 2)
    assert group["jobs"]["nodes"][1] == {
        "name": "c 2/2",
        "groupName": "c",
        "stage": "test",
        "script": ["z"],
        "tags": ["t"],
        "when": "on_success",
        "allowFailure": False,
        "environment": None,
        "only": {"refs": ["main"]},
        "needs": {"nodes": [{"name": "b"}]},
    }
    assert not Pipeline.objects.exists()
    assert not Event.objects.exists()


def test_files_of_other_projects(project):
    other = ProjectFactory(files={"x.yml": "x: {script: x}"}, full_path="group/other", visibility="public")
    content = "include: [{project: group/other, file: x.yml}, {local: no.yml, rules: [{if: $NO}]}]\n"
    (include,) = config(project, content)["includes"]
    sha = open_repository(other).resolve("main").sha
    assert (include["type"], include["location"]) == ("file", "x.yml")
    assert include["blob"].endswith(f"/group/other/-/blob/{sha}/x.yml")
    assert include["extra"] == {"project": "group/other", "ref": sha}
    assert include["contextProject"] == "group/shop"


def test_errors(project):
    found = config(project, "a: {stage: nowhere, script: x}")
    assert (found["status"], found["stages"]["nodes"]) == ("INVALID", [])
    assert "nowhere" in found["errors"][0]


def test_a_commit(project):
    sha = open_repository(project).resolve("main").sha
    found = config(project, "include: ci/b.yml", sha=sha)
    assert found["includes"][0]["contextSha"] == sha
    arguments = {"path": project.full_path, "content": "a: {script: x}", "sha": "0" * 40}
    error = as_user(member(project)).error(CONFIG, **arguments)
    assert "no commit" in error


def test_stages_come_in_pages(project):
    content = "a: {stage: build, script: x}\nb: {script: x}"
    first = config(project, content, document=PAGES)["stages"]
    assert (first["nodes"], first["pageInfo"]["hasNextPage"]) == ([{"name": "build"}], True)
    second = config(project, content, document=PAGES, after=first["pageInfo"]["endCursor"])["stages"]
    assert (second["nodes"], second["pageInfo"]["hasNextPage"]) == ([{"name": "test"}], False)


def test_nobody_but_developers(project):
    private = project_with("a: {script: x}", visibility="private")
    for client in (as_anonymous(), as_user(member(project, AccessLevel.REPORTER))):
        assert config(project, "a: {script: x}", client) is None
    assert config(private, "a: {script: x}", as_user(member(project))) is None


def test_statements_do_not_depend_on_the_jobs(project):
    client = as_user(member(project))

    def many(count):
        return "".join(f"j{number}: {{script: x}}\n" for number in range(count))

    config(project, many(1), client)  # notes that the token was used
    counts = [
        len(statements_of(lambda count=count: config(project, many(count), client))) for count in (1, 30)
    ]
    assert counts[0] == counts[1]
