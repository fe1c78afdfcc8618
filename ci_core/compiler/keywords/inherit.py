"""Owns inherit: which defaults and which variables a job takes over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import items, read_map, wrong
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Seq

Choice: TypeAlias = "bool | frozenset[str]"

# Source: docs.gitlab.com/ci/yaml/#default
DEFAULT_KEYWORDS = (
    "after_script",
    "artifacts",
    "before_script",
    "cache",
    "hooks",
    "id_tokens",
    "image",
    "interruptible",
    "retry",
    "services",
    "tags",
    "timeout",
)


@dataclass(frozen=True, slots=True)
class Inherit:
    """`inherit` of a job: all, nothing, or what is named."""

    default: Choice = True
    variables: Choice = True


def takes(choice: Choice, name: str) -> bool:
    """Whether a job takes over one default or variable."""
    return choice if isinstance(choice, bool) else name in choice


def parse_inherit(session: Session, value: Any, at: At) -> Inherit | None:
    """Source: docs.gitlab.com/ci/yaml/#inherit"""
    options = read_map(session, value, at, "inherit", ("default", "variables"))
    if options is None:
        return None
    found: dict[str, Choice] = {}
    for key, known in (("default", DEFAULT_KEYWORDS), ("variables", None)):
        if options.get(key) is not None:
            found[key] = _choice(session, options[key], options.at(key, at), f"inherit:{key}", known)
    return Inherit(**found)


def _choice(session: Session, value: Any, at: At, keyword: str, known: Collection[str] | None) -> Choice:
    if isinstance(value, bool):
        return value
    if not isinstance(value, Seq):
        wrong(session, at, keyword, "true, false or a list of names", value)
        return True
    names = set()
    for item, place in items(session, value, at):
        if not isinstance(item, str):
            wrong(session, place, f"Each entry of {keyword}", "a text", item)
        elif known is not None and item not in known:
            text = (
                f"{keyword} names '{item}', which has no default.{session.report.did_you_mean(item, known)}"
            )
            session.report.error(text, place)
        else:
            names.add(item)
    return frozenset(names)
