"""What trigger jobs pass on, what they may create, and why they fail."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from ci_core.actions.artifacts import store_artifact
from ci_core.actions.jobs import retry_job, succeed_job
from ci_core.actions.pipelines import create_pipeline, retry_pipeline
from ci_core.errors import DependencyMissing, NotRetryable
from ci_core.handout import prepare
from ci_core.models import (
    BridgeMessage,
    DownstreamPipeline,
    Job,
    Pipeline,
    PipelineVariable,
    Project,
    ProjectMembership,
    ProjectVariable,
    User,
)
from ci_core.queueing import claim_job
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import ProjectFactory, UserFactory, runner_with_token
from tests.support.bridges import child_of, run_bridges
from tests.support.invariants import assert_all_consistent
from tests.support.jobs import job_of, take

pytestmark = pytest.mark.django_db

CHILD = "test: {script: x}\n"


def started(files: dict[str, str], *, user: User | None = None, **options: Any) -> Pipeline:
    """A pipeline of a new project with these files; its trigger jobs have done their work."""
    made: Project = ProjectFactory(files=files)
    if user is not None:
        ProjectMembership.objects.create(user=user, project=made, access_level=30)
    pipeline = create_pipeline(made, "main", PipelineSource.PUSH, acting_user=user, **options)
    run_bridges()
    return pipeline


def given(pipeline: Pipeline) -> dict[str, str]:
    return dict(PipelineVariable.objects.in_pipeline(pipeline.pk).values_list("key", "value"))


def why(pipeline: Pipeline, name: str = "go") -> tuple[str, str]:
    """The failure reason of a trigger job, and its words."""
    job = job_of(pipeline, name)
    assert job.status == "failed"
    assert_all_consistent()
    return job.failure_reason, BridgeMessage.objects.get(job_id=job.pk).content


def archive(job: Job, **files: str) -> None:
    """Stores an archive with these files, as the runner of a job does."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as members:
        for name, content in files.items():
            members.writestr(name.replace("__", "/").replace("_yml", ".yml"), content)
    data = packed.getvalue()
    store_artifact(
        job, "artifacts.zip", [data], size=len(data), file_type="archive", file_format="zip", lives=None
    )


# --- variables and inputs ---

PARENT = """
variables: {GLOBAL: g, SHARED: from-yaml}
go:
  variables: {OWN: "$CI_COMMIT_REF_NAME-$GLOBAL", LITERAL: {value: "$OWN", expand: false}}
  trigger: {include: child.yml%s}
"""
FORWARDED = {"GLOBAL": "g", "SHARED": "from-yaml", "OWN": "main-g", "LITERAL": "$OWN"}


@pytest.mark.parametrize(
    ("forward", "passed"),
    [
        ("", FORWARDED),
        (", forward: {yaml_variables: false}", {}),
        (", forward: {pipeline_variables: true}", {**FORWARDED, "SHARED": "given", "MORE": "$OWN"}),
        (
            ", forward: {yaml_variables: false, pipeline_variables: true}",
            {"SHARED": "given", "MORE": "$OWN"},
        ),
    ],
)
def test_variables_are_passed_on_as_forward_says(forward: str, passed: dict[str, str]) -> None:
    variables = [GivenVariable("SHARED", "given"), GivenVariable("MORE", "$OWN")]
    pipeline = started({".gitlab-ci.yml": PARENT % forward, "child.yml": CHILD}, variables=variables)
    assert given(child_of(pipeline, "go")) == passed


def test_copies_of_a_matrix_pass_on_their_values_but_not_their_numbers() -> None:
    parent = "go: {parallel: {matrix: [{CLOUD: [a, b]}]}, trigger: {include: child.yml}}\n"
    pipeline = started({".gitlab-ci.yml": parent, "child.yml": CHILD})
    assert [given(child_of(pipeline, f"go: [{cloud}]")) for cloud in "ab"] == [{"CLOUD": "a"}, {"CLOUD": "b"}]


