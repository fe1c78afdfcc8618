"""Owns the tests of rules:changes and rules:exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ci_core.compiler import CompileResult, Limits
from ci_core.compiler.path_regexps import compile_path_regexp, path_matches
from tests.unit.compiler.conftest import MemoryChanges, MemoryFetcher

Run = Callable[..., CompileResult]
Errors = Callable[..., list[str]]

CHANGES = MemoryChanges(
    ["Dockerfile", "docs/a.md", "src/deep/x.py"], {"refs/heads/branch1": ["other"], "main": []}
)
TREE = MemoryFetcher(
    {"Dockerfile": "", "src/app/main.py": "", "docs/a.md": ""},
    projects={"group/p@v1.0.0": {"Makefile": ""}, "group/p@HEAD": {}},
)
GIVEN: dict[str, Any] = {"fetcher": TREE, "changes": CHANGES}


@pytest.mark.parametrize(
    ("rule", "matched"),
    [
        # docs.gitlab.com/ci/yaml/#ruleschanges
        ("changes: [Dockerfile]", True),
        ("changes: [dockerfile]", False),
        ("changes: [./Dockerfile]", False),
        ("changes: ['*.md']", False),
        ("changes: ['**/*.md']", True),
        ("changes: ['src/**/*']", True),
        ("changes: ['src/*']", False),
        ("changes: ['*.{rb,py}', nothing]", False),
        ("changes: ['src/**/*.{rb,py}']", True),
        ("changes: [$DIR/a.md]", True),
        ("changes: [$UNKNOWN/a.md]", False),
        ("changes: [[docs/a.md]]", True),
        ("changes: {paths: [Dockerfile]}", True),
        ("changes: {paths: [Dockerfile], compare_to: refs/heads/branch1}", False),
        ("changes: {paths: [other], compare_to: $BASE}", True),
        ("if: $NOPE, changes: [Dockerfile]", False),
        ("if: $CI, changes: [Dockerfile]", True),
        ("if: $CI, changes: [nothing]", False),
        # docs.gitlab.com/ci/yaml/#rulesexists
        ("exists: [Dockerfile]", True),
        ("exists: [Makefile]", False),
        ("exists: ['**/main.py']", True),
        ("exists: [$DOCKERPATH]", True),
        ("exists: [src/]", True),
        ("exists: [src/app/]", True),
        ("exists: [src]", False),
        ("exists: ['**/app/']", True),
        ("exists: [none/]", False),
        ("exists: {paths: [Makefile], project: group/p, ref: v1.0.0}", True),
        ("exists: {paths: [Makefile], project: group/p}", False),
        ("exists: [Dockerfile], changes: [nothing]", False),
        ("exists: []", False),
        # docs.gitlab.com/ci/yaml/#ruleschangesregexp
        (r"changes: {regexp: '\A(?!docs/).*'}", True),
        (r"changes: {regexp: '\A(?!docs/|src/|Dockerfile).*'}", False),
        (r"changes: {regexp: '^(?!docs/)(?!Docker)(?=s)..c/'}", True),
        (r"changes: {regexp: '\A(?!docs/)x|\A(?=Docker)D'}", True),
        (r"changes: {regexp: '\Adocs/[a-z]\.md\z'}", True),
        (r"changes: {regexp: 'deep'}", True),
        (r"changes: {regexp: '\Adeep'}", False),
        (r"changes: {regexp: '\A$DIR/.*\.md$'}", True),
        (r"changes: {regexp: '\h\.md\Z'}", True),
        (r"changes: {regexp: other, compare_to: refs/heads/branch1}", True),
        (r"changes: {regexp: Dockerfile, compare_to: refs/heads/branch1}", False),
        # docs.gitlab.com/ci/yaml/#rulesexistsregexp
        (r"exists: {regexp: '\.py$'}", True),
        (r"exists: {regexp: '\.go$'}", False),
        (r"exists: {regexp: '^Make', project: group/p, ref: v1.0.0}", True),
    ],
)
def test_matching(run: Run, rule: str, matched: bool) -> None:
    text = f"keep: {{script: x}}\na: {{script: x, variables: {{DOCKERPATH: '**/Dockerfile'}}, rules: [{{{rule}}}]}}"
    result = run(text, given=GIVEN, DIR="docs", BASE="refs/heads/branch1")
    assert result.errors == ()
    assert result.explanation.jobs[1].decision.included == matched


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("changes: a", "rules:changes must be a list of texts"),
        (
            "changes: {compare_to: main}",
            "rules:changes needs paths, a list of files and patterns, or regexp.",
        ),
        ("changes: {paths: [a], regexp: a}", "rules:changes needs only one of paths"),
        ("changes: {regexp: [a]}", "rules:changes:regexp must be a text"),
        ("changes: {regexp: '('}", "rules:changes:regexp is not a valid regular expression."),
        ("changes: {regexp: 'a(?!b)'}", "rules:changes:regexp is not understood. Of look-ahead"),
        (r"changes: {regexp: '\A(?!b'}", "rules:changes:regexp is not understood. Of look-ahead"),
        ("exists: {regexp: '(?<=a)b'}", "rules:exists:regexp is not understood. Of look-ahead"),
        (
            f"exists: {{regexp: {'a' * 256}}}",
            "rules:exists:regexp has 256 characters, more than the limit of 255",
        ),
        ("exists: {regexp: $CI(}", "rules:exists:regexp is not a valid regular expression."),
        ("changes: {paths: [a], compare_to: nope}", "rules:changes cannot look at 'nope': it is no branch"),
        ("changes: {paths: [a], bogus: 1}", "unknown keys: bogus"),
        ("exists: {paths: [a], ref: main}", "rules:exists:ref needs rules:exists:project."),
        (
            "exists: {paths: [a], project: no/where}",
            "rules:exists cannot look at 'no/where': project not found",
        ),
        ("exists: [1]", "Each entry of rules:exists must be a text"),
        ("exists: [" + "a, " * 51 + "]", "more than the limit of 50 (paths_per_rule)"),
    ],
)
def test_wrong(errors: Errors, rule: str, message: str) -> None:
    assert message in errors(f"keep: {{script: x}}\na: {{script: x, rules: [{{{rule}}}]}}", given=GIVEN)[0]


def test_without_a_push_changes_are_true_but_compare_to_still_compares(run: Run) -> None:
    given = {"changes": MemoryChanges(None, {"main": []})}
    text = "k: {script: x}\na: {script: x, rules: [{changes: [x]}]}\n"
    text += "b: {script: x, rules: [{changes: {paths: [x], compare_to: main}}]}"
    result = run(text, given=given)
    assert [item.decision.included for item in result.explanation.jobs] == [True, True, False]
    traces = [item.decision.rules[0].changes for item in result.explanation.jobs[1:]]
    assert [trace and trace.note for trace in traces] == ["no_push", None]


def test_beyond_the_limit_of_checks_patterns_match(run: Run) -> None:
    given = {"changes": MemoryChanges([f"f{n}" for n in range(100)])}
    text = "k: {script: x}\na: {script: x, rules: [{changes: ['*.none', none]}]}\n"
    text += "b: {script: x, rules: [{changes: [none]}]}"
    result = run(text, given=given, limits=Limits(path_checks=99))
    assert [item.decision.included for item in result.explanation.jobs] == [True, True, False]
    trace = result.explanation.jobs[1].decision.rules[0].changes
    assert trace is not None
    assert trace.note == "too_many"


def test_workflow_rules_may_look_at_changes(run: Run) -> None:
    text = "workflow: {rules: [{changes: [docs/**/*], variables: {DOCS: '1'}}]}\na: {script: x, rules: [{if: $DOCS}]}"
    assert run(text, given=GIVEN).pipeline is not None
    result = run(text.replace("docs/", "none/"), given=GIVEN)
    assert [error.code for error in result.errors] == ["workflow_filtered"]


def test_the_account_lists_patterns_and_files(run: Run) -> None:
    text = "a: {script: x, rules: [{changes: [none, '$DIR/*', '**/*']}]}"
    trace = run(text, given=GIVEN, DIR="docs").explanation.jobs[0].decision.rules[0].to_json()["changes"]
    assert trace["patterns"] == [
        {"pattern": "none", "matched": False, "files": []},
        {"pattern": "docs/*", "matched": True, "files": ["docs/a.md"]},
        {"pattern": "**/*", "matched": True, "files": ["Dockerfile", "docs/a.md", "src/deep/x.py"]},
    ]


def test_the_account_shows_an_expression_between_slashes(run: Run) -> None:
    text = r"a: {script: x, rules: [{changes: {regexp: '\A$DIR/'}}]}"
    trace = run(text, given=GIVEN, DIR="docs").explanation.jobs[0].decision.rules[0].to_json()["changes"]
    assert trace["patterns"] == [{"pattern": r"/\Adocs//", "matched": True, "files": ["docs/a.md"]}]


@pytest.mark.parametrize(
    ("source", "path", "matched"),
    [
        # A path may have line breaks, and ^ and $ look at each line.
        (r"^(?!docs/)", "docs/a\nb", True),
        (r"\A(?!docs/)", "docs/a\nb", False),
        (r"a$", "docs/a\nb", True),
        (r"a\z", "docs/a\nb", False),
        # What is escaped or in brackets neither parts alternatives nor closes a parenthesis.
        (r"\A(?![|)]|\)).", ")a", False),
        (r"\A(?![]|)])a", "a", True),
        (r"\A(?!(a|b)/)(a|c)/|z", "c/x", True),
        (r"\A(?!(a|b)/)(a|c)/|z", "a/x", False),
        (r"\A(?!(a|b)/)(a|c)/|z", "a/z", True),
    ],
)
def test_expressions_are_read_as_ruby_reads_them(source: str, path: str, matched: bool) -> None:
    regexp = compile_path_regexp(source)
    assert not isinstance(regexp, str)
    assert path_matches(regexp, path) == matched


def test_beyond_the_limit_of_checks_an_expression_matches(run: Run) -> None:
    given = {"changes": MemoryChanges([f"f{n}" for n in range(100)])}
    text = "k: {script: x}\na: {script: x, rules: [{changes: {regexp: none}}]}"
    trace = (
        run(text, given=given, limits=Limits(path_checks=99)).explanation.jobs[1].decision.rules[0].changes
    )
    assert trace is not None
    assert (trace.value, trace.note) == (True, "too_many")
