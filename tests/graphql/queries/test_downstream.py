"""What the API tells of trigger jobs and of the pipelines that they create."""

from __future__ import annotations

from typing import Any

import pytest

from ci_core.actions.jobs import cancel_job
from ci_core.actions.pipelines import create_pipeline
from ci_core.models import DownstreamPipeline, Pipeline, Project, ProjectMembership, User
from ci_core.statuses import PipelineSource
from tests.factories import ProjectFactory, UserFactory, member
from tests.support.bridges import child_of, run_bridges, run_commit_hooks
from tests.support.graphql_client import as_user
from tests.support.jobs import fail, job_of
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

CHILD = "test: {script: x}\n"
QUERY = """
query($path: ID!, $iid: ID!) {
  project(fullPath: $path) { pipeline(iid: $iid) {
    child source triggeredByPath
    upstream { iid project { fullPath } }
    sourceJob { name kind }
    downstream { count nodes { iid status project { fullPath } sourceJob { name retried } } }
    jobs(jobKind: BRIDGE) { nodes {
      id name kind status playable cancelable retryable stuck failureMessage
      waitingReason { code message }
      detailedStatus { tooltip action { id } }
      downstreamPipeline { iid }
    } }
  } }
}
"""


def asked(pipeline: Pipeline, user: User | None = None) -> Any:
    """What the API tells of a pipeline."""
    client = as_user(user or member(pipeline.project))
    project = pipeline.project
    return client.data(QUERY, path=project.full_path, iid=str(pipeline.iid))["project"]["pipeline"]


def started(parent: str, user: User | None = None, **files: str) -> Pipeline:
    """A pipeline of a new project with this configuration, after its trigger jobs have done their work."""
    project: Project = ProjectFactory(files={".gitlab-ci.yml": parent, "child.yml": CHILD, **files})
    if user is not None:
        ProjectMembership.objects.create(user=user, project=project, access_level=30)
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=user)
    run_bridges()
    return pipeline


def test_a_parent_and_its_child() -> None:
    pipeline = started("build: {script: x}\ngo: {trigger: {include: child.yml, strategy: depend}}\n")
    child = child_of(pipeline, "go")
    path = pipeline.project.full_path
    found = asked(pipeline)
    assert (found["child"], found["upstream"], found["sourceJob"], found["triggeredByPath"]) == (
        False, None, None, None,
    )  # fmt: skip
    assert found["downstream"] == {
        "count": 1,
        "nodes": [
            {
                "iid": str(child.iid),
                "status": "PENDING",
                "project": {"fullPath": path},
                "sourceJob": {"name": "go", "retried": False},
            }
        ],
    }
    (bridge,) = found["jobs"]["nodes"]
    assert bridge == {
        "id": f"gid://gitlab/Ci::Bridge/{job_of(pipeline, 'go').pk}",
        "name": "go",
        "kind": "BRIDGE",
        "status": "RUNNING",
        "playable": False,
        "cancelable": True,
        "retryable": False,
        "stuck": False,
        "failureMessage": None,
        "waitingReason": {
            "code": "DOWNSTREAM_PIPELINE",
            "message": f"Waits for its downstream pipeline #{child.pk} (pending).",
        },
        "detailedStatus": {
            "tooltip": "running",
            "action": {"id": f"Ci::Bridge-cancel-{job_of(pipeline, 'go').pk}"},
        },
        "downstreamPipeline": {"iid": str(child.iid)},
    }
    below = asked(child)
    assert below["child"] is True
    assert below["source"] == "parent_pipeline"
    assert below["upstream"] == {"iid": str(pipeline.iid), "project": {"fullPath": path}}
    assert below["sourceJob"] == {"name": "go", "kind": "BRIDGE"}
    assert below["triggeredByPath"] == f"/{path}/-/pipelines/{pipeline.pk}"


def test_a_trigger_job_that_waits_for_its_task() -> None:
    project: Project = ProjectFactory(
        files={".gitlab-ci.yml": "go: {trigger: {include: child.yml}}\n", "child.yml": CHILD}
    )
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    (bridge,) = asked(pipeline)["jobs"]["nodes"]
    assert (bridge["status"], bridge["stuck"], bridge["downstreamPipeline"]) == ("PENDING", False, None)
    assert bridge["waitingReason"] == {
        "code": "DOWNSTREAM_PIPELINE",
        "message": "Its downstream pipeline is about to be created.",
    }


