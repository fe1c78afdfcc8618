"""Owns inheritance between jobs: `extends` with its deep merge."""

from __future__ import annotations

from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.entries import entry_at
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq, describe

# A chain this long is refused before it is walked to its end, so that it cannot exhaust Python's stack.
_LONGEST_WALK = 64


def deep_merge(base: Map, over: Map, memory: dict[tuple[int, int], tuple[Map, Map, Map]]) -> Map:
    """A map with the keys of both; `over` wins, maps are merged key by key, lists are replaced.

    Source: docs.gitlab.com/ci/yaml/yaml_optimization/#merge-details
    """
    key = (id(base), id(over))
    known = memory.get(key)
    if known is not None:
        return known[0]
    result = base.clone()
    result.mark = over.mark
    result.broken = base.broken or over.broken
    result.update(over)
    result.marks.update(over.marks)
    result.tagged = base.tagged or over.tagged
    for name, value in over.items():
        if isinstance(value, Map):
            old = base.get(name)
            if isinstance(old, Map):
                result[name] = deep_merge(old, value, memory)
    memory[key] = (result, base, over)
    return result


class Extender:
    """Resolves `extends` in every entry of a configuration, each once.

    Source: docs.gitlab.com/ci/yaml/#extends
    """

    def __init__(self, root: Map, at: At, session: Session) -> None:
        self._root = root
        self._at = at
        self._session = session
        self._report = session.report
        self._limit = session.limits.extends_depth
        self._done: dict[str, Map] = {}
        self._depths: dict[str, int] = {}
        self._memory: dict[tuple[int, int], tuple[Map, Map, Map]] = {}

    def run(self) -> Map:
        """The configuration with all `extends` carried out."""
        if not any(isinstance(entry, Map) and "extends" in entry for entry in self._root.values()):
            return self._root
        result = Map(self._root.mark)
        for name, entry in self._root.items():
            if isinstance(entry, Map) and "extends" in entry:
                entry = self._entry(name, ())
            result.put(name, entry, self._root.marks[name])
        return result

    def _entry(self, name: str, stack: tuple[str, ...]) -> Map:
        done = self._done.get(name)
        if done is not None:
            return done
        entry: Map = self._root[name]
        if "extends" not in entry:
            self._done[name], self._depths[name] = entry, 1
            return entry
        place = entry.at("extends", entry_at(self._root, name, self._at))
        merged, depth = self._merged(name, entry, place, (*stack, name))
        self._done[name], self._depths[name] = merged, depth
        return merged

    def _merged(self, name: str, entry: Map, place: At, stack: tuple[str, ...]) -> tuple[Map, int]:
        own = entry.clone()
        del own["extends"]
        del own.marks["extends"]
        bases: Map | None = None
        depth = 1
        for parent in self._parents(entry["extends"], place):
            base = self._base(parent, place, stack)
            if base is None:
                own.broken = True
                continue
            bases = base if bases is None else self._merge(bases, base, place)
            depth = max(depth, self._depths[parent] + 1)
        if depth > self._limit:
            self._report.error(
                f"'{name}' inherits over {depth} levels of extends, more than the limit of {self._limit} "
                "(extends_depth). Make the chain shorter.",
                place,
                "limit",
            )
            own.broken = True
            return own, 1
        return (own if bases is None else self._merge(bases, own, place)), depth

    def _merge(self, base: Map, over: Map, place: At) -> Map:
        self._session.spend(len(base) + len(over), place)
        return deep_merge(base, over, self._memory)

    def _base(self, parent: str, place: At, stack: tuple[str, ...]) -> Map | None:
        if parent in stack:
            circle = " -> ".join((*stack[stack.index(parent) :], parent))
            self._report.error(f"extends goes in a circle: {circle}. Take one of them out.", place, "extends")
            return None
        if parent not in self._root:
            hint = self._report.did_you_mean(parent, self._root)
            self._report.error(
                f"extends names '{parent}', which is not in the configuration.{hint}", place, "extends"
            )
            return None
        if not isinstance(self._root[parent], Map):
            text = f"extends names '{parent}', which is {describe(self._root[parent])} and not a job."
            self._report.error(text, place, "extends")
            return None
        if len(stack) >= _LONGEST_WALK:
            text = f"extends is nested deeper than the limit of {self._limit} levels (extends_depth)."
            self._report.error(text, place, "limit")
            return None
        return self._entry(parent, stack)

    def _parents(self, value: Any, place: At) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, Seq) and all(isinstance(item, str) for item in value):
            return list(value)
        if value is not None:
            text = f"extends must be the name of a job or a list of names, not {describe(value)}."
            self._report.error(text, place, "extends")
        return []
