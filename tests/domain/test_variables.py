"""The variables that a job gets, and the order of their sources."""

from __future__ import annotations

import re

import pytest

from ci_core import tokens
from ci_core.actions.jobs import play_job
from ci_core.actions.pipelines import create_pipeline
from ci_core.errors import RefNotFound, RepositoryMissing
from ci_core.handout import Handout, prepare
from ci_core.models import Artifact, Job, Project, ProjectVariable
from ci_core.models.ids import on_job
from ci_core.queueing import claim_job
from ci_core.repositories import open_repository
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import UserFactory, member, project_with, runner_with_token

pytestmark = pytest.mark.django_db


def handed_out(project: Project, *, ref: str = "main", **given: str) -> Handout:
    variables = [GivenVariable(key, value) for key, value in given.items()]
    create_pipeline(project, ref, PipelineSource.WEB, acting_user=UserFactory(), variables=variables)
    runner, _ = runner_with_token(description="a runner", tags=["x"])
    job = claim_job(runner)
    assert job is not None
    return prepare(job, runner)


def values(handout: Handout) -> dict[str, str]:
    return {variable.key: variable.value for variable in handout.variables}


def store(project: Project, key: str, value: str, **fields: object) -> None:
    ProjectVariable.objects.create(project=project, key=key, value=value, **fields)


def test_predefined_variables() -> None:
    project = project_with("a: {script: x, environment: {name: qa, url: 'https://$CI_PROJECT_NAME.test'}}")
    handout = handed_out(project)
    seen = values(handout)
    expected = {
        "CI": "true",
        "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_REF_NAME": "main",
        "CI_COMMIT_SHA": handout.pipeline.sha,
        "CI_COMMIT_SHORT_SHA": handout.pipeline.sha[:8],
        "CI_COMMIT_REF_PROTECTED": "true",
        "CI_CONFIG_PATH": ".gitlab-ci.yml",
        "CI_DEFAULT_BRANCH": "main",
        "CI_ENVIRONMENT_NAME": "qa",
        "CI_ENVIRONMENT_TIER": "testing",
        "CI_JOB_ID": str(handout.job.pk),
        "CI_JOB_NAME": "a",
        "CI_JOB_STAGE": "test",
        "CI_PIPELINE_IID": "1",
        "CI_PIPELINE_SOURCE": "web",
        "CI_PROJECT_PATH": project.full_path,
        "CI_RUNNER_TAGS": '["x"]',
        "CI_JOB_GROUP_NAME": "a",
        "CI_NODE_TOTAL": "1",
        "CI_PROJECT_NAMESPACE_SLUG": project.full_path.split("/")[0],
        "CI_JOB_TOKEN": tokens.job_token(handout.job),
    }
    assert {key: seen.get(key) for key in expected} == expected
    assert seen["CI_ENVIRONMENT_URL"] == f"https://{project.full_path.split('/')[1]}.test"
    assert not {"CI_COMMIT_TAG", "CI_NODE_INDEX"} & seen.keys()
    assert seen["CI_JOB_STARTED_AT_SLUG"] == re.sub("[^0-9a-z]", "-", seen["CI_JOB_STARTED_AT"].lower())
    assert seen["CI_ENVIRONMENT_ID"].isdigit()
    hidden = {variable.key for variable in handout.variables if variable.masked}
    assert hidden == {"CI_JOB_TOKEN", "CI_REPOSITORY_URL"}
    assert not any(variable.public for variable in handout.variables if variable.masked)


def test_copies_know_their_number_and_the_name_of_all() -> None:
    seen = values(handed_out(project_with("a: {script: x, parallel: 2}")))
    assert [seen[f"CI_{name}"] for name in ("JOB_NAME", "JOB_GROUP_NAME", "NODE_INDEX", "NODE_TOTAL")] == [
        "a 1/2",
        "a",
        "1",
        "2",
    ]


