"""Project.pipeline: which one, and its own fields."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ci_core import clock
from ci_core.actions import jobs as job_actions
from ci_core.actions import pipelines as actions
from ci_core.models import Pipeline, PipelineExplanation, Runner
from ci_core.repositories import open_repository
from ci_core.statuses import AccessLevel, PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import member, pipeline_with, project_with, runner_with_token
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import artifact, fail, job_of
from tests.support.query_counts import statements_of
from tests.support.repositories import commit_files

pytestmark = pytest.mark.django_db

CONFIG = {
    "stages": ["build", "test", "deploy"],
    "build": {"stage": "build", "script": "make"},
    "test": {"stage": "test", "script": "make test", "parallel": 3, "needs": ["build"]},
    "lint": {"stage": "test", "script": "make lint", "allow_failure": True},
    "deploy": {"stage": "deploy", "script": "make deploy", "when": "manual"},
}
ONE = """
query($path: ID!, $id: CiPipelineID, $iid: ID, $sha: String) {
  project(fullPath: $path) { pipeline(id: $id, iid: $iid, sha: $sha) { iid } }
}
"""


def fields_of(pipeline, fields, client=None):
    document = (
        "query($path: ID!, $iid: ID!) { project(fullPath: $path) { pipeline(iid: $iid) {" + fields + "} } }"
    )
    client = client or as_user(member(pipeline.project))
    return client.data(document, path=pipeline.project.full_path, iid=str(pipeline.iid))["project"][
        "pipeline"
    ]


def nodes(connection):
    return connection["nodes"]


def test_by_id_iid_and_sha():
    pipeline = pipeline_with(CONFIG, visibility="public")
    newer = actions.create_pipeline(pipeline.project, "main", PipelineSource.PUSH, acting_user=None)
    path, client = pipeline.project.full_path, as_anonymous()

    def one(**key):
        return client.data(ONE, path=path, **key)["project"]["pipeline"]

    assert one(iid="1") == {"iid": "1"}
    assert one(id=f"gid://gitlab/Ci::Pipeline/{newer.pk}") == {"iid": "2"}
    assert one(sha=pipeline.sha) == {"iid": "2"}
    assert one(iid="3") is None
    assert one(iid="first") is None
    assert one(iid="9" * 40) is None
    assert one(id="gid://gitlab/Ci::Pipeline/99999") is None
    assert one(sha="0" * 40) is None


@pytest.mark.parametrize("key", [{}, {"iid": "1", "sha": "0"}])
def test_exactly_one_key(key):
    pipeline = pipeline_with(CONFIG, visibility="public")
    message = as_anonymous().error(ONE, path=pipeline.project.full_path, **key)
    assert message == "Name the pipeline by exactly one of id, iid and sha."


def test_pipeline_of_another_project_is_null():
    pipeline, other = pipeline_with(CONFIG, visibility="public"), pipeline_with(CONFIG)
    found = as_anonymous().data(
        ONE, path=pipeline.project.full_path, id=f"gid://gitlab/Ci::Pipeline/{other.pk}"
    )
    assert found["project"]["pipeline"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        "gid://gitlab/Ci::Build/1",
        "1",
        "gid://gitlab/Ci::Pipeline/x",
        "gid://gitlab/Ci::Pipeline/99999999999999999999",
    ],
)
def test_id_of_another_kind_is_refused(wrong):
    pipeline = pipeline_with(CONFIG, visibility="public")
    message = as_anonymous().error(ONE, path=pipeline.project.full_path, id=wrong)
    assert f"'{wrong}' is not an ID of Ci::Pipeline" in message


def test_jobs_are_listed_filtered_and_paged():
    pipeline = pipeline_with(
        {"b": {"script": "x"}, "a": {"script": "x"}, "m": {"script": "x", "when": "manual"}}
    )
    fail("b")
    job_actions.retry_job(job_of(pipeline, "b").pk, acting_user=None)
    client = as_user(member(pipeline.project))

    def names(arguments):
        return [
            job["name"]
            for job in nodes(fields_of(pipeline, f"jobs({arguments}) {{ nodes {{ name }} }}", client)["jobs"])
        ]

    assert names("first: 10") == ["b", "b", "a", "m"]
    assert names("retried: false") == ["b", "a", "m"]
    assert names("retried: true") == ["b"]
    assert names("statuses: FAILED") == ["b"]
    assert names("statuses: [PENDING, MANUAL], retried: false") == ["b", "a", "m"]
    assert names('whenExecuted: ["manual", "delayed"]') == ["m"]
    assert names("jobKind: BRIDGE") == []
    assert names("last: 2") == ["a", "m"]
    page = fields_of(pipeline, "jobs(first: 3) { nodes { name } pageInfo { endCursor } }", client)["jobs"]
    assert names(f'after: "{page["pageInfo"]["endCursor"]}"') == ["m"]


def test_limited_count_of_jobs():
    pipeline = pipeline_with({f"j{n}": {"script": "x"} for n in range(5)})
    found = fields_of(pipeline, "jobs { few: count(limit: 2) all: count most: count(limit: 4) }")["jobs"]
    assert found == {"few": 3, "all": 5, "most": 5}


def test_one_job_by_name_or_id():
    pipeline = pipeline_with(CONFIG)
    other = pipeline_with(CONFIG)
    job, foreign = job_of(pipeline, "lint"), job_of(other, "lint")
    client = as_user(member(pipeline.project))
    assert fields_of(pipeline, 'job(name: "lint") { name }', client) == {"job": {"name": "lint"}}
    assert fields_of(pipeline, 'job(name: "none") { name }', client) == {"job": None}
    assert fields_of(pipeline, f'job(id: "gid://gitlab/Ci::Build/{job.pk}") {{ name }}', client)["job"] == {
        "name": "lint"
    }
    assert fields_of(pipeline, f'job(id: "gid://gitlab/Ci::Build/{foreign.pk}") {{ name }}', client) == {
        "job": None
    }


def test_flags_from_jobs():
    pipeline = pipeline_with(CONFIG)
    fields = "cancelable retryable warnings hasManualActions hasScheduledActions totalJobs failedJobsCount active stuck"
    client = as_user(member(pipeline.project))
    assert fields_of(pipeline, fields, client) == {
        "cancelable": True,
        "retryable": False,
        "warnings": False,
        "hasManualActions": False,
        "hasScheduledActions": False,
        "totalJobs": 6,
        "failedJobsCount": 0,
        "active": True,
        "stuck": True,
    }
    runner, _ = runner_with_token()
    Runner.objects.filter(pk=runner.pk).update(contacted_at=clock.now())
    assert fields_of(pipeline, "stuck", client) == {"stuck": False}
    fail("build")
    found = fields_of(pipeline, fields, client)
    assert (found["retryable"], found["failedJobsCount"], found["active"]) == (True, 1, False)


def test_times():
    pipeline = pipeline_with({"build": {"script": "make"}})
    began = clock.now()
    Pipeline.objects.filter(pk=pipeline.pk).update(
        created_at=began, started_at=began + timedelta(seconds=1.5), duration=42, finished_at=began
    )
    found = fields_of(pipeline, "createdAt startedAt finishedAt committedAt duration queuedDuration")
    assert (found["duration"], found["queuedDuration"]) == (42, 1.5)
    assert found["createdAt"] == began.isoformat().replace("+00:00", "Z")
    assert found["committedAt"].endswith("Z")


def test_references_and_paths():
    user = member(project_with("a: {script: x}"), username="ada")
    pipeline = pipeline_with({"build": {"script": "make"}}, user=user, full_path="group/shop")
    found = fields_of(
        pipeline,
        "ref refPath refText sha short: sha(format: SHORT) beforeSha commitPath path source type configSource "
        "user { username } project { fullPath } name trigger child latest troubleshootJobWithAi "
        "commit { id sha shortId title message authorName author { username } webPath pipelines { count } }",
    )
    sha = pipeline.sha
    commit = found.pop("commit")
    assert found == {
        "ref": "main",
        "refPath": "/group/shop/-/commits/main",
        "refText": 'For <a class="ref-name" href="/group/shop/-/commits/main">main</a>',
        "sha": sha,
        "short": sha[:8],
        "beforeSha": "0" * 40,
        "commitPath": f"/group/shop/-/commit/{sha}",
        "path": f"/group/shop/-/pipelines/{pipeline.pk}",
        "source": "push",
        "type": "branch",
        "configSource": "REPOSITORY_SOURCE",
        "user": {"username": "ada"},
        "project": {"fullPath": "group/shop"},
        "name": None,
        "trigger": False,
        "child": False,
        "latest": True,
        "troubleshootJobWithAi": False,
    }
    assert (commit["sha"], commit["shortId"], commit["title"], commit["authorName"]) == (
        sha,
        sha[:8],
        "Change",
        "Ada",
    )
    assert commit["pipelines"] == {"count": 1}
    assert commit["author"] == {"username": "ada"}


WORDS = "word " * 30


@pytest.mark.parametrize(
    ("message", "title", "full_title", "description"),
    [
        ("Change", "Change", "Change", None),
        ("Change\n", "Change", "Change", ""),
        ("Change\n\nWhy it is.\nAnd how.\n", "Change", "Change", "\nWhy it is.\nAnd how."),
        ("Change\r\nmore", "Change", "Change", "more"),
        (" \n", "No commit message", "No commit message", "No commit message"),
        ("x" * 99, "x" * 99, "x" * 99, None),
        ("x" * 100, "x" * 78 + "...", "x" * 100, "x" * 100),
        (f"{WORDS}\nmore", "word " * 14 + "word...", WORDS, f"{WORDS}\nmore"),
        ("x" * 78 + " " + "y" * 30, "x" * 78 + "...", "x" * 78 + " " + "y" * 30, "x" * 78 + " " + "y" * 30),
    ],
)
def test_what_a_commit_says(message, title, full_title, description):
    """As GitLab's Commit model has it."""
    project = project_with("a: {script: x}")
    commit_files(open_repository(project)._git, {".gitlab-ci.yml": "a: {script: x}"}, message=message)
    pipeline = actions.create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    found = fields_of(
        pipeline,
        "commit { title fullTitle description message authoredDate committedDate committerName committerEmail }",
    )["commit"]
    moments = {found.pop("authoredDate"), found.pop("committedDate")}
    assert found == {
        "title": title,
        "fullTitle": full_title,
        "description": description,
        "message": message,
        "committerName": "Ada",
        "committerEmail": "ada@example.com",
    }
    assert all(datetime.fromisoformat(moment) <= clock.now() for moment in moments)


