"""Owns `$[[ inputs.name | function ]]`: putting the values of inputs into the body of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.entries import entry_at
from ci_core.compiler.inputs.values import as_text
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Reference, Seq

# Blocks of needs:parallel:matrix are filled in later.
_BLOCK = re.compile(r"\$\[\[(?!\s*matrix\.)(.*?)\]\]", re.DOTALL)
_ACCESS = re.compile(
    r"(inputs|component)\.([A-Za-z0-9_-]+)((?:\[[0-9]{1,9}\]){0,5}(?:\.[^.\[\]\s]+(?:\[[0-9]{1,9}\]){0,5})*)",
    re.ASCII,
)
_STEP = re.compile(r"\[(?P<index>[0-9]+)\]|\.(?P<field>[^.\[\]]+)", re.ASCII)
_TRUNCATE = re.compile(r"truncate\(\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*\)", re.ASCII)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
# What a POSIX shell does not take as it stands.
_UNSAFE = re.compile(r"[^A-Za-z0-9_@%+=:,./\n-]", re.ASCII)
FUNCTIONS = ("expand_vars", "truncate(offset,length)", "posix_escape")


@dataclass(frozen=True, slots=True)
class Known:
    """What blocks may ask for."""

    inputs: Mapping[str, Any]
    declared: frozenset[str]
    component: Mapping[str, str | None]
    variables: Mapping[str, str]


class _Wrong(Exception):
    """A block that cannot be filled in."""


class Interpolator:
    """Puts values into every text of a tree, and into its keys; what holds no block stays shared.

    Source: docs.gitlab.com/ci/inputs/
    """

    def __init__(self, session: Session, known: Known) -> None:
        self._session = session
        self._limits = session.limits
        self._known = known
        self._done: dict[int, tuple[Any, Any]] = {}
        self._texts: dict[str, Any] = {}

    def run(self, body: Map, at: At) -> Map:
        """The body of a file with its values."""
        result = Map(body.mark)
        result.broken = body.broken
        for key, item in body.items():
            place = entry_at(body, key, at)
            name = self._key(key, place)
            result.put(name, self._node(item, place), body.marks[key])
        return result

    def _key(self, key: str, at: At) -> str:
        return as_text(self._text(key, at)) if "$[[" in key else key

    def _node(self, value: Any, at: At) -> Any:
        if isinstance(value, str):
            return self._text(value, at) if "$[[" in value else value
        if isinstance(value, Reference):
            if not any("$[[" in key for key in value.keys):
                return value
            keys = tuple(self._key(key, at.down("", value.mark)) for key in value.keys)
            return Reference(keys, value.mark)
        if not isinstance(value, Map | Seq):
            return value
        known = self._done.get(id(value))
        if known is None:
            self._session.spend(len(value), at)
            result = self._map(value, at) if isinstance(value, Map) else self._seq(value, at)
            known = self._done[id(value)] = (result, value)
        return known[0]

    def _map(self, value: Map, at: At) -> Map:
        result = Map(value.mark)
        result.broken = value.broken
        for key, item in value.items():
            place = value.at(key, at)
            result.put(self._key(key, place), self._node(item, place), value.marks[key])
        return result

    def _seq(self, value: Seq, at: At) -> Seq:
        result = Seq(value.mark)
        for index, item in enumerate(value):
            result.add(self._node(item, At(at, index, value.marks[index])), value.marks[index])
        return result

    def _text(self, text: str, at: At) -> Any:
        """A text with its blocks filled in; a block that is the whole text brings a value of its own type."""
        if text in self._texts:
            return self._texts[text]
        try:
            whole = _BLOCK.fullmatch(text)
            if whole is not None and "]]" not in whole[1]:
                value = _located(self._block(whole[1]), at)
            else:
                value = self._filled(text)
        except _Wrong as error:
            self._session.report.error(str(error), at, "inputs")
            return text
        self._session.spend(1 + (len(value) // 8 if isinstance(value, str | list) else 0), at)
        if isinstance(value, str):  # lists are made anew for each place, so that they know it
            self._texts[text] = value
        return value

    def _filled(self, text: str) -> str:
        limit = self._limits.interpolated_length
        if len(text) > limit:
            raise _Wrong(
                f"A text with $[[ ]] has more than the limit of {limit} characters (interpolated_length)."
            )
        parts: list[str] = []
        end = length = 0
        for match in _BLOCK.finditer(text):
            piece = text[end : match.start()] + as_text(self._block(match[1]))
            parts.append(piece)
            end = match.end()
            length += len(piece)
            if length > limit:
                raise _Wrong(
                    f"A text comes to more than the limit of {limit} characters (interpolated_length) "
                    "with its inputs."
                )
        return "".join([*parts, text[end:]])

    def _block(self, block: str) -> Any:
        limit = self._limits.interpolation_length
        if len(block) > limit:
            raise _Wrong(
                f"A block $[[ ]] has more than the limit of {limit} characters (interpolation_length)."
            )
        access, *functions = [part.strip() for part in block.split("|")]
        most = self._limits.input_functions
        if len(functions) > most:
            raise _Wrong(f"$[[{block}]] has more than the limit of {most} functions (input_functions).")
        value = self._access(access)
        for function in functions:
            value = self._apply(function, value)
        return value

    def _access(self, access: str) -> Any:
        match = _ACCESS.fullmatch(access)
        if match is None or (match[1] == "component" and match[3]):
            hint = " Put a space before ]]." if access.count("[") > access.count("]") else ""
            raise _Wrong(f"$[[ {access[:60]} ]] cannot be read. Write $[[ inputs.name ]].{hint}")
        kind, name, steps = match.groups()
        if kind == "component":
            if name not in self._known.component:
                raise _Wrong(f"$[[ {access} ]] needs spec:component: [{name}] in the header of a component.")
            return self._known.component[name] or ""
        if name in self._known.inputs:
            return _inside(self._known.inputs[name], access, steps)
        if name in self._known.declared:
            return ""  # reported where its value was to be given
        hint = self._session.report.did_you_mean(name, self._known.declared)
        raise _Wrong(f"$[[ {access} ]] is not declared: spec:inputs has no '{name}'.{hint}")

    def _apply(self, function: str, value: Any) -> str:
        """Source: docs.gitlab.com/ci/inputs/#predefined-interpolation-functions"""
        if not isinstance(value, str):
            raise _Wrong(f"The function {function[:40]} works on texts only.")
        if function == "expand_vars":
            return self._expand(value)
        if function == "posix_escape":
            return "''" if not value else _UNSAFE.sub(r"\\\g<0>", value).replace("\n", "'\n'")
        match = _TRUNCATE.fullmatch(function)
        if match is None:
            raise _Wrong(f"The function {function[:40]!r} is not known. There are {', '.join(FUNCTIONS)}.")
        offset, length = int(match[1]), int(match[2])
        return value[offset : offset + length]

    def _expand(self, text: str) -> str:
        """Variables one level deep; masked ones are refused.

        Source: docs.gitlab.com/ci/inputs/#expand_vars
        """

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name in self._session.context.masked:
                raise _Wrong(f"expand_vars cannot show the masked variable {name}.")
            return self._known.variables.get(name, match.group())

        expanded = _VARIABLE.sub(value, text)
        limit = self._limits.interpolated_length
        if len(expanded) > limit:
            raise _Wrong(
                f"expand_vars comes to more than the limit of {limit} characters (interpolated_length)."
            )
        return expanded


