"""Owns the property that compiling never raises: any text, any YAML, and mutations of the samples."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_core.compiler import CompileContext, CompileResult, compile_config
from tests.unit.compiler.conftest import MemoryChanges, MemoryFetcher

CASES = Path(__file__).parents[3] / "fixtures" / "ci_yaml"
SAMPLES = [path.read_text() for path in sorted(CASES.glob("*/input.yml"))]
CONTEXT = CompileContext(
    ref="main",
    variables={"CI_COMMIT_BRANCH": "main", "CI": "true"},
    fetcher=MemoryFetcher(
        {"build": "", "a.yml": "included: {script: x}", "b.yml": "include: [a.yml, '**.yml']"}
    ),
    changes=MemoryChanges(["build", "a.yml"], {"test": ["x"]}),
)
FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_KEYS = """
    stages default variables workflow include image services cache before_script after_script script stage needs
    dependencies rules if when allow_failure start_in name auto_cancel artifacts paths reports key files tags
    environment url action on_stop timeout retry max exit_codes interruptible parallel resource_group extends
    inherit coverage hooks .base build test value expand options <<
    local project remote template component file ref inputs spec type regex default description matrix A only except
    refs changes exists compare_to kubernetes trigger branch strategy forward artifact job release tag_name pages
    publish id_tokens aud secrets vault pipeline optional assets links prefix files_commits
