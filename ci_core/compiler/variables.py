"""Owns variables while compiling: expansion in text, and which source wins over which."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
_MAX_LENGTH = 65_536
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class CompiledVariable:
    """A variable of the configuration. `raw` says that its value is not to be expanded (`expand: false`)."""

    key: str
    value: str
    raw: bool = False

    def to_json(self) -> dict[str, Any]:
        """The form that job definitions carry."""
        return {"key": self.key, "value": self.value, "raw": self.raw}


def expand(
    text: str,
    variables: Mapping[str, str],
    *,
    raw: Collection[str] = (),
    keep_undefined: bool = False,
    max_length: int = _MAX_LENGTH,
) -> str:
    """Replaces `$NAME` and `${NAME}` by their values, and `$$` by a single `$`.

    Values are expanded in turn, those named in `raw` are not. A reference in a cycle stays as it is
    written. An undefined variable becomes nothing, or stays with `keep_undefined`. The result is cut at
    `max_length` characters.
    Source: docs.gitlab.com/ci/variables/where_variables_can_be_used/#nested-variable-expansion
    """
    if "$" not in text:
        return text
    return _Expander(variables, raw, keep_undefined, max_length).run(text, ())


class _Expander:
    def __init__(
        self, variables: Mapping[str, str], raw: Collection[str], keep: bool, max_length: int
    ) -> None:
        self._variables = variables
        self._raw = raw
        self._keep = keep
        self._max_length = max_length
        self._known: dict[str, str] = {}

    def run(self, text: str, stack: tuple[str, ...]) -> str:
        """Expands one text; `stack` holds the variables whose values are being expanded."""
        parts: list[str] = []
        end = length = 0
        for match in _REFERENCE.finditer(text):
            piece = text[end : match.start()] + self._piece(match, stack)
            end = match.end()
            parts.append(piece)
            length += len(piece)
            if length > self._max_length:
                return "".join(parts)[: self._max_length]
        parts.append(text[end:])
        return "".join(parts)[: self._max_length]

    def _piece(self, match: re.Match[str], stack: tuple[str, ...]) -> str:
        whole = match.group()
        if whole == "$$":
            return "$"
        name = match[1] or match[2]
        if name in self._known:  # without this, $A$A of $B$B of ... would double at each level
            return self._known[name]
        if name in stack or len(stack) >= _MAX_DEPTH:
            return whole
        value = self._variables.get(name)
        if value is None:
            return whole if self._keep else ""
        if "$" not in value or name in self._raw:
            return value
        result = self._known[name] = self.run(value, (*stack, name))
        return result


def referenced_names(text: str) -> list[str]:
    """The variables that a text mentions."""
    return [match[1] or match[2] for match in _REFERENCE.finditer(text) if match.group() != "$$"]


def find_cycle(variables: Iterable[CompiledVariable]) -> tuple[str, ...]:
    """Variables that need each other's values, in a circle of two or more; () when there are none.

    A variable that mentions its own name (`PATH: $PATH:/opt`) is no circle.
    """
    edges = {
        item.key: referenced_names(item.value) for item in variables if not item.raw and "$" in item.value
    }
    done: set[str] = set()
    for start in edges:
        path: dict[str, None] = {}
        trail: list[tuple[str, int]] = [(start, 0)]
        while trail:
            name, index = trail.pop()
            if index == 0:
                path[name] = None
            targets = edges.get(name, [])
            if index >= len(targets):
                done.add(name)
                del path[name]
                continue
            trail.append((name, index + 1))
            target = targets[index]
            if target == name or target in done or target not in edges:
                continue
            if target in path:
                names = tuple(path)
                return names[names.index(target) :]
            trail.append((target, 0))
    return ()


class Layers(Mapping[str, str]):
    """Variables of several sources as one mapping; the earlier source wins."""

    __slots__ = ("_maps",)

    def __init__(self, *maps: Mapping[str, str]) -> None:
        self._maps = maps

    def __getitem__(self, name: str) -> str:
        for layer in self._maps:
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a variable; without the exception that a Mapping would make of a missing one."""
        for layer in self._maps:
            if name in layer:
                return layer[name]
        return default

    def __iter__(self) -> Iterator[str]:
        return iter({name: None for layer in reversed(self._maps) for name in layer})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def split_context(
    variables: Mapping[str, str], predefined: frozenset[str] | None
) -> tuple[dict[str, str], dict[str, str]]:
    """The given variables in two parts: those stronger than the configuration's, and those weaker.

    Source: docs.gitlab.com/ci/variables/#cicd-variable-precedence
    """
    strong: dict[str, str] = {}
    weak: dict[str, str] = {}
    for name, value in variables.items():
        looks_predefined = name == "CI" or name.startswith(("CI_", "GITLAB_"))
        is_weak = looks_predefined if predefined is None else name in predefined
        (weak if is_weak else strong)[name] = value
    return strong, weak


def merge_variables(*layers: Iterable[CompiledVariable]) -> tuple[CompiledVariable, ...]:
    """Variables of several layers, each name once; the later layer wins."""
    merged: dict[str, CompiledVariable] = {}
    for layer in layers:
        for item in layer:
            merged[item.key] = item
    return tuple(merged.values())
