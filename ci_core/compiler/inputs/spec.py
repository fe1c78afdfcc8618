"""Owns the header of a file: which inputs it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from ci_core.compiler.diagnostics import At
from ci_core.compiler.expressions import Expression, ExpressionError, parse
from ci_core.compiler.expressions.patterns import check_pattern
from ci_core.compiler.inputs.values import TYPES, described, has_type
from ci_core.compiler.keywords.reading import (
    read_choice,
    read_map,
    read_text,
    read_texts,
    wrong,
)
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq

_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_INPUT_KEYS = ("type", "default", "description", "options", "regex", "rules")
_SPEC_KEYS = ("inputs", "component", "include", "description")
_RULE_KEYS = ("if", "options", "default")
COMPONENT_FIELDS = ("name", "sha", "version", "reference")


@dataclass(frozen=True, slots=True)
class InputRule:
    """One entry of `spec:inputs:rules`: `options` and `default` for when its condition is true."""

    condition: Expression | None
    options: tuple[Any, ...] | None
    default: Any
    has_default: bool


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input as declared."""

    name: str
    at: At
    type: str = "string"
    default: Any = None
    has_default: bool = False
    options: tuple[Any, ...] | None = None
    regex: str | None = None
    rules: tuple[InputRule, ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the `---` of a file."""

    inputs: dict[str, InputSpec]
    component: tuple[str, ...] = ()
    complete: bool = True


External: TypeAlias = Callable[[Any, At], "dict[str, InputSpec] | None"]


def read_header(session: Session, value: Map, at: At, external: External | None) -> Header:
    """The header of a file. Its only keyword is `spec`. It is not complete if a file of `spec:include` is missing.

    external: brings the inputs that the files of `spec:include` declare, or None when it has reported why it cannot;
    a file without it may not have the keyword. Source: docs.gitlab.com/ci/yaml/#spec
    """
    read_map(session, value, at, "header", ("spec",))
    if value.get("spec") is None:
        return Header({})
    place = value.at("spec", at)
    spec = read_map(session, value["spec"], place, "spec", _SPEC_KEYS)
    if spec is None:
        return Header({})
    if spec.get("description") is not None:
        read_text(session, spec["description"], spec.at("description", place), "spec:description")
    included = _included(session, spec, place, external)
    own = _inputs(session, spec, place)
    for name in (name for name in own if name in (included or {})):
        text = f"The input {name} is declared here and in a file of spec:include. Take one of them out."
        session.report.error(text, own[name].at, "inputs")
    inputs = {**(included or {}), **own}
    return Header(inputs, _component(session, spec, place), complete=included is not None)


def _included(session: Session, spec: Map, at: At, external: External | None) -> dict[str, InputSpec] | None:
    """Source: docs.gitlab.com/ci/yaml/#specinclude"""
    if spec.get("include") is None:
        return {}
    if external is None:
        text = "spec:include does not work in a component, which stands alone. Write the inputs into it."
        session.report.error(text, spec.at_key("include", at), "include")
        return None
    return external(spec["include"], spec.at("include", at))


def read_declarations(session: Session, documents: list[Any], at: At) -> dict[str, InputSpec]:
    """The inputs of a file of `spec:include`, in which there is nothing but `inputs`.

    Source: docs.gitlab.com/ci/inputs/#define-pipeline-inputs-in-external-files
    """
    if len(documents) > 1:
        session.report.error("A file of spec:include has one YAML document only, without a header.", at)
        return {}
    root = read_map(session, documents[0] if documents else None, at, "A file of spec:include", ("inputs",))
    if root is None:
        return {}
    place = root.at("inputs", at) if "inputs" in root else at
    return read_inputs(session, root.get("inputs"), place, "inputs", _INPUT_KEYS)


def _component(session: Session, spec: Map, at: At) -> tuple[str, ...]:
    """Source: docs.gitlab.com/ci/yaml/#speccomponent"""
    if spec.get("component") is None:
        return ()
    place = spec.at("component", at)
    words = read_texts(session, spec["component"], place, "spec:component") or []
    return tuple(
        word for word in words if read_choice(session, word, place, "spec:component", COMPONENT_FIELDS)
    )


def _inputs(session: Session, spec: Map, at: At) -> dict[str, InputSpec]:
    if spec.get("inputs") is None:
        return {}
    return read_inputs(session, spec["inputs"], spec.at("inputs", at), "spec:inputs", _INPUT_KEYS)


def read_inputs(
    session: Session, inputs: Any, place: At, keyword: str, keys: Collection[str]
) -> dict[str, InputSpec]:
    """The inputs that a map declares, by name. keys: those that each of them may have.

    Source: docs.gitlab.com/ci/yaml/#specinputs, docs.gitlab.com/ci/yaml/#inputs
    """
    if not isinstance(inputs, Map):
        wrong(session, place, keyword, "a map of names and what they take", inputs)
        return {}
    found: dict[str, InputSpec] = {}
    for name, value in inputs.items():
        if not _NAME.fullmatch(name):
            text = f"'{name[:60]}' cannot be the name of an input: only letters, digits, - and _ are allowed."
            session.report.error(text, inputs.at_key(name, place))
            continue
        found[name] = _input(session, name, value, At(place, name, inputs.marks[name][0]), keyword, keys)
    return found


def _input(session: Session, name: str, value: Any, at: At, keyword: str, keys: Collection[str]) -> InputSpec:
    if value is None:
        return InputSpec(name, at)
    words = f"The input {name}"
    options = read_map(session, value, at, words, keys)
    if options is None:
        return InputSpec(name, at)
    kind = "string"
    if options.get("type") is not None:
        place = options.at("type", at)
        kind = read_choice(session, options["type"], place, f"{keyword}:type", TYPES) or kind
    description = None
    if options.get("description") is not None:
        place = options.at("description", at)
        description = read_text(session, options["description"], place, f"{keyword}:description")
    spec = InputSpec(
        name,
        at,
        kind,
        options.get("default"),
        options.get("default") is not None,
        _options(session, options, at, words, kind),
        _regex(session, options, at, keyword, kind),
        _rules(session, options, at, kind) if "rules" in keys else (),
        description,
    )
    if spec.has_default and not has_type(spec.default, kind):
        text = f"The default of the input {name} must be {TYPES[kind]}, not {described(spec.default)}."
        session.report.error(text, options.at("default", at))
    return spec


def _options(session: Session, options: Map, at: At, keyword: str, kind: str) -> tuple[Any, ...] | None:
    """Source: docs.gitlab.com/ci/yaml/#specinputsoptions"""
    if options.get("options") is None:
        return None
    place, value = options.at("options", at), options["options"]
    if not isinstance(value, Seq) or not value:
        wrong(session, place, f"{keyword}: options", "a list of values", value)
        return None
    limit = session.limits.input_options
    if len(value) > limit:
        text = f"{keyword} has {len(value)} options, more than the limit of {limit} (input_options)."
        session.report.error(text, place, "limit")
        return None
    if kind == "boolean":
        text = f"{keyword} has options, which inputs of the type boolean may not have."
        session.report.error(text, place)
        return None
    for index, item in enumerate(value):
        where = At(place, index, value.marks[index])
        if kind == "array":
            if not has_type(item, "string") and not has_type(item, "number"):
                wrong(session, where, f"{keyword}: an option", "a text or a number", item)
        elif not has_type(item, kind):
            wrong(session, where, f"{keyword}: an option", TYPES[kind], item)
    return tuple(value)


def _regex(session: Session, options: Map, at: At, keyword: str, kind: str) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#specinputsregex"""
    if options.get("regex") is None:
        return None
    place = options.at("regex", at)
    source = read_text(session, options["regex"], place, f"{keyword}:regex")
    if source is None:
        return None
    if kind != "string":
        session.report.error(f"{keyword}:regex works with inputs of the type string only.", place)
        return None
    problem = check_pattern(source, "", session.limits.regex_length)
    if problem is not None:
        session.report.error(f"{keyword}:regex: {problem}.", place, "expression")
        return None
    return source


def _rules(session: Session, options: Map, at: At, kind: str) -> tuple[InputRule, ...]:
    """Source: docs.gitlab.com/ci/yaml/#specinputsrules"""
    if options.get("rules") is None:
        return ()
    place, value = options.at("rules", at), options["rules"]
    for key in ("default", "options"):
        if options.get(key) is not None:
            text = f"An input has either rules or {key}. Write {key} in the rules."
            session.report.error(text, options.at_key(key, at))
    if not isinstance(value, Seq) or not value:
        wrong(session, place, "spec:inputs:rules", "a list of rules", value)
        return ()
    found = [
        _rule(session, item, At(place, index, value.marks[index]), kind) for index, item in enumerate(value)
    ]
    return tuple(rule for rule in found if rule is not None)


def _rule(session: Session, value: Any, at: At, kind: str) -> InputRule | None:
    options = read_map(session, value, at, "spec:inputs:rules", _RULE_KEYS)
    if options is None:
        return None
    condition = None
    if options.get("if") is not None:
        condition = _condition(session, options["if"], options.at("if", at))
        if condition is None:
            return None
    choices = _options(session, options, at, "spec:inputs:rules", kind)
    default = options.get("default")
    if default is not None and not has_type(default, kind):
        wrong(session, options.at("default", at), "spec:inputs:rules:default", TYPES[kind], default)
    return InputRule(condition, choices, default, default is not None)


def _condition(session: Session, value: Any, at: At) -> Expression | None:
    if not isinstance(value, str):
        wrong(session, at, "spec:inputs:rules:if", "an expression in text form", value)
        return None
    limits = session.limits
    try:
        return parse(
            value,
            max_length=limits.expression_length,
            max_depth=limits.expression_depth,
            max_operators=limits.expression_operators,
            max_regex=limits.regex_length,
            inputs=True,
        )
    except ExpressionError as error:
        text = f"Invalid expression syntax at character {error.offset + 1}: {error.message}."
        session.report.error(text, at, "expression", offset=(value, error.offset))
        return None
