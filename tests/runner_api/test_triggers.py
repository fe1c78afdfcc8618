"""POST /api/v4/projects/:id/trigger/pipeline: with trigger tokens and job tokens, and who is kept out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.test import Client
from pygit2 import Repository

from ci_core import clock, tokens
from ci_core.actions import users
from ci_core.actions.jobs import cancel_job, succeed_job
from ci_core.actions.trigger_tokens import create_trigger, delete_trigger
from ci_core.models import (
    DownstreamPipeline,
    Job,
    Pipeline,
    PipelineTrigger,
    PipelineVariable,
    Project,
    TriggeredPipeline,
    User,
)
from ci_core.statuses import AccessLevel
from runner_api.wire import triggers as wire
from tests.factories import ProjectFactory, UserFactory, member, pipeline_with, project_with
from tests.runner_api.calls import RunnerCalls
from tests.support.invariants import assert_all_consistent
from tests.support.jobs import job_of

pytestmark = pytest.mark.django_db

BUILD = "build: {script: make}\n"
NOT_FOUND = {"message": "404 Not Found"}


def post(project: Project | str, data: Any = None, *, ref: str = "", query: str = "", **more: Any) -> Any:
    """A form as curl --form sends it; a content type of one's own for other bodies."""
    name = project if isinstance(project, str) else str(project.pk)
    path = f"/api/v4/projects/{name}/{f'ref/{ref}/' if ref else ''}trigger/pipeline{query}"
    return Client(raise_request_exception=False).post(path, {} if data is None else data, **more)


def post_json(project: Project | str, data: Any, **more: Any) -> Any:
    return post(project, json.dumps(data), content_type="application/json", **more)


def owned(config: Any = BUILD, **fields: Any) -> tuple[Project, User, str]:
    """A project, the owner of a trigger token of it, and the token."""
    project = project_with(config, **fields)
    owner = member(project, AccessLevel.MAINTAINER)
    return project, owner, token_of(project, owner)


def token_of(project: Project, owner: User, **more: Any) -> str:
    token = create_trigger(project, acting_user=owner, description="t", **more).new_token
    assert token is not None
    return token


def given(pipeline: Pipeline) -> dict[str, str]:
    return dict(PipelineVariable.objects.in_pipeline(pipeline.pk).values_list("key", "value"))


def base(answer: Any) -> str:
    """Why a pipeline was not created."""
    assert answer.status_code == 400, answer.content
    (sentence,) = answer.json()["message"]["base"]
    return str(sentence)


# --- with a trigger token -----------------------------------------------------------------------------------------


def test_a_form_creates_a_pipeline_on_behalf_of_the_owner() -> None:
    project, owner, token = owned(full_path="group/shop")
    answer = post(project, {"token": token, "ref": "main", "variables[COLOUR]": "blue"})
    assert answer.status_code == 201, answer.content
    pipeline = Pipeline.objects.get()
    made = answer.json()
    assert made["web_url"].endswith(f"/group/shop/-/pipelines/{pipeline.pk}")
    assert made["created_at"].endswith("Z")
    assert made["user"].items() >= {"id": owner.pk, "username": owner.username, "state": "active"}.items()
    assert {name: made[name] for name in ("id", "iid", "project_id", "sha", "ref", "status", "source")} == {
        "id": pipeline.pk,
        "iid": 1,
        "project_id": project.pk,
        "sha": pipeline.sha,
        "ref": "main",
        "status": "pending",
        "source": "trigger",
    }
    assert pipeline.user == owner
    assert given(pipeline)["COLOUR"] == "blue"
    assert json.loads(given(pipeline)["TRIGGER_PAYLOAD"]) == {
        "id": str(project.pk),
        "ref": "main",
        "variables": {"COLOUR": "blue"},
    }
    trigger = PipelineTrigger.objects.get()
    assert trigger.last_used_at is not None
    link = TriggeredPipeline.objects.get()
    assert (link.pipeline_id, link.trigger_id, link.short_token) == (
        pipeline.pk,
        trigger.pk,
        token.removeprefix("glptt-")[:4],
    )
    assert_all_consistent()


