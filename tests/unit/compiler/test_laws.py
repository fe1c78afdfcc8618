"""Owns laws that hold of whatever configuration: matrices, rules, expressions, inputs, includes, explanations."""

from __future__ import annotations

import fnmatch
import itertools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ci_core.compiler import (
    CompileContext,
    CompiledPipeline,
    CompileResult,
    Position,
    ScopedVariable,
    compile_config,
)
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.expressions import evaluate, parse, variable_names
from ci_core.compiler.scalars import is_date, resolve_plain, scalar_text
from ci_core.names import group_name, in_scope, slug
from tests.unit.compiler.conftest import MemoryChanges, MemoryFetcher

SOME = settings(max_examples=60, deadline=None)
VARIABLES = {"A": "x", "B": "", "C": "xyz", "CI_COMMIT_BRANCH": "main"}
SECRET = "hunter2-of-the-masked"
CONTEXT = CompileContext("main", variables=VARIABLES)
NOWHERE = Position("", 1)


def compiled(config: Any, context: CompileContext = CONTEXT) -> CompileResult:
    return compile_config(config if isinstance(config, str) else json.dumps(config), context)


def plan(config: Any, context: CompileContext = CONTEXT) -> CompiledPipeline:
    result = compiled(config, context)
    assert [str(error) for error in result.errors] == []
    assert result.pipeline is not None
    return result.pipeline


def told(pipeline: CompiledPipeline) -> list[Any]:
    """A plan without the places where its jobs are written."""
    return [(replace(job, position=NOWHERE), job.definition()) for job in pipeline.jobs]


# --- matrices ------------------------------------------------------------------------------------------------

_axis = st.lists(st.sampled_from(["one", "two", "3", "4 five"]), min_size=1, max_size=3, unique=True)
_axes = st.dictionaries(st.sampled_from(["OS", "ARCH", "V"]), _axis, min_size=1, max_size=3)


@SOME
@given(_axes, st.data())
def test_a_matrix_has_a_copy_for_each_combination_and_needs_choose_among_them(
    axes: dict[str, list[str]], data: st.DataObject
) -> None:
    chosen = {
        name: data.draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
        for name, values in axes.items()
    }
    pipeline = plan({
        "build": {"stage": "build", "script": "x", "parallel": {"matrix": [axes]}},
        "test": {"script": "x", "needs": [{"job": "build", "parallel": {"matrix": [chosen]}}]},
    })  # fmt: skip
    copies = {job.name for job in pipeline.jobs if job.base_name == "build"}
    assert len(pipeline.jobs) == 1 + len(list(itertools.product(*axes.values())))
    assert copies == {f"build: [{', '.join(values)}]" for values in itertools.product(*axes.values())}
    needed = [need.name for need in pipeline.jobs[-1].needs or ()]
    assert needed == [f"build: [{', '.join(values)}]" for values in itertools.product(*chosen.values())]
    assert set(needed) <= copies


# --- expressions ---------------------------------------------------------------------------------------------

_text = st.sampled_from(["", "x", "xyz", "y", "main"])
_name = st.sampled_from(["A", "B", "C", "MISSING"])
_side = st.one_of(_name.map(lambda name: ("variable", name)), _text.map(lambda text: ("text", text)))
_pattern = st.sampled_from(["x", "^x$", "y", "z$", "^$", "X"])
_atoms = st.one_of(
    _name.map(lambda name: ("variable", name)),
    st.tuples(st.sampled_from(["==", "!="]), _side, st.one_of(_side, st.just(("null", "")))),
    st.tuples(st.sampled_from(["=~", "!~"]), _side, _pattern.map(lambda source: ("pattern", source))),
)
_trees = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["&&", "||"]), inner, inner), st.tuples(st.just("!"), inner)
    ),
    max_leaves=8,
)


