"""Owns the tests of extends, !reference, default and inherit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_core.compiler import CompiledPipeline
from ci_core.compiler.diagnostics import PlainMark
from ci_core.compiler.merge import deep_merge
from ci_core.compiler.tree import Map

Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]


def definitions(pipeline: CompiledPipeline) -> dict[str, dict[str, Any]]:
    return {job.name: job.definition() for job in pipeline.jobs}


def test_extends_merges_maps_and_replaces_lists(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/yaml_optimization/#merge-details
    pipeline = plan("""
        .only-important:
          variables: {URL: "http://my-url.internal", IMPORTANT_VAR: "the details"}
          rules:
            - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
            - if: $CI_COMMIT_BRANCH == "stable"
          tags: [production]
          script: ["echo 'Hello world!'"]
        .in-docker:
          variables: {URL: "http://docker-url.internal"}
          tags: [docker]
          image: alpine
        rspec:
          variables: {GITLAB: "is-awesome"}
          extends: [.only-important, .in-docker]
          script: [rake rspec]
    """)
    job = pipeline.jobs[0]
    assert {item["key"]: item["value"] for item in job.definition()["variables"]} == {
        "URL": "http://docker-url.internal",
        "IMPORTANT_VAR": "the details",
        "GITLAB": "is-awesome",
    }
    assert job.tags == ("docker",)
    assert job.definition()["image"] == {"name": "alpine"}
    assert job.definition()["script"] == ["rake rspec"]


def test_a_null_takes_an_extended_key_away(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/yaml_optimization/#exclude-a-key-from-extends
    pipeline = plan("""
        .base: {script: test, variables: {VAR1: base}, tags: [a]}
        test1: {extends: .base, variables: {VAR1: test1, VAR2: test2}}
        test2: {extends: .base, variables: {VAR2: test2}}
        test3: {extends: .base, variables: {}}
        test4: {extends: .base, variables: null, tags: null}
    """)
    found = {
        name: {item["key"]: item["value"] for item in body["variables"]}
        for name, body in definitions(pipeline).items()
    }
    assert found == {
        "test1": {"VAR1": "test1", "VAR2": "test2"},
        "test2": {"VAR1": "base", "VAR2": "test2"},
        "test3": {"VAR1": "base"},
        "test4": {},
    }
    assert pipeline.jobs[3].tags == ()


def chain(length: int) -> str:
    lines = ["j1: {script: x}"] + [f"j{i}: {{extends: j{i - 1}}}" for i in range(2, length + 1)]
    return "\n".join(reversed(lines))


def test_extends_reaches_over_eleven_levels_and_no_further(plan: Plan, errors: Errors) -> None:
    assert len(plan(chain(11)).jobs) == 11
    assert "extends_depth" in errors(chain(12))[0]
    assert "extends_depth" in errors(chain(3_000))[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {extends: .bsae}\n.base: {script: x}", "Did you mean '.base'?"),
        ("a: {extends: b, script: x}\nb: {extends: a, script: x}", "circle: a -> b -> a"),
        ("a: {extends: a, script: x}", "circle: a -> a"),
        ("a: {extends: [1], script: x}", "extends must be"),
        ("a: {extends: b, script: x}\nb: [x]", "is a list and not a job"),
    ],
)
def test_wrong_extends(errors: Errors, text: str, words: str) -> None:
    assert any(words in error for error in errors(text))


def test_extending_nothing_changes_nothing(plan: Plan) -> None:
    # Array(extends) of GitLab, lib/gitlab/ci/config/extendable/entry.rb
    assert plan("a: {extends: [], script: x}") == plan("a: {script: x, extends: null}")


def test_a_broken_extends_does_not_also_complain_about_the_script(errors: Errors) -> None:
    assert len(errors("a: {extends: .nowhere}")) == 1


def test_references(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/yaml_optimization/#reference-tags
    pipeline = plan("""
        .setup:
          script:
            - echo creating environment
          variables: {URL: "http://my-url.internal"}
        .teardown:
          after_script:
            - echo deleting environment
        .snippets:
          one: [echo 1]
          two: [!reference [.snippets, one], echo 2]
          rules:
            - if: $CI_COMMIT_TAG
        test:
          variables:
            IMPORTANT: x
            MY_URL: !reference [.setup, variables, URL]
          script:
            - !reference [.setup, script]
            - !reference [.snippets, two]
            - echo running my own command
          after_script:
            - !reference [.teardown, after_script]
          rules:
            - !reference [.snippets, rules]
            - if: $CI_COMMIT_BRANCH
              when: manual
        whole:
          variables: !reference [.setup, variables]
          script: x
    """)
    found = definitions(pipeline)
    assert found["test"]["script"] == [
        "echo creating environment",
        "echo 1",
        "echo 2",
        "echo running my own command",
    ]
    assert found["test"]["after_script"] == ["echo deleting environment"]
    assert found["test"]["variables"][1] == {"key": "MY_URL", "value": "http://my-url.internal", "raw": False}
    assert found["whole"]["variables"] == [{"key": "URL", "value": "http://my-url.internal", "raw": False}]
    assert pipeline.jobs[0].when == "manual"


def test_a_reference_sees_what_extends_brought(plan: Plan) -> None:
    pipeline = plan("""
        .a: {script: [from a]}
        .b: {extends: .a}
        job: {script: [!reference [.b, script]]}
    """)
    assert definitions(pipeline)["job"]["script"] == ["from a"]


def nested(levels: int) -> str:
    lines = [".s1: [echo]"] + [f".s{i}: [!reference [.s{i - 1}]]" for i in range(2, levels + 1)]
    return "\n".join([*lines, f"job: {{script: [!reference [.s{levels}]]}}"])


def test_references_reach_over_ten_levels_and_no_further(plan: Plan, errors: Errors) -> None:
    assert len(plan(nested(9)).jobs) == 1
    assert any("reference_depth" in error for error in errors(nested(11)))
    assert any("reference_depth" in error for error in errors(nested(500)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("job: {script: [!reference [.setup, script]]}", "the configuration has no key '.setup'"),
        (".setup: {scripts: a}\njob: {script: [!reference [.setup, script]]}", "Did you mean 'scripts'?"),
        (".s: {script: a}\njob: {script: [!reference [.s, script, b]]}", "is the text 'a'"),
        (".a: [!reference [.b]]\n.b: [!reference [.a]]\njob: {script: [!reference [.a]]}", "circle"),
    ],
)
def test_wrong_references(errors: Errors, text: str, words: str) -> None:
    found = errors(text)
    assert any(words in error for error in found)


def test_defaults_are_taken_over_whole_and_can_be_refused(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#default, docs.gitlab.com/ci/yaml/#inherit
    pipeline = plan("""
        variables: {A: "1", B: "2"}
        default:
          image: ruby:3.0
          retry: 2
          interruptible: true
          before_script: [default]
          tags: [a]
        all: {script: x}
        own: {script: x, image: {name: python, entrypoint: [""]}, before_script: [], tags: []}
        none: {script: x, inherit: {default: false, variables: false}}
        some: {script: x, inherit: {default: [retry, image], variables: [B]}}
    """)
    jobs = {job.name: job for job in pipeline.jobs}
    every, own, none, some = (jobs[name] for name in ("all", "own", "none", "some"))
    assert (every.retry_max, every.interruptible, every.tags) == (2, True, ("a",))
    assert every.definition()["before_script"] == ["default"]
    assert own.definition()["image"] == {"name": "python", "entrypoint": [""]}
    assert own.definition()["before_script"] == []
    assert own.tags == ()
    assert (none.retry_max, none.definition()["image"], none.definition()["variables"]) == (0, None, [])
    assert (some.retry_max, some.interruptible) == (2, False)
    assert some.definition()["variables"] == [{"key": "B", "value": "2", "raw": False}]


def test_older_keywords_at_the_top_are_defaults_too(plan: Plan, errors: Errors) -> None:
    assert definitions(plan("image: a\njob: {script: x}"))["job"]["image"] == {"name": "a"}
    assert "both at the top and in default" in errors("image: a\ndefault: {image: b}\njob: {script: x}")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("default: {script: x}\na: {script: x}", "'script' cannot have a default"),
        ("default: {imgae: x}\na: {script: x}", "unknown keys: imgae. Did you mean 'image'?"),
        ("default: [x]\na: {script: x}", "default must be a map"),
        ("a: {script: x, inherit: {default: [script]}}", "which has no default"),
        ("a: {script: x, inherit: {default: maybe}}", "true, false or a list"),
        ("a: {script: x, inherit: {defaults: true}}", "unknown keys: defaults"),
    ],
)
def test_wrong_defaults(errors: Errors, text: str, words: str) -> None:
    assert words in errors(text)[0]


_values = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda children: st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=6,
)
_maps = st.dictionaries(st.sampled_from("abc"), _values, max_size=3)
MARK = PlainMark("x")


def as_map(value: dict[str, Any]) -> Map:
    result = Map(MARK)
    for key, item in value.items():
        result.put(key, as_map(item) if isinstance(item, dict) else item, (MARK, MARK))
    return result


@settings(max_examples=100, deadline=None)
@given(_maps, _maps, _maps)
def test_laws_of_the_deep_merge(first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]) -> None:
    a, b, c = as_map(first), as_map(second), as_map(third)
    assert deep_merge(a, as_map({}), {}) == a
    assert deep_merge(as_map({}), a, {}) == a
    assert deep_merge(a, a, {}) == a
    merged = deep_merge(a, b, {})
    assert (a, b) == (as_map(first), as_map(second)), "the sources stay as they were"
    assert set(merged) == set(a) | set(b)
    assert set(merged.marks) == set(merged)
    scalars_agree = all(isinstance(a.get(k), Map) == isinstance(b.get(k), Map) for k in set(a) & set(b))
    if scalars_agree:
        for key in b:
            if not isinstance(b[key], Map):
                assert merged[key] == b[key]
    del c


@settings(max_examples=100, deadline=None)
@given(_maps, _maps)
def test_merging_twice_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    a, b = as_map(first), as_map(second)
    once = deep_merge(a, b, {})
    assert deep_merge(once, b, {}) == once
