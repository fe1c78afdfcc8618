"""Mutation.jobPlay."""

from __future__ import annotations

import pytest

from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import job_of

pytestmark = pytest.mark.django_db

PLAY = (
    "mutation($input: JobPlayInput!) { jobPlay(input: $input) { clientMutationId errors job { id status } } }"
)


INPUTS = {
    "where": {"default": "staging", "options": ["staging", "production"]},
    "replicas": {"type": "number", "default": 3},
    "tags": {"type": "array", "default": []},
    "dry": {"type": "boolean", "default": True},
}


@pytest.fixture
def pipeline():
    return pipeline_with(
        {"build": {"script": "x"}, "deploy": {"script": "x", "when": "manual"}}, visibility="public"
    )


def gid(job):
    return f"gid://gitlab/Ci::Build/{job.pk}"


def play(pipeline, name, **input_):
    client = as_user(member(pipeline.project, username="ada"))
    given = {"id": gid(job_of(pipeline, name)), **input_}
    return client.data(PLAY, input=given)["jobPlay"]


def test_plays(pipeline):
    job = job_of(pipeline, "deploy")
    found = play(pipeline, "deploy", clientMutationId="1")
    assert found == {"clientMutationId": "1", "errors": [], "job": {"id": gid(job), "status": "PENDING"}}
    assert job_of(pipeline, "deploy").user.username == "ada"


@pytest.mark.parametrize("scalar", ["CiProcessableID!", "CiBuildID!", "JobID!"])
def test_variables_of_every_job_id(pipeline, scalar):
    document = (
        f"mutation jobPlay($id: {scalar}) {{ jobPlay(input: {{ id: $id }}) {{ errors job {{ status }} }} }}"
    )
    client = as_user(member(pipeline.project))
    found = client.data(document, id=gid(job_of(pipeline, "deploy")))["jobPlay"]
    assert found == {"errors": [], "job": {"status": "PENDING"}}


@pytest.mark.parametrize("scalar", ["CiPipelineID!", "ID!", "String!", "CiBuildID"])
def test_variables_of_other_types_are_refused(pipeline, scalar):
    document = f"mutation($id: {scalar}) {{ jobPlay(input: {{ id: $id }}) {{ errors }} }}"
    client = as_user(member(pipeline.project))
    message = client.error(document, id=gid(job_of(pipeline, "deploy")))
    assert message.startswith(f"Variable '$id' of type '{scalar}' used in position expecting type")


def test_not_playable(pipeline):
    found = play(pipeline, "build")
    assert found["errors"] == ["build is pending: only manual and delayed jobs can be started by hand."]
    assert found["job"]["status"] == "PENDING"


def test_inputs_of_the_job():
    pipeline = pipeline_with({"deploy": {"script": "x", "when": "manual", "inputs": INPUTS}})
    values = [
        {"name": "where", "value": "production"},
        {"name": "replicas", "value": 5},
        {"name": "tags", "value": '["a", 1]'},
        {"name": "dry", "value": None},
    ]
    assert play(pipeline, "deploy", inputs=values)["errors"] == []
    assert job_of(pipeline, "deploy").given_inputs == {
        "where": "production",
        "replicas": 5,
        "tags": ["a", 1],
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (
            "wher",
            "x",
            "the job does not declare the input 'wher': it has 'where', 'replicas', 'tags' or 'dry'",
        ),
        (
            "where",
            "moon",
            "the input 'where' must be 'staging' or 'production', not the text 'moon'",
        ),
        ("replicas", "5", "the input 'replicas' must be a number, not the text '5'"),
        ("dry", 1, "the input 'dry' must be true or false, not the number 1"),
        ("tags", "a, b", "the input 'tags' must be a list, not the text 'a, b'"),
        ("tags", {"a": 1}, "the input 'tags' must be a list, not a map"),
    ],
)
def test_inputs_that_the_job_does_not_take(name, value, problem):
    pipeline = pipeline_with({"deploy": {"script": "x", "when": "manual", "inputs": INPUTS}})
    found = play(pipeline, "deploy", inputs=[{"name": name, "value": value}])
    assert found["errors"] == [f"inputs of deploy: {problem}."]
    assert found["job"]["status"] == "MANUAL"
    assert job_of(pipeline, "deploy").given_inputs is None


@pytest.mark.parametrize(
    "value",
    ['["\\u0000"]', '["\\ud800"]', "[1e999]", "[1, 99999999999999999999]", "[" * 22 + "]" * 22, [0] * 10_001],
)
def test_inputs_that_cannot_be_kept(value):
    pipeline = pipeline_with({"deploy": {"script": "x", "when": "manual", "inputs": INPUTS}})
    (error,) = play(pipeline, "deploy", inputs=[{"name": "tags", "value": value}])["errors"]
    assert error.startswith("inputs of deploy: the input 'tags' cannot be kept: it holds ")


def test_inputs_of_a_job_without_inputs(pipeline):
    found = play(pipeline, "deploy", inputs=[{"name": "a", "value": 1}])
    assert found["errors"] == [
        "inputs of deploy: the job does not declare the input 'a': it has no inputs; leave them out."
    ]
    assert found["job"]["status"] == "MANUAL"


def test_variables_for_this_job(pipeline):
    given = [{"key": "A", "value": "b"}, {"key": "F", "value": "x", "variableType": "FILE"}]
    assert play(pipeline, "deploy", variables=given)["errors"] == []
    assert job_of(pipeline, "deploy").given_variables == [
        {"key": "A", "value": "b", "variable_type": "env_var"},
        {"key": "F", "value": "x", "variable_type": "file"},
    ]


def test_a_variable_with_a_wrong_key(pipeline):
    found = play(pipeline, "deploy", variables=[{"key": "1-A", "value": "b"}])
    assert found["errors"] == ["'1-A' is not the key of a variable: letters, digits and _ only, 255 at most."]
    assert found["job"]["status"] == "MANUAL"


def test_empty_variables_are_fine(pipeline):
    assert play(pipeline, "deploy", variables=[], inputs=None)["errors"] == []


def test_who_may_not(pipeline):
    given = {"id": gid(job_of(pipeline, "deploy"))}
    assert_powerless(
        pipeline.project,
        "jobPlay",
        PLAY,
        given,
        lambda: list(Job.objects.order_by("id").values_list("status")),
    )


def test_no_such_job(pipeline):
    given = {"id": "gid://gitlab/Ci::Build/999999999"}
    assert_powerless(pipeline.project, "jobPlay", PLAY, given, Job.objects.count)
