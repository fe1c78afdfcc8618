"""Mutation.pipelineCreate."""

from __future__ import annotations

import pytest

from ci_core.models import Event, Pipeline, PipelineVariable
from tests.factories import ProjectFactory, member, project_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_session, as_user

pytestmark = pytest.mark.django_db

CREATE = """
mutation internalPipelineCreate($input: PipelineCreateInput!) {
  pipelineCreate(input: $input) {
    clientMutationId errors requestId
    pipeline { id iid status source user { username } errorMessages { nodes { content } } stages { nodes { name } } }
  }
}
"""
FROM_API = CREATE.replace("internalPipelineCreate", "")


@pytest.fixture
def project():
    return project_with('build: {script: "make $WHAT"}', full_path="group/shop", visibility="public")


def create(project, document=CREATE, **input_):
    user = member(project, username="ada")
    given = {"projectPath": project.full_path, "ref": "main", **input_}
    return as_user(user).data(document, input=given)["pipelineCreate"]


def test_creates(project):
    made = create(project, clientMutationId="7")
    stored = Pipeline.objects.get()
    assert made == {
        "clientMutationId": "7",
        "errors": [],
        "requestId": None,
        "pipeline": {
            "id": f"gid://gitlab/Ci::Pipeline/{stored.pk}",
            "iid": "1",
            "status": "PENDING",
            "source": "web",
            "user": {"username": "ada"},
            "errorMessages": {"nodes": []},
            "stages": {"nodes": [{"name": "test"}]},
        },
    }


def test_other_operations_come_from_the_api(project):
    assert create(project, FROM_API)["pipeline"]["source"] == "api"


def test_signed_in_people_may(project):
    client = as_session(member(project))
    made = client.data(CREATE, input={"projectPath": "group/shop", "ref": "main"})["pipelineCreate"]
    assert made["errors"] == []


def test_variables(project):
    create(
        project,
        variables=[
            {"key": "WHAT", "value": "all"},
            {"key": "2FA", "value": "on"},
            {"key": "F", "value": "x", "variableType": "FILE"},
        ],
    )
    assert list(PipelineVariable.objects.order_by("id").values_list("key", "value", "variable_type")) == [
        ("WHAT", "all", "env_var"),
        ("2FA", "on", "env_var"),
        ("F", "x", "file"),
    ]


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ([{"key": "A B", "value": "x"}], "'A B' is not the key of a variable"),
        ([{"key": "", "value": "x"}], "'' is not the key of a variable"),
        ([{"key": "A" * 256, "value": "x"}], "255 at most"),
        ([{"key": f"A{number}", "value": ""} for number in range(1001)], "there are 1001; 1000 are the most"),
    ],
)
def test_variables_that_cannot_be(project, variables, why):
    answer = create(project, variables=variables)
    assert why in answer["errors"][0]
    assert answer["pipeline"] is None
    assert not Pipeline.objects.exists()


def test_async_is_accepted(project):
    assert create(project, **{"async": True})["pipeline"]["iid"] == "1"


WITH_INPUTS = """
spec:
  inputs:
    stage: {default: test}
    copies: {type: number, options: [1, 2]}
---
stages:
  - $[[ inputs.stage ]]
build:
  stage: $[[ inputs.stage ]]
  script: make
  parallel: $[[ inputs.copies ]]
"""


def test_inputs_fill_the_configuration():
    made = create(
        project_with(WITH_INPUTS), inputs=[{"name": "stage", "value": "ship"}, {"name": "copies", "value": 2}]
    )
    assert made["errors"] == []
    assert made["pipeline"]["stages"]["nodes"] == [{"name": "ship"}]


@pytest.mark.parametrize("inputs", [[], [{"name": "copies", "value": 3}], [{"name": "other", "value": "x"}]])
def test_inputs_that_do_not_fit_are_errors_of_the_configuration(inputs):
    made = create(project_with(WITH_INPUTS), inputs=inputs)
    assert made["pipeline"]["status"] == "FAILED"
    told = made["pipeline"]["errorMessages"]["nodes"][0]["content"]
    assert "'copies'" in told or "'other'" in told


def create_count():
    return Pipeline.objects.count() + Event.objects.count()


def test_unknown_ref(project):
    made = create(project, ref="nowhere")
    assert made["errors"] == ["The repository has no branch or tag named 'nowhere'."]
    assert made["pipeline"] is None
    assert create_count() == 0


def test_no_configuration():
    made = create(ProjectFactory(files={"README": "x"}))
    assert made["errors"][0].startswith("main has no file .gitlab-ci.yml")
    assert create_count() == 0


def test_no_repository(project):
    import shutil

    shutil.rmtree(project.repository_path)
    assert "has no git repository" in create(project)["errors"][0]
    assert create_count() == 0


def test_rules_that_leave_no_job():
    made = create(project_with("build: {script: x, rules: [{when: never}]}"))
    assert len(made["errors"]) == 1
    assert create_count() == 0


def test_broken_configuration_gives_a_failed_pipeline():
    made = create(project_with("build: {scrip: x}"))
    assert made["errors"] == []
    assert made["pipeline"]["status"] == "FAILED"
    assert made["pipeline"]["errorMessages"]["nodes"][0]["content"].startswith(".gitlab-ci.yml:1:")


def test_who_may_not(project):
    given = {"projectPath": "group/shop", "ref": "main"}
    assert_powerless(project, "pipelineCreate", CREATE, given, create_count)


def test_unknown_project_looks_like_a_hidden_one(project):
    given = {"projectPath": "no/such", "ref": "main"}
    assert_powerless(project, "pipelineCreate", CREATE, given, create_count)


def test_never_over_get(project):
    user = member(project)
    client = as_user(user)
    response = client.http.get(
        "/api/graphql",
        {"query": 'mutation { pipelineCreate(input: {projectPath: "group/shop", ref: "main"}) { errors } }'},
        headers=client.headers,
    )
    assert response.status_code == 405
    assert create_count() == 0