def test_a_manual_job_is_of_who_started_it() -> None:
    # docs.gitlab.com/ci/variables/predefined_variables/: GITLAB_USER_LOGIN
    project = project_with("a: {script: x, when: manual}")
    first, second = UserFactory(), member(project)
    pipeline = create_pipeline(project, "main", PipelineSource.WEB, acting_user=first)
    play_job(Job.objects.in_pipeline(pipeline.pk).get().pk, acting_user=second)
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    seen = values(prepare(job, runner))
    assert (seen["GITLAB_USER_LOGIN"], seen["GITLAB_USER_ID"]) == (second.username, str(second.pk))
    assert seen["CI_JOB_MANUAL"] == "true"


def test_later_sources_win() -> None:
    project = project_with(
        "variables: {A: global, B: global, C: global}\na: {script: x, variables: {B: job, C: job, D: job}}"
    )
    store(project, "C", "project")
    store(project, "D", "project")
    assert {key: values(handed_out(project, D="given"))[key] for key in "ABCD"} == {
        "A": "global",
        "B": "job",
        "C": "project",
        "D": "given",
    }


def test_protected_masked_raw_and_file_variables() -> None:
    project = project_with("a: {script: x}")
    store(project, "SECRET", "s3cret", masked=True, protected=True)
    store(project, "CERT", "pem", variable_type="file", raw=True)
    on_main = {variable.key: variable for variable in handed_out(project).variables}
    assert on_main["SECRET"].masked
    assert on_main["CERT"].file
    assert on_main["CERT"].raw
    repository = open_repository(project)._git
    repository.branches.local.create("feature", repository[repository.references["refs/heads/main"].target])
    assert "SECRET" not in values(handed_out(project, ref="feature"))


def test_a_variable_of_an_environment_reaches_jobs_of_that_environment_only() -> None:
    project = project_with("a: {script: x, environment: review/one}")
    store(project, "KEY", "everywhere")
    store(project, "KEY", "review", environment_scope="review/*")
    store(project, "OTHER", "no", environment_scope="production")
    seen = values(handed_out(project))
    assert seen["KEY"] == "review"
    assert "OTHER" not in seen


def add_archive(job: Job) -> None:
    Artifact.objects.create(
        id=on_job(job.pk, 1), pipeline_id=job.pipeline_id, job_id=job.pk, project_id=job.project_id,
        file_type="archive", file_format="zip", filename="artifacts.zip", size=1, sha256="", blob="x",
        created_at=job.created_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("", ["one", "two"]),
        ("needs: [two]", ["two"]),
        ("needs: [one, {job: two, artifacts: false}]", ["one"]),
        ("needs: []", []),
        ("dependencies: [one]", ["one"]),
        ("dependencies: []", []),
        ("needs: [one, two]\n  dependencies: [two]", ["two"]),
    ],
)
def test_which_artifacts_a_job_gets(keywords: str, expected: list[str]) -> None:
    project = project_with(
        "one: {stage: build, script: x}\ntwo: {stage: build, script: x}\nlast:\n  stage: deploy\n  script: x\n"
        f"  {keywords}\n"
    )
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    for job in Job.objects.in_pipeline(pipeline.pk).filter(name__in=["one", "two"]):
        add_archive(job)
    runner, _ = runner_with_token()
    Job.objects.in_pipeline(pipeline.pk).filter(name="last").update(runner=runner)
    claimed = claim_job(runner)
    assert claimed is not None
    last = Job.objects.in_pipeline(pipeline.pk).get(name="last")
    last_handout = prepare_as_if_running(last, runner)
    assert [dependency.job.name for dependency in last_handout.dependencies] == expected


def prepare_as_if_running(job: Job, runner: object) -> Handout:
    from ci_core.transition import started_on

    started_on(job.pipeline, job.pk, runner.pk, 60)  # type: ignore[attr-defined]
    return prepare(job, runner)  # type: ignore[arg-type]


def test_a_repository_that_vanished_is_named() -> None:
    project = project_with("a: {script: x}")
    create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    Project.objects.filter(pk=project.pk).update(repository_path="gone.git")
    with pytest.raises(RepositoryMissing):
        prepare(job, runner)
    other = project_with("b: {script: x}")
    Project.objects.filter(pk=project.pk).update(repository_path=other.repository_path)
    job.pipeline.__class__.objects.filter(pk=job.pipeline_id).update(sha="f" * 40)
    with pytest.raises(RefNotFound, match="f" * 40):
        prepare(job, runner)