def test_the_last_use_is_noted_once_a_minute() -> None:
    project, _, token = owned()
    for seconds, noted in ((30, False), (90, True)):
        before = clock.now() - timedelta(seconds=seconds)
        PipelineTrigger.objects.update(last_used_at=before)
        assert post(project, {"token": token, "ref": "main"}).status_code == 201
        assert (PipelineTrigger.objects.get().last_used_at != before) is noted


@pytest.mark.parametrize("encoded", ["number", "path", "encoded path"])
def test_a_project_is_named_by_number_or_path(encoded: str) -> None:
    project, _, token = owned(full_path="group/sub/shop")
    name = {"number": str(project.pk), "path": "group/sub/shop", "encoded path": "group%2Fsub%2Fshop"}
    assert post(name[encoded], {"token": token, "ref": "main"}).status_code == 201
    assert post(name[encoded], {"token": token}, ref="main").status_code == 201


def test_the_same_as_json_as_a_form_and_in_the_query() -> None:
    project, _, token = owned()
    asked = {"token": token, "ref": "main", "variables": {"A": "1"}}
    urlencoded = "application/x-www-form-urlencoded"
    answers = [
        post_json(project, asked),
        post(project, f"token={token}&ref=main&variables%5BA%5D=1", content_type=urlencoded),
        post(project, query=f"?token={token}&ref=main&variables[A]=1"),
        post_json(project, {"variables": {"A": "1"}}, query=f"?token={token}&ref=nowhere", ref="main"),
        post(project, {"variables[A]": "1"}, query=f"?token={token}&ref=main&variables[A]=0"),
    ]
    assert [answer.status_code for answer in answers] == [201] * 5
    assert {given(pipeline)["A"] for pipeline in Pipeline.objects.all()} == {"1"}


def test_inputs_come_as_texts_or_as_values() -> None:
    config = "spec: {inputs: {level: {type: number}, names: {type: array, default: []}}}\n---\n"
    config += '"job $[[ inputs.level ]]": {script: x, tags: "$[[ inputs.names ]]"}\n'
    project, _, token = owned(config)
    key = {"token": token, "ref": "main"}
    assert post(project, {**key, "inputs[level]": "3"}).status_code == 201
    assert post_json(project, {**key, "inputs": {"level": 4, "names": ["a"]}}).status_code == 201
    assert sorted(Job.objects.values_list("name", flat=True)) == ["job 3", "job 4"]
    refused = post(project, {**key, "inputs[level]": "many", "inputs[more]": "x"})
    assert refused.status_code == 400
    assert any("'level' must be a number" in sentence for sentence in refused.json()["message"]["base"])


def test_a_webhook_leaves_its_payload_to_the_jobs(runner: RunnerCalls) -> None:
    config = {
        "take": {"script": "make", "rules": [{"if": '$TRIGGER_PAYLOAD =~ /"checkout_sha":"[0-9a-f]+"/'}]},
        "not": {"script": "make", "rules": [{"if": "$TRIGGER_PAYLOAD =~ /glptt/"}]},
    }
    project, owner, token = owned(config)
    hook = {
        "object_kind": "push",
        "ref": "refs/heads/other",
        "checkout_sha": "da15",
        "cost": "$HOME",
        "n": [1],
    }
    answer = post_json(
        project, hook, ref="main", query=f"?token={token}", headers={"X-Gitlab-Event": "Push Hook"}
    )
    assert answer.status_code == 201, answer.content
    job = runner.take()
    assert job["job_info"]["name"] == "take"
    variables = {variable["key"]: variable for variable in job["variables"]}
    payload = variables["TRIGGER_PAYLOAD"]
    assert (payload["file"], payload["raw"], payload["public"]) == (True, True, False)
    assert json.loads(payload["value"]) == {**hook, "id": str(project.pk), "ref": "main"}
    values = {key: variable["value"] for key, variable in variables.items()}
    assert values["CI_PIPELINE_SOURCE"] == "trigger"
    assert values["CI_PIPELINE_TRIGGERED"] == "true"
    assert values["CI_TRIGGER_SHORT_TOKEN"] == token.removeprefix("glptt-")[:4]
    assert values["GITLAB_USER_LOGIN"] == owner.username
    assert token not in json.dumps(job)


