"""Owns `only` and `except` as they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.expressions.patterns import check_pattern, split_pattern
from ci_core.compiler.filesets import PathsSpec
from ci_core.compiler.keywords.paths import parse_changed_paths
from ci_core.compiler.keywords.reading import items, read_choice, read_map, read_texts, wrong
from ci_core.compiler.keywords.rules import Condition, parse_condition
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq

_KEYS = ("refs", "variables", "changes", "kubernetes")


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """`only` or `except`. What is None is not asked for."""

    at: At
    refs: tuple[str, ...] | None = None
    variables: tuple[Condition, ...] | None = None
    changes: PathsSpec | None = None
    kubernetes: bool = False


def parse_policy(session: Session, value: Any, at: At) -> PolicySpec | None:
    """A list of refs, or a map with refs, variables, changes and kubernetes.

    Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#only--except
    """
    if not isinstance(value, Map):
        refs = _refs(session, value, at)
        return None if refs is None else PolicySpec(at, refs)
    options = read_map(session, value, at, "only/except", _KEYS)
    assert options is not None
    found: dict[str, Any] = {}
    for key, item in options.items():
        if item is None or key not in _PARSERS:
            continue
        found[key] = _PARSERS[key](session, item, options.at(key, at))
        if found[key] is None:
            return None
    return PolicySpec(at, **found)


def _refs(session: Session, value: Any, at: At) -> tuple[str, ...] | None:
    """Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#onlyrefs--exceptrefs"""
    refs = read_texts(session, value, at, "only/except:refs")
    if refs is None:
        return None
    for ref in refs:
        pattern = split_pattern(ref.split("@")[0])
        problem = None if pattern is None else check_pattern(*pattern, session.limits.regex_length)
        if problem is not None:
            session.report.error(f"only/except:refs: {problem}.", at, "expression")
            return None
    return tuple(refs)


def _variables(session: Session, value: Any, at: At) -> tuple[Condition, ...] | None:
    """Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#onlyvariables--exceptvariables"""
    if not isinstance(value, Seq):
        wrong(session, at, "only/except:variables", "a list of expressions", value)
        return None
    found = [parse_condition(session, item, place) for item, place in items(session, value, at)]
    good = tuple(condition for condition in found if condition is not None)
    return good if len(good) == len(found) else None


def _kubernetes(session: Session, value: Any, at: At) -> bool | None:
    """Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#onlykubernetes--exceptkubernetes"""
    return True if read_choice(session, value, at, "only/except:kubernetes", ("active",)) else None


_PARSERS = {
    "refs": _refs,
    "variables": _variables,
    "changes": parse_changed_paths,
    "kubernetes": _kubernetes,
}
