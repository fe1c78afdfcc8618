"""Owns the tests of spec:inputs and of $[[ ... ]]."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ci_core.compiler import CompiledPipeline, CompileResult, Limits
from tests.unit.compiler.conftest import MemoryFetcher

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]

SCAN = r"""
spec:
  inputs:
    job-prefix:
      description: "Define a prefix for the job name"
    job-stage:
      default: test
    environment:
      options: ['test', 'staging', 'production']
    concurrency:
      type: number
      default: 1
    version:
      type: string
      regex: ^v\d\.\d+(\.\d+)$
    export_results:
      type: boolean
      default: true
---

"$[[ inputs.job-prefix ]]-scan-website":
  stage: $[[ inputs.job-stage ]]
  parallel: $[[ inputs.concurrency ]]
  allow_failure: $[[ inputs.export_results ]]
  script:
    - echo "-e $[[ inputs.environment ]] -c $[[ inputs.concurrency ]] -v $[[ inputs.version ]]"
    - if $[[ inputs.export_results ]]; then echo "export results"; fi
"""
GOOD = {"job-prefix": "some-service", "environment": "staging", "concurrency": 2, "version": "v1.3.2"}


def included(**inputs: Any) -> tuple[str, dict[str, Any]]:
    """A configuration that includes SCAN with these inputs, and the context for it."""
    import json

    text = f"include: [{{local: scan.yml, inputs: {json.dumps(inputs)}}}]\nkeep: {{script: x}}\n"
    return text, {"fetcher": MemoryFetcher({"scan.yml": SCAN})}


def test_the_example_of_the_docs(plan: Plan) -> None:
    # docs.gitlab.com/ci/inputs/#for-configuration-added-with-include
    text, given = included(**GOOD, export_results=False)
    job = plan(text, given=given).jobs[0]
    assert (job.name, job.stage, job.parallel_total, job.allow_failure) == (
        "some-service-scan-website 1/2",
        "test",
        2,
        False,
    )
    assert job.definition()["script"] == [
        'echo "-e staging -c 2 -v v1.3.2"',
        'if false; then echo "export results"; fi',
    ]
    assert (job.position.file, job.position.line) == ("scan.yml", 21)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"job-prefix": None}, "The input 'job-prefix' must be given: it has no default."),
        ({"environment": "prod"}, "must be 'test', 'staging' or 'production', not the text 'prod'."),
        ({"concurrency": "2"}, "The input 'concurrency' must be a number, not the text '2'."),
        ({"concurrency": True}, "must be a number, not the boolean true."),
        ({"version": "v1.A.B"}, "does not match the regular expression"),
        ({"export_results": "yes"}, "must be true or false"),
        ({"job-prefix": 5}, "must be a text, not the number 5."),
        ({"other": "x"}, "The input 'other' is given, but the file does not declare it in spec:inputs."),
    ],
)
def test_wrong_values_are_reported_where_they_are_given(
    errors: Errors, change: dict[str, Any], message: str
) -> None:
    inputs = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    text, given = included(**inputs)
    found = errors(text, given=given)
    assert message in " ".join(found)
    assert all(line.startswith("1 include") for line in found)


def test_inputs_of_the_pipeline_come_as_texts_or_as_values(plan: Plan, errors: Errors) -> None:
    # docs.gitlab.com/ci/inputs/#for-a-pipeline
    text = """
        spec:
          inputs:
            n: {type: number, default: 1}
            flag: {type: boolean, default: false}
            list: {type: array, default: [a]}
            text: {default: ''}
        ---
        "job-$[[ inputs.n ]]":
          allow_failure: $[[ inputs.flag ]]
          tags: $[[ inputs.list ]]
          script: 'x $[[ inputs.list ]] "$[[ inputs.text ]]"'
    """
    job = plan(text).jobs[0]
    assert (job.name, job.allow_failure, job.tags) == ("job-1", False, ("a",))
    assert job.definition()["script"] == ['x ["a"] ""']
    typed = {"n": 2, "flag": True, "list": ["b", "c"], "text": "5"}
    texts = {"n": "2", "flag": "true", "list": '["b", "c"]', "text": "5"}
    for inputs in (typed, texts):
        job = plan(text, given={"inputs": inputs}).jobs[0]
        assert (job.name, job.allow_failure, job.tags) == ("job-2", True, ("b", "c"))
        assert job.definition()["script"] == ['x ["b", "c"] "5"']
    assert "must be a number" in errors(text, given={"inputs": {"n": "many"}})[0]
    found = errors(text, given={"inputs": {str(n): "x" for n in range(21)}})
    assert "21 inputs are given, more than the limit of 20 (pipeline_inputs)." in found[0]


def test_an_array_replaces_a_whole_value(plan: Plan) -> None:
    # docs.gitlab.com/ci/inputs/#array-type
    pipeline = plan("""
        spec:
          inputs:
            rules-config:
              type: array
              default:
                - if: $CI_PIPELINE_SOURCE == "push"
                  when: manual
                - if: $CI_PIPELINE_SOURCE == "schedule"
        ---
        test_job:
          rules: $[[ inputs.rules-config ]]
          script: ls
    """)
    assert pipeline.jobs[0].when == "manual"


@pytest.mark.parametrize(
    ("block", "value", "expected"),
    [
        ("inputs.t", "plain $MY_VAR", "plain $MY_VAR"),
        ("inputs.t | expand_vars | truncate(5,8)", "test $MY_VAR", "my value"),
        ("inputs.t | truncate(3,5)", "0123456789", "34567"),
        ("inputs.t | truncate(50,5)", "0123456789", ""),
        ("inputs.t | expand_vars", "${MY_VAR} $NESTED $UNKNOWN", "my value $MY_VAR $UNKNOWN"),
        ("inputs.t|posix_escape", "A 'b' \"c\" $d", "A\\ \\'b\\'\\ \\\"c\\\"\\ \\$d"),
        ("inputs.t | expand_vars | posix_escape", "$MY_VAR", "my\\ value"),
        ("inputs.t | posix_escape", "", "''"),
    ],
)
def test_functions(plan: Plan, block: str, value: str, expected: str) -> None:
    # docs.gitlab.com/ci/inputs/#predefined-interpolation-functions
    text = f"spec: {{inputs: {{t: }}}}\n---\na: {{script: ['<$[[ {block} ]]>']}}"
    variables = {"MY_VAR": "my value", "NESTED": "$MY_VAR"}
    job = plan(text, given={"inputs": {"t": value}}, **variables).jobs[0]
    assert job.definition()["script"] == [f"<{expected}>"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("inputs.x", "$[[ inputs.x ]] is not declared: spec:inputs has no 'x'."),
        ("inputs.t | upper", "The function 'upper' is not known."),
        ("inputs.t | truncate(1)", "The function 'truncate(1)' is not known."),
        ("inputs.n | expand_vars", "The function expand_vars works on texts only."),
        ("inputs.t|expand_vars|expand_vars|expand_vars|expand_vars", "more than the limit of 3 functions"),
        ("inputs.t | expand_vars", "expand_vars cannot show the masked variable SECRET."),
        ("t", "$[[ t ]] cannot be read. Write $[[ inputs.name ]]."),
        ("component.name", "needs spec:component: [name]"),
        ("inputs." + "t" * 1100, "more than the limit of 1024 characters (interpolation_length)"),
    ],
)
def test_wrong_blocks(errors: Errors, block: str, message: str) -> None:
    header = "spec: {inputs: {t: {default: $SECRET}, n: {type: number, default: 1}}}\n---\n"
    text = f"{header}a:\n  script: $[[ {block} ]]"
    found = errors(text, given={"masked": frozenset({"SECRET"})}, SECRET="hunter2")
    assert message in found[0]
    assert found[0].startswith("4 jobs:a:script")


@pytest.mark.parametrize(
    ("condition", "big", "holds"),
    [
        ("$[[ inputs.big ]]", True, True),
        ("$[[ inputs.big ]]", False, False),
        ("!$[[ inputs.big ]]", False, True),
        ("$[[ inputs.big ]] == true", True, True),
        ("$[[ inputs.big ]] == 'false'", False, True),
        ("$[[ inputs.big ]] != false", False, False),
    ],
)
def test_boolean_inputs_in_rules(plan: Plan, condition: str, big: bool, holds: bool) -> None:
    # docs.gitlab.com/ci/inputs/#use-boolean-inputs-with-specinputsrules
    text = f"""
        spec:
          inputs:
            big: {{type: boolean, default: {str(big).lower()}}}
            size: {{rules: [{{if: "{condition}", default: "yes"}}, {{options: ["no"], default: "no"}}]}}
        ---
        a: {{script: '$[[ inputs.size ]]'}}
    """
    assert plan(text).jobs[0].definition()["script"] == ["yes" if holds else "no"]


ARRAYS = """
spec:
  inputs:
    supported-versions: {type: array, default: ['2.0', 1]}
    servers: {type: array, default: [{host: one.example.com, ports: ['80', 443]}]}
    matrix: {type: array, default: [[a, b], [c, d]]}
    text: {default: abc}
