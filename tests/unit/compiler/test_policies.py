"""Owns the tests of only and except."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ci_core.compiler import CompileContext, CompileResult, compile_config
from tests.unit.compiler.conftest import BRANCH, MemoryChanges

Run = Callable[..., CompileResult]
Errors = Callable[..., list[str]]

MAIN = CompileContext("main", variables={**BRANCH, "CI_PROJECT_PATH": "group/p", "RELEASE": "staging"})
ISSUE = replace(MAIN, ref="issue-5")
TAG = replace(MAIN, ref="v1.0", tag=True)
SCHEDULE = replace(MAIN, source="schedule")
REQUEST = replace(MAIN, ref="issue-5", source="merge_request_event")
CHANGED = replace(MAIN, changes=MemoryChanges(["docker/scripts/a", "x.py"]))


@pytest.mark.parametrize(
    ("job", "included"),
    [
        # docs.gitlab.com/ci/yaml/deprecated_keywords/#onlyrefs--exceptrefs
        ("only: [main, /^issue-.*$/, merge_requests]", {"main", "issue", "schedule", "request", "changed"}),
        ("except: [main, /^stable-branch.*$/, schedules]", {"issue", "tag"}),
        ("only: [branches]", {"main", "issue", "schedule", "changed"}),
        ("only: {refs: [branches]}", {"main", "issue", "schedule", "changed"}),
        ("only: [tags]", {"tag"}),
        ("only: [branches, tags]", {"main", "issue", "tag", "schedule", "changed"}),
        ("only: [pushes]", {"main", "issue", "tag", "changed"}),
        ("only: [push]", {"main", "issue", "tag", "changed"}),
        ("only: [schedules]", {"schedule"}),
        ("only: [triggers, web, api, chat, external, pipelines, external_pull_requests]", set()),
        ("only: [merge_requests]", {"request"}),
        ("only: [branches], except: [schedules]", {"main", "issue", "changed"}),
        ("only: [branches@group/p]", {"main", "issue", "schedule", "changed"}),
        ("only: [branches@other/p]", set()),
        ("except: [branches@other/p]", {"main", "issue", "tag", "schedule", "changed"}),
        ("only: [//@group/p]", {"main", "issue", "tag", "schedule", "request", "changed"}),
        ("only: [//@other/p]", set()),
        ("only: [/^ISSUE/i]", {"issue", "request"}),
        ("only: [/^v\\d/]", {"tag"}),
        ("only: [ma]", set()),
        # docs.gitlab.com/ci/yaml/deprecated_keywords/#onlyvariables--exceptvariables
        (
            "only: {variables: ['$RELEASE == \"staging\"', $STAGING]}",
            {"main", "issue", "tag", "schedule", "changed"},
        ),
        ("only: {variables: [$STAGING]}", set()),
        ("only: {refs: [main], variables: [$RELEASE]}", {"main", "schedule", "changed"}),
        ("except: {variables: [$RELEASE]}", set()),
        ("except: {refs: [main], variables: [$STAGING]}", {"issue", "tag"}),
        # docs.gitlab.com/ci/yaml/deprecated_keywords/#onlychanges--exceptchanges
        (
            "only: {refs: [branches], changes: [Dockerfile, docker/scripts/*]}",
            {"main", "issue", "schedule", "changed"},
        ),
        ("only: {changes: ['*.c']}", {"main", "issue", "tag", "schedule"}),
        ("except: {changes: ['*.py']}", set()),
        ("except: {changes: ['*.c']}", {"changed"}),
        # docs.gitlab.com/ci/yaml/deprecated_keywords/#onlykubernetes--exceptkubernetes
        ("only: {kubernetes: active}", set()),
        ("except: {kubernetes: active}", {"main", "issue", "tag", "schedule", "changed"}),
        ("when: on_success", {"main", "issue", "tag", "schedule", "changed"}),
    ],
)
def test_only_and_except(job: str, included: set[str]) -> None:
    situations = {
        "main": MAIN, "issue": ISSUE, "tag": TAG, "schedule": SCHEDULE, "request": REQUEST, "changed": CHANGED,
    }  # fmt: skip
    found = set()
    for name, context in situations.items():
        result = compile_config(f"a: {{script: x, {job}}}", context)
        assert {error.code for error in result.errors} <= {"no_jobs"}
        found |= {name for item in result.explanation.jobs if item.decision.included}
    assert found == included


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("only: [main], rules: [{when: always}]", "only does not go together with rules. Keep rules."),
        ("except: [main], rules: [{when: always}]", "except does not go together with rules."),
        ("only: {}, except: 5", "only/except:refs must be a list of texts"),
        ("only: [[1]]", "Each entry of only/except:refs must be a text"),
        ("only: ['/(/']", "is not a valid RE2 regular expression"),
        ("only: {variables: ['$A ==']}", "Invalid expression syntax"),
        ("only: {variables: $A}", "must be a list of expressions"),
        ("only: {kubernetes: yes}", "only/except:kubernetes must be 'active'"),
        ("only: {bogus: 1}", "unknown keys: bogus"),
    ],
)
def test_wrong(errors: Errors, job: str, message: str) -> None:
    assert message in " ".join(errors(f"a: {{script: x, {job}}}"))


def test_the_account_says_which_part_decided(run: Run) -> None:
    given: dict[str, Any] = {"changes": MemoryChanges(["a.c"])}
    text = "k: {script: x}\na: {script: x, only: {refs: [tags, main], variables: [$NOPE], changes: ['*.c']}}"
    decision = run(text, given=given).explanation.jobs[1].decision
    assert (decision.included, decision.reason) == (False, "only_not_matched")
    assert [(part.keyword, part.value, part.matched) for part in decision.policies] == [
        ("only:refs", True, "main"),
        ("only:variables", False, None),
        ("only:changes", True, None),
    ]
    assert decision.policies[2].to_json()["changes"]["patterns"] == [
        {"pattern": "*.c", "matched": True, "files": ["a.c"]}
    ]


def test_rules_of_the_workflow_take_the_place_of_the_default_refs() -> None:
    text = "workflow: {rules: [{when: always}]}\na: {script: x, except: [schedules]}\n"
    text += "b: {script: x, only: {variables: [$CI]}}"
    result = compile_config(text, REQUEST)
    assert [(item.name, item.decision.included) for item in result.explanation.jobs] == [
        ("a", True),
        ("b", False),
    ]
