"""Owns the tests of expansion, and of finding circles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_core.compiler import CompileContext, CompiledPipeline, CompiledVariable, compile_config, expand
from ci_core.compiler.variables import Layers, find_cycle

VARIABLES = {
    "A": "a",
    "B": "[$A]",
    "C": "${B}$B",
    "SELF": "$SELF:x",
    "ONE": "1$TWO",
    "TWO": "2$ONE",
    "DOLLAR": "$$A",
    "EMPTY": "",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A-${A}", "a-a"),
        ("$C", "[a][a]"),
        ("$MISSING.", "."),
        ("$$A", "$A"),
        ("$$$A", "$a"),
        ("$DOLLAR", "$A"),
        ("%A%", "%A%"),
        ("$1 $ ${", "$1 $ ${"),
        ("${A", "${A"),
        ("$SELF", "$SELF:x"),
        ("$ONE", "12$ONE"),
        ("$EMPTY", ""),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expand(text, VARIABLES) == expected


def test_expand_options() -> None:
    assert expand("$B", VARIABLES, raw={"B"}) == "[$A]"
    assert expand("$MISSING-$A", VARIABLES, keep_undefined=True) == "$MISSING-a"
    assert len(expand("$X", {"X": "y" * 500}, max_length=100)) == 100


@settings(max_examples=100, deadline=None)
@given(
    st.text(alphabet="$AB{}x", max_size=12),
    st.dictionaries(st.sampled_from("AB"), st.text("$AB{}x", max_size=8)),
)
def test_expand_always_ends(text: str, variables: dict[str, str]) -> None:
    assert len(expand(text, variables)) <= 65_536


def test_find_cycle() -> None:
    def listed(**values: str) -> list[CompiledVariable]:
        return [CompiledVariable(key, value) for key, value in values.items()]

    assert find_cycle(listed(A="$B", B="$C", C="x")) == ()
    assert find_cycle(listed(A="$A")) == ()
    assert find_cycle(listed(Z="$A", A="$B", B="$A")) == ("A", "B")
    assert find_cycle(listed(A="$$B", B="$A")) == ()
    assert find_cycle(listed(**{f"V{i}": f"$V{i + 1}" for i in range(5000)})) == ()


def test_layers() -> None:
    layers = Layers({"A": "1"}, {"A": "2", "B": "2"})
    assert (layers["A"], layers.get("B"), layers.get("C"), len(layers), sorted(layers)) == (
        "1",
        "2",
        None,
        2,
        ["A", "B"],
    )


def test_precedence_can_be_told_exactly() -> None:
    # docs.gitlab.com/ci/variables/#cicd-variable-precedence
    text = "variables: {X: yaml, CI_Y: yaml}\na: {script: x, tags: [a-$X, b-$CI_Y]}"
    values = {"X": "given", "CI_Y": "given"}

    def tags(predefined: frozenset[str] | None) -> tuple[str, ...]:
        pipeline = compile_config(
            text, CompileContext("main", variables=values, predefined=predefined)
        ).pipeline
        assert pipeline is not None
        return pipeline.jobs[0].tags

    assert tags(None) == ("a-given", "b-yaml")
    assert tags(frozenset()) == ("a-given", "b-given")
    assert tags(frozenset({"X", "CI_Y"})) == ("a-yaml", "b-yaml")


def test_global_variables_carry_a_form(plan: Callable[..., CompiledPipeline]) -> None:
    # docs.gitlab.com/ci/yaml/#variablesoptions
    pipeline = plan("""
        variables:
          DEPLOY: {value: staging, options: [production, staging], description: Where to}
          RAW: {value: $DEPLOY, expand: false}
        a: {script: x, tags: [$RAW]}
    """)
    assert [item.to_json() for item in pipeline.variables] == [
        {"key": "DEPLOY", "value": "staging", "raw": False},
        {"key": "RAW", "value": "$DEPLOY", "raw": True},
    ]
    assert pipeline.jobs[0].tags == ("$DEPLOY",)


def test_cache_keys_from_files() -> None:
    text = "a: {script: x, cache: {key: {files: [a], prefix: p}, paths: [b]}}"

    def key(digest: str | None) -> str:
        pipeline = compile_config(text, CompileContext("main", file_digest=lambda files: digest)).pipeline
        assert pipeline is not None
        return str(pipeline.jobs[0].definition()["cache"][0]["key"])

    assert (key("abc"), key(None)) == ("p-abc", "p-default")
