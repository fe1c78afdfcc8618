"""Owns the values of inputs: their types, which value an input gets, and whether it may have it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ci_core.compiler.diagnostics import At, quote_list
from ci_core.compiler.expressions import evaluate
from ci_core.compiler.expressions.patterns import compile_pattern
from ci_core.compiler.scalars import scalar_text
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, describe

if TYPE_CHECKING:
    from ci_core.compiler.inputs.spec import Header, InputSpec

TYPES = {"string": "a text", "number": "a number", "boolean": "true or false", "array": "a list"}
_MISSING = object()


def has_type(value: Any, kind: str) -> bool:
    """Whether a value is of a type of inputs."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        if isinstance(value, float):
            return math.isfinite(value)
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, list) if kind == "array" else isinstance(value, str)


def described(value: Any) -> str:
    """What a value is, in the words of a message."""
    if isinstance(value, dict):
        return "a map"
    return "a list" if isinstance(value, list) else describe(value)


def as_text(value: Any) -> str:
    """The text of a value inside a longer text; lists and maps are written as JSON."""
    return (
        json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, list | dict)
        else scalar_text(value)
    )


def from_text(text: str, kind: str) -> Any:
    """A value that somebody typed in, as the type of the input; the text itself when it is not of that type.

    Source: docs.gitlab.com/ci/inputs/#array-type
    """
    if kind == "string":
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if has_type(value, kind) else text


def misfit(spec: InputSpec, value: Any, options: tuple[Any, ...] | None) -> str | None:
    """Why an input cannot have a value, as the end of a sentence about it; None if it can.

    options: those in force; of a list each item must be among them.
    Source: docs.gitlab.com/ci/inputs/#define-input-parameters-with-specinputs,
    docs.gitlab.com/ci/yaml/#specinputsoptions
    """
    if not has_type(value, spec.type):
        return f"must be {TYPES[spec.type]}, not {described(value)}"
    if options is not None:
        for item in value if isinstance(value, list) else (value,):
            if not any(item == option and type(item) is type(option) for option in options):
                verb = "may hold only" if isinstance(value, list) else "must be"
                return f"{verb} {quote_list(as_text(option) for option in options)}, not {described(item)}"
    if spec.regex is not None and not _matches(spec.regex, value):
        return f"does not match the regular expression {spec.regex[:100]}"
    return None


def _matches(source: str, value: str) -> bool:
    pattern = compile_pattern(source)
    return pattern is not None and pattern.search(value) is not None


class Values:
    """The values of a file's inputs, from what was given and from defaults.

    Source: docs.gitlab.com/ci/inputs/#define-input-parameters-with-specinputs
    """

    def __init__(
        self, session: Session, header: Header, given: Mapping[str, Any], at: At, typed: bool
    ) -> None:
        self._session = session
        self._header = header
        self._given = given
        self._at = at
        self._typed = typed
        self._values: dict[str, Any] = {}
        self._open: list[str] = []

    def run(self) -> dict[str, Any]:
        """All values; what is missing or wrong is reported where it was to be given."""
        for name in self._given:
            if name not in self._header.inputs:
                hint = self._session.report.did_you_mean(name, self._header.inputs)
                text = f"The input '{name}' is given, but the file does not declare it in spec:inputs.{hint}"
                self._session.report.error(text, self._place(name), "inputs")
        for name in self._header.inputs:
            self._value(name)
        return {name: value for name, value in self._values.items() if value is not _MISSING}

    def _value(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        spec = self._header.inputs[name]
        if name in self._open:
            circle = " -> ".join((*self._open[self._open.index(name) :], name))
            self._session.report.error(f"The rules of inputs go in a circle: {circle}.", spec.at, "inputs")
            return _MISSING
        self._open.append(name)
        default, options = self._choices(spec)
        self._open.pop()
        value = self._given.get(name, _MISSING)
        if value is _MISSING or (value is None and default is not _MISSING):
            value = default
        elif not self._typed and isinstance(value, str):
            value = from_text(value, spec.type)
        if value is _MISSING:
            text = f"The input '{name}' must be given: it has no default."
            self._session.report.error(text, self._at, "inputs")
        elif (problem := misfit(spec, value, options)) is not None:
            self._session.report.error(f"The input '{name}' {problem}.", self._place(name), "inputs")
            value = _MISSING
        self._values[name] = value
        return value

    def _place(self, name: str) -> At:
        """Where a value is written, or should have been."""
        given = self._given
        if isinstance(given, Map) and name in given:
            return given.at(name, self._at.down("inputs"))
        return self._at

    def _choices(self, spec: InputSpec) -> tuple[Any, tuple[Any, ...] | None]:
        """The default and the options in force: those of the first rule whose condition is true.

        A text that no rule is about is empty.
        Source: docs.gitlab.com/ci/inputs/#define-conditional-input-options-with-specinputsrules; GitLab,
        Ci::Inputs::StringInput#coerced_value
        """
        for rule in spec.rules:
            if rule.condition is None or evaluate(rule.condition, "", self._lookup, ()).value:
                return rule.default if rule.has_default else _MISSING, rule.options
        if spec.rules and spec.type == "string":
            return "", None
        return spec.default if spec.has_default else _MISSING, spec.options

    def _lookup(self, name: str) -> str | bool | None:
        if name not in self._header.inputs:
            return None
        value = self._value(name)
        if isinstance(value, bool):
            return value
        return None if value is _MISSING else as_text(value)