def written(tree: Any, around: str = "") -> str:
    """The tree as text, with parentheses only where && would tear || apart or a side must stay together."""
    kind = tree[0]
    if kind in ("&&", "||"):
        right = written(tree[2], kind)
        if tree[2][0] == kind:
            right = f"({right})"
        text = f"{written(tree[1], kind)} {kind} {right}"
        return f"({text})" if (around, kind) == ("&&", "||") else text
    if kind == "!":
        text = written(tree[1])
        return f"!{text}" if tree[1][0] in ("!", "variable") else f"!({text})"
    if kind in ("==", "!=", "=~", "!~"):
        return f"{written(tree[1])} {kind} {written(tree[2])}"
    return {"variable": f"${tree[1]}", "text": f'"{tree[1]}"', "null": "null", "pattern": f"/{tree[1]}/"}[
        kind
    ]


def meant(tree: Any, known: Mapping[str, str]) -> Any:
    """What docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions says of the tree."""
    kind = tree[0]
    if kind == "&&":
        return bool(meant(tree[1], known)) and bool(meant(tree[2], known))
    if kind == "||":
        return bool(meant(tree[1], known)) or bool(meant(tree[2], known))
    if kind == "!":
        return not meant(tree[1], known)
    if kind in ("==", "!="):
        return (meant(tree[1], known) == meant(tree[2], known)) is (kind == "==")
    if kind in ("=~", "!~"):
        found = re.search(tree[2][1].replace("$", r"\Z"), meant(tree[1], known) or "") is not None
        return found is (kind == "=~")
    return known.get(tree[1]) if kind == "variable" else {"text": tree[1], "null": None}[kind]


@settings(max_examples=200, deadline=None)
@given(_trees)
def test_expressions_mean_what_another_evaluator_finds(tree: Any) -> None:
    text = written(tree)
    parsed = parse(text)
    trace = evaluate(parsed, text, VARIABLES.get, variable_names(parsed))
    assert trace.value is bool(meant(tree, VARIABLES)), text


# --- rules ---------------------------------------------------------------------------------------------------

_whens = st.sampled_from([None, "on_success", "always", "manual", "on_failure", "never"])
_rules = st.lists(st.tuples(st.none() | _trees, _whens, st.none() | st.booleans()), max_size=5)
_IMPOSSIBLE = {"if": '$MISSING == "x"', "when": "manual", "variables": {"V": "w"}, "allow_failure": True}


def rule(entry: tuple[Any, str | None, bool | None]) -> dict[str, Any]:
    tree, when, allowed = entry
    parts = {"if": None if tree is None else written(tree), "when": when, "allow_failure": allowed}
    written_parts = {key: value for key, value in parts.items() if value is not None}
    return written_parts or {"when": "on_success"}  # an empty rule is refused


def with_rules(rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"job": {"script": "x", "rules": rules}, "other": {"script": "y"}}


@SOME
@given(_rules, st.integers(0, 5))
def test_the_first_rule_that_matches_decides_and_no_other_does(
    entries: list[tuple[Any, str | None, bool | None]], place: int
) -> None:
    rules = [rule(entry) for entry in entries]
    result = compiled(with_rules(rules))
    assert result.pipeline is not None
    first = next(
        (i for i, entry in enumerate(entries) if entry[0] is None or meant(entry[0], VARIABLES)), None
    )
    jobs = {job.name: job for job in result.pipeline.jobs}
    decision = result.explanation.jobs[0].decision
    if first is None or rules[first].get("when") == "never":
        assert "job" not in jobs
        assert decision.reason == ("no_rule_matched" if first is None else "rule_never")
    else:
        assert jobs["job"].when == rules[first].get("when", "on_success")
        assert jobs["job"].allow_failure is rules[first].get("allow_failure", False)
        assert [trace.matched for trace in decision.rules] == [False] * first + [True]
    more = [*rules[:place], _IMPOSSIBLE, *rules[place:]]
    assert told(plan(with_rules(more))) == told(result.pipeline), "a rule that cannot match changes nothing"
    if first is not None:
        cut = rules[: first + 1]
        assert told(plan(with_rules(cut))) == told(result.pipeline), "later rules change nothing"