def test_rules_and_jobs_of_a_child_know_where_it_comes_from() -> None:
    child = "yes: {script: x, rules: [{if: '$CI_PIPELINE_SOURCE == \"parent_pipeline\" && $CI_UPSTREAM_JOB_ID'}]}\n"
    child += "no: {script: x, rules: [{if: '$CI_PIPELINE_SOURCE == \"push\"'}]}\n"
    pipeline = started({".gitlab-ci.yml": "go: {trigger: {include: child.yml}}\n", "child.yml": child})
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None and job.name == "yes"
    known = {variable.key: variable.value for variable in prepare(job, runner).variables}
    assert known["CI_PIPELINE_SOURCE"] == "parent_pipeline"
    assert known["CI_UPSTREAM_PIPELINE_ID"] == str(pipeline.pk)
    assert known["CI_UPSTREAM_PROJECT_ID"] == str(pipeline.project_id)
    assert known["CI_UPSTREAM_JOB_ID"] == str(job_of(pipeline, "go").pk)
    assert claim_job(runner) is None


SPEC = "spec: {inputs: {colour: {}}}\n---\n$[[ inputs.colour ]]: {script: x}\n"


@pytest.mark.parametrize(
    "trigger",
    [
        "{include: [{local: child.yml, inputs: {colour: blue}}]}",
        "{include: [{local: child.yml, inputs: {colour: blue}, rules: [{if: $CI_PIPELINE_SOURCE}]},"
        " {local: gone.yml, rules: [{if: $GONE}]}]}",
    ],
)
def test_a_child_takes_inputs(trigger: str) -> None:
    pipeline = started({".gitlab-ci.yml": f"go: {{trigger: {trigger}}}\n", "child.yml": SPEC})
    assert job_of(child_of(pipeline, "go"), "blue").status == "pending"


def test_a_child_of_several_files() -> None:
    parent = "go: {trigger: {include: [a.yml, {local: b.yml}]}}\n"
    pipeline = started({".gitlab-ci.yml": parent, "a.yml": "a: {script: x}\n", "b.yml": "b: {script: x}\n"})
    jobs = Job.objects.in_pipeline(child_of(pipeline, "go").pk)
    assert sorted(jobs.values_list("name", flat=True)) == ["a", "b"]


# --- configuration that a job makes ---

DYNAMIC = """
make: {script: x, artifacts: {paths: [made]}}
go: {stage: deploy, trigger: {include: [{artifact: made/child.yml, job: make}], strategy: depend}}
"""


def made(files: dict[str, str] | None, **more: str) -> Pipeline:
    """A pipeline whose child is made by a job that leaves these files."""
    pipeline = started({".gitlab-ci.yml": DYNAMIC, **more})
    job = take()
    if files is not None:
        archive(job, **files)
    succeed_job(job.pk)
    run_bridges()
    return pipeline


def test_a_child_from_a_file_that_a_job_made() -> None:
    content = "include: /more.yml\ndynamic: {script: x}\n"
    pipeline = made({"made__child_yml": content}, **{"more.yml": "more: {script: x}\n"})
    jobs = Job.objects.in_pipeline(child_of(pipeline, "go").pk)
    assert sorted(jobs.values_list("name", flat=True)) == ["dynamic", "more"]
    assert_all_consistent()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (None, "Job make, which trigger:include names, has no artifacts"),
        ({"other_yml": "x"}, "The artifacts have no file made/child.yml."),
    ],
)
def test_a_file_that_is_not_there(files: dict[str, str] | None, words: str) -> None:
    reason, message = why(made(files))
    assert reason == "downstream_pipeline_creation_failed"
    assert words in message


def test_archives_are_looked_into_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_core.archives.MAX_ARCHIVE", 10)
    assert "up to 10 are looked into" in why(made({"made__child_yml": CHILD}))[1]


def test_a_file_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_core.archives.MAX_FILE", 4)
    assert "has more than 4 bytes" in why(made({"made__child_yml": CHILD}))[1]


def test_an_archive_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = started({".gitlab-ci.yml": DYNAMIC})
    job = take()
    store_artifact(job, "a.zip", [b"none"], size=4, file_type="archive", file_format="zip", lives=None)
    succeed_job(job.pk)
    run_bridges()
    assert why(pipeline)[1] == "The artifacts cannot be unpacked."


def test_errors_in_what_a_job_made_are_told_by_the_failed_child() -> None:
    pipeline = made({"made__child_yml": "broken: {script: 1, nonsense: 2}\n"})
    reason, message = why(pipeline)
    assert (reason, message) == ("downstream_pipeline_creation_failed", "Its configuration has errors.")
    child = child_of(pipeline, "go")
    assert child.failure_reason == "config_error"
    assert child.config_errors[0]["file"] == "artifacts of make/made/child.yml"


# --- other projects ---


