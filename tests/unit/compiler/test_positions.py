"""Owns the tests that findings stand where they were written, and that several come at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ci_core.compiler import CompileContext, CompileResult, compile_config
from tests.unit.compiler.conftest import MemoryFetcher

Run = Callable[..., CompileResult]


def places(result: CompileResult) -> list[tuple[int, int, str]]:
    return [(error.line, error.column, error.path) for error in result.errors]


def test_positions_survive_anchors_extends_and_references(run: Run) -> None:
    result = run("""\
        .anchor: &anchor
          retry: 7
        .base:
          timeout: never
        .shared:
          rules:
            - if: $A = "b"
        one:
          <<: *anchor
          script: x
        two:
          extends: .base
          script: x
        three:
          script: x
          rules:
            - !reference [.shared, rules]
        four:
          extends: .base
          script: x
    """)
    assert places(result) == [
        (2, 10, "jobs:one:retry"),
        (4, 12, "jobs:two:timeout"),
        (7, 14, "jobs:three:rules[0][0]:if"),
    ]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("if: $A = b", 8 + 3),
        ("if: '$A = b'", 8 + 4),
        ('if: "$A = b"', 8 + 4),
        ('if: "\\x24A = b"', 8),
    ],
)
def test_the_column_of_an_expression(run: Run, line: str, column: int) -> None:
    result = run(f"a:\n  script: x\n  rules:\n  - {line}\n    when: always\n")
    assert places(result) == [(4, column + 1, "jobs:a:rules[0]:if")]


def test_the_line_of_an_expression_in_a_block(run: Run) -> None:
    result = run("a:\n  script: x\n  rules:\n  - if: |-\n      $A == 'x' &&\n      $B = 'y'\n")
    (error,) = result.errors
    assert error.line in (4, 6)
    assert "character 17" in error.message


def test_several_errors_at_once_in_the_order_of_the_file(run: Run) -> None:
    result = run("""\
        stages: [build]
        build:
          stage: biuld
          scirpt: make
          script: make
          needs: [nothing]
        test:
          stage: build
          script: [echo: x]
          retry: {max: 9}
          when: manually
    """)
    assert places(result) == [
        (3, 10, "jobs:build:stage"),
        (4, 3, "jobs:build:scirpt"),
        (6, 11, "jobs:build:needs[0]"),
        (9, 12, "jobs:test:script[0]"),
        (10, 16, "jobs:test:retry:max"),
        (11, 9, "jobs:test:when"),
    ]
    assert result.errors[0].to_json() == {
        "message": "The stage 'biuld' does not exist. Add it to stages, or use '.pre', 'build' or '.post'. "
        "Did you mean 'build'?",
        "file": ".gitlab-ci.yml",
        "line": 3,
        "column": 10,
        "path": "jobs:build:stage",
        "severity": "error",
        "code": "invalid",
    }
    assert str(result.errors[1]).startswith(
        ".gitlab-ci.yml:4:3: jobs:build:scirpt: job config contains unknown keys"
    )


def test_the_file_is_named() -> None:
    result = compile_config("a: {script: x, retry: 9}", CompileContext("main"), file="ci/main.yml")
    assert result.errors[0].file == "ci/main.yml"
    broken = compile_config("a: [", CompileContext("main"), file="ci/main.yml")
    assert broken.errors[0].file == "ci/main.yml"


def test_positions_lead_into_included_files(run: Run) -> None:
    home = {
        "a.yml": """
            .timed:
              timeout: never
            .deep: {extends: .timed, tags: [t]}
            """,
        "b.yml": """
            spec:
              inputs:
                times: {type: number}
            ---
            .shared:
              rules:
                - if: $A = "b"
              variables: &bad
                LIST: [1]
            .again:
              retry: $[[ inputs.times ]]
            later:
              variables: *bad
              needs:
                - nowhere
              script: x
            """,
    }
    text = """\
        include:
          - local: a.yml
          - {local: b.yml, inputs: {times: 9}}
        one: {extends: [.deep], script: x}
        two:
          extends: .again
          script:
            - !reference [.shared, nothing]
          rules:
            - !reference [.shared, rules]
    """
    result = run(text, given={"fetcher": MemoryFetcher(home)})
    assert [(error.file, error.line, error.path) for error in result.errors] == [
        (".gitlab-ci.yml", 8, "jobs:two:script[0]"),
        ("a.yml", 3, "jobs:one:timeout"),
        ("b.yml", 8, "jobs:two:rules[0][0]:if"),
        ("b.yml", 10, "jobs:later:variables:LIST"),
        ("b.yml", 12, "jobs:two:retry"),
        ("b.yml", 16, "jobs:later:needs[0]"),
    ]


def test_a_wrong_value_from_an_include_is_told_at_the_place_that_gives_it(run: Run) -> None:
    part = "spec: {inputs: {a: {options: [x, y]}}}\n---\nb: {script: '$[[ inputs.a ]]'}"
    text = "include:\n  - local: part.yml\n    inputs:\n      a: z\nc: {script: x}\n"
    (error,) = run(text, given={"fetcher": MemoryFetcher({"part.yml": part})}).errors
    assert (error.file, error.line) == (".gitlab-ci.yml", 4), error


def test_jobs_know_where_they_stand(run: Run) -> None:
    result = run("\n\na: {script: x}\n")
    assert result.pipeline is not None
    position = result.pipeline.jobs[0].position
    assert (position.file, position.line, position.column) == (".gitlab-ci.yml", 3, 1)
