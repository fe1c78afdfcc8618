"""Owns needs and dependencies as they are written; what they lead to is checked in compiler/needs.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.parallel import Combination, parse_matrix
from ci_core.compiler.keywords.reading import items, read_bool, read_map, read_text, read_texts, wrong
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq
from ci_core.compiler.types import CompiledCrossNeed, Position

MATRIX = re.compile(r"\$\[\[\s*matrix\.([A-Za-z0-9_]+)\s*\]\]", re.ASCII)
_KEYS = ("job", "artifacts", "optional", "parallel", "project", "ref", "pipeline")


@dataclass(frozen=True, slots=True)
class NeedSpec:
    """One entry of `needs` as written, and its place."""

    job: str
    at: At
    optional: bool = False
    artifacts: bool = True
    matrix: tuple[Combination, ...] | None = None

    @property
    def follows_matrix(self) -> bool:
        """Whether what is needed depends on the values of the copy that needs it."""
        return any("$[[" in item.value for values in self.matrix or () for item in values)


@dataclass(frozen=True, slots=True)
class NeedsSpec:
    """`needs` as written: jobs of this pipeline, and what is taken from other pipelines."""

    jobs: tuple[NeedSpec, ...]
    cross: tuple[CompiledCrossNeed, ...] = ()

    @property
    def mirrored(self) -> CompiledCrossNeed | None:
        """The project whose newest pipeline the job mirrors."""
        return next((need for need in self.cross if need.job is None), None)


def parse_needs(session: Session, value: Any, at: At) -> NeedsSpec | None:
    """The jobs that must have finished first, also one alone as a map. An empty list lets the job start at once.

    Source: docs.gitlab.com/ci/yaml/#needs
    """
    if isinstance(value, Map) and value:
        found = [_need(session, value, at)]
    elif isinstance(value, Seq):
        found = [_need(session, item, place) for item, place in items(session, value, at)]
    else:
        wrong(session, at, "needs", "a list of jobs", value)
        return None
    cross = tuple(need for need in found if isinstance(need, CompiledCrossNeed))
    limit = session.limits.cross_project_needs
    if sum(need.project is not None for need in cross) > limit:
        text = f"needs names more than the limit of {limit} jobs of other projects (cross_project_needs)."
        session.report.error(text, at, "limit")
    spec = NeedsSpec(tuple(need for need in found if isinstance(need, NeedSpec)), cross)
    if spec.mirrored is not None and len(found) > 1:
        text = "needs:pipeline without job mirrors a pipeline, so it must be the only one of the job's needs."
        session.report.error(text, at, "needs")
    return spec


def parse_rule_needs(session: Session, value: Any, at: At) -> NeedsSpec | None:
    """`needs` of a rule, which names jobs of this pipeline only.

    Source: docs.gitlab.com/ci/yaml/#rulesneeds; GitLab, lib/gitlab/ci/config/entry/rules/rule.rb
    """
    spec = parse_needs(session, value, at)
    if spec is not None and spec.cross:
        text = "rules:needs names jobs of this pipeline only. Write needs of other pipelines into the job's needs."
        session.report.error(text, at, "needs")
        return None
    return spec


def _need(session: Session, value: Any, at: At) -> NeedSpec | CompiledCrossNeed | None:
    if isinstance(value, str):
        name = read_text(session, value, at, "An entry of needs")
        return None if name is None else NeedSpec(name, at)
    options = read_map(session, value, at, "needs", _KEYS)
    if options is None:
        return None
    if options.get("project") is not None or options.get("pipeline") is not None:
        return _cross(session, options, at)
    if options.get("job") is None:
        session.report.error("An entry of needs has no job. Write job: and its name.", at)
        return None
    if options.get("ref") is not None:
        session.report.error("needs:ref goes with needs:project only.", options.at_key("ref", at))
        return None
    name = read_text(session, options["job"], options.at("job", at), "needs:job")
    flags = _flags(session, options, at)
    matrix = None
    if options.get("parallel") is not None:
        if flags["optional"]:
            text = "needs:optional does not go together with needs:parallel:matrix."
            session.report.error(text, options.at_key("optional", at))
            return None
        matrix = _matrix(session, options["parallel"], options.at("parallel", at))
        if matrix is None:
            return None
    return None if name is None else NeedSpec(name, at, flags["optional"], flags["artifacts"], matrix)


def _flags(session: Session, options: Map, at: At) -> dict[str, bool]:
    flags = {"optional": False, "artifacts": True}
    for key in flags:
        if options.get(key) is not None:
            read = read_bool(session, options[key], options.at(key, at), f"needs:{key}")
            flags[key] = flags[key] if read is None else read
    return flags


def _matrix(session: Session, value: Any, at: At) -> tuple[Combination, ...] | None:
    """Source: docs.gitlab.com/ci/yaml/#needsparallelmatrix"""
    options = read_map(session, value, at, "needs:parallel", ("matrix",))
    if options is None or options.get("matrix") is None:
        session.report.error("needs:parallel needs matrix, a list of maps of names and values.", at)
        return None
    return parse_matrix(session, options["matrix"], options.at("matrix", at), "needs:parallel:matrix")


def _cross(session: Session, options: Map, at: At) -> CompiledCrossNeed | None:
    """What comes from another pipeline: of a project, of the same family, or the state of a project's newest.

    Source: docs.gitlab.com/ci/yaml/#needsproject, docs.gitlab.com/ci/yaml/#needspipelinejob,
    docs.gitlab.com/ci/yaml/#needspipeline
    """
    kind = "project" if options.get("project") is not None else "pipeline"
    wanted = ("project", "job", "ref") if kind == "project" else ("pipeline", "job")
    for key in ("optional", "parallel", *(("pipeline",) if kind == "project" else ("project", "ref"))):
        if options.get(key) is not None:
            session.report.error(f"needs:{key} does not go with needs:{kind}.", options.at_key(key, at))
            return None
    texts: dict[str, str | None] = {}
    for key in wanted:
        if options.get(key) is not None:
            value = options[key]
            text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            texts[key] = read_text(session, text, options.at(key, at), f"needs:{key}", 1024)
        elif kind == "project":
            session.report.error(f"needs:project needs {key}.", at)
            return None
    if any(text is None for text in texts.values()):
        return None
    if kind == "project" and options.get("artifacts") is not True:
        session.report.error("needs:project needs artifacts: true.", at)
        return None
    flags = _flags(session, options, at)
    mark = at.mark
    return CompiledCrossNeed(
        **texts, artifacts=flags["artifacts"], position=Position(mark.name, mark.line + 1, mark.column + 1)
    )


def parse_dependencies(session: Session, value: Any, at: At) -> list[tuple[str, At]] | None:
    """The jobs whose artifacts are fetched.

    Source: docs.gitlab.com/ci/yaml/#dependencies
    """
    names = read_texts(session, value, at, "dependencies")
    if names is None:
        return None
    places = [place for _, place in items(session, value, at)]
    return list(zip(names, places, strict=True))