def test_variables_of_a_trigger_win_over_those_of_the_project(runner: RunnerCalls) -> None:
    project, _, token = owned({"variables": {"A": "yaml", "B": "yaml"}, "build": {"script": "make"}})
    project.variables.create(key="A", value="project")
    project.variables.create(key="B", value="project")
    assert post(project, {"token": token, "ref": "main", "variables[A]": "trigger"}).status_code == 201
    last = {variable["key"]: variable["value"] for variable in runner.take()["variables"]}
    assert (last["A"], last["B"]) == ("trigger", "project")


def test_only_and_rules_know_what_asked_for_the_pipeline() -> None:
    config = {
        "triggers": {"script": "x", "only": ["triggers"]},
        "pipelines": {"script": "x", "only": ["pipelines"]},
        "pushes": {"script": "x", "only": ["pushes"]},
        "not triggers": {"script": "x", "except": ["triggers"]},
        "by rule": {"script": "x", "rules": [{"if": '$CI_PIPELINE_SOURCE == "trigger"'}]},
        "by flag": {"script": "x", "rules": [{"if": "$CI_PIPELINE_TRIGGERED"}]},
        "by source": {"script": "x", "rules": [{"if": '$CI_PIPELINE_SOURCE == "pipeline"'}]},
    }
    project, _, token = owned(config)
    made = post(project, {"token": token, "ref": "main"}).json()["id"]
    jobs = Job.objects.in_pipeline(made)
    assert sorted(jobs.values_list("name", flat=True)) == ["by flag", "by rule", "triggers"]


def test_include_knows_what_the_trigger_gave() -> None:
    files = {
        ".gitlab-ci.yml": "include: [{local: more.yml, rules: [{if: '$TRIGGER_PAYLOAD =~ /blue/ && $COLOUR'}]}]\n"
        + BUILD,
        "more.yml": "more: {script: x}\n",
    }
    project = ProjectFactory(files=files)
    token = token_of(project, member(project, AccessLevel.MAINTAINER))
    for colour, jobs in (("blue", ["build", "more"]), ("red", ["build"])):
        made = post(project, {"token": token, "ref": "main", "variables[COLOUR]": colour}).json()["id"]
        assert sorted(Job.objects.in_pipeline(made).values_list("name", flat=True)) == jobs


# --- what is refused ----------------------------------------------------------------------------------------------


def test_why_there_is_no_pipeline() -> None:
    project, _, token = owned("build: {script: x, rules: [{if: $NEVER}]}\n")
    key = {"token": token, "ref": "main"}
    assert "'nowhere'" in base(post(project, {**key, "ref": "nowhere"}))
    assert "prevented any jobs from being added" in base(post(project, key))
    assert not Pipeline.objects.exists()


