"""Owns the tests of reading YAML: scalars, anchors, merge keys, tags, and the bounds."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ci_core.compiler import CompileContext, CompiledPipeline, CompileResult, Limits, compile_config
from ci_core.compiler.scalars import resolve_plain

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nUll", "nUll"),
        ("yes", True),
        ("On", True),
        ("FALSE", False),
        ("n", "n"),
        ("12", 12),
        ("-1_000", -1000),
        ("0o7", "0o7"),
        ("010", 8),
        ("08", "08"),
        ("0x1F", 31),
        ("0b101", 5),
        ("0x_", "0x_"),
        ("1:30", 90),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", float("inf")),
        ("1.2.3", "1.2.3"),
        ("2024-01-01", "2024-01-01"),
        ("-", "-"),
        ("+", "+"),
        ("main", "main"),
        ("9" * 400, "9" * 400),
    ],
)
def test_plain_scalars(text: str, expected: object) -> None:
    assert resolve_plain(text) == expected
    assert type(resolve_plain(text)) is type(expected)


def test_anchors_and_merge_keys(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/yaml_optimization/#anchors
    pipeline = plan("""
        .job_template: &job_configuration
          image: ruby:2.6
          services: [postgres, redis]
        test1:
          <<: *job_configuration
          script: [test1 project]
        .default_scripts: &default_scripts
          - ./default-script1.sh
          - ./default-script2.sh
        test2:
          <<: *job_configuration
          image: ruby:3
          script:
            - *default_scripts
            - ./job-script.sh
    """)
    first, second = pipeline.jobs
    assert first.definition()["image"] == {"name": "ruby:2.6"}
    assert first.definition()["services"] == [{"name": "postgres"}, {"name": "redis"}]
    assert second.definition()["image"] == {"name": "ruby:3"}
    assert second.definition()["script"] == [
        "./default-script1.sh",
        "./default-script2.sh",
        "./job-script.sh",
    ]


def test_a_merge_key_replaces_what_stands_above_it_and_says_so(run: Run) -> None:
    result = run("""
        .base: &base {image: a, script: [x]}
        job:
          image: b
          <<: *base
    """)
    assert result.pipeline is not None
    assert result.pipeline.jobs[0].definition()["image"] == {"name": "a"}
    assert [(w.line, w.path) for w in result.warnings] == [(5, "job:image")]


def test_a_key_written_twice_is_a_warning(run: Run) -> None:
    result = run("""
        job:
          script: a
          script: b
    """)
    assert result.pipeline is not None
    assert result.pipeline.jobs[0].definition()["script"] == ["b"]
    assert [(w.line, w.column, w.path) for w in result.warnings] == [(4, 3, "job:script")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "cannot be read"),
        ("a: 'b", "cannot be read"),
        ("a: *b", "has no anchor &b"),
        ("a: &a [*a]", "has no anchor &a"),
        ("a: !custom b", "!custom is not known"),
        ("a: !!binary aGk=", "binary is not known"),
        ("a: !!python/object:os.system b", "not known"),
        ("? [a]\n: b", "plain text"),
        ("a: !reference b", "must be followed by a list"),
        ("a: !reference {b: c}", "must be followed by a list"),
        ("a: !reference []", "list of keys"),
        ("a: {<<: b}", "merge key"),
        ("a: \x00", "cannot be read"),
        ("- a", "must be a map"),
        ("just text", "must be a map"),
        ("", "is empty"),
        ("# only a comment", "is empty"),
        ("a: b\n---\nc: d", "several YAML documents"),
        ("a:\n\t- b", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(errors: Errors, text: str, words: str) -> None:
    assert words in errors(text)[0]


def test_bytes_and_byte_order_mark() -> None:
    context = CompileContext(ref="main")
    assert compile_config("\ufeffa: {script: ü}".encode(), context).pipeline is not None
    bad = compile_config(b"a: {script: \xff}", context)
    assert "UTF-8" in bad.errors[0].message
    assert "UTF-8" in compile_config("a: '\ud800'", context).errors[0].message


def test_billion_laughs_fail_in_milliseconds(errors: Errors) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    begin = time.perf_counter()
    found = errors("\n".join(lines))
    assert time.perf_counter() - begin < 0.2
    assert "expanded_nodes" in found[0]


def test_variables_that_double_fail_fast(run: Run) -> None:
    lines = [f"  V{i}: $V{i + 1}$V{i + 1}" for i in range(60)]
    begin = time.perf_counter()
    run("variables:\n" + "\n".join(lines) + "\n  V60: ''\njob: {script: x, tags: [$V0]}\n")
    run("variables:\n" + "\n".join(lines) + "\n  V60: xx\njob: {script: x, tags: [$V0]}\n")
    assert time.perf_counter() - begin < 0.5


def test_references_that_multiply_are_stopped(errors: Errors) -> None:
    big = ".big: &b [x" + ", x" * 4_000 + "]\n.more: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
    jobs = "".join(f"j{i}: {{script: [!reference [.more], '{i}']}}\n" for i in range(1_000))
    assert any("(work)" in error for error in errors(big + jobs, limits=Limits(work=100_000)))


@pytest.mark.parametrize(
    "text",
    [
        "a: {script: x, needs: ["
        + ",".join(f"b{i}" for i in range(20_000))
        + "]}\n"
        + "".join(f"c{i}: {{script: x}}\n" for i in range(5_000)),
        "a: {script: x, rules: [" + ",".join(f"{{if: '$A{i} ='}}" for i in range(20_000)) + "]}",
        "".join(f".x{i}: {{extends: [.x{i - 1}], k{i}: 1}}\n" for i in range(1, 3_000))
        + ".x0: {}\na: {script: x}",
        "variables: {" + ",".join(f"V{i}: $V{i + 1}" for i in range(20_000)) + "}\na: {script: x}",
    ],
    ids=["needs", "expressions", "extends", "variables"],
)
def test_large_and_wrong_is_still_quick(run: Run, text: str) -> None:
    begin = time.perf_counter()
    result = run(text)
    assert time.perf_counter() - begin < 5
    assert len(result.errors) <= 101


@pytest.mark.parametrize(
    ("text", "limits", "name"),
    [
        ("a: {script: x}" + " " * 50, Limits(file_bytes=20), "file_bytes"),
        ("a: [[[[1]]]]", Limits(yaml_depth=3), "yaml_depth"),
        ("a: " + "[" * 5000, Limits(), "limit of 100 levels (yaml_depth)"),
        ("a: [1, 2, 3, 4]", Limits(yaml_nodes=3), "yaml_nodes"),
        ("a: &a 1\nb: [*a, *a]", Limits(yaml_aliases=1), "yaml_aliases"),
        ("a: {script: x}\nb: {script: x}", Limits(jobs=1), "(jobs)"),
        ("a: {script: x, parallel: 3}", Limits(parallel=2), "(parallel)"),
        ("a: {script: x, tags: [a, b]}", Limits(tags_per_job=1), "tags_per_job"),
        ("a: {script: x, cache: [{paths: [a]}, {paths: [b]}]}", Limits(caches_per_job=1), "caches_per_job"),
    ],
)
def test_each_bound_is_named(errors: Errors, text: str, limits: Limits, name: str) -> None:
    assert name in errors(text, limits=limits)[0]


def test_the_number_of_diagnostics_is_bounded(run: Run) -> None:
    result = run("".join(f"j{i}: {{scrip: x, script: y}}\n" for i in range(300)))
    assert len(result.errors) == 101
    assert "200 more errors" in result.errors[-1].message