---
a:
  script:
    - BLOCK
    - <BLOCK>
"""


@pytest.mark.parametrize(
    ("block", "script"),
    [
        ("inputs.supported-versions[0]", ["2.0", "<2.0>"]),
        ("inputs.supported-versions[0] | truncate(0,1)", ["2", "<2>"]),
        ("inputs.servers[0].host", ["one.example.com", "<one.example.com>"]),
        ("inputs.servers[0].ports[0]", ["80", "<80>"]),
        ("inputs.matrix[0][1]", ["b", "<b>"]),
        ("inputs.matrix[1]", ["c", "d", '<["c", "d"]>']),
    ],
)
def test_items_of_arrays(plan: Plan, block: str, script: list[str]) -> None:
    # docs.gitlab.com/ci/inputs/#access-individual-array-elements
    job = plan(ARRAYS.replace("BLOCK", f"$[[ {block} ]]")).jobs[0]
    assert job.definition()["script"] == script


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("inputs.matrix[2]", "asks for item 2 of 2; the first has the number 0."),
        ("inputs.matrix[0].x", "asks for 'x', which is not there."),
        ("inputs.servers[0].port", "asks for 'port', which is not there."),
        ("inputs.text[0]", "asks for item 0 of what is not a list."),
        ("inputs.text.x", "asks for 'x', which is not there."),
        ("inputs.matrix[-1]", "cannot be read. Write $[[ inputs.name ]]."),
        ("inputs.matrix[0][0][0][0][0][0]", "cannot be read."),
        ("inputs.other[0]", "is not declared: spec:inputs has no 'other'."),
        ("component.name[0]", "cannot be read."),
    ],
)
def test_items_of_arrays_refuse(errors: Errors, block: str, message: str) -> None:
    (found,) = errors(ARRAYS.replace("    - BLOCK\n", "").replace("BLOCK", f"$[[ {block} ]]"))
    assert message in found
    assert found.startswith("11 jobs:a:script")


def test_an_item_right_before_the_end_of_its_block(errors: Errors) -> None:
    found = errors(ARRAYS.replace("BLOCK", "$[[inputs.matrix[0]]]"))
    assert (
        "$[[ inputs.matrix[0 ]] cannot be read. Write $[[ inputs.name ]]. Put a space before ]]." in found[0]
    )


RULES = """
spec:
  inputs:
    cloud: {options: [aws, gcp], default: aws}
    big: {type: boolean, default: false}
    size:
      rules:
        - if: $[[ inputs.cloud ]] == 'aws' && $[[ inputs.big ]] == true
          options: [xl, xxl]
          default: xl
        - if: $[[ inputs.cloud ]] == 'aws' || $[[ inputs.cloud ]] == 'azure'
          options: [micro]
          default: micro
        - options: [small, large]
          default: small
    own:
      rules:
        - if: $[[ inputs.cloud ]] == 'gcp'
          default: null
        - default: none
    note:
      rules:
        - if: $[[ inputs.cloud ]] == 'gcp'
          options: [x, y]
          default: x