def _inside(value: Any, access: str, steps: str) -> Any:
    """What stands in a list at an index, or in a map of a list under a key.

    Source: docs.gitlab.com/ci/inputs/#access-individual-array-elements
    """
    for step in _STEP.finditer(steps):
        field = step["field"]
        if field is not None:
            if not isinstance(value, dict) or field not in value:
                raise _Wrong(f"$[[ {access[:60]} ]] asks for {field[:60]!r}, which is not there.")
            value = value[field]
            continue
        index = int(step["index"])
        if not isinstance(value, list):
            raise _Wrong(f"$[[ {access[:60]} ]] asks for item {index} of what is not a list.")
        if index >= len(value):
            raise _Wrong(
                f"$[[ {access[:60]} ]] asks for item {index} of {len(value)}; the first has the number 0."
            )
        value = value[index]
    return value


def _located(value: Any, at: At) -> Any:
    """A value as nodes of the tree. Lists that came from outside get the place where they are put in."""
    if isinstance(value, Map | Seq):
        return value
    if isinstance(value, list):
        items = Seq(at.mark)
        for item in value:
            items.add(_located(item, at), at.mark)
        return items
    if isinstance(value, dict):
        fields = Map(at.mark)
        for key, item in value.items():
            fields.put(str(key), _located(item, at), (at.mark, at.mark))
        return fields
    return value