# --- inputs and includes -------------------------------------------------------------------------------------

_values = st.one_of(st.sampled_from(["one", "a b", "x:y", "#1", "'"]), st.booleans(), st.integers(-9, 99))
_TYPES = {str: "string", bool: "boolean", int: "number"}
_names = st.sampled_from(["a", "b-c", "d_1"])


def body(fill: Any) -> dict[str, Any]:
    """Jobs with a place for each input: alone, in text, in a key; `fill` makes it of a name and how it stands."""
    return {
        f"job {fill('a', 'text')}": {
            "script": [f"say {fill('b-c', 'text')}!"],
            "variables": {"V": fill("d_1", "alone")},
        },
        "again": {
            "script": "x",
            "rules": [{"if": f'$C == "{fill("b-c", "text")}"', "when": "always"}, {"when": "manual"}],
        },
    }  # fmt: skip


def as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


@SOME
@given(st.fixed_dictionaries(dict.fromkeys(("a", "b-c", "d_1"), _values)), st.booleans(), st.booleans())
def test_an_include_with_inputs_is_the_text_with_the_values_put_in(
    values: dict[str, Any], defaults: bool, elsewhere: bool
) -> None:
    declared = {
        name: {"type": _TYPES[type(value)]} | ({"default": value} if defaults else {})
        for name, value in values.items()
    }
    files = {"shared.yml": json.dumps({"inputs": declared})}
    header = {"spec": {"include": [{"local": "shared.yml"}]} if elsewhere else {"inputs": declared}}
    open_ = body(lambda name, how: f"$[[ inputs.{name} ]]")
    text = f"{json.dumps(header)}\n---\n{json.dumps(open_)}"
    files["part.yml"] = text
    by_hand = plan(body(lambda name, how: values[name] if how == "alone" else as_text(values[name])))
    given = {} if defaults else values
    context = replace(CONTEXT, fetcher=MemoryFetcher(files))
    assert told(plan({"include": {"local": "part.yml", "inputs": given}}, context)) == told(by_hand)
    main = compiled(text, replace(context, inputs=given))
    assert main.pipeline is not None
    assert told(main.pipeline) == told(by_hand)
    assert {spec.name: (spec.type, spec.has_default) for spec in main.inputs} == {
        name: (_TYPES[type(value)], defaults) for name, value in values.items()
    }


_parts = st.dictionaries(
    st.sampled_from([".base", "one", "two", "variables"]),
    st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(["1", "2"]), min_size=1),
    max_size=4,
)


def as_config(part: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {name: value if name == "variables" else {"variables": value} for name, value in part.items()}


@SOME
@given(st.lists(_parts, max_size=3), _parts)
def test_included_files_are_merged_in_order_and_the_file_over_all(
    parts: list[dict[str, dict[str, str]]], own: dict[str, dict[str, str]]
) -> None:
    jobs = {name: {"script": "x"} for name in ("one", "two")}
    files = {f"{n}.yml": json.dumps(as_config(part)) for n, part in enumerate([{}, *parts])}
    files["0.yml"] = json.dumps(jobs)
    merged: dict[str, dict[str, str]] = {}
    for part in [*parts, own]:
        for name, values in part.items():
            merged[name] = merged.get(name, {}) | values
    context = replace(CONTEXT, fetcher=MemoryFetcher(files))
    flat = plan({"include": list(files), **as_config(own)}, context)
    whole = as_config(merged)
    by_hand = {**whole, **{name: {**jobs[name], **whole.get(name, {})} for name in jobs}}
    assert sorted_jobs(flat) == sorted_jobs(plan(by_hand))
    nested = {f"n{n}.yml": json.dumps({"include": [f"{n}.yml"]}) for n in range(len(files))}
    context = replace(CONTEXT, fetcher=MemoryFetcher({**files, **nested}))
    assert sorted_jobs(plan({"include": list(nested), **as_config(own)}, context)) == sorted_jobs(flat)


def sorted_jobs(pipeline: CompiledPipeline) -> list[Any]:
    """Jobs by name, and their variables by name: where keys meet, their order is nobody's promise."""
    found = []
    for job, definition in told(pipeline):
        variables = sorted(definition["variables"], key=lambda item: item["key"])
        found.append((job.name, job.stage, {**definition, "variables": variables}))
    return sorted(found, key=lambda item: item[0])


# --- extends -------------------------------------------------------------------------------------------------

_jobs = st.fixed_dictionaries(
    {},
    optional={
        "variables": st.dictionaries(st.sampled_from("AB"), st.sampled_from(["1", "2"]), min_size=1),
        "script": st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2),
        "tags": st.lists(st.sampled_from(["t", "u"]), max_size=2),
        "retry": st.fixed_dictionaries({"max": st.integers(0, 2)}, optional={"when": st.just("always")}),
        "when": st.sampled_from(["manual", None]),
    },
)