def test_names_of_refs_are_escaped():
    pipeline = pipeline_with({"build": {"script": "make"}}, default_branch="a<b>")
    assert "a&lt;b&gt;</a>" in fields_of(pipeline, "refText")["refText"]


def test_repository_that_is_gone_leaves_the_rest():
    import shutil

    pipeline = pipeline_with({"build": {"script": "make"}})
    shutil.rmtree(pipeline.project.repository_path)
    assert fields_of(pipeline, "iid committedAt commit { sha }") == {
        "iid": "1",
        "committedAt": None,
        "commit": None,
    }


def test_broken_configuration_tells_its_errors():
    pipeline = pipeline_with("build:\n  scrip: make\ntest:\n  script: x\n  needs: [nothing]\n")
    found = fields_of(
        pipeline,
        "status failureReason yamlErrors yamlErrorMessages errorMessages { nodes { id content } } "
        "warningMessages { nodes { content } } stages { nodes { name } } detailedStatus { label }",
    )
    assert (found["status"], found["failureReason"], found["yamlErrors"]) == ("FAILED", "config_error", True)
    contents = [message["content"] for message in nodes(found["errorMessages"])]
    assert len(contents) >= 2
    assert contents[0].startswith(".gitlab-ci.yml:")
    assert any("needs" in content for content in contents)
    assert found["yamlErrorMessages"] == "\n".join(contents)
    assert len({message["id"] for message in nodes(found["errorMessages"])}) == len(contents)
    assert nodes(found["stages"]) == []


