"""Owns needs and dependencies as they are written; what they lead to is checked in compiler/needs.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import items, read_bool, read_map, read_text, read_texts, wrong
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Seq

_KEYS = ("job", "artifacts", "optional")
_UNSUPPORTED = {
    "project": "Artifacts of other projects cannot be fetched; take this entry out.",
    "pipeline": "Needs on other pipelines are not followed; take this entry out.",
    "ref": "It belongs to needs:project; take this entry out.",
    "parallel": "Name the copy, such as 'test 1/2', or need all of them by their common name.",
}


@dataclass(frozen=True, slots=True)
class NeedSpec:
    """One entry of `needs` as written, and its place."""

    job: str
    at: At
    optional: bool = False
    artifacts: bool = True


def parse_needs(session: Session, value: Any, at: At) -> tuple[NeedSpec, ...] | None:
    """The jobs that must have finished first. An empty list lets the job start at once.

    Source: docs.gitlab.com/ci/yaml/#needs
    """
    if not isinstance(value, Seq):
        wrong(session, at, "needs", "a list of jobs", value)
        return None
    found = [_need(session, item, place) for item, place in items(session, value, at)]
    return tuple(need for need in found if need is not None)


def _need(session: Session, value: Any, at: At) -> NeedSpec | None:
    if isinstance(value, str):
        name = read_text(session, value, at, "An entry of needs")
        return None if name is None else NeedSpec(name, at)
    options = read_map(session, value, at, "needs", _KEYS, _UNSUPPORTED)
    if options is None:
        return None
    if options.get("job") is None:
        if not any(key in options for key in _UNSUPPORTED):
            session.report.error("An entry of needs has no job. Write job: and its name.", at)
        return None
    name = read_text(session, options["job"], options.at("job", at), "needs:job")
    flags = {"optional": False, "artifacts": True}
    for key in flags:
        if options.get(key) is not None:
            read = read_bool(session, options[key], options.at(key, at), f"needs:{key}")
            flags[key] = flags[key] if read is None else read
    if name is None or any(key in options for key in _UNSUPPORTED):
        return None
    return NeedSpec(name, at, flags["optional"], flags["artifacts"])


def parse_dependencies(session: Session, value: Any, at: At) -> list[tuple[str, At]] | None:
    """The jobs whose artifacts are fetched.

    Source: docs.gitlab.com/ci/yaml/#dependencies
    """
    names = read_texts(session, value, at, "dependencies")
    if names is None:
        return None
    places = [place for _, place in items(session, value, at)]
    return list(zip(names, places, strict=True))
