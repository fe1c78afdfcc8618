"""Global ids, and documents that are checked more leniently than the specification says."""

from __future__ import annotations

import pytest
from graphql import parse, validate

from ci_core.errors import InvalidInput
from graphql_api import node_ids
from graphql_api.schema import schema
from graphql_api.validation import RULES

CORE = schema._schema


def problems(document):
    return [error.message for error in validate(CORE, parse(document), RULES)]


@pytest.mark.parametrize(
    ("value", "models", "expected"),
    [
        ("gid://gitlab/Ci::Build/12", ("Ci::Build",), 12),
        ("gid://gitlab/Project/1", ("Project",), 1),
        (f"gid://gitlab/Project/{2**63 - 1}", ("Project",), 2**63 - 1),
    ],
)
def test_parse(value, models, expected):
    assert node_ids.parse(value, *models) == expected


@pytest.mark.parametrize(
    "value",
    [
        "gid://gitlab/Ci::Build/12",
        "gid://gitlab/Project/",
        "gid://gitlab/Project/0",
        "gid://gitlab/Project/-1",
        "gid://gitlab/Project/1 ",
        "gid://gitlab/Project/1\n",
        "gid://gitlab/Project/٣",
        f"gid://gitlab/Project/{2**63}",
        "gid://other/Project/1",
        "1",
        1,
        None,
    ],
)
def test_parse_refuses(value):
    with pytest.raises(InvalidInput, match="is not an ID of Project"):
        node_ids.parse(value, "Project")


@pytest.mark.parametrize("text", [None, "", "x", "-1", "0", "1.5", "٣", "9" * 30])
def test_number_refuses(text):
    assert node_ids.number(text) is None


@pytest.mark.parametrize("given", ["CiBuildID!", "CiProcessableID!", "JobID!"])
@pytest.mark.parametrize(
    "use",
    [
        "mutation(ID) { jobPlay(input: {id: $id}) { errors } }",
        "mutation(ID) { jobRetry(input: {id: $id}) { errors } }",
        "mutation(ID) { jobCancel(input: {id: $id}) { errors } }",
        "query(ID) { job(id: $id) { name } }",
        "subscription(ID) { ciJobStatusUpdated(jobId: $id) { name } }",
    ],
)
def test_ids_of_jobs_are_interchangeable(given, use):
    assert problems(use.replace("(ID)", f"($id: {given})")) == []


def test_other_rules_of_variables_hold():
    assert problems("query($id: CiBuildID) { job(id: $id) { name } }") == [
        "Variable '$id' of type 'CiBuildID' used in position expecting type 'CiBuildID!'."
    ]
    assert problems("query($id: [JobID!]!) { job(id: $id) { name } }") != []
    assert problems("query($id: CiPipelineID!) { job(id: $id) { name } }") == [
        "Variable '$id' of type 'CiPipelineID!' used in position expecting type 'JobID!'."
    ]
    assert problems("query($id: CiBuildID!, $unused: ID) { job(id: $id) { name } }") == [
        "Variable '$unused' is never used."
    ]


def test_ids_of_two_types_may_share_a_name():
    union = '{ job(id: "gid://gitlab/Ci::Build/1") { previousStageJobsOrNeeds { nodes { %s } } } }'
    assert problems(union % "... on CiBuildNeed { id } ... on CiJob { id }") == []
    assert problems(union % "... on CiBuildNeed { x: name } ... on CiJob { x: id }") != []


def test_directive_of_gitlab_is_ignored():
    assert problems('{ currentUser { username @gl_introduced(version: "17.0") } }') == []
    assert problems('{ currentUser @gl_introduced(version: "17.0") { username } }') == []
    assert problems('query @gl_introduced(version: "17.0") { currentUser { username } }') != []