def test_given_variables_are_for_developers():
    project = project_with("build: {script: make}", visibility="public")
    pipeline = actions.create_pipeline(
        project, "main", PipelineSource.WEB, acting_user=None, variables=[GivenVariable("TOKEN", "secret")]
    )
    fields = "manualVariables { nodes { key value } }"
    hidden = {"manualVariables": None}
    assert fields_of(pipeline, fields, as_anonymous()) == hidden
    assert fields_of(pipeline, fields, as_user(member(project, 20))) == hidden
    assert nodes(fields_of(pipeline, fields)["manualVariables"]) == [{"key": "TOKEN", "value": "secret"}]


def test_artifacts_of_all_jobs():
    pipeline = pipeline_with(CONFIG)
    artifact(job_of(pipeline, "build"))
    artifact(job_of(pipeline, "lint"), file_type="unheard_of")
    found = fields_of(pipeline, "jobArtifacts { name fileType size downloadPath }")["jobArtifacts"]
    assert [(row["name"], row["fileType"], row["size"]) for row in found] == [
        ("archive.zip", "ARCHIVE", "10"),
        ("unheard_of.zip", None, "10"),
    ]
    assert found[0]["downloadPath"].endswith("/artifacts/download?file_type=archive")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (20, (False, False, False, False)),
        (30, (True, True, False, False)),
        (40, (True, True, True, False)),
        (50, (True,) * 4),
    ],
)
def test_permissions(level, expected):
    pipeline = pipeline_with(CONFIG)
    client = as_user(member(pipeline.project, level))
    fields = "userPermissions { updatePipeline cancelPipeline adminPipeline destroyPipeline }"
    assert tuple(fields_of(pipeline, fields, client)["userPermissions"].values()) == expected


