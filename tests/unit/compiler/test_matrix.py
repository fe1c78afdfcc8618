"""Owns the tests of parallel:matrix and of needs that lead to its copies."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_core.compiler import CompileContext, CompiledPipeline, CompileResult, compile_config

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]

STACKS = """
deploystacks:
  stage: deploy
  script: [bin/deploy]
  parallel:
    matrix:
      - PROVIDER: aws
        STACK: [monitoring, app1, app2]
      - PROVIDER: [gcp, vultr]
        STACK: [data, processing]
  environment: $PROVIDER/$STACK
"""


def needs(pipeline: CompiledPipeline) -> dict[str, list[str]]:
    return {
        job.name: [need.name for need in job.needs or ()] for job in pipeline.jobs if job.needs is not None
    }


def test_the_example_of_the_docs(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#parallelmatrix
    pipeline = plan(STACKS)
    assert [job.name for job in pipeline.jobs] == [
        "deploystacks: [aws, monitoring]",
        "deploystacks: [aws, app1]",
        "deploystacks: [aws, app2]",
        "deploystacks: [gcp, data]",
        "deploystacks: [gcp, processing]",
        "deploystacks: [vultr, data]",
        "deploystacks: [vultr, processing]",
    ]
    assert [job.environment.name for job in pipeline.jobs if job.environment][:2] == [
        "aws/monitoring",
        "aws/app1",
    ]
    job = pipeline.jobs[3]
    assert (job.base_name, job.parallel_index, job.parallel_total) == ("deploystacks", 4, 7)
    values = {item["key"]: item["value"] for item in job.definition()["variables"]}
    assert values == {"PROVIDER": "gcp", "STACK": "data", "CI_NODE_INDEX": "4", "CI_NODE_TOTAL": "7"}


@pytest.mark.parametrize(
    ("matrix", "names"),
    [
        ("[{A: [1, 2]}]", ["a: [1]", "a: [2]"]),
        ("[{A: x}]", ["a: [x]"]),
        ("[{A: [x, y], B: [1, 2]}]", ["a: [x, 1]", "a: [x, 2]", "a: [y, 1]", "a: [y, 2]"]),
        ("[{A: x}, {B: y}]", ["a: [x]", "a: [y]"]),
        ("[{A: [ubuntu]}, {B: [ubuntu]}]", ["a: [ubuntu]"]),
        ("[[{A: x}], [{A: y}]]", ["a: [x]", "a: [y]"]),
    ],
)
def test_names(plan: Plan, matrix: str, names: list[str]) -> None:
    assert [job.name for job in plan(f"a: {{script: x, parallel: {{matrix: {matrix}}}}}").jobs] == names


def test_each_copy_is_decided_on_by_itself(run: Run) -> None:
    result = run("""
        a:
          script: x
          parallel: {matrix: [{OS: [linux, mac]}]}
          tags: [$OS]
          rules:
            - if: $OS == "linux"
              variables: {OS: other}
            - if: $OS == "mac"
              when: never
        b: {script: x, parallel: 2}
    """)
    assert result.pipeline is not None
    assert next((job.name, job.tags) for job in result.pipeline.jobs) == ("a: [linux]", ("other",))
    assert [(item.name, item.decision.included) for item in result.explanation.jobs] == [
        ("a: [linux]", True),
        ("a: [mac]", False),
        ("b", True),
    ]


BUILD = """
linux:build:
  stage: build
  script: x
  parallel:
    matrix:
      - PROVIDER: [aws, gcp]
        STACK: [monitoring, app1]
"""


def test_needs_of_a_matrix(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#needsparallelmatrix
    pipeline = plan(
        BUILD
        + """