def multi_project(level: int | None = 30, *, visibility: str = "private", **trigger: str) -> Pipeline:
    """A pipeline whose trigger job starts one of another project, where its user has this access level."""
    user = UserFactory()
    other = ProjectFactory(files={".gitlab-ci.yml": "variables: {A: weak}\n" + CHILD}, visibility=visibility)
    if level is not None:
        ProjectMembership.objects.create(user=user, project=other, access_level=level)
    rest = "".join(f", {key}: {value}" for key, value in trigger.items())
    parent = f"go: {{variables: {{A: strong}}, trigger: {{project: {other.full_path}{rest}}}}}\n"
    return started({".gitlab-ci.yml": parent}, user=user)


def test_a_pipeline_of_another_project() -> None:
    pipeline = multi_project()
    downstream = child_of(pipeline, "go")
    assert downstream.project_id != pipeline.project_id
    assert (downstream.source, downstream.ref, downstream.user) == ("pipeline", "main", pipeline.user)
    assert given(downstream) == {"A": "strong"}
    link = DownstreamPipeline.objects.get(pk=downstream.pk)
    assert (link.child, link.root_id, link.source_project_id) == (False, pipeline.pk, pipeline.project_id)
    assert job_of(pipeline, "go").status == "success"
    assert_all_consistent()


def test_protected_variables_are_not_told_another_project() -> None:
    user = UserFactory()
    other = ProjectFactory(files={".gitlab-ci.yml": CHILD}, visibility="public")
    parent = f"go: {{variables: {{A: '<$SECRET>'}}, trigger: {other.full_path}}}\n"
    parent += "kid: {variables: {A: '<$SECRET>'}, trigger: {include: child.yml}}\n"
    home: Project = ProjectFactory(files={".gitlab-ci.yml": parent, "child.yml": CHILD})
    ProjectVariable.objects.create(project=home, key="SECRET", value="s3cret", protected=True)
    for each in (home, other):
        ProjectMembership.objects.create(user=user, project=each, access_level=30)
    pipeline = create_pipeline(home, "main", PipelineSource.PUSH, acting_user=user)
    run_bridges()
    assert given(child_of(pipeline, "go")) == {"A": "<>"}
    assert given(child_of(pipeline, "kid")) == {"A": "<s3cret>"}


@pytest.mark.parametrize(
    ("level", "visibility", "reason"),
    [
        (None, "private", "downstream_bridge_project_not_found"),
        (None, "public", "insufficient_bridge_permissions"),
        (20, "private", "insufficient_bridge_permissions"),
    ],
)
def test_who_may_not_run_pipelines_there(level: int | None, visibility: str, reason: str) -> None:
    assert why(multi_project(level, visibility=visibility))[0] == reason


def test_who_lost_their_role_here() -> None:
    user = UserFactory()
    home: Project = ProjectFactory(
        files={".gitlab-ci.yml": "go: {trigger: {include: child.yml}}\n", "child.yml": CHILD}
    )
    pipeline = create_pipeline(home, "main", PipelineSource.PUSH, acting_user=user)
    run_bridges()
    assert why(pipeline)[0] == "insufficient_bridge_permissions"


def test_a_ref_that_is_not_there() -> None:
    reason, message = why(multi_project(branch="nowhere"))
    assert reason == "downstream_pipeline_creation_failed"
    assert "'nowhere'" in message


def test_rules_that_leave_nothing() -> None:
    child = "never: {script: x, rules: [{when: never}]}\n"
    pipeline = started({".gitlab-ci.yml": "go: {trigger: {include: child.yml}}\n", "child.yml": child})
    assert why(pipeline)[0] == "downstream_pipeline_creation_failed"
    assert Pipeline.objects.count() == 1


def test_a_project_that_triggers_itself() -> None:
    user = UserFactory()
    home: Project = ProjectFactory(
        full_path="group/self", files={".gitlab-ci.yml": "go: {trigger: group/self}\n"}
    )
    ProjectMembership.objects.create(user=user, project=home, access_level=30)
    pipeline = create_pipeline(home, "main", PipelineSource.PUSH, acting_user=user)
    run_bridges()
    assert why(pipeline)[0] == "invalid_bridge_trigger"


