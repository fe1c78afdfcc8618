"""Owns the tests of the inputs of jobs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ci_core.compiler import CompiledPipeline

Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]

# docs.gitlab.com/ci/jobs/job_inputs/#input-configuration
DOCUMENTED = """
test_job:
  inputs:
    test_framework:
      default: rspec
      description: Testing framework to use
      options: [rspec, minitest, cucumber]
    parallel_count:
      type: number
      default: 5
    run_integration_tests:
      type: boolean
      default: false
    test_tags:
      type: array
      default: [smoke, regression]
    name:
      default: ""
      regex: ^[a-z]*$
  script:
    - bundle exec ${{ job.inputs.test_framework }}
    - 'echo "Running ${{ job.inputs.parallel_count }} parallel jobs"'
  cache: {key: "${{ job.inputs.test_framework }}", policy: "${{ job.inputs.name }}", paths: [a]}
"""


def test_the_example_of_the_docs(plan: Plan) -> None:
    definition = plan(DOCUMENTED).jobs[0].definition()
    keys = ("name", "type", "default", "description", "options", "regex")
    assert [tuple(entry[key] for key in keys) for entry in definition["inputs"]] == [
        (
            "test_framework",
            "string",
            "rspec",
            "Testing framework to use",
            ["rspec", "minitest", "cucumber"],
            None,
        ),
        ("parallel_count", "number", 5, None, None, None),
        ("run_integration_tests", "boolean", False, None, None, None),
        ("test_tags", "array", ["smoke", "regression"], None, None, None),
        ("name", "string", "", None, None, "^[a-z]*$"),
    ]
    # Runners put the values in: they may be others when the job is run again.
    assert definition["script"][0] == "bundle exec ${{ job.inputs.test_framework }}"
    assert definition["cache"][0]["key"] == "${{ job.inputs.test_framework }}"


def test_inputs_are_inherited_as_other_keywords_are(plan: Plan) -> None:
    jobs = plan(
        """
        .base: {script: x, inputs: {a: {default: x}, b: {type: number, default: 1}}}
        one: {extends: .base, inputs: {b: {default: 2}, c: {default: y}}}
        two: {extends: .base, inputs: null}
        three: {script: x, inputs: {}}
        """
    ).jobs
    assert [
        {entry["name"]: entry["default"] for entry in job.definition().get("inputs", ())} for job in jobs
    ] == [{"a": "x", "b": 2, "c": "y"}, {}, {}]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            "{a: {type: number}}",
            "jobs:j:inputs:a: The input a of a job must have a default value. Write default: under it.",
        ),
        (
            "{a: }",
            "jobs:j:inputs:a: The input a of a job must have a default value. Write default: under it.",
        ),
        (
            "{a: {type: number, default: x}}",
            "jobs:j:inputs:a:default: The default of the input a must be a number, not the text 'x'.",
        ),
        (
            "{a: {type: number, default: .nan}}",
            "jobs:j:inputs:a:default: The default of the input a must be a number",
        ),
        (
            "{a: {default: x, options: [y, z]}}",
            "jobs:j:inputs:a: The default of the input a must be 'y' or 'z', not the text 'x'.",
        ),
        (
            "{a: {default: x, regex: ^y}}",
            "jobs:j:inputs:a: The default of the input a does not match the regular expression ^y.",
        ),
        ("{a: {default: x, regex: '('}}", "jobs:j:inputs:a:regex: inputs:regex: "),
        (
            "{a: {default: x, type: text}}",
            "jobs:j:inputs:a:type: inputs:type must be 'string', 'number', 'boolean' or 'array', not the text 'text'.",
        ),
        (
            "{a: {default: x, rules: [{default: y}]}}",
            "jobs:j:inputs:a:rules: The input a config contains unknown keys: rules.",
        ),
        (
            "{a: {type: number, default: 99999999999999999999}}",
            "jobs:j:inputs:a: The default of the input a cannot be kept: ",
        ),
        (
            "{a: {type: array, default: [.inf]}}",
            "jobs:j:inputs:a: The default of the input a cannot be kept: ",
        ),
        (
            "{a: {type: number, default: 1, options: [1, 99999999999999999999]}}",
            "jobs:j:inputs:a: An option of the input a cannot be kept: ",
        ),
        (
            "{a: {type: array, default: [x], options: [y]}}",
            "jobs:j:inputs:a: The default of the input a may hold only 'y', not the text 'x'.",
        ),
        ("[a]", "jobs:j:inputs: inputs must be a map of names and what they take, not a list."),
    ],
)
def test_what_is_wrong(errors: Errors, inputs: str, message: str) -> None:
    (found,) = errors(f"j: {{script: x, inputs: {inputs}}}")
    assert found.startswith(f"1 {message}")


def test_where_they_do_not_go(errors: Errors) -> None:
    (found,) = errors("j: {trigger: a/b, inputs: {a: {default: x}}}")
    assert "inputs does not go together with trigger" in found
    (found,) = errors("default: {inputs: {a: {default: x}}}\nj: {script: x}")
    assert "'inputs' cannot have a default" in found