def test_a_configuration_with_errors_is_told_and_kept() -> None:
    project, _, token = owned("build: {stage: nowhere, script: x}\n")
    assert base(post(project, {"token": token, "ref": "main"})).startswith(".gitlab-ci.yml:1: ")
    assert Pipeline.objects.get().failure_reason == "config_error"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"variables": {"1-A": "x"}}, "'1-A' is not the key of a variable"),
        ({"variables": {"A" * 256: "x"}}, "is not the key of a variable"),
        ({"variables": {"TRIGGER_PAYLOAD": "x"}}, "TRIGGER_PAYLOAD is not for giving"),
        ({"variables": {"A": "\0"}}, "NUL"),
        ({"inputs": {"a": ["x", {"b": "\0"}]}}, "NUL"),
        ({"inputs": {"a\0": 1}}, "NUL"),
        (
            {"variables": {f"A{number}": "x" for number in range(1001)}},
            "variables: there are 1001; 1000 are the most",
        ),
    ],
)
def test_variables_and_inputs_that_cannot_be(wrong: Any, sentence: str) -> None:
    project, _, token = owned()
    assert sentence in base(post_json(project, {"token": token, "ref": "main", **wrong}))
    assert not Pipeline.objects.exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ref": "main"}, "token is missing"),
        ({"token": "x"}, "ref is missing"),
        ({"token": "x", "ref": ""}, "ref is missing"),
        (
            {"token": "x", "ref": "main", "variables": "A=1"},
            "variables needs to be a map of key-valued strings",
        ),
        ({"token": "x", "ref": "main", "variables": {"A": 1}}, "variables needs to be a map"),
        ({"token": "x", "ref": "main", "variables": ["A"]}, "variables needs to be a map"),
        ({"token": "x", "ref": "main", "inputs": "A"}, "inputs needs to be a map"),
        ({"token": ["x", {}], "ref": "main"}, "token must be a text"),
        ({"token": "x" * 256, "ref": "main"}, "token has 256 characters"),
        ([], "must be a JSON object"),
    ],
)
def test_requests_that_cannot_be_read(body: Any, message: str) -> None:
    project, _, _ = owned()
    answer = post_json(project, body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_bodies_that_cannot_be_read() -> None:
    project, _, token = owned()
    assert post(project, "{", content_type="application/json").status_code == 400
    assert post(project, b"--x", content_type="multipart/form-data; boundary=").status_code == 400
    deep = f'{{"token": "{token}", "ref": "main", "a": {"[" * 600 + "]" * 600}}}'
    answer = post(project, deep, content_type="application/json")
    assert (answer.status_code, answer.json()["message"]) == (400, "The request is nested too deeply.")
    many = post(project, {f"a{number}": "x" for number in range(1100)})
    assert many.status_code == 400
    assert (
        post(project, '{"token": "x", "ref": "\\ud800"}', content_type="application/json").status_code == 400
    )
    assert post("a%00b", {"token": token, "ref": "main"}).status_code == 404
    assert base(post(project, {"token": token}, ref="ma%00on")) == base(
        post(project, {"token": token}, ref="maon")
    )
    nul = post_json(project, {"token": token, "ref": "main", "more": "a\0b"})
    assert nul.status_code == 201, "as \\u0000 of JSON"


def test_the_payload_is_bounded() -> None:
    project, _, token = owned()
    key = {"token": token, "ref": "main"}
    fits = post_json(project, {**key, "more": "x" * (wire.PAYLOAD_LIMIT - 100)})
    assert fits.status_code == 201
    assert post_json(project, {**key, "more": "x" * wire.PAYLOAD_LIMIT}).status_code == 413
    assert post_json(project, {**key, "more": "x" * 6 * 1024 * 1024}).status_code == 413
    assert post(project, {**key, "more": "x" * 6 * 1024 * 1024}).status_code == 413


def test_other_methods_create_nothing() -> None:
    project, _, token = owned()
    path = f"/api/v4/projects/{project.pk}/ref/main/trigger/pipeline?token={token}"
    for method in ("get", "put", "delete", "patch"):
        answer = getattr(Client(), method)(path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert not Pipeline.objects.exists()


def test_the_webhook_of_pipelines_would_never_end() -> None:
    project, _, token = owned()
    answer = post(project, {"token": token, "ref": "main"}, headers={"X-Gitlab-Event": "Pipeline Hook"})
    assert (answer.status_code, answer.json()) == (403, {"message": "403 Forbidden"})
    assert not Pipeline.objects.exists()


# --- doors that stay shut -----------------------------------------------------------------------------------------


def test_nobody_learns_which_tokens_and_projects_there_are() -> None:
    project, owner, token = owned(visibility="public")
    other, _, others_token = owned()
    expired = token_of(project, owner, expires_at=clock.now() + timedelta(days=1))
    PipelineTrigger.objects.filter(digest=tokens.digest(expired)).update(expires_at=clock.now())
    revoked = token_of(project, owner)
    delete_trigger(PipelineTrigger.objects.get(digest=tokens.digest(revoked)).pk)
    personal = users.create_personal_token(owner, "p", ["api"])
    job = Job.objects.in_pipeline(pipeline_with(BUILD, user=owner).pk).get()
    forged = f"{tokens.job_token(job)[:-1]}!"
    for place, shown in (
        (project, "glptt-unknown"),
        (project, token[:-1]),
        (project, token.removeprefix("glptt-")),
        (project, others_token),
        (project, expired),
        (project, revoked),
        (project, personal),
        (project, forged),
        (project, "\0"),
        (other, token),
        ("999999", token),
        ("9" * 30, token),
        ("no/such", token),
        ("no/such", "glptt-unknown"),
    ):
        answer = post(place, {"token": shown, "ref": "nowhere"} | ({} if shown != "\0" else {"token": "\0x"}))
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND), (place, shown)
    assert Pipeline.objects.exclude(pk=job.pipeline_id).count() == 0


def test_a_token_is_no_key_to_anything_else() -> None:
    project, _, token = owned()
    assert post(project, {"ref": "main"}, headers={"Private-Token": token}).status_code == 400
    answer = Client().get(
        f"/{project.full_path}.git/info/refs?service=git-upload-pack",
        headers={
            "Authorization": f"Bearer {token}",
        },
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("level", [None, AccessLevel.GUEST, AccessLevel.REPORTER])
def test_an_owner_who_lost_the_rights(level: int | None) -> None:
    project, owner, token = owned()
    project.memberships.filter(user=owner).delete()
    if level is not None:
        project.memberships.create(user=owner, access_level=level)
    answer = post(project, {"token": token, "ref": "main"})
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        f"The owner of the trigger token may not run pipelines in {project.full_path}: that takes the Developer role."
    )
    assert not Pipeline.objects.exists()


def test_an_owner_who_is_a_developer_now_still_may() -> None:
    project, owner, token = owned()
    project.memberships.filter(user=owner).update(access_level=AccessLevel.DEVELOPER)
    assert post(project, {"token": token, "ref": "main"}).status_code == 201


def test_an_owner_who_is_blocked_or_gone() -> None:
    project, owner, token = owned()
    users.update_user(owner, is_active=False)
    answer = post(project, {"token": token, "ref": "main"})
    assert (answer.status_code, "is blocked" in answer.json()["message"]) == (403, True)
    owner.delete()
    assert post(project, {"token": token, "ref": "main"}).status_code == 404
    assert not Pipeline.objects.exists()


def test_tokens_are_not_for_guessing(settings: Any) -> None:
    settings.PIPEYARD_PASSWORD_TRIES_PER_ADDRESS = 3
    project, _, token = owned()
    right, wrong = {"token": token, "ref": "main"}, {"token": "glptt-wrong", "ref": "main"}
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert [post(project, right).status_code for _ in range(5)] == [201] * 5, "which are no guesses"
    PipelineTrigger.objects.update(expires_at=clock.now())
    assert {post(project, right).status_code for _ in range(5)} == {404}, "which are none either"
    PipelineTrigger.objects.update(expires_at=None)
    assert [post(project, wrong).status_code for _ in range(4)] == [404, 404, 404, 429]
    answer = post(project, right)
    assert (answer.status_code, "ten minutes" in answer.json()["message"]) == (429, True)
    assert post(project, right, **other).status_code == 201


# --- with a job token ---------------------------------------------------------------------------------------------


def running(runner: RunnerCalls) -> tuple[dict[str, Any], Job, User]:
    """A job that runs, as its runner and as the database has it, and whose it is."""
    user = UserFactory()
    pipeline_with(BUILD, user=user)
    taken = runner.take()
    return taken, Job.objects.by_ids([taken["id"]]).get(), user


def test_a_running_job_creates_a_pipeline_of_another_project(runner: RunnerCalls) -> None:
    taken, job, user = running(runner)
    config = {
        "pipelines": {"script": "x", "only": ["pipelines"]},
        "triggers": {"script": "x", "only": ["triggers"]},
        "known": {"script": "x", "rules": [{"if": f'$CI_UPSTREAM_JOB_ID == "{job.pk}"'}]},
    }
    target = project_with(config)
    target.memberships.create(user=user, access_level=AccessLevel.DEVELOPER)
    answer = post(target, {"token": taken["token"], "ref": "main", "variables[A]": "1"})
    assert answer.status_code == 201, answer.content
    assert answer.json()["source"] == "pipeline"
    pipeline = Pipeline.objects.get(pk=answer.json()["id"])
    assert (pipeline.project, pipeline.user) == (target, user)
    link = DownstreamPipeline.objects.get()
    assert (link.pk, link.source_pipeline_id, link.source_job_id, link.source_project_id, link.root_id) == (
        pipeline.pk,
        job.pipeline_id,
        job.pk,
        job.project_id,
        job.pipeline_id,
    )
    assert (link.child, link.strategy, link.by_token) == (False, "", True)
    assert sorted(Job.objects.in_pipeline(pipeline.pk).values_list("name", flat=True)) == [
        "known",
        "pipelines",
    ]
    assert not TriggeredPipeline.objects.exists()
    first = RunnerCalls(runner.token).take()
    values = {variable["key"]: variable["value"] for variable in first["variables"]}
    assert values["CI_PIPELINE_SOURCE"] == "pipeline"
    assert values["CI_UPSTREAM_PIPELINE_ID"] == str(job.pipeline_id)
    assert values["A"] == "1"
    assert "CI_PIPELINE_TRIGGERED" not in values
    assert "CI_TRIGGER_SHORT_TOKEN" not in values
    assert json.loads(values["TRIGGER_PAYLOAD"])["variables"] == {"A": "1"}
    assert_all_consistent()


def test_a_job_may_create_several_and_of_its_own_project(runner: RunnerCalls) -> None:
    taken, job, user = running(runner)
    Project.objects.get(pk=job.project_id).memberships.create(user=user, access_level=AccessLevel.DEVELOPER)
    for _ in range(3):
        assert post(str(job.project_id), {"token": taken["token"], "ref": "main"}).status_code == 201
    assert DownstreamPipeline.objects.filter(source_job_id=job.pk, child=False).count() == 3
    assert_all_consistent()


def test_a_family_grows_only_so_large(runner: RunnerCalls, settings: Any) -> None:
    settings.PIPEYARD_PIPELINE_FAMILY_SIZE = 3
    taken, job, user = running(runner)
    project = Project.objects.get(pk=job.project_id)
    project.memberships.create(user=user, access_level=AccessLevel.DEVELOPER)
    assert post(project, {"token": taken["token"], "ref": "main"}).status_code == 201
    below = runner.take()
    assert post(project, {"token": below["token"], "ref": "main"}).status_code == 201
    for token in (taken["token"], below["token"]):
        assert f"The pipeline #{job.pipeline_id} and all that it led to are 3" in base(
            post(project, {"token": token, "ref": "main"})
        )
    assert Pipeline.objects.count() == 3


def test_a_job_token_works_only_while_its_job_runs(runner: RunnerCalls) -> None:
    pipeline = pipeline_with({"a": {"script": "x"}, "b": {"script": "x"}})
    user = member(pipeline.project)
    Job.objects.in_pipeline(pipeline.pk).update(user=user)
    key = {"ref": "main", "token": tokens.job_token(job_of(pipeline, "b"))}
    refusal = {"message": "The job token is not that of a running job."}
    pending = post(pipeline.project, key)
    assert (pending.status_code, pending.json()) == (401, refusal)
    first, second = runner.take(), runner.take()
    assert post(pipeline.project, {"ref": "main", "token": first["token"]}).status_code == 201
    succeed_job(first["id"])
    cancel_job(second["id"])
    Job.objects.by_ids([second["id"]]).update(status="canceled")
    for taken in (first, second):
        for place in (pipeline.project, "no/such"):
            answer = post(place, {"ref": "main", "token": taken["token"]})
            assert (answer.status_code, answer.json()) == (401, refusal)
    assert Pipeline.objects.count() == 2


def test_a_job_has_the_rights_of_its_user_as_they_are_now(runner: RunnerCalls) -> None:
    taken, job, user = running(runner)
    target = project_with(BUILD)
    key = {"token": taken["token"], "ref": "main"}

    def told() -> tuple[int, Any]:
        answer = post(target, key)
        return answer.status_code, answer.json()["message"]

    assert told() == (404, "404 Not Found"), "who does not see the project"
    membership = target.memberships.create(user=user, access_level=AccessLevel.REPORTER)
    assert told() == (
        403,
        f"Whoever started the job may not run pipelines in {target.full_path}: that takes the Developer role.",
    )
    membership.delete()
    target.visibility = "public"
    target.save()
    assert told()[0] == 403
    target.memberships.create(user=user, access_level=AccessLevel.DEVELOPER)
    users.update_user(user, is_active=False)
    assert told() == (403, "Whoever started the job is blocked, or does not exist any more.")
    users.update_user(user, is_active=True)
    Job.objects.by_ids([job.pk]).update(user=None)
    assert told()[0] == 403
    assert Pipeline.objects.filter(project=target).count() == 0
    Job.objects.by_ids([job.pk]).update(user=user)
    assert post(target, key).status_code == 201


def test_job_tokens_that_are_stale_are_no_guesses(runner: RunnerCalls, settings: Any) -> None:
    settings.PIPEYARD_PASSWORD_TRIES_PER_ADDRESS = 2
    taken, job, _ = running(runner)
    succeed_job(job.pk)
    statuses = {
        post(str(job.project_id), {"token": taken["token"], "ref": "main"}).status_code for _ in range(5)
    }
    assert statuses == {401}


# --- the real server ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_names_with_slashes_over_a_real_server(live: str) -> None:
    project, _, token = owned(full_path="ref/ref/ref")
    repository = Repository(project.repository_path)
    repository.branches.local.create("feature/ref/x", repository.get(repository.head.target))
    place = f"{live}/api/v4/projects/ref%2Fref%2Fref"
    calls = [
        httpx.post(f"{place}/ref/feature%2Fref%2Fx/trigger/pipeline", params={"token": token}),
        httpx.post(f"{place}/ref/feature/ref/x/trigger/pipeline?token={token}"),
        httpx.post(
            f"{place}/trigger/pipeline", files={"token": (None, token), "ref": (None, "feature/ref/x")}
        ),
        httpx.post(f"{place}/trigger/pipeline", data={"token": token, "ref": "feature/ref/x"}),
    ]
    assert [(answer.status_code, answer.json()["ref"]) for answer in calls] == [(201, "feature/ref/x")] * 4
    boundary = b"--x\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n"
    form = boundary % (b'"token"', token.encode()) + boundary % (b'"ref"', b"main") + b"--x--\r\n"
    chunked = httpx.post(
        f"{place}/trigger/pipeline",
        content=iter([form]),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert chunked.status_code == 201, chunked.text