def test_projects_that_trigger_each_other_are_stopped_in_the_third_round() -> None:
    user = UserFactory()
    for name, other in (("a", "b"), ("b", "a")):
        home = ProjectFactory(
            full_path=f"group/{name}", files={".gitlab-ci.yml": f"go: {{trigger: group/{other}}}\n"}
        )
        ProjectMembership.objects.create(user=user, project=home, access_level=30)
    first = create_pipeline(
        Project.objects.get(full_path="group/a"), "main", PipelineSource.PUSH, acting_user=user
    )
    run_bridges()
    newest = Pipeline.objects.order_by("-id")[0]
    assert Pipeline.objects.count() < 10
    assert why(newest)[0] == "pipeline_loop_detected"
    assert job_of(first, "go").status == "success"
    with pytest.raises(NotRetryable, match="would fail again"):
        retry_job(job_of(newest, "go").pk, acting_user=user)
    with pytest.raises(NotRetryable):
        retry_pipeline(newest.pk, acting_user=user)


def test_children_have_two_levels() -> None:
    level = "go: {{trigger: {{include: {}, strategy: depend}}}}\n"
    pipeline = started(
        {
            ".gitlab-ci.yml": level.format("one.yml"),
            "one.yml": level.format("two.yml"),
            "two.yml": level.format("three.yml"),
            "three.yml": CHILD,
        }
    )
    two = child_of(child_of(pipeline, "go"), "go")
    assert why(two)[0] == "reached_max_descendant_pipelines_depth"
    pipeline.refresh_from_db()
    assert pipeline.status == "failed"


def test_families_are_bounded(settings: Any) -> None:
    settings.PIPEYARD_PIPELINE_FAMILY_SIZE = 2
    parent = "go: {trigger: {include: child.yml}}\nmore: {trigger: {include: child.yml}}\n"
    pipeline = started({".gitlab-ci.yml": parent, "child.yml": CHILD})
    assert job_of(pipeline, "go").status == "success"
    assert why(pipeline, "more")[0] == "reached_max_pipeline_hierarchy_size"


def test_an_error_of_the_server_fails_the_trigger_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("ci_core.actions.downstream.compile_runnable", broken)
    pipeline = started({".gitlab-ci.yml": "go: {trigger: {include: child.yml}}\n", "child.yml": CHILD})
    reason, message = why(pipeline)
    assert reason == "unknown_failure"
    assert "broken" not in message


# --- artifacts of other pipelines ---

NEEDING = """
build: {script: x}
go:
  stage: test
  variables: {PARENT: $CI_PIPELINE_ID}
  trigger: {include: child.yml}
"""
CHILD_NEEDING = "use: {script: x, needs: [{pipeline: $PARENT, job: $JOB}], variables: {JOB: build}}\n"


def test_artifacts_of_the_parent() -> None:
    pipeline = started({".gitlab-ci.yml": NEEDING, "child.yml": CHILD_NEEDING})
    build = take()
    archive(build, made="x")
    succeed_job(build.pk)
    run_bridges()
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None and job.name == "use"
    assert [each.job for each in prepare(job, runner).dependencies] == [build]
    assert pipeline.pk != job.pipeline_id


def handed(config: str, user: User | None) -> Any:
    """What a runner gets of the only job of a new pipeline."""
    home: Project = ProjectFactory(files={".gitlab-ci.yml": config})
    create_pipeline(home, "main", PipelineSource.PUSH, acting_user=user)
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    return prepare(job, runner).dependencies


def library(user: User, level: int) -> tuple[Project, Job]:
    """A project with a successful pipeline whose job build left artifacts."""
    made: Project = ProjectFactory(files={".gitlab-ci.yml": "build: {script: x}\n"})
    ProjectMembership.objects.create(user=user, project=made, access_level=level)
    create_pipeline(made, "main", PipelineSource.PUSH, acting_user=None)
    build = take()
    archive(build, made="x")
    succeed_job(build.pk)
    return made, build


def test_artifacts_of_another_project_are_for_reporters() -> None:
    reporter, guest = UserFactory(), UserFactory()
    made, build = library(reporter, 20)
    ProjectMembership.objects.create(user=guest, project=made, access_level=10)
    need = f"use: {{script: x, needs: [{{project: {made.full_path}, job: build, ref: main, artifacts: true}}]}}\n"
    assert [each.job for each in handed(need, reporter)] == [build]
    for user in (guest, UserFactory(), None):
        with pytest.raises(DependencyMissing, match="needs artifacts of job build of project"):
            handed(need, user)


def test_artifacts_of_a_pipeline_outside_the_family() -> None:
    user = UserFactory()
    _, build = library(user, 50)
    with pytest.raises(DependencyMissing):
        handed(f"use: {{script: x, needs: [{{pipeline: '{build.pipeline_id}', job: build}}]}}\n", user)