def test_a_blocked_child_is_mirrored_and_not_played_from_above() -> None:
    child = "test: {script: x, when: manual, allow_failure: false}\n"
    pipeline = started("go: {trigger: {include: other.yml, strategy: mirror}}\n", **{"other.yml": child})
    (bridge,) = asked(pipeline)["jobs"]["nodes"]
    assert (bridge["status"], bridge["playable"], bridge["detailedStatus"]["action"]) == (
        "MANUAL",
        False,
        None,
    )
    assert "(manual)" in bridge["waitingReason"]["message"]


def test_a_timer_below_is_shown_and_not_stopped_from_above() -> None:
    child = "test: {script: x, when: delayed, start_in: 1 hour}\n"
    pipeline = started("go: {trigger: {include: other.yml, strategy: mirror}}\n", **{"other.yml": child})
    (bridge,) = asked(pipeline)["jobs"]["nodes"]
    assert (bridge["status"], bridge["cancelable"]) == ("SCHEDULED", True)
    assert bridge["detailedStatus"]["action"]["id"].startswith("Ci::Bridge-cancel-")


def test_a_job_that_mirrors_another_project_s_pipeline() -> None:
    files = {".gitlab-ci.yml": CHILD}
    other: Project = ProjectFactory(files=files, full_path="group/other", visibility="public")
    mirrored = create_pipeline(other, "main", PipelineSource.PUSH, acting_user=None)
    pipeline = started("see: {needs: {pipeline: group/other}}\n")
    (job,) = asked(pipeline)["jobs"]["nodes"]
    assert (job["status"], job["downstreamPipeline"]) == ("PENDING", None)
    assert job["waitingReason"] == {
        "code": "MIRRORED_PIPELINE",
        "message": f"Mirrors the pipeline #{mirrored.pk} (pending).",
    }
    fail("test")
    run_commit_hooks()
    (job,) = asked(pipeline)["jobs"]["nodes"]
    assert job["failureMessage"] == f"The pipeline #{mirrored.pk} of group/other failed."
    unknown = started("see: {needs: {pipeline: group/nothing}}\n")
    (job,) = asked(unknown)["jobs"]["nodes"]
    assert job["failureMessage"] == (
        "The project to mirror could not be found: "
        "There is no project group/nothing, or whoever started the job may not see it."
    )


def test_why_trigger_jobs_failed() -> None:
    parent = "go: {trigger: {include: child.yml, strategy: depend}}\ngone: {trigger: {include: none.yml}}\n"
    pipeline = started(parent)
    fail("test")
    go, gone = asked(pipeline)["jobs"]["nodes"]
    child = child_of(pipeline, "go")
    assert go["failureMessage"] == f"The downstream pipeline #{child.pk} did not succeed"
    assert go["detailedStatus"]["tooltip"] == "Failed - (downstream pipeline did not succeed)"
    assert gone["failureMessage"] == (
        "The downstream pipeline could not be created: Its configuration has errors."
    )
    assert gone["detailedStatus"]["tooltip"] == "Failed - (downstream pipeline can not be created)"


def across(visibility: str = "private") -> tuple[Pipeline, Pipeline, User]:
    """A pipeline, the one that it created in another project, and who may see both."""
    user = UserFactory()
    other: Project = ProjectFactory(files={".gitlab-ci.yml": CHILD}, visibility=visibility)
    ProjectMembership.objects.create(user=user, project=other, access_level=30)
    pipeline = started(f"go: {{trigger: {{project: {other.full_path}, strategy: depend}}}}\n", user)
    return pipeline, child_of(pipeline, "go"), user


def test_pipelines_of_projects_that_the_caller_may_not_see_are_not_there() -> None:
    pipeline, downstream, both = across()
    found = asked(pipeline, both)
    assert found["downstream"]["nodes"][0]["project"]["fullPath"] == downstream.project.full_path
    assert asked(downstream, both)["upstream"]["iid"] == str(pipeline.iid)
    here = asked(pipeline)
    assert here["downstream"] == {"count": 0, "nodes": []}
    assert here["jobs"]["nodes"][0]["downstreamPipeline"] is None
    there = asked(downstream)
    assert (there["upstream"], there["sourceJob"], there["triggeredByPath"]) == (None, None, None)
    assert there["child"] is False


