"""Creating pipelines: what is written, and what bad input does."""

from __future__ import annotations

import pytest

from ci_core.actions.pipelines import create_pipeline
from ci_core.decisions.snapshots import JobSnapshot
from ci_core.errors import ConfigMissing, PipelineFiltered, RefNotFound, RepositoryMissing
from ci_core.models import (
    Deployment,
    Environment,
    Event,
    Job,
    JobDefinition,
    Need,
    PendingJob,
    Pipeline,
    PipelineVariable,
    Stage,
)
from ci_core.processing import start
from ci_core.processing.snapshot import load_jobs
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import ProjectFactory, UserFactory, pipeline_with, project_with
from tests.support.invariants import assert_consistent

pytestmark = pytest.mark.django_db

CONFIG = """
stages: [build, test, deploy]
compile: {stage: build, script: make, artifacts: {paths: [out/]}}
unit: {stage: test, script: make test, needs: [compile]}
lint: {stage: test, script: make lint, needs: []}
staging:
  stage: deploy
  script: make deploy
  environment: {name: staging, url: "https://$CI_COMMIT_REF_SLUG.example.com"}
"""


def test_a_pipeline_is_written_whole_and_started() -> None:
    user = UserFactory()
    pipeline = pipeline_with(CONFIG, user=user)
    stages = Stage.objects.in_pipeline(pipeline.pk).order_by("id")
    assert [(stage.name, stage.position) for stage in stages] == [("build", 1), ("test", 2), ("deploy", 3)]
    jobs = {job.name: job for job in Job.objects.in_pipeline(pipeline.pk).in_order()}
    assert {name: job.status for name, job in jobs.items()} == {
        "compile": "pending",
        "unit": "created",
        "lint": "pending",
        "staging": "created",
    }
    assert jobs["staging"].user_id == user.pk
    needs = Need.objects.in_pipeline(pipeline.pk)
    assert [(need.job_id, need.name) for need in needs] == [(jobs["unit"].pk, "compile")]
    assert jobs["lint"].scheduling_type == "dag"
    assert (pipeline.status, pipeline.iid, pipeline.protected) == ("pending", 1, True)
    assert set(PendingJob.objects.values_list("job_id", flat=True)) == {jobs["compile"].pk, jobs["lint"].pk}
    assert_consistent(pipeline.pk)


def test_environment_and_deployment_are_made() -> None:
    pipeline = pipeline_with(CONFIG)
    environment = Environment.objects.get()
    assert (environment.name, environment.slug, environment.tier) == ("staging", "staging", "staging")
    assert environment.external_url == "https://main.example.com"
    deployment = Deployment.objects.get()
    assert (deployment.iid, deployment.status, deployment.environment_id) == (1, "created", environment.pk)
    assert deployment.sha == pipeline.sha


def test_equal_jobs_share_a_definition() -> None:
    pipeline = pipeline_with(
        "test: {script: make, parallel: 3}\nother: {script: make}\nmore: {script: make}\n"
    )
    assert Job.objects.in_pipeline(pipeline.pk).count() == 5
    definitions = JobDefinition.objects.in_pipeline(pipeline.pk)
    assert 1 <= definitions.count() <= 4
    shared = Job.objects.in_pipeline(pipeline.pk).filter(name__in=["other", "more"])
    assert len(set(shared.values_list("definition_id", flat=True))) == 1


def test_given_variables_are_kept_and_seen_by_rules() -> None:
    project = project_with("a: {script: x, rules: [{if: '$WHO == \"me\"'}]}\nb: {script: x}\n")
    given = [GivenVariable("WHO", "me")]
    pipeline = create_pipeline(project, "main", PipelineSource.API, acting_user=None, variables=given)
    assert set(Job.objects.in_pipeline(pipeline.pk).values_list("name", flat=True)) == {"a", "b"}
    assert list(PipelineVariable.objects.in_pipeline(pipeline.pk).values_list("key", "value")) == [
        ("WHO", "me")
    ]


def test_a_broken_configuration_gives_a_failed_pipeline_with_all_its_errors() -> None:
    pipeline = pipeline_with("build:\n  scrip: make\ntest:\n  script: make\n  needs: [nothing]\n")
    assert (pipeline.status, pipeline.failure_reason) == ("failed", "config_error")
    assert pipeline.finished_at is not None
    lines = {error["line"] for error in pipeline.config_errors}
    assert len(pipeline.config_errors) >= 2
    assert 2 in lines
    assert all(error["file"] == ".gitlab-ci.yml" and error["path"] for error in pipeline.config_errors)
    assert not Job.objects.in_pipeline(pipeline.pk).exists()
    assert [event.status for event in Event.objects.in_pipeline(pipeline.pk)] == ["failed"]


@pytest.mark.parametrize("text", ["", "[]", "a: b: c", "\t", "x: &x [*x]", "a: !unknown 1", "\x00"])
def test_no_file_is_too_broken(text: str) -> None:
    pipeline = pipeline_with(text)
    assert pipeline.status == "failed"
    assert pipeline.config_errors


