"""The graph of a pipeline: stages, groups, jobs, needs and their statuses."""

from __future__ import annotations

import pytest

from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import fail, job_of, succeed
from tests.support.query_counts import assert_baseline, statements_of

pytestmark = pytest.mark.django_db

CONFIG = {
    "stages": ["build", "test", "deploy"],
    "build": {"stage": "build", "script": "make"},
    "test": {"stage": "test", "script": "make test", "parallel": 3, "needs": ["build"]},
    "lint": {"stage": "test", "script": "make lint", "allow_failure": True},
    "deploy": {"stage": "deploy", "script": "make deploy", "when": "manual"},
}
# As GitLab's front end asks for the graph of a pipeline.
GRAPH = """
query getPipelineDetails($projectPath: ID!, $iid: ID!) {
  project(fullPath: $projectPath) {
    id
    pipeline(iid: $iid) {
      id iid complete usesNeeds @gl_introduced(version: "13.0")
      status
      detailedStatus { ...Status }
      userPermissions { updatePipeline }
      downstream { nodes { id } }
      upstream { id }
      stages { nodes {
        id name
        detailedStatus { ...Status }
        groups { nodes {
          id name size
          detailedStatus { ...Status }
          jobs { nodes {
            id name kind scheduled
            needs { nodes { id name } }
            previousStageJobsOrNeeds { nodes { __typename ... on CiBuildNeed { id name } ... on CiJob { id name } } }
            detailedStatus { ...Status }
          } }
        } }
      } }
    }
  }
}
fragment Status on DetailedStatus {
  __typename id icon label text tooltip group hasDetails detailsPath action { id buttonTitle icon path title method }
}
"""


def nodes(connection):
    return connection["nodes"]


def fields_of(pipeline, fields, client=None):
    document = (
        "query($path: ID!, $iid: ID!) { project(fullPath: $path) { pipeline(iid: $iid) {" + fields + "} } }"
    )
    client = client or as_user(member(pipeline.project))
    return client.data(document, path=pipeline.project.full_path, iid=str(pipeline.iid))["project"][
        "pipeline"
    ]


def graph_of(pipeline, client=None):
    client = client or as_user(member(pipeline.project))
    found = client.data(GRAPH, projectPath=pipeline.project.full_path, iid=str(pipeline.iid))
    return found["project"]["pipeline"]


def test_graph():
    pipeline = pipeline_with(CONFIG)
    found = graph_of(pipeline)
    assert (found["status"], found["usesNeeds"], found["complete"]) == ("PENDING", True, False)
    assert [stage["name"] for stage in nodes(found["stages"])] == ["build", "test", "deploy"]
    build, test, deploy = nodes(found["stages"])
    assert [(group["name"], group["size"]) for group in nodes(test["groups"])] == [("test", 3), ("lint", 1)]
    parallel = nodes(nodes(test["groups"])[0]["jobs"])
    assert [job["name"] for job in parallel] == ["test 1/3", "test 2/3", "test 3/3"]
    assert [need["name"] for need in nodes(parallel[0]["needs"])] == ["build"]
    assert nodes(parallel[0]["previousStageJobsOrNeeds"])[0]["__typename"] == "CiBuildNeed"
    lint = nodes(nodes(test["groups"])[1]["jobs"])[0]
    assert [(job["__typename"], job["name"]) for job in nodes(lint["previousStageJobsOrNeeds"])] == [
        ("CiJob", "build")
    ]
    assert nodes(nodes(nodes(build["groups"])[0]["jobs"])[0]["previousStageJobsOrNeeds"]) == []
    assert found["downstream"] == {"nodes": []}
    assert found["upstream"] is None
    assert deploy["detailedStatus"]["label"] == "created"


def test_detailed_status_of_a_job_with_its_action():
    pipeline = pipeline_with(CONFIG)
    job = job_of(pipeline, "build")
    stage = nodes(graph_of(pipeline)["stages"])[0]
    shown = nodes(nodes(stage["groups"])[0]["jobs"])[0]["detailedStatus"]
    page = f"/{pipeline.project.full_path}/-/jobs/{job.pk}"
    assert shown == {
        "__typename": "DetailedStatus",
        "id": f"pending-{job.pk}-{job.pk}",
        "icon": "status_pending",
        "label": "pending",
        "text": "Pending",
        "tooltip": "pending",
        "group": "pending",
        "hasDetails": True,
        "detailsPath": page,
        "action": {
            "id": f"Ci::Build-cancel-{job.pk}",
            "buttonTitle": "Cancel this job",
            "icon": "cancel",
            "path": f"{page}/cancel",
            "title": "Cancel",
            "method": "post",
        },
    }
    assert nodes(stage["groups"])[0]["detailedStatus"] == shown


def test_actions_are_for_those_who_may_act():
    pipeline = pipeline_with(CONFIG, visibility="public")
    developer = member(pipeline.project)
    for client, expected in (
        (as_anonymous(), None),
        (as_user(member(pipeline.project, 20)), None),
        (as_user(developer, ["read_api"]), None),
        (as_user(developer), "Cancel"),
    ):
        stage = nodes(graph_of(pipeline, client)["stages"])[0]
        action = nodes(nodes(stage["groups"])[0]["jobs"])[0]["detailedStatus"]["action"]
        assert (action and action["title"]) == expected


