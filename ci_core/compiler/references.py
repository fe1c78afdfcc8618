"""Owns `!reference`: replacing each one by the value that it names, with that value's own places."""

from __future__ import annotations

from typing import Any, Final

from ci_core.compiler.diagnostics import At, Report
from ci_core.compiler.entries import entry_at
from ci_core.compiler.limits import Limits
from ci_core.compiler.tree import Map, Reference, Seq, describe

# Stands for a reference that was reported as wrong: it brings in nothing.
BROKEN: Final = object()


class Resolver:
    """Resolves references against the configuration after `extends`.

    A reference may lead to further references, ten levels deep.
    Source: docs.gitlab.com/ci/yaml/yaml_optimization/#reference-tags
    """

    def __init__(self, root: Map, at: At, report: Report, limits: Limits) -> None:
        self._root = root
        self._at = at
        self._report = report
        self._limit = limits.reference_depth
        self._targets: dict[tuple[str, ...], tuple[Any, int]] = {}
        self._nodes: dict[int, tuple[Any, int, Any]] = {}

    def run(self) -> Map:
        """The configuration without references."""
        if not self._root.tagged:
            return self._root
        result = self._root.clone()
        for name, value in self._root.items():
            resolved, _ = self._node(value, entry_at(self._root, name, self._at), ())
            result[name] = None if resolved is BROKEN else resolved
        return result

    def _node(self, value: Any, at: At, stack: tuple[tuple[str, ...], ...]) -> tuple[Any, int]:
        """The value without references, and how many levels of them it took."""
        if isinstance(value, Reference):
            return self._reference(value, at.down("", value.mark), stack)
        if not isinstance(value, Map | Seq) or not value.tagged:
            return value, 0
        known = self._nodes.get(id(value))
        if known is not None:
            return known[0], known[1]
        result, depth = self._map(value, at, stack) if isinstance(value, Map) else self._seq(value, at, stack)
        self._nodes[id(value)] = (result, depth, value)
        return result, depth

    def _map(self, value: Map, at: At, stack: tuple[tuple[str, ...], ...]) -> tuple[Map, int]:
        result, deepest = Map(value.mark), 0
        result.broken = value.broken
        for key, item in value.items():
            marks = value.marks[key]
            resolved, depth = self._node(item, At(at, key, marks[1]), stack)
            deepest = max(deepest, depth)
            if resolved is BROKEN:
                result.broken = True
                continue
            if isinstance(item, Reference) and isinstance(resolved, Map | Seq):
                marks = (marks[0], resolved.mark)
            result.put(key, resolved, marks)
        return result, deepest

    def _seq(self, value: Seq, at: At, stack: tuple[tuple[str, ...], ...]) -> tuple[Seq, int]:
        result, deepest = Seq(value.mark), 0
        for index, item in enumerate(value):
            mark = value.marks[index]
            resolved, depth = self._node(item, At(at, index, mark), stack)
            deepest = max(deepest, depth)
            if resolved is BROKEN:
                result.broken = True
                continue
            if isinstance(item, Reference) and isinstance(resolved, Map | Seq):
                mark = resolved.mark
            result.add(resolved, mark)
        return result, deepest

    def _reference(self, item: Reference, at: At, stack: tuple[tuple[str, ...], ...]) -> tuple[Any, int]:
        known = self._targets.get(item.keys)
        if known is None:
            if item.keys in stack:
                circle = " -> ".join(
                    f"[{', '.join(keys)}]" for keys in (*stack[stack.index(item.keys) :], item.keys)
                )
                self._report.error(
                    f"!reference goes in a circle: {circle}. Take one of them out.", at, "reference"
                )
                return BROKEN, 0
            if len(stack) > self._limit:
                self._too_deep(item, at)
                return BROKEN, 0
            target = self._find(item, at)
            value, depth = self._node(target, at, (*stack, item.keys))
            known = self._targets[item.keys] = (value, depth + 1)
        if known[1] > self._limit:
            self._too_deep(item, at)
            return BROKEN, 0
        return known

    def _too_deep(self, item: Reference, at: At) -> None:
        text = f"{item} is nested deeper than the limit of {self._limit} levels (reference_depth)."
        self._report.error(text, at, "limit")

    def _find(self, item: Reference, at: At) -> Any:
        value: Any = self._root
        walked: list[str] = []
        for key in item.keys:
            if isinstance(value, Map) and key in value:
                value = value[key]
                walked.append(key)
                continue
            place = f"'{':'.join(walked)}'" if walked else "the configuration"
            if isinstance(value, Map):
                text = f"{item} leads nowhere: {place} has no key '{key}'.{self._report.did_you_mean(key, value)}"
            else:
                text = f"{item} leads nowhere: {place} is {describe(value)}, so it has no key '{key}'."
            self._report.error(text, at, "reference")
            return BROKEN
        return value