EXPLANATION = """
configExplanation {
  workflow { included reason }
  jobs { name included reason rules { file line matched expression { text variables { name value } } } }
}
"""


def test_config_explanation():
    config = "a: {script: x}\nb:\n  script: x\n  rules:\n    - if: $CI_COMMIT_TAG\n"
    pipeline = pipeline_with(config, visibility="public")
    found = fields_of(pipeline, EXPLANATION, as_user(member(pipeline.project)))["configExplanation"]
    assert found["jobs"] == [
        {"name": "a", "included": True, "reason": "no_rules", "rules": []},
        {
            "name": "b",
            "included": False,
            "reason": "no_rule_matched",
            "rules": [
                {
                    "file": ".gitlab-ci.yml",
                    "line": 5,
                    "matched": False,
                    "expression": {
                        "text": "$CI_COMMIT_TAG",
                        "variables": [{"name": "CI_COMMIT_TAG", "value": None}],
                    },
                }
            ],
        },
    ]
    guest = as_user(member(pipeline.project, AccessLevel.GUEST))
    assert fields_of(pipeline, EXPLANATION, guest) == {"configExplanation": None}
    PipelineExplanation.objects.all().delete()
    developer = as_user(member(pipeline.project))
    assert fields_of(pipeline, EXPLANATION, developer) == {"configExplanation": None}


def test_a_broken_configuration_is_explained_as_far_as_it_was_read():
    pipeline = pipeline_with("a: {script: x, stage: nowhere}\n")
    assert pipeline.status == "failed"
    developer = as_user(member(pipeline.project))
    assert fields_of(pipeline, EXPLANATION, developer)["configExplanation"] is not None


def test_explanations_of_many_pipelines_take_one_statement():
    project = pipeline_with("a: {script: x}\n").project
    client = as_user(member(project))
    document = "query($path: ID!) { project(fullPath: $path) { pipelines { nodes {" + EXPLANATION + "} } } }"

    def count():
        sent = statements_of(lambda: client.data(document, path=project.full_path))
        return len([sql for sql in sent if "pipelineexplanation" in sql])

    assert count() == 1
    actions.create_pipeline(project, "main", PipelineSource.API, acting_user=None)
    assert count() == 1


def test_an_explanation_may_hold_any_character_that_a_configuration_may():
    odd = "\u2028\U0001f680\u00e9\x07"
    text = f"$X == '{odd}'"
    pipeline = pipeline_with({"a": {"script": "x", "rules": [{"if": text}, {"when": "always"}]}})
    developer = as_user(member(pipeline.project))
    (job,) = fields_of(pipeline, EXPLANATION, developer)["configExplanation"]["jobs"]
    assert odd in job["rules"][0]["expression"]["text"]