@SOME
@given(_jobs, _jobs, _jobs)
def test_extends_is_associative(first: dict[str, Any], second: dict[str, Any], own: dict[str, Any]) -> None:
    base = {"script": ["base"], **first}
    listed = {".a": base, ".b": second, "job": {"extends": [".a", ".b"], **own}}
    chain = {".a": base, ".b": {"extends": ".a", **second}, "job": {"extends": ".b", **own}}
    reached = {".a": base, ".b": second, ".c": {"extends": ".b", **own}, "job": {"extends": [".a", ".c"]}}
    assert told(plan(listed)) == told(plan(chain)) == told(plan(reached))


# --- job inputs ----------------------------------------------------------------------------------------------

_options = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True)


@SOME
@given(
    st.sampled_from(["a", "b", "c", 1, True, ["a"]]),
    st.none() | _options,
    st.sampled_from(["string", "number", "boolean", "array"]),
)
def test_a_job_input_is_taken_when_its_default_fits(
    default: Any, options: list[str] | None, kind: str
) -> None:
    fits = {"string": str, "number": int, "boolean": bool, "array": list}[kind] is type(default)
    assume(options is None or kind == "string")
    declared = {"type": kind, "default": default} | ({} if options is None else {"options": options})
    result = compiled({"job": {"script": "x", "inputs": {"i": declared}}})
    assert (result.pipeline is not None) is (fits and (options is None or default in options))
    if result.pipeline is not None:
        (kept,) = result.pipeline.jobs[0].definition()["inputs"]
        assert (kept["name"], kept["type"], kept["default"], kept["options"]) == ("i", kind, default, options)


# --- plain scalars -------------------------------------------------------------------------------------------

_looks_like_numbers = st.text("0123456789abcdefox_,.:+-eE~ \n", max_size=12)


@settings(max_examples=500, deadline=None)
@given(_looks_like_numbers | st.text(max_size=8))
def test_a_plain_scalar_is_a_text_unless_a_rule_makes_something_else_of_it(text: str) -> None:
    value = resolve_plain(text)
    assert isinstance(value, str | int | float | None)
    if isinstance(value, str):
        assert value in (text, text[1:], text[2:-1])
    if is_date(text):
        assert value == text


@SOME
@given(st.integers(-(10**30), 10**30), st.data())
def test_separators_in_whole_numbers_do_not_count(number: int, data: st.DataObject) -> None:
    digits = str(number)
    joints = ["" if digit == "-" else data.draw(st.sampled_from(["", "_", ","])) for digit in digits[:-1]]
    separated = "".join(itertools.chain(*zip(digits, [*joints, ""], strict=True)))
    assert resolve_plain(separated) == number
    assert resolve_plain(digits) == number


@SOME
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**200), 10**200) | st.booleans())
def test_the_text_of_a_scalar_means_that_scalar(value: float) -> None:
    found = resolve_plain(scalar_text(value))
    assert (found, type(found)) == (value, type(value))
    if isinstance(value, float):
        assert math.copysign(1, found) == math.copysign(1, value)