@pytest.mark.parametrize(
    "text",
    [
        'include: "a\\0b"\na: {script: x}',
        '"j\\0b": {script: x}',
        'a: {script: "x\\0y"}',
        'a: {script: x, environment: "e\\0"}',
        'a: {script: x, tags: ["t\\0"]}',
        'a: {script: x, resource_group: "r\\0"}',
        'a: {scrip: x, "k\\0": 1}',
        'workflow: {name: "n\\0"}\na: {script: x}',
        "stages: [" + "s" * 300 + "]\na: {stage: " + "s" * 300 + ", script: x}",
        "a: {script: x, tags: [" + "t" * 300 + "]}",
        "a: {script: x, environment: " + "e" * 300 + "}",
        "a: {script: x, resource_group: " + "r" * 300 + "}",
        "a: {script: x, when: delayed, start_in: 100000 years}",
    ],
)
def test_what_the_database_cannot_hold_is_an_error_of_the_configuration(text: str) -> None:
    pipeline = pipeline_with(text)
    assert pipeline.status == "failed"
    assert pipeline.config_errors
    assert "\0" not in str(pipeline.config_errors)


def test_an_unknown_ref_is_named_and_nothing_is_written() -> None:
    project = project_with("a: {script: x}")
    with pytest.raises(RefNotFound, match="'nowhere'"):
        create_pipeline(project, "nowhere", PipelineSource.API, acting_user=None)
    assert not Pipeline.objects.exists()


@pytest.mark.parametrize("ref", ["", "..", "main~1", "a b", "refs/heads/", "x" * 5000, "-x", "main\n"])
def test_a_ref_that_cannot_be_one_is_not_found(ref: str) -> None:
    project = project_with("a: {script: x}")
    with pytest.raises(RefNotFound):
        create_pipeline(project, ref, PipelineSource.API, acting_user=None)


def test_a_repository_that_is_not_there_is_named() -> None:
    project = ProjectFactory(repository_path="nowhere.git")
    with pytest.raises(RepositoryMissing, match=project.full_path) as refused:
        create_pipeline(project, "main", PipelineSource.API, acting_user=None)
    assert "nowhere.git" not in refused.value.message
    assert not Pipeline.objects.exists()


def test_a_commit_without_configuration_is_refused() -> None:
    project = ProjectFactory(files={"README.md": "hello"})
    with pytest.raises(ConfigMissing, match=r"\.gitlab-ci\.yml"):
        create_pipeline(project, "main", PipelineSource.API, acting_user=None)


def test_rules_that_leave_no_job_make_no_pipeline() -> None:
    project = project_with("a: {script: x, rules: [{if: '$NOTHING'}]}")
    with pytest.raises(PipelineFiltered):
        create_pipeline(project, "main", PipelineSource.API, acting_user=None)
    assert not Pipeline.objects.exists()


def test_workflow_rules_that_say_no_make_no_pipeline() -> None:
    project = project_with("workflow: {rules: [{when: never}]}\na: {script: x}")
    with pytest.raises(PipelineFiltered):
        create_pipeline(project, "main", PipelineSource.API, acting_user=None)


def test_iids_count_per_project() -> None:
    first, second = project_with("a: {script: x}"), project_with("a: {script: x}")
    iids = [
        create_pipeline(project, "main", PipelineSource.API, acting_user=None).iid
        for project in (first, first, second)
    ]
    assert iids == [1, 2, 1]


def test_what_mirrors_a_pipeline_runs_nothing() -> None:
    pipeline = pipeline_with("ok: {script: x}\na:\n  needs: {pipeline: g/p}\n  script: x\n")
    assert pipeline.status == "failed"
    assert [(error["line"], error["path"]) for error in pipeline.config_errors] == [(4, "jobs:a:script")]
    assert "Such a job runs nothing itself" in pipeline.config_errors[0]["message"]


MIXED = (
    CONFIG
    + """
by_hand: {stage: test, script: x, when: manual, allow_failure: true}
later: {stage: deploy, script: x, when: delayed, start_in: 5 minutes, needs: [{job: unit, optional: true}]}
alone: {stage: deploy, script: x, resource_group: one}
'odd "tags"': {stage: deploy, script: x, tags: ['a "b"', 'c,d', 'e\\f', '{g}']}
"""
)


def test_the_first_pass_takes_the_jobs_as_a_later_one_would_read_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def spy(pipeline: Pipeline, jobs: list[JobSnapshot]) -> None:
        seen.append((list(jobs), load_jobs(pipeline)))
        start(pipeline, jobs)

    monkeypatch.setattr("ci_core.actions.pipelines.start", spy)
    pipeline = pipeline_with(MIXED)
    ((given, read),) = seen
    assert given == read
    assert len(given) == 8
    odd = Job.objects.in_pipeline(pipeline.pk).get(name='odd "tags"')
    assert odd.tags == ['a "b"', "c,d", "e\\f", "{g}"]
