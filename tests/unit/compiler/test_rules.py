"""Owns the tests of rules, workflow and the explanation of what they decide."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ci_core.compiler import CompileContext, CompiledPipeline, CompileResult, compile_config

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]
KEEP = "keep: {script: x}\n"


@pytest.mark.parametrize(
    ("job", "when", "allow_failure"),
    [
        ("{}", "on_success", False),
        ("{when: manual}", "manual", True),
        ("{when: manual, allow_failure: false}", "manual", False),
        ("{when: always}", "always", False),
        ("{allow_failure: true}", "on_success", True),
        ("{rules: [{when: manual}]}", "manual", False),
        ("{rules: [{when: manual, allow_failure: true}]}", "manual", True),
        ("{allow_failure: true, rules: [{when: manual}]}", "manual", True),
        ("{allow_failure: true, rules: [{when: on_success, allow_failure: false}]}", "on_success", False),
        ("{when: manual, rules: [{if: $CI}]}", "manual", True),
        ("{when: manual, rules: [{if: $CI, allow_failure: false}]}", "manual", False),
        ("{rules: [{if: $NOPE, when: never}, {if: $CI, when: on_failure}]}", "on_failure", False),
        ("{rules: [{if: $CI}]}", "on_success", False),
    ],
)
def test_when_and_allow_failure(plan: Plan, job: str, when: str, allow_failure: bool) -> None:
    found = plan(f".base: {{script: x}}\njob: {job[:-1]}{', ' if job != '{}' else ''}extends: .base}}").jobs[
        0
    ]
    assert (found.when, found.allow_failure) == (when, allow_failure)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("[]", "no_rule_matched"),
        ("[{if: $NOPE}]", "no_rule_matched"),
        ("[{if: $CI, when: never}]", "rule_never"),
        ("[{when: never}, {when: always}]", "rule_never"),
    ],
)
def test_left_out(run: Run, rules: str, reason: str) -> None:
    result = run(KEEP + f"job: {{script: x, rules: {rules}}}")
    assert result.pipeline is not None
    assert [job.name for job in result.pipeline.jobs] == ["keep"]
    assert [(job.name, job.decision.included, job.decision.reason) for job in result.explanation.jobs] == [
        ("keep", True, "no_rules"),
        ("job", False, reason),
    ]


def test_a_rule_brings_variables_needs_and_interruptible(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#rulesvariables, #rulesneeds, #rulesinterruptible
    pipeline = plan("""
        variables: {FROM: global}
        build-dev: {stage: build, script: x}
        build-prod: {stage: build, script: x}
        specs:
          script: x
          variables: {FROM: job, OWN: "1"}
          needs: [build-dev]
          rules:
            - if: $FROM == "job"
              needs: [build-prod]
              interruptible: true
              variables: {FROM: rule}
    """)
    job = pipeline.jobs[-1]
    assert [need.name for need in job.needs or ()] == ["build-prod"]
    assert job.interruptible
    assert {item["key"]: item["value"] for item in job.definition()["variables"]} == {
        "FROM": "rule",
        "OWN": "1",
    }


def test_delayed(plan: Plan, errors: Errors) -> None:
    jobs = plan("""
        a: {script: x, when: delayed, start_in: 30 minutes}
        b: {script: x, rules: [{when: delayed, start_in: "90"}]}
    """).jobs
    assert [(job.when, job.start_in) for job in jobs] == [("delayed", 1800), ("delayed", 90)]
    assert "needs start_in" in errors("a: {script: x, when: delayed}")[0]
    assert "needs when: delayed" in errors("a: {script: x, start_in: 1h}")[0]
    assert "at most one week" in errors("a: {script: x, when: delayed, start_in: 8 days}")[0]
    assert "does not go together with rules" in errors("a: {script: x, start_in: 1h, rules: [{if: $CI}]}")[0]
    assert "needs start_in" in errors("a: {script: x, rules: [{when: delayed}]}")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {script: x, rules: {if: $CI}}", "rules must be a list of rules"),
        ("a: {script: x, rules: [$CI]}", "rules must be a map"),
        ("a: {script: x, rules: [{iff: $CI}]}", "unknown keys: iff. Did you mean 'if'?"),
        ("a: {script: x, rules: [{if: true}]}", "an expression in text form"),
        ("a: {script: x, rules: [{when: sometimes}]}", "rules:when must be"),
        ("a: {script: x, when: never}", "inside rules only"),
        ("a: {script: x, rules: [{if: $CI, allow_failure: maybe}]}", "allow_failure must be"),
        ("workflow: {rules: [{when: manual}]}\na: {script: x}", "rules:when must be 'always' or 'never'"),
        (
            "workflow: {auto_cancel: {on_new_commit: all}}\na: {script: x}",
            "auto_cancel:on_new_commit must be",
        ),
        ("workflow: {naem: x}\na: {script: x}", "Did you mean 'name'?"),
        (
            "include: {local: x.yml, rules: [{if: $NONE, when: manual}]}\na: {script: x}",
            "rules:when must be 'always' or 'never'",
        ),
    ],
)
def test_wrong_rules(errors: Errors, text: str, words: str) -> None:
    assert words in errors(text)[0]


def test_keys_without_effect_in_rules_of_the_workflow(run: Run) -> None:
    # docs.gitlab.com/ci/yaml/#workflowrules
    result = run("workflow: {rules: [{when: always, needs: [b], allow_failure: true}]}\na: {script: x}")
    assert result.pipeline is not None
    assert [warning.message for warning in result.warnings] == [
        "rules:needs has no effect in workflow:rules.",
        "rules:allow_failure has no effect in workflow:rules.",
    ]


def test_workflow(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#workflowrulesvariables
    pipeline = plan("""
        variables: {DEPLOY_VARIABLE: default-deploy, OTHER: kept}
        workflow:
          name: 'Pipeline for $CI_COMMIT_BRANCH: $DEPLOY_VARIABLE'
          auto_cancel: {on_new_commit: interruptible, on_job_failure: all}
          rules:
            - if: $CI_PIPELINE_SOURCE == "schedule"
              when: never
            - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
              variables: {DEPLOY_VARIABLE: deploy-production}
              auto_cancel: {on_new_commit: none}
            - when: always
        job1:
          variables: {DEPLOY_VARIABLE: job1-default}
          script: x
          rules:
            - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
              variables: {DEPLOY_VARIABLE: job1-production}
        job2: {script: x, rules: [{if: $DEPLOY_VARIABLE == "deploy-production"}]}
    """)
    assert pipeline.name == "Pipeline for main: deploy-production"
    assert pipeline.auto_cancel_on_new_commit == "none"
    assert pipeline.auto_cancel_on_job_failure == "all"
    assert {item.key: item.value for item in pipeline.variables} == {
        "DEPLOY_VARIABLE": "deploy-production",
        "OTHER": "kept",
    }
    values = [job.definition()["variables"][0]["value"] for job in pipeline.jobs]
    assert values == ["job1-production", "deploy-production"]


@pytest.mark.parametrize("rules", ["[{if: $NOPE}]", "[{when: never}]", "[]"])
def test_workflow_that_leaves_the_pipeline_out_has_its_own_code(run: Run, rules: str) -> None:
    result = run(KEEP + f"workflow: {{rules: {rules}}}")
    assert result.pipeline is None
    assert [error.code for error in result.errors] == ["workflow_filtered"]
    assert result.explanation.workflow is not None
    assert not result.explanation.workflow.included


@pytest.mark.parametrize(
    "text",
    ["a: {script: x, rules: [{when: never}]}", "a: {script: x, stage: .pre}\nb: {script: x, stage: .post}"],
)
def test_a_pipeline_without_jobs_has_its_own_code(run: Run, text: str) -> None:
    result = run(text)
    assert [error.code for error in result.errors] == ["no_jobs"]
    assert "Pipeline will not run for the selected trigger" in result.errors[0].message


def test_jobs_without_rules_stay_out_of_merge_request_pipelines(run: Run) -> None:
    # docs.gitlab.com/ci/jobs/job_rules/#avoid-duplicate-pipelines
    text = KEEP + "mr: {script: x, rules: [{if: $CI_PIPELINE_SOURCE == 'merge_request_event'}]}\n"
    source = "merge_request_event"
    alone = run(text, source=source)
    assert alone.pipeline is not None
    assert [job.name for job in alone.pipeline.jobs] == ["mr"]
    assert alone.explanation.jobs[0].decision.reason == "no_rules_in_merge_request"
    both = run(text + "workflow: {rules: [{when: always}]}", source=source)
    assert both.pipeline is not None
    assert [job.name for job in both.pipeline.jobs] == ["keep", "mr"]


def test_explanation_names_the_rule_and_masks_secrets() -> None:
    text = "a:\n  script: x\n  rules:\n    - if: $TOKEN == 'y'\n    - if: $CI_COMMIT_BRANCH\n      when: manual\n"
    context = CompileContext(
        "main", variables={"TOKEN": "s3cret", "CI_COMMIT_BRANCH": "main"}, masked=frozenset({"TOKEN"})
    )
    result = compile_config(text, context)
    assert result.explanation.to_json() == {
        "workflow": {"included": True, "reason": "no_rules", "rules": [], "policies": []},
        "jobs": [
            {
                "name": "a",
                "file": ".gitlab-ci.yml",
                "line": 1,
                "included": True,
                "reason": "rule",
                "rules": [
                    {
                        "index": 0,
                        "file": ".gitlab-ci.yml",
                        "line": 4,
                        "matched": False,
                        "when": None,
                        "if": {
                            "text": "$TOKEN == 'y'",
                            "value": False,
                            "variables": {"TOKEN": "[MASKED]"},
                            "steps": [{"text": '$TOKEN == "y"', "value": False}],
                        },
                        "changes": None,
                        "exists": None,
                    },
                    {
                        "index": 1,
                        "file": ".gitlab-ci.yml",
                        "line": 5,
                        "matched": True,
                        "when": "manual",
                        "if": {
                            "text": "$CI_COMMIT_BRANCH",
                            "value": True,
                            "variables": {"CI_COMMIT_BRANCH": "main"},
                            "steps": [],
                        },
                        "changes": None,
                        "exists": None,
                    },
                ],
                "policies": [],
            }
        ],
        "includes": [],
    }


def test_precedence_of_variables_in_rules(run: Run) -> None:
    # docs.gitlab.com/ci/variables/#cicd-variable-precedence
    text = """
        variables: {PROJECT_SET: yaml, CI_COMMIT_BRANCH: yaml}
        a: {script: x, rules: [{if: $PROJECT_SET == "project"}]}
        b: {script: x, rules: [{if: $CI_COMMIT_BRANCH == "yaml"}]}
        c: {script: x, rules: [{if: $CI_JOB_NAME == "c" && $CI_JOB_STAGE == "test"}]}
    """
    result = run(text, PROJECT_SET="project")
    assert result.pipeline is not None
    assert [job.name for job in result.pipeline.jobs] == ["a", "b", "c"]