def test_passed_with_warnings():
    pipeline = pipeline_with({"lint": {"script": "x", "allow_failure": True}, "ok": {"script": "y"}})
    fail("lint")
    succeed("ok")
    found = graph_of(pipeline)
    expected = ("status_warning", "success-with-warnings", "passed with warnings", "Warning")

    def look(status):
        return (status["icon"], status["group"], status["label"], status["text"])

    stage = nodes(found["stages"])[0]
    lint = nodes(nodes(stage["groups"])[0]["jobs"])[0]["detailedStatus"]
    assert found["status"] == "SUCCESS"
    assert look(found["detailedStatus"]) == expected
    assert look(stage["detailedStatus"]) == expected
    assert (lint["label"], lint["group"], lint["icon"]) == (
        "failed (allowed to fail)",
        "failed-with-warnings",
        "status_warning",
    )
    assert lint["tooltip"] == "Failed - (script failure) (allowed to fail)"


def test_blocked_pipeline():
    pipeline = pipeline_with({"a": {"script": "x", "when": "manual", "allow_failure": False}})
    status = graph_of(pipeline)["detailedStatus"]
    assert (status["text"], status["label"]) == ("Blocked", "waiting for manual action")


def test_group_of_several_jobs_has_a_status_of_its_own():
    pipeline = pipeline_with({"test": {"script": "x", "parallel": 2}})
    succeed("test 1/2")
    group = nodes(nodes(graph_of(pipeline)["stages"])[0]["groups"])[0]
    assert group["detailedStatus"]["label"] == "running"
    assert group["detailedStatus"]["action"] is None


def grown(size):
    """A pipeline of about `size` jobs in 4 stages, each with needs and parallel copies."""
    per_stage = size // 5
    config = {"stages": ["s0", "s1", "s2", "s3"]}
    for stage in range(4):
        for number in range(per_stage):
            job = {"stage": f"s{stage}", "script": "x"}
            if stage:
                job["needs"] = [
                    f"j{stage - 1}-{other % per_stage}" for other in range(number, number + min(3, per_stage))
                ]
            config[f"j{stage}-{number}"] = job
    config["copies"] = {"stage": "s3", "script": "x", "parallel": max(2, per_stage)}
    return pipeline_with(config)


def test_graph_takes_as_many_statements_at_10_as_at_200_jobs():
    counts = {}
    for size in (10, 200):
        pipeline = grown(size)
        client = as_user(member(pipeline.project))
        graph_of(pipeline, client)
        counts[size] = statements_of(lambda: graph_of(pipeline, client))  # noqa: B023 - called at once
        jobs = [
            job
            for stage in nodes(graph_of(pipeline, client)["stages"])
            for group in nodes(stage["groups"])
            for job in nodes(group["jobs"])
        ]
        assert len(jobs) == Job.objects.in_pipeline(pipeline.pk).count() >= size
    assert len(counts[10]) == len(counts[200])
    assert_baseline("pipeline graph", counts[200])


def test_graph_is_not_cut_where_lists_are(settings):
    settings.PIPEYARD_PAGE_LIMIT = 2
    pipeline = pipeline_with(
        {"stages": ["a", "b", "c"]}
        | {f"j{n}": {"stage": "a", "script": "x"} for n in range(4)}
        | {
            "k": {"stage": "b", "script": "x", "needs": ["j0", "j1", "j2", "j3"]},
            "l": {"stage": "c", "script": "x"},
        }
    )
    found = graph_of(pipeline)
    first, second, _ = nodes(found["stages"])
    assert len(nodes(first["groups"])) == 4
    assert len(nodes(nodes(nodes(second["groups"])[0]["jobs"])[0]["needs"])) == 4
    listed = fields_of(pipeline, "jobs { count nodes { name } pageInfo { hasNextPage } }")["jobs"]
    assert (len(nodes(listed)), listed["count"], listed["pageInfo"]["hasNextPage"]) == (2, 6, True)


def test_graph_lists_can_be_paged_when_asked():
    pipeline = pipeline_with({f"j{n}": {"script": "x"} for n in range(3)})
    page = "stages { nodes { groups(first: 2) { nodes { name } pageInfo { hasNextPage endCursor } } } }"
    groups = nodes(fields_of(pipeline, page)["stages"])[0]["groups"]
    assert [group["name"] for group in nodes(groups)] == ["j0", "j1"]
    assert groups["pageInfo"]["hasNextPage"]
    rest = (
        f'stages {{ nodes {{ groups(after: "{groups["pageInfo"]["endCursor"]}") {{ nodes {{ name }} }} }} }}'
    )
    assert [group["name"] for group in nodes(nodes(fields_of(pipeline, rest)["stages"])[0]["groups"])] == [
        "j2"
    ]
