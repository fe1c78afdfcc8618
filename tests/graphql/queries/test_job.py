"""Query.job, an extension: who sees it, its fields, its log, artifacts and environment; Project.job beside it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ci_core import clock
from ci_core.actions import jobs as actions
from ci_core.actions.pipelines import create_pipeline
from ci_core.models import Job, PendingJob, Runner, RunnerAccessLevel, RunnerManager, RunnerType, VariableType
from ci_core.queueing import claim_job
from ci_core.statuses import AccessLevel, FailureReason, PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import UserFactory, member, pipeline_with, runner_with_token
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import artifact, fail, job_of, log, take
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

CONFIG = {
    "stages": ["build", "deploy"],
    "build": {"stage": "build", "script": "make", "tags": ["linux"]},
    "deploy": {
        "stage": "deploy",
        "script": "make deploy",
        "when": "manual",
        "environment": {"name": "review/main", "url": "https://review.example.com"},
    },
}


def gid(job):
    return f"gid://gitlab/Ci::Build/{job.pk}"


def fields_of(job, fields, client=None):
    document = "query($id: JobID!) { job(id: $id) {" + fields + "} }"
    client = client or as_user(member(job.pipeline.project))
    return client.data(document, id=gid(job))["job"]


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_who_sees_it(visibility):
    job = job_of(pipeline_with(CONFIG, visibility=visibility), "build")
    hidden = None if visibility == "private" else {"name": "build"}
    guest = member(job.project, AccessLevel.GUEST)
    assert fields_of(job, "name", as_anonymous()) == hidden
    assert fields_of(job, "name", as_user(UserFactory())) == hidden
    assert fields_of(job, "name", as_user(guest)) == {"name": "build"}
    assert fields_of(job, "name", as_user(guest, ["read_api"])) == {"name": "build"}


def test_no_such_job():
    document = "query($id: JobID!) { job(id: $id) { name } }"
    assert as_anonymous().data(document, id="gid://gitlab/Ci::Build/99999999") == {"job": None}
    assert as_anonymous().data(document, id=f"gid://gitlab/Ci::Build/{2**63 - 1}") == {"job": None}


@pytest.mark.parametrize("wrong", ["gid://gitlab/Ci::Pipeline/1", "65537", "", "gid://gitlab/Ci::Build/0"])
def test_id_of_another_kind_is_refused(wrong):
    message = as_anonymous().error("query($id: JobID!) { job(id: $id) { name } }", id=wrong)
    assert f"'{wrong}' is not an ID of Ci::Build" in message
    assert "is not an ID of Ci::Build" in as_anonymous().error(f'{{ job(id: "{wrong}") {{ name }} }}')


def test_plain_fields():
    job = job_of(pipeline_with(CONFIG, full_path="group/shop"), "build")
    found = fields_of(
        job,
        "id name kind status allowFailure cancelable playable retryable retried manualJob scheduled schedulingType "
        "triggered tags refName shortSha createdByTag source refPath commitPath webPath playPath retryPath "
        "browseArtifactsPath coverage erasedAt exitCode failureMessage active downstreamPipeline { id }",
    )
    page = f"/group/shop/-/jobs/{job.pk}"
    assert found == {
        "id": gid(job),
        "name": "build",
        "kind": "BUILD",
        "status": "PENDING",
        "allowFailure": False,
        "cancelable": True,
        "playable": False,
        "retryable": False,
        "retried": False,
        "manualJob": False,
        "scheduled": False,
        "schedulingType": "stage",
        "triggered": False,
        "tags": ["linux"],
        "refName": "main",
        "shortSha": job.pipeline.sha[:8],
        "createdByTag": False,
        "source": "push",
        "refPath": "/group/shop/-/commits/main",
        "commitPath": f"/group/shop/-/commit/{job.pipeline.sha}",
        "webPath": page,
        "playPath": f"{page}/play",
        "retryPath": None,
        "browseArtifactsPath": f"{page}/artifacts/browse",
        "coverage": None,
        "erasedAt": None,
        "exitCode": None,
        "failureMessage": None,
        "active": True,
        "downstreamPipeline": None,
    }


def test_times_of_a_job_that_ran():
    job = job_of(pipeline_with(CONFIG), "build")
    queued = clock.now()
    Job.objects.by_ids([job.pk]).update(
        queued_at=queued,
        started_at=queued + timedelta(seconds=2.5),
        finished_at=queued + timedelta(seconds=62.5),
        status="success",
    )
    assert fields_of(job, "duration queuedDuration") == {"duration": 60, "queuedDuration": 2.5}


def test_failed_job_tells_why():
    pipeline = pipeline_with({"build": {"script": "make"}})
    fail("build", reason=FailureReason.RUNNER_SYSTEM_FAILURE)
    found = fields_of(
        job_of(pipeline, "build"),
        "exitCode failureMessage retryable retryPath detailedStatus { tooltip label action { title path } }",
    )
    assert found["failureMessage"] == "There has been a runner system failure, please try again"
    assert found["detailedStatus"]["tooltip"] == "Failed - (runner system failure)"
    assert found["detailedStatus"]["action"]["title"] == "Run again"
    assert found["retryPath"].endswith("/retry")
    assert (found["exitCode"], found["retryable"]) == (1, True)


def test_retried_job_has_no_action():
    pipeline = pipeline_with({"build": {"script": "make"}})
    fail("build")
    old = job_of(pipeline, "build")
    actions.retry_job(old.pk, acting_user=None)
    found = fields_of(old, "retried retryable detailedStatus { tooltip action { title } }")
    assert found == {
        "retried": True,
        "retryable": False,
        "detailedStatus": {"tooltip": "Failed - (script failure) (retried)", "action": None},
    }


def test_manual_and_delayed_jobs():
    pipeline = pipeline_with(
        {"m": {"script": "x", "when": "manual"}, "d": {"script": "x", "when": "delayed", "start_in": "1 day"}}
    )
    fields = "playable canPlayJob manualJob scheduled scheduledAt detailedStatus { label action { title method path } }"
    client = as_user(member(pipeline.project))
    manual = fields_of(job_of(pipeline, "m"), fields, client)
    assert (manual["playable"], manual["canPlayJob"], manual["manualJob"]) == (True, True, True)
    assert manual["detailedStatus"]["label"] == "manual play action"
    assert manual["detailedStatus"]["action"]["path"].endswith("/play")
    delayed = fields_of(job_of(pipeline, "d"), fields, client)
    assert delayed["scheduled"]
    assert delayed["scheduledAt"] > clock.now().isoformat()
    assert delayed["detailedStatus"]["action"]["title"] == "Unschedule"
    reporter = as_user(member(pipeline.project, 20))
    assert fields_of(job_of(pipeline, "m"), "playable canPlayJob", reporter) == {
        "playable": True,
        "canPlayJob": False,
    }


@pytest.mark.parametrize(("level", "may"), [(10, False), (20, False), (30, True)])
def test_permissions(level, may):
    job = job_of(pipeline_with(CONFIG), "build")
    client = as_user(member(job.project, level))
    found = fields_of(job, "userPermissions { readBuild readJobArtifacts updateBuild cancelBuild }", client)
    assert found["userPermissions"] == {
        "readBuild": True,
        "readJobArtifacts": True,
        "updateBuild": may,
        "cancelBuild": may,
    }


def test_log():
    job = job_of(pipeline_with({"build": {"script": "make"}}), "build")
    summary = "trace { htmlSummary one: htmlSummary(lastLines: 1) none: htmlSummary(lastLines: 0) }"
    assert fields_of(job, summary) == {"trace": None}
    log(job, b"first\n\x1b[31mred <", b"b>\x1b[0m\n", b"last\n")
    assert fields_of(job, summary)["trace"] == {
        "htmlSummary": '<span>first</span><br/><span class="term-fg-red">red &lt;b&gt;</span><br/><span>last</span>',
        "one": "<span>last</span>",
        "none": "",
    }


def test_only_the_end_of_a_long_log_is_read():
    job = job_of(pipeline_with({"build": {"script": "make"}}), "build")
    lines = [f"line {number} {'x' * 80}\n".encode() for number in range(5000)]
    log(job, b"".join(lines[:2000]), b"".join(lines[2000:4990]), b"".join(lines[4990:]))
    found = fields_of(job, "trace { htmlSummary(lastLines: 500) }")["trace"]["htmlSummary"]
    shown = found.split("<br/>")
    assert len(shown) == 100
    assert shown[0].startswith("<span>line 4900 ")
    assert shown[-1].startswith("<span>line 4999 ")


def test_artifacts():
    job = job_of(pipeline_with({"build": {"script": "make"}}, full_path="group/shop"), "build")
    artifact(job, 1, size=2**40)
    artifact(job, 2, "junit")
    found = fields_of(job, "artifacts { nodes { id name fileType size expireAt downloadPath } }")[
        "artifacts"
    ]["nodes"]
    assert found[0] == {
        "id": f"gid://gitlab/Ci::JobArtifact/{job.pk << 10 | 1}",
        "name": "archive.zip",
        "fileType": "ARCHIVE",
        "size": str(2**40),
        "expireAt": None,
        "downloadPath": f"/group/shop/-/jobs/{job.pk}/artifacts/download?file_type=archive",
    }
    assert [row["fileType"] for row in found] == ["ARCHIVE", "JUNIT"]


def test_environment():
    pipeline = pipeline_with(CONFIG)
    found = fields_of(
        job_of(pipeline, "deploy"), "environment { name slug externalUrl environmentType tier state path }"
    )
    environment = found["environment"]
    assert environment.pop("path").startswith(f"/{pipeline.project.full_path}/-/environments/")
    assert environment.pop("slug").startswith("review-main")
    assert environment == {
        "name": "review/main",
        "externalUrl": "https://review.example.com",
        "environmentType": "review",
        "tier": "DEVELOPMENT",
        "state": "available",
    }
    assert fields_of(job_of(pipeline, "build"), "environment { name }") == {"environment": None}


RUNNER = """
runner {
  id description shortSha runnerType accessLevel status paused active locked runUntagged tagList maximumTimeout
  contactedAt creationMethod creationState jobExecutionStatus adminUrl projectCount
  managers { count nodes { systemId status version ipAddress jobExecutionStatus runner { description } } }
  ownerProject { id } createdBy { id } userPermissions { readRunner updateRunner deleteRunner }
}
runnerManager { systemId ipAddress executorName }
"""


def test_runner():
    pipeline = pipeline_with({"build": {"script": "make", "tags": ["linux"]}})
    runner, _ = runner_with_token(description="big one", tags=["linux", "docker"], run_untagged=False)
    Runner.objects.filter(pk=runner.pk).update(contacted_at=clock.now())
    manager = RunnerManager.objects.create(
        runner=runner,
        system_id="s_1",
        version="17.0",
        executor="docker",
        ip_address="10.0.0.1",
        created_at=clock.now(),
        contacted_at=clock.now() - timedelta(hours=3),
    )
    job = take(runner, manager)
    found = fields_of(job, RUNNER)
    assert found["runnerManager"] == {"systemId": "s_1", "ipAddress": None, "executorName": "docker"}
    shown = found["runner"]
    assert shown.pop("contactedAt").endswith("Z")
    assert shown == {
        "id": f"gid://gitlab/Ci::Runner/{runner.pk}",
        "description": "big one",
        "shortSha": runner.token_prefix,
        "runnerType": "INSTANCE_TYPE",
        "accessLevel": "NOT_PROTECTED",
        "status": "ONLINE",
        "paused": False,
        "active": True,
        "locked": False,
        "runUntagged": False,
        "tagList": ["docker", "linux"],
        "maximumTimeout": None,
        "creationMethod": "REGISTRATION_TOKEN",
        "creationState": "FINISHED",
        "jobExecutionStatus": "ACTIVE",
        "adminUrl": None,
        "projectCount": None,
        "managers": {
            "count": 1,
            "nodes": [
                {
                    "systemId": "s_1",
                    "status": "OFFLINE",
                    "version": "17.0",
                    "ipAddress": None,
                    "jobExecutionStatus": "ACTIVE",
                    "runner": {"description": "big one"},
                }
            ],
        },
        "ownerProject": None,
        "createdBy": None,
        "userPermissions": {"readRunner": True, "updateRunner": False, "deleteRunner": False},
    }
    admin = fields_of(job, RUNNER, as_user(UserFactory(is_superuser=True)))
    assert admin["runnerManager"]["ipAddress"] == "10.0.0.1"
    assert admin["runner"]["adminUrl"].endswith(f"/admin/runners/{runner.pk}")
    assert admin["runner"]["userPermissions"]["updateRunner"]
    assert pipeline.pk == job.pipeline_id


def test_a_runner_is_shown_to_those_who_may_see_it():
    """That of a project to its maintainers, one of the instance to whoever is signed in (GitLab: Ci::RunnerPolicy)."""
    pipeline = pipeline_with({"build": {"script": "make"}}, visibility="public")
    runner, _ = runner_with_token(projects=[pipeline.project])
    manager = RunnerManager.objects.create(runner=runner, system_id="s_1", created_at=clock.now())
    job = take(runner, manager)
    shown = {"runner": {"id": f"gid://gitlab/Ci::Runner/{runner.pk}"}, "runnerManager": {"systemId": "s_1"}}
    hidden = {"runner": None, "runnerManager": None}
    developer, maintainer = (
        as_user(member(pipeline.project, level)) for level in (AccessLevel.DEVELOPER, AccessLevel.MAINTAINER)
    )

    def seen_by(client):
        return fields_of(job, "runner { id } runnerManager { systemId }", client)

    assert [seen_by(client) for client in (developer, maintainer, as_anonymous())] == [hidden, shown, hidden]
    Runner.objects.filter(pk=runner.pk).update(runner_type=RunnerType.INSTANCE_TYPE)
    assert [seen_by(client) for client in (developer, as_anonymous())] == [shown, hidden]


def test_owner_project_is_told_to_those_who_see_it():
    mine = pipeline_with({"build": {"script": "make"}})
    hidden = pipeline_with({"build": {"script": "make", "when": "manual"}}).project
    runner, _ = runner_with_token(projects=[hidden])
    runner.projects.add(mine.project)
    job = take(runner)
    maintainer = as_user(member(mine.project, AccessLevel.MAINTAINER))
    assert fields_of(job, "runner { projectCount ownerProject { id } }", maintainer)["runner"] == {
        "projectCount": 2,
        "ownerProject": None,
    }
    both = as_user(UserFactory(is_superuser=True))
    assert fields_of(job, "runner { ownerProject { id } }", both)["runner"]["ownerProject"] is not None


@pytest.mark.parametrize(
    ("runner", "stuck"),
    [
        ({}, True),
        ({"tags": ["linux"]}, False),
        ({"tags": ["linux", "x"]}, False),
        ({"tags": ["windows"]}, True),
        ({"tags": ["linux"], "paused": True}, True),
        ({"tags": ["linux"], "silent": True}, True),
    ],
)
def test_stuck(runner, stuck):
    silent = runner.pop("silent", False) if (runner := dict(runner)) else False
    job = job_of(pipeline_with(CONFIG), "build")
    if runner:
        made, _ = runner_with_token(**runner)
        Runner.objects.filter(pk=made.pk).update(
            contacted_at=clock.now() - timedelta(hours=3 if silent else 0)
        )
    assert fields_of(job, "stuck") == {"stuck": stuck}


def test_project_job_is_of_that_project():
    pipeline, other = pipeline_with(CONFIG, visibility="public"), pipeline_with(CONFIG, visibility="public")
    document = (
        "query($path: ID!, $id: JobID!) { project(fullPath: $path) { job(id: $id) { name stage { name } } } }"
    )
    job = job_of(pipeline, "build")

    def found(project):
        return as_anonymous().data(document, path=project.full_path, id=gid(job))["project"]["job"]

    assert found(pipeline.project) == {"name": "build", "stage": {"name": "build"}}
    assert found(other.project) is None


def test_statements_do_not_depend_on_rows():
    project = pipeline_with({"a": {"script": "x", "environment": "review"}}).project
    runner, _ = runner_with_token()
    client = as_user(member(project))
    document = """
    query($path: ID!) { project(fullPath: $path) { jobs { count nodes {
      id name status stuck waitingReason { code details { runnerIds } }
      canPlayJob userPermissions { updateBuild } detailedStatus { label action { path } }
      trace { htmlSummary } artifacts { nodes { id downloadPath } }
      environment { name path lastDeployment(status: SUCCESS) { iid } }
      project { fullPath } pipeline { iid ref user { name } } stage { name detailedStatus { label } }
      needs { nodes { name } } previousStageJobs { nodes { name } }
      runner { description status jobExecutionStatus managers { nodes { systemId } } ownerProject { id } }
      runnerManager { systemId } refName shortSha refPath commitPath webPath
    } } } }
    """

    def grow(size):
        while project.pipelines.count() < size:
            create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
        while (job := Job.objects.filter(status="pending", project=project).first()) is not None:
            taken = take(runner)
            log(taken, b"hello\n")
            artifact(taken)
            actions.succeed_job(taken.pk)
            assert job

    assert_same_count(
        "project.jobs", lambda: client.data(document, path=project.full_path), grow, (1, 10, 20)
    )


WAITING = """
stuck waitingReason { code message stuck details {
  jobNames dueAt resourceGroup holder accessLevel tags missingTags runnerIds matchingRunners queuePosition queueLength
  oldestWait
} }
"""
WAITS = """
build: {stage: build, script: x, tags: [docker]}
unit: {stage: test, script: x, needs: [build]}
ask: {stage: build, script: x, when: manual, allow_failure: true}
later: {stage: build, script: x, when: delayed, start_in: 1 hour}
"""


def waiting(pipeline, name):
    found = fields_of(job_of(pipeline, name), WAITING)
    if found["waitingReason"] is None:
        return found["stuck"], None, None
    reason = found["waitingReason"]
    assert reason["stuck"] == found["stuck"]
    return found["stuck"], reason["code"], {k: v for k, v in reason["details"].items() if v is not None}


def test_waiting_reason():
    pipeline = pipeline_with(WAITS)
    assert waiting(pipeline, "build") == (True, "NO_RUNNER", {"tags": ["docker"]})
    assert waiting(pipeline, "unit") == (False, "NEEDS", {"jobNames": ["build"]})
    assert waiting(pipeline, "ask") == (False, "MANUAL", {"accessLevel": "DEVELOPER"})
    stuck, code, details = waiting(pipeline, "later")
    assert (stuck, code, set(details)) == (False, "DELAYED", {"dueAt"})
    small, _ = runner_with_token(description="small", tags=["linux"])
    Runner.objects.update(contacted_at=clock.now())
    assert waiting(pipeline, "build") == (
        True,
        "MISSING_TAGS",
        {"tags": ["docker"], "missingTags": ["docker"], "runnerIds": [f"gid://gitlab/Ci::Runner/{small.pk}"]},
    )
    big, _ = runner_with_token(description="big", tags=["docker"])
    Runner.objects.update(contacted_at=clock.now())
    stuck, code, details = waiting(pipeline, "build")
    assert (stuck, code) == (False, "NEXT_REQUEST")
    assert {k: details[k] for k in ("matchingRunners", "queuePosition", "queueLength")} == {
        "matchingRunners": 1,
        "queuePosition": 1,
        "queueLength": 1,
    }
    take(big)
    assert waiting(pipeline, "build") == (False, None, None)
    assert waiting(pipeline_with(WAITS), "build")[1] == "RUNNERS_BUSY"


@pytest.mark.parametrize(
    ("runner", "code"),
    [
        ({"tags": ["gpu"], "paused": True}, "RUNNERS_PAUSED"),
        ({"tags": ["gpu"]}, "RUNNERS_OFFLINE"),
        ({"tags": ["gpu"], "access_level": RunnerAccessLevel.REF_PROTECTED}, "PROTECTED_REF"),
        ({"tags": ["gpu"], "run_untagged": False}, "UNTAGGED"),
    ],
)
def test_a_job_that_the_only_runner_does_not_take(runner, code):
    pipeline = pipeline_with({"a": {"script": "x", "tags": [] if code == "UNTAGGED" else ["gpu"]}})
    one, _ = runner_with_token(**runner)
    if code != "RUNNERS_OFFLINE":
        Runner.objects.update(contacted_at=clock.now())
    # As in a pipeline of another branch.
    Job.objects.in_pipeline(pipeline.pk).update(protected=False)
    PendingJob.objects.update(protected=False)
    stuck, found, details = waiting(pipeline, "a")
    assert (stuck, found) == (True, code)
    assert details["runnerIds"] == [f"gid://gitlab/Ci::Runner/{one.pk}"]
    # A runner that asks is online: so the queue has no such obstacle.
    assert code == "RUNNERS_OFFLINE" or claim_job(one) is None


def test_a_job_that_waits_for_a_resource_or_for_earlier_stages():
    config = {"a": {"script": "x", "resource_group": "g"}, "b": {"script": "x", "stage": "deploy"}}
    pipeline = pipeline_with(config)
    other = create_pipeline(pipeline.project, "main", PipelineSource.PUSH, acting_user=None)
    stuck, code, details = waiting(other, "a")
    assert (stuck, code, details["resourceGroup"]) == (False, "RESOURCE_GROUP", "g")
    assert f"#{job_of(pipeline, 'a').pk}" in details["holder"]
    assert waiting(other, "b") == (False, "EARLIER_STAGES", {"jobNames": ["a"]})


def test_every_kind_of_waiting_has_a_code():
    from ci_core.decisions.waiting import WaitKind
    from graphql_api.types.waiting import CiJobWaitingCode

    assert {code.value for code in CiJobWaitingCode} == {kind.value for kind in WaitKind}


def test_variables_that_were_given_by_hand():
    pipeline = pipeline_with(CONFIG)
    deploy = job_of(pipeline, "deploy")
    actions.play_job(
        deploy.pk,
        acting_user=None,
        variables=[GivenVariable("TO", "here"), GivenVariable("FILE", "x", VariableType.FILE.value)],
    )
    document = """manualVariables { nodes { __typename id key value variableType environmentScope
      ... on CiVariable { raw } } }"""
    found = fields_of(deploy, document)["manualVariables"]["nodes"]
    assert [(row["key"], row["value"], row["variableType"]) for row in found] == [
        ("TO", "here", "ENV_VAR"),
        ("FILE", "x", "FILE"),
    ]
    assert found[0]["id"] == f"gid://gitlab/Ci::JobVariable/{deploy.pk << 10 | 1}"
    assert {(row["__typename"], row["environmentScope"], row["raw"]) for row in found} == {
        ("CiManualVariable", None, False)
    }
    assert fields_of(job_of(pipeline, "build"), document)["manualVariables"] == {"nodes": []}
    guest = as_user(member(deploy.project, AccessLevel.GUEST))
    assert fields_of(deploy, document, guest)["manualVariables"] is None


INPUTS_ASKED = """name inputs { name value }
  inputsSpec { name type description required default options regex rules { default } }"""


def test_its_inputs():
    spec = {"default": "main", "regex": "^[a-z]+$", "description": "The branch"}
    count = {"type": "number", "default": 2, "options": [1, 2]}
    pipeline = pipeline_with(
        {
            "plain": {"script": "x"},
            "deploy": {"script": "x", "when": "manual", "inputs": {"to": spec, "count": count}},
        }
    )
    deploy = job_of(pipeline, "deploy")
    found = fields_of(deploy, INPUTS_ASKED)
    assert found["inputs"] == []
    assert found["inputsSpec"] == [
        {
            "name": "to",
            "type": "STRING",
            "description": "The branch",
            "required": False,
            "default": "main",
            "options": None,
            "regex": "^[a-z]+$",
            "rules": None,
        },
        {
            "name": "count",
            "type": "NUMBER",
            "description": None,
            "required": False,
            "default": 2,
            "options": [1, 2],
            "regex": None,
            "rules": None,
        },
    ]
    actions.play_job(deploy.pk, acting_user=None, inputs={"count": 1, "to": "side"})
    given = [{"name": "count", "value": 1}, {"name": "to", "value": "side"}]
    assert fields_of(deploy, INPUTS_ASKED)["inputs"] == given
    plain = fields_of(job_of(pipeline, "plain"), INPUTS_ASKED)
    assert plain == {"name": "plain", "inputs": [], "inputsSpec": []}


def test_inputs_of_many_jobs_take_the_same_statements():
    job = {"script": "x", "inputs": {"a": {"default": "x"}}}
    pipeline = pipeline_with({f"job{number}": {**job, "script": f"{number}"} for number in range(30)})
    client = as_user(member(pipeline.project))
    sizes = {}
    document = f"""query($path: ID!, $first: Int) {{ project(fullPath: $path) {{
      jobs(first: $first) {{ nodes {{ {INPUTS_ASKED} }} }} }} }}"""

    def ask():
        found = client.data(document, path=pipeline.project.full_path, first=sizes["first"])
        jobs = found["project"]["jobs"]["nodes"]
        assert [len(job["inputsSpec"]) for job in jobs] == [1] * sizes["first"]

    assert_same_count("inputs of jobs", ask, lambda size: sizes.update(first=size))


def test_fragments_on_its_interfaces():
    job = job_of(pipeline_with(CONFIG), "build")
    fields = """... on JobInterface { name stage { name } }
      ... on CiJobInterface { active userPermissions { readBuild } }
      pipeline { ... on PipelineInterface { iid project { fullPath } commit { title } user { username } } }"""
    found = fields_of(job, fields)
    assert (found["name"], found["stage"], found["active"]) == ("build", {"name": "build"}, True)
    assert found["pipeline"]["iid"] == "1"
    assert found["pipeline"]["project"] == {"fullPath": job.project.full_path}
