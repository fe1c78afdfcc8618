"""Project.pipelines: filters, pages, and the number of statements; also pipelineCounts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ci_core import clock
from ci_core.actions import pipelines as actions
from ci_core.models import Pipeline
from ci_core.statuses import PipelineSource
from tests.factories import member, project_with
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count
from tests.support.repositories import commit_files

pytestmark = pytest.mark.django_db

LIST = """
query($path: ID!, $ref: String, $scope: PipelineScopeEnum, $sha: String, $source: String, $status: PipelineStatusEnum,
      $after: Time, $before: Time, $username: String, $ids: [ID!]) {
  project(fullPath: $path) {
    pipelines(ref: $ref, scope: $scope, sha: $sha, source: $source, status: $status, updatedAfter: $after,
              updatedBefore: $before, username: $username, ids: $ids) { count nodes { iid } }
  }
}
"""
PAGE = """
query($path: ID!, $first: Int, $last: Int, $after: String, $before: String) {
  project(fullPath: $path) {
    pipelines(first: $first, last: $last, after: $after, before: $before) {
      count
      nodes { iid }
      edges { cursor node { iid } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""


@pytest.fixture
def project():
    return project_with("build: {script: make}", visibility="public", full_path="group/shop")


def create(project, count=1, source=PipelineSource.PUSH, user=None):
    return [actions.create_pipeline(project, "main", source, acting_user=user) for _ in range(count)]


def iids(found):
    return [node["iid"] for node in found["project"]["pipelines"]["nodes"]]


def listed(**filters):
    found = as_anonymous().data(LIST, path="group/shop", **filters)
    assert found["project"]["pipelines"]["count"] == len(iids(found))
    return iids(found)


def test_newest_first(project):
    create(project, 3)
    assert listed() == ["3", "2", "1"]


def test_filters(project):
    ada = member(project, username="ada")
    first, second, third = (*create(project, 2), *create(project, 1, PipelineSource.WEB, ada))
    actions.cancel_pipeline(second.pk)
    Pipeline.objects.filter(pk=third.pk).update(ref="feature", updated_at=clock.now() + timedelta(hours=1))
    soon = (clock.now() + timedelta(minutes=30)).isoformat()
    assert listed(status="CANCELED") == ["2"]
    assert listed(ref="feature") == ["3"]
    assert listed(source="web") == ["3"]
    assert listed(username="ada") == ["3"]
    assert listed(sha=first.sha) == ["3", "2", "1"]
    assert listed(sha=first.sha[:10]) == ["3", "2", "1"]
    assert listed(sha="f" * 40) == []
    assert listed(after=soon) == ["3"]
    assert listed(before=soon) == ["2", "1"]
    assert listed(ids=[f"gid://gitlab/Ci::Pipeline/{first.pk}", f"gid://gitlab/Ci::Pipeline/{third.pk}"]) == [
        "3",
        "1",
    ]
    assert listed(status="CANCELED", ref="feature") == []


def test_scopes(project):
    first, second, third, _ = create(project, 4)
    actions.cancel_pipeline(first.pk)
    Pipeline.objects.filter(pk=second.pk).update(ref="feature")
    Pipeline.objects.filter(pk=third.pk).update(ref="v1", tag=True)
    assert listed(scope="FINISHED") == ["1"]
    assert listed(scope="PENDING") == ["4", "3", "2"]
    assert listed(scope="RUNNING") == []
    assert listed(scope="BRANCHES") == ["4", "2"]
    assert listed(scope="TAGS") == ["3"]


def test_ids_of_another_kind_are_refused(project):
    message = as_anonymous().error(LIST, path="group/shop", ids=["gid://gitlab/Ci::Build/1"])
    assert message.startswith("'gid://gitlab/Ci::Build/1' is not an ID of Ci::Pipeline")


def test_pipelines_of_other_projects_stay_out(project):
    other = project_with("build: {script: make}")
    (hidden,) = create(other)
    assert listed(ids=[f"gid://gitlab/Ci::Pipeline/{hidden.pk}"]) == []


def page(**arguments):
    return as_anonymous().data(PAGE, path="group/shop", **arguments)["project"]["pipelines"]


def test_forwards_and_backwards(project):
    create(project, 5)
    first = page(first=2)
    assert [node["iid"] for node in first["nodes"]] == ["5", "4"]
    assert first["count"] == 5
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": first["edges"][0]["cursor"],
        "endCursor": first["edges"][1]["cursor"],
    }
    second = page(first=2, after=first["pageInfo"]["endCursor"])
    assert [node["iid"] for node in second["nodes"]] == ["3", "2"]
    assert second["pageInfo"]["hasPreviousPage"]
    third = page(first=2, after=second["pageInfo"]["endCursor"])
    assert [node["iid"] for node in third["nodes"]] == ["1"]
    assert not third["pageInfo"]["hasNextPage"]
    back = page(last=2, before=third["pageInfo"]["startCursor"])
    assert [node["iid"] for node in back["nodes"]] == ["3", "2"]
    assert (back["pageInfo"]["hasPreviousPage"], back["pageInfo"]["hasNextPage"]) == (True, True)
    assert [node["iid"] for node in page(last=2)["nodes"]] == ["2", "1"]


def test_pages_stay_right_while_rows_are_added(project):
    create(project, 3)
    cursor = page(first=2)["pageInfo"]["endCursor"]
    create(project, 2)
    assert [node["iid"] for node in page(first=2, after=cursor)["nodes"]] == ["1"]


def test_pages_are_capped(project, settings):
    settings.PIPEYARD_PAGE_LIMIT = 2
    create(project, 3)
    for arguments in ({}, {"first": 50}):
        found = page(**arguments)
        assert len(found["nodes"]) == 2
        assert found["pageInfo"]["hasNextPage"]
    assert page(first=0)["nodes"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first": -1}, "first must not be negative."),
        ({"last": -2}, "last must not be negative."),
        ({"first": 1, "last": 1}, "first and last cannot be used together: page forwards or backwards."),
        ({"after": "nonsense!"}, "'nonsense!' is not a cursor of this list."),
        ({"after": "WyJhIl0"}, "'WyJhIl0' is not a cursor of this list."),
        ({"before": "WzEsMl0"}, "'WzEsMl0' is not a cursor of this list."),
    ],
)
def test_bad_pages_are_refused(project, arguments, message):
    create(project)
    assert as_anonymous().error(PAGE, path="group/shop", **arguments) == message


def test_cursor_beyond_all_numbers(project):
    create(project)
    import base64

    cursor = base64.urlsafe_b64encode(b"[99999999999999999999999999]").decode().rstrip("=")
    assert [node["iid"] for node in page(after=cursor)["nodes"]] == ["1"]


def test_page_of_each_project_with_one_statement():
    made = [project_with("build: {script: make}", visibility="public") for _ in range(3)]
    for number, project in enumerate(made):
        create(project, number)
    document = """{ projects(sort: "id_asc") { nodes {
        pipelines(first: 1) { count nodes { iid } pageInfo { hasNextPage } } } } }"""
    found = [node["pipelines"] for node in as_anonymous().data(document)["projects"]["nodes"]]
    assert [
        (page["count"], [node["iid"] for node in page["nodes"]], page["pageInfo"]["hasNextPage"])
        for page in found
    ] == [
        (0, [], False),
        (1, ["1"], False),
        (2, ["2"], True),
    ]


def test_counts(project):
    first, *_ = create(project, 3)
    actions.cancel_pipeline(first.pk)
    document = """query($path: ID!) { project(fullPath: $path) {
        pipelineCounts { all finished pending running } other: pipelineCounts(ref: "feature") { all } } }"""
    assert as_anonymous().data(document, path="group/shop")["project"] == {
        "pipelineCounts": {"all": 3, "finished": 1, "pending": 2, "running": 0},
        "other": {"all": 0},
    }


def test_statements_do_not_depend_on_rows(project):
    user = member(project)
    client = as_user(user)
    document = """
    query($path: ID!) { project(fullPath: $path) { pipelines {
      count
      nodes {
        id iid status name ref refPath refText sha commitPath path committedAt createdAt duration queuedDuration
        active cancelable retryable warnings stuck latest usesNeeds totalJobs failedJobsCount hasManualActions
        detailedStatus { id label icon action { id } }
        commit { sha title author { id } webUrl pipelines(first: 1) { nodes { id } } }
        user { id username } project { id fullPath }
        userPermissions { updatePipeline cancelPipeline destroyPipeline adminPipeline }
        stages { nodes { id name status detailedStatus { label } } }
        jobs { count nodes { id name detailedStatus { label } } }
        errorMessages { nodes { content } } manualVariables { nodes { key } }
        jobArtifacts { name downloadPath } downstream { nodes { id } } job(name: "build") { id }
      }
    } } }
    """

    def grow(size):
        create(project, size - project.pipelines.count(), user=user)

    assert_same_count("project.pipelines", lambda: client.data(document, path="group/shop"), grow)


def test_page_touches_one_partition_of_jobs(project):
    """The statement for the jobs of a page of pipelines names the pipelines as constants."""
    from django.db import connection

    from ci_core.models import Job
    from graphql_api.lateral import rows_per_parent
    from tests.support.query_counts import statements_of

    (pipeline,) = create(project)
    (statement,) = statements_of(
        lambda: rows_per_parent(Job.objects.all(), ("pipeline_id",), [(pipeline.pk,)], ["number", "id"], 5)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    # By its index alone, or by a bitmap of it: what PostgreSQL knows of the table by now decides that.
    assert len(set(re.findall(r"\bci_core_job_p\d+", plan))) == 1, plan


def test_other_branch(project):
    import pygit2

    commit_files(
        pygit2.Repository(project.repository_path), {".gitlab-ci.yml": "a: {script: x}"}, branch="feature"
    )
    actions.create_pipeline(project, "feature", PipelineSource.PUSH, acting_user=None)
    create(project)
    assert listed(ref="feature") == ["1"]
