"""Owns the tests of reading YAML: scalars, anchors, merge keys, tags, and the bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ci_core.compiler import CompileContext, CompiledPipeline, CompileResult, Limits, compile_config
from ci_core.compiler.scalars import resolve_plain, scalar_text
from tests.support.work import at_most

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]


# Expected are the values of Psych 5, lib/psych/scalar_scanner.rb, rule by rule; GitLab reads its configuration with it.
PLAIN: list[tuple[str, object]] = [
    # empty, null, booleans: up to five characters, in any case
    ("", None),
    ("~", None),
    ("null", None),
    ("nUll", None),
    ("Null", None),
    ("nulls", "nulls"),
    ("yes", True),
    ("On", True),
    ("tRuE", True),
    ("FALSE", False),
    ("off", False),
    ("n", "n"),
    ("y", "y"),
    ("none", "none"),
    ("false.", "false."),
    ("y\non", True),
    ("x\non", "x\non"),
    ("true\nfalse", "true\nfalse"),
    # whole numbers: commas and underscores between digits, a zero in front for octal
    ("12", 12),
    ("+12", 12),
    ("-1_000", -1000),
    ("1,000", 1000),
    ("1,0_0,0", 1000),
    ("1__0", "1__0"),
    ("1,", "1,"),
    ("0", 0),
    ("-0", 0),
    ("00", 0),
    ("010", 8),
    ("-017", -15),
    ("0_17", 15),
    ("0_", 0),
    ("08", "08"),
    ("0o7", "0o7"),
    ("0x1F", 31),
    ("-0x_f", -15),
    ("0x", "0x"),
    ("0x_", "0x_"),
    ("0b1_01", 5),
    ("0b2", "0b2"),
    ("+", "+"),
    ("-", "-"),
    ("+ 1", "+ 1"),
    # numbers with a point; an exponent needs both a point and a sign
    ("1.5", 1.5),
    ("1.", 1.0),
    (".5", 0.5),
    ("-.5", -0.5),
    ("1,000.5", 1000.5),
    ("1_0.5", 10.5),
    ("1.5_0", "1.5_0"),
    ("1e3", "1e3"),
    ("1.5e3", "1.5e3"),
    ("1.5e+3", 1500.0),
    ("1.e-1", 0.1),
    (".e+1", ".e+1"),
    (".", "."),
    ("-.", "-."),
    ("1.2.3", "1.2.3"),
    (".inf", float("inf")),
    ("+.Inf", float("inf")),
    ("-.INF", float("-inf")),
    # hours, minutes and seconds, in seconds; the sign belongs to the hours
    ("1:30", 5400),
    ("01:30", 5400),
    ("22:22", 80_520),
    ("1:30:15", 5415),
    ("-1:30", -1800),
    ("1_0:00", 36_000),
    ("1:2:3:4", "1:2:3:4"),
    ("8080:80", "8080:80"),
    ("1:30.5", 5430.0),
    ("1:30.", 5400.0),
    # symbols lose their colon
    (":name", "name"),
    (":'a b'", "a b"),
    (':":x"', "x"),
    (":", ":"),
    # text
    ("main", "main"),
    ("-abc", "-abc"),
    ("1.2.3-rc", "1.2.3-rc"),
    ("9" * 400, "9" * 400),
]


@pytest.mark.parametrize(("text", "expected"), PLAIN)
def test_plain_scalars(text: str, expected: object) -> None:
    assert resolve_plain(text) == expected
    assert type(resolve_plain(text)) is type(expected)


def test_not_a_number_is_a_number() -> None:
    assert str(resolve_plain(".NaN")) == "nan"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1.0e+16"),
        (1.5e-5, "1.5e-05"),
        (0.0001, "0.0001"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
        (True, "true"),
        (None, ""),
        (8, "8"),
    ],
)
def test_scalars_as_text_are_written_as_in_ruby(value: float | None, text: str) -> None:
    # Ruby, Float#to_s
    assert scalar_text(value) == text


@pytest.mark.parametrize(
    "text", ["2024-01-01", "2024-1-31", "2024-02-31", "2024-01-01 10:00:00", "2024-01-01T10:00:00.5+02:00"]
)
def test_dates_want_quotes(errors: Errors, plan: Plan, text: str) -> None:
    # GitLab, lib/gitlab/config/loader/yaml.rb: "Tried to load unspecified class: Date"
    config = "a: {script: x, variables: {A: %s, B: 1}, tags: [%s]}"
    first, second = errors(config % (text, text))
    words = "is read as a date, which a configuration cannot hold. Put it in quotes."
    assert first == f"1 a:variables:A: '{text}' {words}"
    assert second.startswith("1 a:tags[0]: ")
    assert plan(config % (repr(text), repr(text))).jobs[0].tags == (text,)


@pytest.mark.parametrize("text", ["2024-13-01", "2024-01-32", "24-01-01", "2024-01", "2024-01-01T10:00"])
def test_what_is_no_date_is_text(plan: Plan, text: str) -> None:
    assert plan(f"a: {{script: x, tags: [{text}]}}").jobs[0].tags == (text,)


def test_keys_that_are_symbols_lose_their_colon(plan: Plan) -> None:
    job = plan(":a:\n  :script: x\n  tags: [b]\n").jobs[0]
    assert (job.name, job.definition()["script"]) == ("a", ["x"])


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
    # Some milliseconds; to expand it all would take 10 to the power of 30.
    with at_most(10_000):
        found = errors("\n".join(lines))
    assert "expanded_nodes" in found[0]


def test_variables_that_double_are_little_work(run: Run) -> None:
    lines = [f"  V{i}: $V{i + 1}$V{i + 1}" for i in range(60)]
    for end in ("''", "xx"):
        with at_most(40_000):
            run("variables:\n" + "\n".join(lines) + f"\n  V60: {end}\njob: {{script: x, tags: [$V0]}}\n")


def test_references_that_multiply_are_stopped(errors: Errors) -> None:
    big = ".big: &b [x" + ", x" * 4_000 + "]\n.more: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
    jobs = "".join(f"j{i}: {{script: [!reference [.more], '{i}']}}\n" for i in range(1_000))
    assert any("(work)" in error for error in errors(big + jobs, limits=Limits(work=100_000)))


@pytest.mark.parametrize(
    "text",
    [
        "a: {script: x, needs: ["
        + ",".join(f"b{i}" for i in range(5_000))
        + "]}\n"
        + "".join(f"c{i}: {{script: x}}\n" for i in range(5_000)),
        "a: {script: x, rules: [" + ",".join(f"{{if: '$A{i} ='}}" for i in range(5_000)) + "]}",
        "".join(f".x{i}: {{extends: [.x{i - 1}], k{i}: 1}}\n" for i in range(1, 3_000))
        + ".x0: {}\na: {script: x}",
        "variables: {" + ",".join(f"V{i}: $V{i + 1}" for i in range(5_000)) + "}\na: {script: x}",
    ],
    ids=["needs", "expressions", "extends", "variables"],
)
def test_large_and_wrong_is_work_in_proportion(run: Run, text: str) -> None:
    with at_most(2_000_000):
        result = run(text)
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