---
a: {script: '$[[ inputs.size ]] $[[ inputs.own ]] ($[[ inputs.note ]])'}
"""


@pytest.mark.parametrize(
    ("inputs", "script"),
    [
        ({}, "micro none ()"),
        ({"big": True}, "xl none ()"),
        ({"big": True, "size": "xxl"}, "xxl none ()"),
        ({"cloud": "gcp", "own": "mine"}, "small mine (x)"),
        ({"cloud": "gcp", "own": "mine", "size": "large"}, "large mine (x)"),
        ({"note": "free"}, "micro none (free)"),
    ],
)
def test_rules_of_inputs(plan: Plan, inputs: dict[str, Any], script: str) -> None:
    # docs.gitlab.com/ci/inputs/#define-conditional-input-options-with-specinputsrules
    assert plan(RULES, given={"inputs": inputs}).jobs[0].definition()["script"] == [script]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"size": "xl"}, "The input 'size' must be 'micro', not the text 'xl'."),
        ({"cloud": "gcp"}, "The input 'own' must be given: it has no default."),
    ],
)
def test_rules_of_inputs_refuse(errors: Errors, inputs: dict[str, Any], message: str) -> None:
    assert message in errors(RULES, given={"inputs": inputs})[0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("[]", "spec:inputs must be a map"),
        ("{'a b': }", "'a b' cannot be the name of an input"),
        ("{a: {type: date}}", "spec:inputs:type must be 'string', 'number', 'boolean' or 'array'"),
        ("{a: {default: 1}}", "The default of the input a must be a text, not the number 1."),
        ("{a: {default: c, options: [a, b]}}", "The input 'a' must be 'a' or 'b', not the text 'c'."),
        ("{a: {default: x, regex: ^v}}", "does not match the regular expression ^v"),
        ("{a: {regex: '(', default: x}}", "is not a valid RE2 regular expression"),
        ("{a: {type: number, default: 1, regex: x}}", "works with inputs of the type string only"),
        ("{a: {type: boolean, default: true, options: [true]}}", "which inputs of the type boolean may not"),
        (
            "{a: {type: array, default: [a, c], options: [a, b]}}",
            "may hold only 'a' or 'b', not the text 'c'.",
        ),
        ("{a: {type: array, default: [true], options: [1]}}", "may hold only '1', not the boolean true."),
        ("{a: {type: array, default: [[a]], options: [a]}}", "may hold only 'a', not a list."),
        (
            "{a: {type: array, default: [a], options: [[a]]}}",
            "an option must be a text or a number, not a list.",
        ),
        ("{a: {default: x, bogus: 1}}", "unknown keys: bogus"),
        ("{a: {default: x, options: [" + "x, " * 51 + "]}}", "more than the limit of 50 (input_options)"),
        ("{a: {rules: [{if: '$[[ inputs.b ]]'}]}, b: {rules: [{if: '$[[ inputs.a ]]'}]}}", "go in a circle"),
        ("{a: {rules: [{if: '$[[ inputs.a'}]}}", "Invalid expression syntax"),
        ("{a: {default: x, rules: [{default: y}]}}", "An input has either rules or default."),
    ],
)
def test_wrong_headers(errors: Errors, spec: str, message: str) -> None:
    assert message in " ".join(errors(f"spec:\n  inputs: {spec}\n---\na: {{script: x}}"))


@pytest.mark.parametrize("chosen", [["a"], ["b", "a"], [], '["b"]'])
def test_a_list_is_chosen_from_options(plan: Plan, chosen: Any) -> None:
    # docs.gitlab.com/ci/yaml/#specinputsoptions
    text = "spec: {inputs: {i: {type: array, options: [a, b, 3]}}}\n---\nj: {script: 'say $[[ inputs.i ]]'}"
    shown = chosen if isinstance(chosen, str) else json.dumps(chosen)
    assert plan(text, given={"inputs": {"i": chosen}}).jobs[0].definition()["script"] == [f"say {shown}"]


def test_a_header_is_told_from_a_body(errors: Errors, plan: Plan) -> None:
    assert "spec belongs into a header" in errors("spec: {inputs: {}}\na: {script: x}")[0]
    assert (
        "header config contains unknown keys: title" in errors("spec: {}\ntitle: x\n---\na: {script: x}")[0]
    )
    assert "several YAML documents" in errors("a: 1\n---\na: {script: x}")[0]
    assert plan("a: {script: 'echo $[[ inputs.x ]]'}").jobs[0].definition()["script"] == [
        "echo $[[ inputs.x ]]"
    ]


def test_component_context(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#speccomponent
    body = """
        spec: {component: [name, version, reference, sha]}
        ---
        b: {script: "$[[ component.name ]] $[[ component.version ]] $[[ component.reference ]]"}
    """
    fetcher = MemoryFetcher(projects={"g/p@1.0.2": {"templates/img.yml": body}})
    pipeline = plan("include: {component: h/g/p/img@1.0.2}", given={"fetcher": fetcher})
    assert pipeline.jobs[0].definition()["script"] == ["img 1.0.2 1.0.2"]


def test_interpolation_cannot_blow_up(errors: Errors) -> None:
    text = "spec: {inputs: {a: }}\n---\nj: {script: '" + "$[[ inputs.a ]]" * 50 + "'}"
    found = errors(text, given={"inputs": {"a": "x" * 1000}}, limits=Limits(interpolated_length=10_000))
    assert "more than the limit of 10000 characters (interpolated_length)" in found[0]