def test_retried_trigger_jobs_keep_their_pipelines() -> None:
    pipeline = started("go: {trigger: {include: child.yml}}\n")
    client = as_user(member(pipeline.project))
    mutation = "mutation($input: JobRetryInput!) { jobRetry(input: $input) { errors job { id kind } } }"
    given = {"id": f"gid://gitlab/Ci::Bridge/{job_of(pipeline, 'go').pk}"}
    answer = client.data(mutation, input=given)["jobRetry"]
    assert (answer["errors"], answer["job"]["kind"]) == ([], "BRIDGE")
    run_bridges()
    # Whoever retried it is the user of the new one.
    nodes = asked(pipeline)["downstream"]["nodes"]
    assert [node["sourceJob"]["retried"] for node in nodes] == [True, False]


def test_trigger_jobs_are_played_and_cancelled_by_their_ids() -> None:
    pipeline = started("go: {when: manual, trigger: {include: child.yml, strategy: depend}}\n")
    client = as_user(member(pipeline.project))
    given = {"id": f"gid://gitlab/Ci::Bridge/{job_of(pipeline, 'go').pk}"}
    assert asked(pipeline)["jobs"]["nodes"][0]["playable"] is True
    play = "mutation($input: JobPlayInput!) { jobPlay(input: $input) { errors job { status } } }"
    assert client.data(play, input=given)["jobPlay"] == {"errors": [], "job": {"status": "PENDING"}}
    run_bridges()
    assert job_of(pipeline, "go").status == "running"
    cancel = "mutation($input: JobCancelInput!) { jobCancel(input: $input) { errors job { status } } }"
    assert client.data(cancel, input=given)["jobCancel"] == {"errors": [], "job": {"status": "CANCELED"}}


def test_the_number_of_statements_does_not_depend_on_the_rows() -> None:
    names = [f"go{number}" for number in range(30)]
    jobs = [f"{name}: {{trigger: {{include: child.yml, strategy: depend}}}}\n" for name in names]
    pipeline = started("".join([*jobs, "build: {script: x}\n"]))
    user = member(pipeline.project)
    for name in names:
        cancel_job(job_of(pipeline, name).pk)
    kept = list(
        pipeline.jobs.filter(kind="bridge").order_by("-number").values_list("pk", flat=True)  # type: ignore[attr-defined]
    )

    def grow(size: int) -> None:
        """Brings the number of trigger jobs and of their pipelines to a size, from above."""
        DownstreamPipeline.objects.filter(source_job_id__in=kept[: len(kept) - size]).delete()
        for pk in kept[: len(kept) - size]:
            pipeline.jobs.filter(pk=pk).delete()  # type: ignore[attr-defined]

    assert_same_count("pipeline.downstream", lambda: asked(pipeline, user), grow, sizes=(30, 10, 1))


LISTED = """
query($path: ID!, $sha: String) { project(fullPath: $path) {
  pipelines { count nodes { iid latest } }
  latest: pipelines(scope: BRANCHES) { nodes { iid } }
  children: pipelines(source: "parent_pipeline") { nodes { iid } }
  pipelineCounts { all }
  pipeline(sha: $sha) { iid }
} }
"""


def test_children_stand_with_their_parents_and_not_in_the_list_of_the_project() -> None:
    pipeline = started("go: {trigger: {include: child.yml}}\n")
    child = child_of(pipeline, "go")
    project = pipeline.project
    found = as_user(member(project)).data(LISTED, path=project.full_path, sha=pipeline.sha)["project"]
    own = {"iid": str(pipeline.iid)}
    assert found["pipelines"] == {"count": 1, "nodes": [{**own, "latest": True}]}
    assert found["latest"] == {"nodes": [own]}
    assert found["children"] == {"nodes": [{"iid": str(child.iid)}]}
    assert found["pipelineCounts"] == {"all": 1}
    assert found["pipeline"] == own
