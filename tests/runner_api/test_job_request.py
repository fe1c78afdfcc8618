"""POST /jobs/request: who gets a job, and what it looks like."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from ci_core import tokens
from ci_core.actions import jobs, pipelines
from ci_core.models import Job, Pipeline, ProjectVariable, Runner, RunnerManager, Trace, TraceChunk
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from runner_api import polling
from tests.factories import ProjectFactory, pipeline_with, project_with, runner_with_token
from tests.runner_api.calls import INFO, SYSTEM_ID, RunnerCalls, archive, job_named, status_of

pytestmark = pytest.mark.django_db

FULL = """
stages: [build, test]
variables: {COLOUR: red}
compile:
  stage: build
  image: {name: "python:3.11", entrypoint: [""], pull_policy: always, docker: {user: ci}}
  services: [{name: "postgres:16", alias: db, command: [postgres], variables: {PGDATA: /tmp}}]
  variables: {GIT_DEPTH: "5", PLAIN: {value: $COLOUR, expand: false}}
  before_script: [echo before, set -e]
  script: [make, make install]
  after_script: [echo after]
  cache: {key: k, paths: [cache/], policy: pull, fallback_keys: [old]}
  timeout: 10 minutes
  artifacts:
    name: out
    paths: [out/]
    exclude: [out/*.tmp]
    when: always
    expire_in: 1 week
    reports: {junit: report.xml}
check:
  stage: test
  script: check
"""


def test_no_job_is_204_with_a_marker_of_the_queue(runner: RunnerCalls) -> None:
    answer = runner.request_job()
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-GitLab-Last-Update"]


def test_the_job_is_handed_out_once(runner: RunnerCalls, other_runner: RunnerCalls) -> None:
    pipeline = pipeline_with({"only": {"script": "make"}})
    payload = runner.take()
    assert other_runner.request_job().status_code == 204
    job = Job.objects.by_ids([payload["id"]]).get()
    assert (job.status, job.attempt) == ("running", 1)
    assert job.runner_manager is not None
    assert job.runner_manager.system_id == SYSTEM_ID
    assert job.runner_manager.executor == "shell"
    assert Pipeline.objects.get(pk=pipeline.pk).status == "running"


def test_inputs_of_the_job_are_given_with_their_values(runner: RunnerCalls) -> None:
    inputs = {
        "where": {"default": "staging"},
        "count": {"type": "number", "default": 2},
        "dry": {"type": "boolean", "default": True},
        "tags": {"type": "array", "default": ["a", 1]},
    }
    script = "deploy ${{ job.inputs.where }}"
    pipeline = pipeline_with({"deploy": {"script": script, "when": "manual", "inputs": inputs}})
    deploy = job_named(pipeline.pk, "deploy")
    jobs.play_job(deploy.pk, acting_user=None, inputs={"where": "production", "dry": False})
    payload = runner.take()
    assert payload["steps"][0]["script"] == [script]
    assert {entry["key"]: entry["value"] for entry in payload["inputs"]} == {
        "where": {"type": "string", "content": "production", "sensitive": False},
        "count": {"type": "number", "content": 2, "sensitive": False},
        "dry": {"type": "boolean", "content": False, "sensitive": False},
        "tags": {"type": "array", "content": ["a", 1], "sensitive": False},
    }


def test_a_job_without_inputs_gives_none(runner: RunnerCalls) -> None:
    pipeline_with({"only": {"script": "make"}})
    assert runner.take()["inputs"] == []


def test_the_payload_has_what_runners_decode_with_the_right_types(runner: RunnerCalls) -> None:
    pipeline = pipeline_with(FULL)
    payload = runner.take()
    job = job_named(pipeline.pk, "compile")
    path = pipeline.project.full_path
    assert payload["id"] == job.pk
    assert payload["token"] == tokens.job_token(job)
    assert payload["allow_git_fetch"] is True
    info = payload["job_info"]
    assert (info["name"], info["stage"], info["project_id"], info["project_full_path"]) == (
        "compile",
        "build",
        pipeline.project_id,
        path,
    )
    assert isinstance(info["time_in_queue_seconds"], float)
    git = payload["git_info"]
    assert git == {
        "repo_url": f"http://gitlab-ci-token:{payload['token']}@127.0.0.1:8000/{path}.git",
        "repo_object_format": "sha1",
        "ref": "main",
        "sha": pipeline.sha,
        "before_sha": pipeline.before_sha,
        "ref_type": "branch",
        "refspecs": [
            f"+{pipeline.sha}:refs/pipelines/{pipeline.pk}",
            "+refs/heads/main:refs/remotes/origin/main",
        ],
        "depth": 5,
        "protected": True,
    }
    assert 590 <= payload["runner_info"]["timeout"] <= 600
    script, after = payload["steps"]
    assert script["script"] == ["echo before", "set -e", "make", "make install"]
    assert (script["name"], script["when"], script["allow_failure"]) == ("script", "on_success", False)
    assert (after["name"], after["script"], after["allow_failure"]) == ("after_script", ["echo after"], True)
    assert payload["image"] == {
        "name": "python:3.11",
        "entrypoint": [""],
        "pull_policy": ["always"],
        "executor_opts": {"docker": {"user": "ci"}},
    }
    (service,) = payload["services"]
    assert (service["name"], service["alias"], service["command"]) == ("postgres:16", "db", ["postgres"])
    assert payload["credentials"] == []
    assert payload["dependencies"] == []
    assert "run" not in payload
    assert "secrets" not in payload


def test_artifacts_reports_and_caches_are_entries(runner: RunnerCalls) -> None:
    pipeline_with(FULL)
    payload = runner.take()
    kept, report = payload["artifacts"]
    assert kept == {
        "name": "out",
        "paths": ["out/"],
        "exclude": ["out/*.tmp"],
        "untracked": False,
        "when": "always",
        "expire_in": "1 week",
        "artifact_type": "archive",
        "artifact_format": "zip",
    }
    assert (report["artifact_type"], report["artifact_format"], report["when"], report["paths"]) == (
        "junit",
        "gzip",
        "always",
        ["report.xml"],
    )
    (cache,) = payload["cache"]
    assert cache == {
        "key": "k",
        "paths": ["cache/"],
        "policy": "pull",
        "when": "on_success",
        "untracked": False,
        "fallback_keys": ["old"],
    }
    features = payload["features"]
    assert features["trace_sections"] is True
    assert set(features["token_mask_prefixes"]) == {"glpat-", "glrt-", "glcbt-"}
    assert {"unknown_failure", "script_failure", "job_canceled"} <= set(features["failure_reasons"])


def test_variables_come_in_order_with_their_flags(runner: RunnerCalls) -> None:
    project = project_with({"only": {"script": "make", "variables": {"A": "job"}}})
    ProjectVariable.objects.create(project=project, key="SECRET", value="s3cret", masked=True)
    ProjectVariable.objects.create(project=project, key="KEYFILE", value="pem", variable_type="file")
    ProjectVariable.objects.create(project=project, key="A", value="project")
    given = [GivenVariable("A", "given")]
    pipeline = pipelines.create_pipeline(
        project, "main", PipelineSource.API, acting_user=None, variables=given
    )
    payload = runner.take()
    variables = payload["variables"]
    assert all(isinstance(entry["value"], str) for entry in variables)
    assert all(set(entry) == {"key", "value", "public", "file", "masked", "raw"} for entry in variables)
    last = {entry["key"]: entry for entry in variables}
    assert [entry["value"] for entry in variables if entry["key"] == "A"] == ["job", "project", "given"]
    assert (last["SECRET"]["masked"], last["SECRET"]["public"]) == (True, False)
    assert last["KEYFILE"]["file"] is True
    assert last["CI_JOB_TOKEN"]["value"] == payload["token"]
    assert last["CI_JOB_TOKEN"]["masked"] is True
    assert last["CI_CONFIG_PATH"]["value"] == ".gitlab-ci.yml"
    assert last["CI_COMMIT_SHA"]["value"] == pipeline.sha
    assert last["CI_PROJECT_PATH"]["value"] == project.full_path
    assert last["CI_REPOSITORY_URL"]["value"] == payload["git_info"]["repo_url"]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [("0", 0), ("1", 1), (None, 20), ("many", 20), ("-3", 20), ("", 20), (" 7 ", 7), ("9" * 40, 20)],
)
def test_git_depth_is_evaluated_here(runner: RunnerCalls, depth: str | None, expected: int) -> None:
    project = project_with({"only": {"script": "make"}})
    given = [GivenVariable("GIT_DEPTH", depth)] if depth is not None else []
    pipelines.create_pipeline(project, "main", PipelineSource.API, acting_user=None, variables=given)
    git = runner.take()["git_info"]
    assert git["depth"] == expected
    everything = "+refs/heads/*:refs/remotes/origin/*" in git["refspecs"]
    assert everything == (expected == 0)


def test_a_tag_is_fetched_as_a_tag(runner: RunnerCalls) -> None:
    import pygit2

    project = project_with({"only": {"script": "make"}})
    repository = pygit2.Repository(project.repository_path)
    repository.references.create("refs/tags/v1", repository.head.target)
    pipelines.create_pipeline(project, "v1", PipelineSource.API, acting_user=None)
    git = runner.take()["git_info"]
    assert (git["ref"], git["ref_type"]) == ("v1", "tag")
    assert git["refspecs"][1] == "+refs/tags/v1:refs/tags/v1"


def test_a_dependency_comes_with_its_own_token(runner: RunnerCalls) -> None:
    pipeline_with(FULL)
    compile_job = runner.take()
    content = archive(out="x")
    assert runner.upload(compile_job, content, filename="out.zip").status_code == 201
    runner.put(compile_job, "success")
    (dependency,) = runner.take()["dependencies"]
    assert dependency == {
        "id": compile_job["id"],
        "token": compile_job["token"],
        "name": "compile",
        "artifacts_file": {"filename": "out.zip", "size": len(content)},
    }


def test_a_job_without_artifacts_is_no_dependency(runner: RunnerCalls) -> None:
    pipeline_with(FULL)
    runner.put(runner.take(), "success")
    assert runner.take()["dependencies"] == []


@pytest.mark.parametrize("token", ["", "glrt-wrong", "GR1348941x"])
def test_a_wrong_token_is_403(token: str) -> None:
    pipeline = pipeline_with({"only": {"script": "make"}})
    assert RunnerCalls(token).request_job().status_code == 403
    assert status_of(job_named(pipeline.pk, "only").pk) == "pending"


def test_token_by_header_alone_and_a_form_body(runner: RunnerCalls) -> None:
    pipeline_with({"one": {"script": "make"}, "two": {"script": "make"}})
    assert runner.send("POST", "jobs/request", None, RUNNER_TOKEN=runner.token).status_code == 201
    form = runner.http.post(
        "/api/v4/jobs/request", f"token={runner.token}", content_type="application/x-www-form-urlencoded"
    )
    assert form.status_code == 201
    assert RunnerManager.objects.get().system_id == "<legacy>"


def test_a_paused_runner_gets_204(runner: RunnerCalls) -> None:
    pipeline_with({"only": {"script": "make"}})
    Runner.objects.update(paused=True)
    assert runner.request_job(last_update="1").status_code == 204
    Runner.objects.update(paused=False)
    assert runner.request_job().status_code == 201


def test_tags_decide() -> None:
    pipeline_with({"tagged": {"script": "make", "tags": ["gpu", "linux"]}})
    weak = RunnerCalls(runner_with_token(tags=["linux"])[1])
    able = RunnerCalls(runner_with_token(tags=["linux", "gpu", "more"])[1])
    assert weak.request_job().status_code == 204
    assert able.take()["job_info"]["name"] == "tagged"


def test_a_projects_runner_takes_only_its_jobs() -> None:
    mine, other = ProjectFactory(), ProjectFactory()
    calls = RunnerCalls(runner_with_token(projects=[mine])[1])
    pipelines.create_pipeline(other, "main", PipelineSource.PUSH, acting_user=None)
    assert calls.request_job().status_code == 204
    pipelines.create_pipeline(mine, "main", PipelineSource.PUSH, acting_user=None)
    assert calls.take()["job_info"]["project_id"] == mine.pk


def test_a_job_whose_repository_is_gone_fails_and_says_why(runner: RunnerCalls) -> None:
    lost = pipeline_with({"lost": {"script": "make"}})
    fine = pipeline_with({"fine": {"script": "make"}})
    shutil.rmtree(lost.project.repository_path)
    assert runner.take()["job_info"]["project_id"] == fine.project_id
    job = job_named(lost.pk, "lost")
    assert (job.status, job.failure_reason) == ("failed", "runner_system_failure")
    assert Pipeline.objects.get(pk=lost.pk).status == "failed"
    log = b"".join(bytes(chunk.data) for chunk in TraceChunk.objects.of_jobs([job.pk]).order_by("start"))
    assert b"no git repository" in log
    assert Trace.objects.by_ids([job.pk]).get().size == len(log)


def test_a_fault_while_preparing_loses_no_job(runner: RunnerCalls, monkeypatch: Any) -> None:
    pipeline = pipeline_with(
        {"only": {"script": "make", "retry": {"max": 1, "when": "runner_system_failure"}}}
    )

    def broken(*_: object) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(polling, "payload", broken)
    assert runner.request_job().status_code == 204
    jobs = Job.objects.in_pipeline(pipeline.pk)
    assert [(job.status, job.failure_reason) for job in jobs] == [("failed", "runner_system_failure")] * 2
    log = b"".join(bytes(chunk.data) for chunk in TraceChunk.objects.of_jobs([job.pk for job in jobs]))
    assert b"secret detail" not in log


def test_nobody_waits_who_was_not_told_how_the_queue_stands(runner: RunnerCalls, settings: Any) -> None:
    settings.PIPEYARD_LONG_POLL_SECONDS = 3600
    assert runner.request_job().status_code == 204


def test_a_runner_that_tells_nothing_new_keeps_its_row(runner: RunnerCalls) -> None:
    for _ in range(3):
        runner.request_job()
    manager = RunnerManager.objects.get()
    assert (manager.system_id, manager.name) == (SYSTEM_ID, "gitlab-runner")
    runner.request_job(info={**INFO, "version": "20.0.0"})
    assert RunnerManager.objects.get().version == "20.0.0"


def test_names_on_the_wire_survive_json(runner: RunnerCalls) -> None:
    pipeline_with({"tëst: 日本 🚀": {"script": ["echo 'ünï'", "line1\nline2"]}})
    payload = json.loads(json.dumps(runner.take()))
    assert payload["job_info"]["name"] == "tëst: 日本 🚀"
    assert payload["steps"][0]["script"] == ["echo 'ünï'", "line1\nline2"]
