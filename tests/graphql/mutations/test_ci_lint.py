"""Mutation.ciLint."""

from __future__ import annotations

import pytest
import yaml

from ci_core.models import Event, Pipeline, ProjectVariable
from tests.factories import member, project_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.query_counts import statements_of

pytestmark = pytest.mark.django_db

LINT = """
mutation($input: CiLintInput!) { ciLint(input: $input) { clientMutationId errors config {
  status errors warnings mergedYaml includes { location contextProject contextSha files }
  stages { name groups { name size jobs {
    name groupName stage script beforeScript afterScript tags when allowFailure environment needs { name }
    only { refs } except { refs }
  } } }
} } }
"""
WHY = """
mutation($input: CiLintInput!) { ciLint(input: $input) { config { status explanation {
  workflow { included reason rules { line } }
  jobs { name file line included reason
    rules { index line matched when expression { text value variables { name value } steps { text value } }
      changes { keyword value patterns { pattern matched files } comparedWith note } exists { value } }
    policies { keyword value matched expressions { text } changes { value } } }
  includes { location line included reason files rules { line } }
} } } }
"""
CONFIG = """
build:
  stage: build
  parallel: 2
  before_script: [prepare]
  script: [make, make test]
  tags: [linux]
  only: [main]
deploy:
  stage: deploy
  script: ship
  needs: ["build 1/2"]
  when: manual
  environment: production
night:
  script: x
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule" && $TOKEN
"""


@pytest.fixture
def project():
    return project_with("build: {script: x}", full_path="group/shop", visibility="public")


def lint(project, content, document=LINT, client=None, **input_):
    client = client or as_user(member(project))
    given = {"projectPath": project.full_path, "content": content, **input_}
    return client.data(document, input=given)["ciLint"]


def names(found):
    return [
        job["name"]
        for stage in found["config"]["stages"]
        for group in stage["groups"]
        for job in group["jobs"]
    ]


def test_stages_groups_and_jobs(project):
    found = lint(project, CONFIG, clientMutationId="l")
    assert (found["clientMutationId"], found["errors"]) == ("l", [])
    config = found["config"]
    assert (config["status"], config["errors"]) == ("VALID", [])
    assert set(yaml.safe_load(config["mergedYaml"])) >= {"build"}
    assert [stage["name"] for stage in config["stages"]] == ["build", "deploy"]
    (group,) = config["stages"][0]["groups"]
    assert (group["name"], group["size"]) == ("build", 2)
    assert group["jobs"][0] == {
        "name": "build 1/2",
        "groupName": "build",
        "stage": "build",
        "script": ["make", "make test"],
        "beforeScript": ["prepare"],
        "afterScript": [],
        "tags": ["linux"],
        "when": "on_success",
        "allowFailure": False,
        "environment": None,
        "needs": None,
        "only": {"refs": ["main"]},
        "except": None,
    }
    deploy = config["stages"][1]["groups"][0]["jobs"][0]
    assert (deploy["when"], deploy["environment"]) == ("manual", "production")
    assert deploy["needs"] == [{"name": "build 1/2"}]
    assert Pipeline.objects.count() + Event.objects.count() == 0


def test_a_schedule_can_be_tried(project):
    given = {"source": "SCHEDULE", "variables": [{"key": "TOKEN", "value": "t"}]}
    assert "night" in names(lint(project, CONFIG, **given))
    assert "night" not in names(lint(project, CONFIG, source="SCHEDULE"))


def test_inputs(project):
    content = "spec: {inputs: {who: {}}}\n---\n'hello $[[ inputs.who ]]': {script: x}\n"
    assert names(lint(project, content, inputs=[{"name": "who", "value": "world"}])) == ["hello world"]
    assert lint(project, content)["config"]["status"] == "INVALID"


def test_errors_have_their_places(project):
    found = lint(project, "build: {scrip: x}\n")
    assert found["errors"] == []
    assert (found["config"]["status"], found["config"]["stages"]) == ("INVALID", [])
    assert found["config"]["errors"][0].startswith(".gitlab-ci.yml:1: jobs:build: ")


def test_limits_are_the_operators(project, settings):
    content = "a: {script: x}\nb: {script: x}\nc: {script: x, needs: [a, b]}"
    answer = as_user(member(project)).data(LINT, input={"projectPath": project.full_path, "content": content})
    assert answer["ciLint"]["config"]["errors"] == []
    settings.PIPEYARD_CI_LIMITS = {"needs_per_job": 1}
    answer = as_user(member(project)).data(LINT, input={"projectPath": project.full_path, "content": content})
    (error,) = answer["ciLint"]["config"]["errors"]
    assert "1" in error
    assert "needs" in error


def test_unknown_ref(project):
    found = lint(project, CONFIG, ref="nowhere")
    assert found["config"] is None
    assert found["errors"] == ["The repository has no branch or tag named 'nowhere'."]


def test_why(project):
    ProjectVariable.objects.create(project=project, key="TOKEN", value="secret-value", masked=True)
    found = lint(project, CONFIG, WHY, source="SCHEDULE")["config"]["explanation"]
    jobs = {job["name"]: job for job in found["jobs"]}
    assert (jobs["build"]["included"], jobs["build"]["reason"]) == (True, "only")
    (rule,) = jobs["night"]["rules"]
    assert (rule["line"], rule["matched"]) == (18, True)
    shown = {variable["name"]: variable["value"] for variable in rule["expression"]["variables"]}
    assert shown == {"CI_PIPELINE_SOURCE": "schedule", "TOKEN": "[MASKED]"}
    assert rule["expression"]["value"] is True


def test_protected_variables_are_not_told(project):
    ProjectVariable.objects.create(project=project, key="DEPLOY_KEY", value="prod", protected=True)
    content = (
        "a: {script: x}\nb: {script: x, environment: {name: 'e/$DEPLOY_KEY'}, rules: [{if: $DEPLOY_KEY}]}\n"
    )
    assert names(lint(project, content)) == ["a"]


def test_who_may_not(project):
    given = {"projectPath": project.full_path, "content": CONFIG}
    assert_powerless(project, "ciLint", LINT, given, Pipeline.objects.count)


def test_statements_do_not_depend_on_jobs(project):
    client = as_user(member(project))

    def count(jobs):
        content = "".join(f"job{number}: {{script: x}}\n" for number in range(jobs))
        return len(statements_of(lambda: lint(project, content, client=client)))

    count(1)
    assert count(1) == count(30)


def test_a_merge_request_may_be_asked_for(project):
    config = (
        "merge: {script: x, rules: [{if: $CI_MERGE_REQUEST_LABELS =~ /bug/}]}\n"
        "train: {script: x, rules: [{if: $CI_MERGE_REQUEST_EVENT_TYPE == 'merge_train'}]}\n"
        "branch: {script: x, rules: [{if: $CI_COMMIT_BRANCH}]}\n"
    )
    assert names(lint(project, config)) == ["branch"]
    assert names(lint(project, config, mergeRequest={"labels": ["bug"]})) == ["merge"]
    asked = {"labels": ["bug"], "eventType": "MERGE_TRAIN", "iid": 5, "targetBranch": "main"}
    assert names(lint(project, config, mergeRequest=asked)) == ["merge", "train"]
    missing = lint(project, config, mergeRequest={"targetBranch": "nowhere"})
    assert missing["config"] is None
    assert "nowhere" in missing["errors"][0]