all: {script: x, needs: ['linux:build']}
one: {script: x, needs: [{job: 'linux:build', parallel: {matrix: [{PROVIDER: aws, STACK: [app1, monitoring]}]}}]}
named: {script: x, needs: ['linux:build: [gcp, app1]']}
dependent: {script: x, dependencies: ['linux:build']}
"""
    )
    every = [f"linux:build: [{one}, {two}]" for one in ("aws", "gcp") for two in ("monitoring", "app1")]
    assert needs(pipeline) == {
        "all": every,
        "one": ["linux:build: [aws, app1]", "linux:build: [aws, monitoring]"],
        "named": ["linux:build: [gcp, app1]"],
    }
    assert pipeline.jobs[-1].definition()["dependencies"] == every


def test_matrix_expressions(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/matrix_expressions/
    pipeline = plan(
        BUILD
        + """
linux:test:
  stage: test
  script: x
  parallel: {matrix: [{PROVIDER: [aws, gcp], STACK: [monitoring, app1]}]}
  needs:
    - job: linux:build
      parallel:
        matrix:
          - PROVIDER: ['$[[ matrix.PROVIDER ]]']
            STACK: ['$[[ matrix.STACK ]]']
"""
    )
    assert needs(pipeline) == {
        name.replace("build", "test"): [name]
        for name in [job.name for job in pipeline.jobs if "build" in job.name]
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {script: x, parallel: {matrix: []}}", "parallel:matrix must not be an empty list."),
        ("a: {script: x, parallel: {matrix: {A: x}}}", "parallel:matrix must be a list of maps"),
        ("a: {script: x, parallel: {}}", "parallel must be a number or a map with matrix."),
        ("a: {script: x, parallel: {matrix: [{A: {}}]}}", "parallel:matrix: A must be a text or a list of texts"),
        ("a: {script: x, parallel: {matrix: [{A: []}]}}", "parallel:matrix: A must be a text or a list of texts"),
        ("a: {script: x, parallel: {matrix: [{'A-B': x}]}}", "cannot be the name of a variable"),
        (f"a: {{script: x, parallel: {{matrix: [{{A: {list(range(15))}, B: {list(range(14))}}}]}}}}",
         "parallel asks for 210 jobs, more than the limit of 200 (parallel)."),
        (f"a: {{script: x, parallel: {{matrix: [{{A: {'x' * 260}}}]}}}}", "more than the limit of 255 (name_length)"),
        ("a: {script: x, parallel: 201}", "parallel asks for 201 jobs, more than the limit of 200 (parallel)."),
        (BUILD + "t: {script: x, needs: [{job: 'linux:build', parallel: {matrix: [{STACK: app1, PROVIDER: aws}]}}]}",
         "'t' job needs 'linux:build: [app1, aws]' job, but 'linux:build' has no such copy."),
        (BUILD + "t: {script: x, needs: [{job: 'linux:build', parallel: {}}]}", "needs:parallel needs matrix"),
    ],
)  # fmt: skip
def test_wrong(errors: Errors, text: str, message: str) -> None:
    assert message in " ".join(errors(text))


def test_a_copy_that_is_left_out_is_named(errors: Errors) -> None:
    found = errors("""
        a: {script: x, parallel: {matrix: [{A: [1, 2]}]}, rules: [{if: $A == "1"}]}
        b: {script: x, needs: [a]}
    """)
    assert (
        "'b' job needs 'a: [2]' job, but 'a: [2]' does not exist in the pipeline: none of its rules"
        in found[0]
    )


_words = st.text(alphabet="abc", min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["A", "B", "C"]), st.lists(_words, min_size=1, max_size=3), min_size=1),
                min_size=1, max_size=3))  # fmt: skip
def test_law_there_is_a_copy_for_each_combination(matrix: list[dict[str, list[str]]]) -> None:
    config = {"a": {"script": "x", "parallel": {"matrix": matrix}}}
    pipeline = compile_config(json.dumps(config), CompileContext("main")).pipeline
    assert pipeline is not None
    expected: set[tuple[str, ...]] = set()
    for entry in matrix:
        combined: set[tuple[str, ...]] = {()}
        for values in entry.values():
            combined = {(*one, value) for one in combined for value in values}
        expected |= combined
    assert {job.name for job in pipeline.jobs} == {f"a: [{', '.join(values)}]" for values in expected}
    assert [job.parallel_index for job in pipeline.jobs] == list(range(1, len(expected) + 1))