@SOME
@given(_looks_like_numbers)
def test_a_quoted_scalar_is_its_text(text: str) -> None:
    (job,) = plan({"a": {"script": "x", "variables": {"A": text}}}).jobs
    assert [item["value"] for item in job.definition()["variables"]] == [text]


# --- durations -----------------------------------------------------------------------------------------------

_spans = st.dictionaries(
    st.sampled_from([("h", 3600), ("mins", 60), ("d", 86_400), ("weeks", 604_800), ("s", 1)]),
    st.integers(1, 99),
    min_size=1,
)


@SOME
@given(_spans, st.sampled_from(["", " "]), st.sampled_from([" ", ", ", " and ", " plus "]))
def test_a_duration_is_the_sum_of_its_parts(
    spans: dict[tuple[str, int], int], space: str, joint: str
) -> None:
    text = joint.join(f"{number}{space}{unit}" for (unit, _), number in spans.items())
    assert parse_duration(text) == sum(seconds * number for (_, seconds), number in spans.items())


@SOME
@given(st.text("0123456789:. ,hmsdaywkone-", max_size=220))
def test_a_duration_is_nothing_or_some_seconds(text: str) -> None:
    seconds = parse_duration(text)
    assert seconds is None or (type(seconds) is int and 1 <= seconds <= 100 * 31_557_600)


# --- names ---------------------------------------------------------------------------------------------------


@SOME
@given(st.text(max_size=80))
def test_a_slug_fits_a_url_and_is_its_own_slug(text: str) -> None:
    found = slug(text)
    assert re.fullmatch("([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?", found)
    assert slug(found) == found


@SOME
@given(st.from_regex("[a-z][a-z .-]{0,8}[a-z]", fullmatch=True), _axes, st.integers(2, 5))
def test_all_copies_of_a_job_are_of_its_group(name: str, axes: dict[str, list[str]], number: int) -> None:
    for parallel in (number, {"matrix": [axes]}):
        names = [job.name for job in plan({name: {"script": "x", "parallel": parallel}}).jobs]
        assert {group_name(item) for item in names} == {name}


@SOME
@given(st.text("a./%2fF-", min_size=1, max_size=6))
def test_the_key_of_a_cache_is_a_name_of_a_directory(key: str) -> None:
    result = compiled({"a": {"script": "x", "cache": {"key": key, "paths": ["b"]}}})
    slash = "/" in key or "%2f" in key.lower()
    assert bool(result.errors) is (slash or set(key) == {"."})


# --- variables of environments -------------------------------------------------------------------------------

_environments = st.text("ab/?[", min_size=1, max_size=4).filter(lambda name: not name.startswith("["))
_scopes = st.one_of(st.just("*"), st.text("ab/*?[", min_size=1, max_size=4), _environments)


@SOME
@given(_environments, _scopes)
def test_only_the_star_in_a_scope_stands_for_others(environment: str, scope: str) -> None:
    literal = scope.replace("[", "[[]").replace("?", "[?]")
    assert in_scope(environment, scope) is fnmatch.fnmatchcase(environment, literal)


@SOME
@given(
    st.sampled_from(["a", "b", "a/b", "b/a"]),
    st.lists(
        st.builds(
            ScopedVariable, st.sampled_from(["A", "B", "OWN"]), st.sampled_from(["x", "$C", ""]), _scopes,
            raw=st.booleans(),
        ),
        max_size=5,
    ),
    st.sampled_from(["A", "B", "OWN"]),
)  # fmt: skip
def test_a_variable_that_fits_the_environment_is_like_one_of_all_environments(
    environment: str, scoped: list[ScopedVariable], asked: str
) -> None:
    config = {
        "variables": {"OWN": "own"},
        "a": {
            "script": "x", "environment": environment, "tags": ["t$A$B$OWN"],
            "rules": [{"if": f'${asked} == "x"', "when": "manual"}, {"when": "always"}],
        },
    }  # fmt: skip
    fitting = {item.key: item for item in scoped if in_scope(environment, item.scope)}
    same = replace(
        CONTEXT,
        variables=VARIABLES | {item.key: item.value for item in fitting.values()},
        raw=frozenset(item.key for item in fitting.values() if item.raw),
    )
    assert told(plan(config, replace(CONTEXT, scoped=tuple(scoped)))) == told(plan(config, same))
    without = {**config, "a": {**config["a"], "environment": None}}
    assert told(plan(without, replace(CONTEXT, scoped=tuple(scoped)))) == told(plan(without))


