"""Owns the tests of spec:include: inputs that are declared in other files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ci_core.compiler import CompiledPipeline, CompileResult, Limits
from tests.unit.compiler.conftest import MemoryFetcher

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]

SHARED = """
inputs:
  environment:
    description: "Deployment environment"
    options: ['staging', 'production']
  region:
    default: 'us-east-1'
"""
BODY = "---\ndeploy: {script: 'to $[[ inputs.environment ]] in $[[ inputs.region ]]'}\n"
LOCAL = "spec:\n  include:\n    - local: /shared.yml\n" + BODY


def files(home: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"fetcher": MemoryFetcher(home, **more), "inputs": {"environment": "staging"}}


def script(pipeline: CompiledPipeline) -> str:
    text: str = pipeline.jobs[0].definition()["script"][0]
    return text


def test_the_example_of_the_docs(plan: Plan, run: Run) -> None:
    # docs.gitlab.com/ci/inputs/#define-pipeline-inputs-in-external-files
    given = files({"shared.yml": SHARED})
    assert script(plan(LOCAL, given=given)) == "to staging in us-east-1"
    assert [spec.name for spec in run(LOCAL, given=given).inputs] == ["environment", "region"]


def test_every_place_and_the_order_of_them(plan: Plan) -> None:
    text = """
        spec:
          description: What it is for
          include:
            - local: /base.yml
            - remote: 'https://example.com/common.yml'
            - {project: group/p, ref: v1, file: [/team.yml, $FILE.yml]}
          inputs:
            last: {default: inline}
        ---
        deploy: {script: '$[[ inputs.a ]] $[[ inputs.b ]] $[[ inputs.c ]] $[[ inputs.d ]] $[[ inputs.last ]]'}
        """
    given = {
        "fetcher": MemoryFetcher(
            {"base.yml": "inputs: {a: {default: base}}"},
            urls={"https://example.com/common.yml": "inputs: {b: {default: common}}"},
            projects={
                "group/p@v1": {
                    "team.yml": "inputs: {c: {default: team}}",
                    "more.yml": "inputs: {d: {default: more}}",
                }
            },
        )
    }
    assert script(plan(text, given=given, FILE="more")) == "base common team more inline"


def test_no_input_is_declared_by_two_files(errors: Errors) -> None:
    # docs.gitlab.com/ci/inputs/#override-inputs-from-an-external-file
    text = "spec:\n  include: [{local: shared.yml}, {local: more.yml}]\n" + BODY
    given = files({"shared.yml": SHARED, "more.yml": "inputs:\n  other: {}\n  region: {}"})
    (found,) = errors(text, given=given)
    assert found.startswith("3 inputs:region")
    assert "The input region is declared by two files of spec:include. Take one out." in found


def test_in_an_included_file(plan: Plan) -> None:
    # The path is one of the project that the included file is in.
    text = "include: [{project: group/p, file: deploy.yml, inputs: {environment: production}}]\nkeep: {script: x}"
    there = {"deploy.yml": LOCAL, "shared.yml": SHARED}
    given = {"fetcher": MemoryFetcher({"shared.yml": "inputs: {}"}, projects={"group/p@HEAD": there})}
    assert script(plan(text, given=given)) == "to production in us-east-1"


def test_values_are_checked_against_what_the_file_says(errors: Errors) -> None:
    given = {"fetcher": MemoryFetcher({"shared.yml": SHARED}), "inputs": {"environment": "moon"}}
    (found,) = errors(LOCAL, given=given)
    assert "The input 'environment' must be 'staging' or 'production', not the text 'moon'." in found


@pytest.mark.parametrize(
    ("spec", "shared", "message"),
    [
        (
            "include: [{local: no.yml}]",
            SHARED,
            "include:local 'no.yml' cannot be had: the file does not exist.",
        ),
        (
            "include: [{template: a.yml}]",
            SHARED,
            "spec:include takes 'local', 'project' or 'remote' only, not template.",
        ),
        (
            "include: [{component: host/a/b/c@1}]",
            SHARED,
            "spec:include takes 'local', 'project' or 'remote' only, not component.",
        ),
        (
            "include: [{local: shared.yml, inputs: {a: b}}]",
            SHARED,
            "spec:include takes no inputs: what such a file declares is the same in every pipeline.",
        ),
        (
            "include: [{local: shared.yml, rules: [{if: $A}]}]",
            SHARED,
            "spec:include takes no rules: what such a file declares is the same in every pipeline.",
        ),
        (
            "include: [{local: shared.yml}]",
            "inputs: {}\nstages: [a]",
            "A file of spec:include config contains unknown keys: stages. Known are 'inputs'.",
        ),
        ("include: [{local: shared.yml}]", "[a]", "A file of spec:include must be a map, not a list."),
        ("include: [{local: shared.yml}]", "", "A file of spec:include must be a map, not nothing."),
        (
            "include: [{local: shared.yml}]",
            "{}",
            "inputs must be a map of names and what they take, not nothing.",
        ),
        (
            "include: [{local: shared.yml}]",
            "spec: {}\n---\ninputs: {}",
            "A file of spec:include has one YAML document only, without a header.",
        ),
        (
            "include: [{local: shared.yml}], inputs: {region: {default: x}}",
            SHARED,
            "The input region is declared here and in a file of spec:include. Take one of them out.",
        ),
        (
            "include: [{local: shared.yml}]",
            "inputs: {a: {type: x}}",
            "inputs:type must be 'string', 'number', 'boolean' or 'array', not the text 'x'.",
        ),
    ],
)
def test_what_is_wrong(errors: Errors, spec: str, shared: str, message: str) -> None:
    (found,) = errors(f"spec: {{{spec}}}\n{BODY}", given=files({"shared.yml": shared}))
    assert found.partition(": ")[2] == message


def test_places_of_errors(run: Run) -> None:
    text = "spec:\n  include:\n    - local: no.yml\n    - local: bad.yml\n" + BODY
    result = run(text, given=files({"bad.yml": "inputs:\n  a:\n    type: x\n"}))
    assert [(error.file, error.line, error.path) for error in result.errors] == [
        (".gitlab-ci.yml", 3, "spec:include[0]"),
        ("bad.yml", 3, "inputs:a:type"),
    ]


def test_not_in_components(errors: Errors) -> None:
    there = {"templates/c.yml": LOCAL, "shared.yml": SHARED}
    given = {"fetcher": MemoryFetcher({}, projects={"group/p@1": there})}
    (found,) = errors("include: [{component: host/group/p/c@1}]\nkeep: {script: x}", given=given)
    assert found.endswith(
        "spec:include does not work in a component, which stands alone. Write the inputs into it."
    )


def test_they_count_as_included_files(errors: Errors) -> None:
    many = "spec:\n  include: [a.yml, b.yml]\n" + BODY
    given = files({"a.yml": "inputs: {a: }", "b.yml": "inputs: {b: }"})
    (found,) = errors(many, given=given, limits=Limits(includes=1))
    assert "Maximum of 1 nested includes" in found
    (found,) = errors(many, given=given, limits=Limits(included_bytes=15))
    assert "included_bytes" in found


def test_they_are_told_among_the_includes(run: Run) -> None:
    result = run(LOCAL, given=files({"shared.yml": SHARED}))
    assert [(told.location, told.files) for told in result.explanation.includes] == [
        ("local: /shared.yml", ("shared.yml",))
    ]