"""
_keys = st.sampled_from(_KEYS.split())
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.floats(allow_nan=False),
    st.sampled_from(
        [
            "build",
            "test",
            ".base",
            "a.yml",
            "*.yml",
            "**/*",
            "$[[ inputs.a ]]",
            "$CI",
            "$CI == 'x'",
            "1 hour",
            "manual",
            "delayed",
            "always",
            "/a/",
            "",
        ]
    ),
    st.text(max_size=6),
)
_configs = st.recursive(
    _leaves,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_keys, children, max_size=5),
    max_leaves=30,
)


def check(source: str | bytes, context: CompileContext = CONTEXT) -> CompileResult:
    """What must hold of every result."""
    result = compile_config(source, context)
    assert (result.pipeline is None) == bool(result.errors)
    for item in (*result.errors, *result.warnings):
        assert item.message
        assert item.line >= 1
        assert item.column >= 1
        lines = result.sources.get(item.file, "").splitlines()
        assert item.line <= len(lines) + 1, "the place is in the file"
    json.dumps(result.explanation.to_json())
    if result.pipeline is not None:
        names = {job.name for job in result.pipeline.jobs}
        assert len(names) == len(result.pipeline.jobs)
        for job in result.pipeline.jobs:
            json.dumps(job.definition())
            assert {need.name for need in job.needs or ()} <= names
            assert job.stage in result.pipeline.stages
    return result


@FAST
@given(st.text(max_size=60) | st.text(alphabet="ab:-[]{}&*!<>|'\"# \n\t?,~$", max_size=60))
def test_any_text(text: str) -> None:
    check(text)


@FAST
@given(st.binary(max_size=40))
def test_any_bytes(data: bytes) -> None:
    check(data)


@FAST
@given(st.dictionaries(_keys, _configs, max_size=6))
def test_any_yaml(config: dict[str, Any]) -> None:
    check(yaml.safe_dump(config, sort_keys=False))


@FAST
@given(st.dictionaries(_keys, _configs, max_size=4), st.dictionaries(_keys, _configs, max_size=4))
def test_any_jobs(one: dict[str, Any], two: dict[str, Any]) -> None:
    config = {"build": {"script": "x", **one}, "test": {"script": "x", **two}, ".base": {"script": "y"}}
    check(yaml.safe_dump(config, sort_keys=False))


@FAST
@given(
    st.dictionaries(_keys, _configs, max_size=4),
    st.dictionaries(_keys, _configs, max_size=4),
    st.dictionaries(st.sampled_from("abc"), _leaves | st.lists(_leaves, max_size=2), max_size=3),
)
def test_any_header(spec: dict[str, Any], body: dict[str, Any], inputs: dict[str, Any]) -> None:
    header = {"spec": {"inputs": {"a": spec, "b": {"default": "x"}}}}
    config = {**body, "j": {"script": "$[[ inputs.a ]] $[[ inputs.b | truncate(0,1) ]]"}}
    text = yaml.safe_dump(header, sort_keys=False) + "---\n" + yaml.safe_dump(config, sort_keys=False)
    check(text, replace(CONTEXT, inputs=inputs))


@FAST
@given(st.dictionaries(_keys, _configs, max_size=4), _configs)
def test_any_include(included: dict[str, Any], entry: Any) -> None:
    fetcher = MemoryFetcher({"a.yml": yaml.safe_dump(included), "b.yml": "include: a.yml"})
    config = {"include": [entry, "a.yml", {"local": "b.yml", "rules": [entry]}], "j": {"script": "x"}}
    check(yaml.safe_dump(config, sort_keys=False), replace(CONTEXT, fetcher=fetcher))


@FAST
@given(st.data())
def test_mutations_of_the_samples(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(SAMPLES)).splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        kind = data.draw(st.sampled_from(["drop", "double", "cut", "indent", "insert", "swap"]))
        line = lines[index]
        if kind == "drop" and len(lines) > 1:
            del lines[index]
        elif kind == "double":
            lines.insert(index, line)
        elif kind == "cut":
            lines[index] = line[: data.draw(st.integers(0, len(line)))]
        elif kind == "indent":
            lines[index] = " " * data.draw(st.integers(0, 6)) + line.lstrip()
        elif kind == "insert":
            at = data.draw(st.integers(0, len(line)))
            lines[index] = (
                line[:at]
                + data.draw(st.sampled_from([":", "- ", "!reference [a]", "&a ", "*a", "$", "("]))
                + line[at:]
            )
        else:
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[index], lines[other] = lines[other], line
    check("\n".join(lines))


def test_deep_nesting_through_references_does_not_exhaust_the_stack() -> None:
    parts = [".r0: x"]
    for level in range(1, 10):
        parts.append(f".r{level}: {'[' * 90}!reference [.r{level - 1}]{']' * 90}")
    result = check("\n".join([*parts, "a: {script: [!reference [.r9]]}"]))
    assert result.errors


def bounded(text: str, context: CompileContext = CONTEXT) -> list[str]:
    """The codes of the errors; fails when refusing takes long."""
    started = time.process_time()
    result = check(text, context)
    assert time.process_time() - started < 8
    return [error.code for error in result.errors]


def test_hostile_configurations_are_refused_in_time() -> None:
    axis = ", ".join(str(n) for n in range(14))
    matrix = f"parallel: {{matrix: [{{A: [{axis}], B: [{axis}]}}]}}"
    many = "".join(f"j{n}: {{script: x, {matrix}}}\n" for n in range(3000))
    assert bounded(many) == ["limit"]
    needs = ", ".join(
        f"{{job: a, parallel: {{matrix: [{{A: [{axis}], B: ['$[[ matrix.B ]]']}}]}}}}" for _ in range(900)
    )
    assert "limit" in bounded(f"a: {{script: x, {matrix}}}\nb: {{script: x, {matrix}, needs: [{needs}]}}")
    rules = ", ".join(f"{{changes: [$A/{n}, $CI/**/*]}}" for n in range(300))
    assert bounded(
        f".r: &r [{rules}]\n" + "".join(f"j{n}: {{script: x, rules: *r, {matrix}}}\n" for n in range(400))
    )
    refs = "".join(
        f"j{n}: {{script: x, rules: [{{changes: {{paths: [x], compare_to: r{n}}}}}]}}\n" for n in range(300)
    )
    assert bounded(refs)
    entries = "".join(f"  - {{project: p{n}, file: a.yml}}\n" for n in range(5000))
    assert "limit" in bounded(f"include:\n{entries}a: {{script: x}}")


def test_interpolation_is_counted() -> None:
    blocks = "".join(f"j{n}: {{script: '$[[ inputs.a ]]{n}'}}\n" for n in range(9000))
    text = f"spec: {{inputs: {{a: }}}}\n---\n{blocks}"
    assert bounded(text, replace(CONTEXT, inputs={"a": "x" * 900_000})) == ["limit"]