# --- explanations --------------------------------------------------------------------------------------------

_clauses = st.one_of(
    st.just({"if": '$TOKEN == "x"'}),
    st.just({"if": "$TOKEN =~ /^hunter/ && $A"}),
    st.just({"if": '$A == "x"', "when": "manual"}),
    st.just({"if": '$OS == "two"', "when": "never"}),
    st.just({"changes": ["docs/$TOKEN/**", "src/*"]}),
    st.just({"exists": {"paths": ["$TOKEN.yml", "a.yml"]}}),
    st.just({"changes": {"paths": ["src/*"], "compare_to": "$TOKEN"}}),
    st.just({"when": "never"}),
)
_keywords = st.one_of(
    st.fixed_dictionaries({"rules": st.lists(_clauses, max_size=3)}),
    st.just({"only": ["main"]}),
    st.just({"only": {"variables": ["$TOKEN"]}, "except": {"changes": ["src/$TOKEN"]}}),
    st.just({"except": ["branches"]}),
    st.just({}),
)
_copies = st.one_of(st.none(), st.just(2), st.just({"matrix": [{"OS": ["one", "two"]}]}))
_wrong = st.sampled_from([
    {},
    {"environment": {"name": "a", "auto_stop_in": "$TOKEN"}},
    {"environment": {"name": "a", "deployment_tier": "$TOKEN"}},
])  # fmt: skip
_included = st.sampled_from([[], [{"local": "$TOKEN.txt"}], [{"local": "$TOKEN/*.yml"}], ["$TOKEN.yml"],
                             [{"component": "$TOKEN"}], [{"project": "$TOKEN", "file": "a.yml"}]])  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(_keywords, _copies), min_size=1, max_size=4), _wrong, _included, st.booleans())
def test_explanations_agree_with_the_plan_and_show_no_masked_value(
    jobs: list[tuple[dict[str, Any], Any]], wrong: dict[str, Any], included: list[Any], scoped: bool
) -> None:
    own = {"script": "x", "environment": "a"} if scoped else {"script": "x"}
    config = {f"j{n}": {**own, "parallel": copies, **keywords} for n, (keywords, copies) in enumerate(jobs)}
    config["sure"] = {"script": "x", **wrong}
    context = replace(
        CONTEXT,
        variables=VARIABLES if scoped else {**VARIABLES, "TOKEN": SECRET},
        masked=frozenset() if scoped else frozenset({"TOKEN"}),
        scoped=(ScopedVariable("TOKEN", SECRET, "*", masked=True),) if scoped else (),
        fetcher=MemoryFetcher({"a.yml": "", f"{SECRET}.yml": ""}),
        changes=MemoryChanges(["src/a", f"docs/{SECRET}/b"], {}),
    )
    result = compiled({"include": included, **config}, context)
    shown = json.dumps(result.explanation.to_json()) + str([*result.errors, *result.warnings])
    assert SECRET[:12] not in shown
    if result.pipeline is None:
        return
    decided = {item.name: item.decision for item in result.explanation.jobs}
    there: dict[str, Any] = {}
    for job in result.pipeline.jobs:
        there[job.name if job.name in decided else job.base_name] = job
    assert {name for name, decision in decided.items() if decision.included} == set(there)
    for name, decision in decided.items():
        if decision.reason.startswith("rule"):
            assert decision.rules[-1].matched
            assert (decision.reason == "rule_never") is (decision.rules[-1].when == "never")
            assert not decision.included or there[name].when == decision.rules[-1].when
