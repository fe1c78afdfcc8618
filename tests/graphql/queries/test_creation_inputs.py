"""Project.ciConfigVariables and Project.ciPipelineCreationInputs."""

from __future__ import annotations

import pytest

from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, member
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

ASKED = """
query($path: ID!, $ref: String!) { project(fullPath: $path) {
  ciConfigVariables(ref: $ref, failOnCacheMiss: true) { key value description valueOptions }
  ciPipelineCreationInputs(ref: $ref) {
    name type description required default options regex
    rules { default options conditionTree { operator field value children { operator field value } } }
  }
} }
"""
MANY = '{ projects { nodes { ciConfigVariables(ref: "main") { key } } } }'
CONFIG = """
spec:
  inputs:
    where: {default: aws, options: [aws, gcp], description: The cloud}
    size: {type: number}
    tag: {regex: "^v", default: v1}
    list: {type: array, default: [1, a]}
    kind:
      rules:
        - if: $[[ inputs.where ]] == 'aws' && $[[ inputs.tag ]] != 'v1'
          options: [a, b]
          default: a
        - default: c
    note: {rules: [{if: "!$[[ inputs.where ]]", default: null}]}
    some: {type: number, rules: [{if: "$[[ inputs.where ]] == 'gcp'", options: [1]}]}
---
variables:
  PLAIN: 1
  FLAG: true
  ASKED: {value: x, description: Which, options: [x, y]}
a: {script: x}
"""


def asked(project, client, ref="main"):
    return client.data(ASKED, path=project.full_path, ref=ref)["project"]


def test_what_a_configuration_asks_for():
    project = ProjectFactory(files={".gitlab-ci.yml": CONFIG}, visibility="public")
    found = asked(project, as_user(member(project)))
    inputs = {given.pop("name"): given for given in found["ciPipelineCreationInputs"]}
    nothing = {"description": None, "options": None, "regex": None, "rules": None, "required": False}
    assert inputs["where"] == {
        **nothing,
        "type": "STRING",
        "default": "aws",
        "options": ["aws", "gcp"],
        "description": "The cloud",
    }
    assert inputs["size"] == {**nothing, "type": "NUMBER", "default": None, "required": True}
    assert inputs["tag"] == {**nothing, "type": "STRING", "default": "v1", "regex": "^v"}
    assert inputs["list"] == {**nothing, "type": "ARRAY", "default": [1, "a"]}
    assert inputs["kind"]["rules"] == [
        {
            "default": "a",
            "options": ["a", "b"],
            "conditionTree": {
                "operator": "AND",
                "field": None,
                "value": None,
                "children": [
                    {"operator": "equals", "field": "where", "value": "aws"},
                    {"operator": "not_equals", "field": "tag", "value": "v1"},
                ],
            },
        },
        {"default": "c", "options": None, "conditionTree": None},
    ]
    assert inputs["note"]["rules"][0]["conditionTree"] == {
        "operator": "NOT",
        "field": None,
        "value": None,
        "children": [{"operator": "equals", "field": "where", "value": "true"}],
    }
    # A text that no rule is about is empty.
    assert [inputs[name]["required"] for name in ("kind", "note", "some")] == [False, False, True]


def test_inputs_that_another_file_declares():
    config = "spec: {include: [{local: /shared.yml}]}\n---\na: {script: 'echo $[[ inputs.where ]]'}\n"
    shared = "inputs: {where: {default: aws}}"
    project = ProjectFactory(files={".gitlab-ci.yml": config, "shared.yml": shared}, visibility="public")
    (given,) = asked(project, as_user(member(project)))["ciPipelineCreationInputs"]
    assert (given["name"], given["default"]) == ("where", "aws")


def test_variables_at_the_top():
    config = CONFIG.partition("---\n")[2]
    project = ProjectFactory(files={".gitlab-ci.yml": config}, visibility="public")
    found = asked(project, as_user(member(project)))
    assert found["ciPipelineCreationInputs"] == []
    assert [list(variable.values()) for variable in found["ciConfigVariables"]] == [
        ["PLAIN", "1", None, None],
        ["FLAG", "true", None, None],
        ["ASKED", "x", "Which", ["x", "y"]],
    ]


def test_null_without_a_configuration_and_for_all_but_developers():
    nothing = {"ciConfigVariables": None, "ciPipelineCreationInputs": None}
    project = ProjectFactory(files={".gitlab-ci.yml": CONFIG}, visibility="public")
    empty = ProjectFactory(files={"README": ""}, visibility="public")
    assert asked(project, as_user(member(project)), "nowhere") == nothing
    assert asked(empty, as_user(member(empty))) == nothing
    assert asked(project, as_user(member(project, AccessLevel.REPORTER))) == nothing


def test_one_project_in_a_request():
    one, _ = ProjectFactory(visibility="public"), ProjectFactory(visibility="public")
    errors = as_user(member(one)).execute(MANY)["errors"]
    assert {error["message"] for error in errors} == {
        "What a configuration asks for is told of one project in a request."
    }
