"""Owns the answers to `changes` and `exists`: which files match which pattern, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from ci_core.compiler.diagnostics import At
from ci_core.compiler.explanation import PathsTrace, PatternTrace
from ci_core.compiler.fetching import HOME, Place, Refusal
from ci_core.compiler.globs import is_glob, path_matcher
from ci_core.compiler.path_regexps import compile_path_regexp, path_matches
from ci_core.compiler.session import Session
from ci_core.compiler.variables import expand

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class PathsSpec:
    """`changes` or `exists` as written: with paths, or with a regular expression in their place."""

    keyword: str
    paths: tuple[str, ...]
    at: At
    compare_to: str | None = None
    project: str | None = None
    ref: str | None = None
    regexp: str | None = None


Files: TypeAlias = "Sequence[str] | Refusal | None"


def evaluate_paths(
    session: Session, spec: PathsSpec, variables: Mapping[str, str], place: Place = HOME
) -> PathsTrace:
    """Whether any file matches any of the patterns. Beyond `path_checks` files times patterns it counts as true.

    Source: docs.gitlab.com/ci/yaml/#ruleschanges, docs.gitlab.com/ci/yaml/#rulesexists
    """
    compare = None if spec.compare_to is None else filled(spec.compare_to, variables)
    files = (
        _changed(session, compare)
        if spec.keyword == "changes"
        else _existing(session, spec, variables, place)
    )
    patterns = tuple(
        filled(path, variables) for path in (spec.paths if spec.regexp is None else (spec.regexp,))
    )
    key = ("paths", spec.keyword, spec.regexp is None, compare, id(files), patterns)
    known: tuple[PathsTrace, Any] | None = session.traces.get(key)
    if known is None:
        trace = _evaluate(session, spec, patterns, files, compare)
        known = session.traces[key] = (trace, files)
    elif isinstance(files, Refusal):
        _refused(session, spec, files)
    return known[0]


def filled(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables; a `$` without a variable is part of the path."""
    return expand(text, variables, keep_undefined=True, max_length=1024) if "$" in text else text


def _changed(session: Session, compare: str | None) -> Files:
    key = ("changed", compare)
    if key not in session.traces:
        changes = session.context.changes
        refusal = None if compare is None else _one_more(session)
        session.traces[key] = refusal or (None if changes is None else changes.changed(compare))
    found: Files = session.traces[key]
    return found


def _existing(session: Session, spec: PathsSpec, variables: Mapping[str, str], place: Place) -> Files:
    project = None if spec.project is None else filled(spec.project, variables)
    ref = None if spec.ref is None else filled(spec.ref, variables)
    if project is None:
        return files_at(session, place)
    key = ("files", project, ref)
    if key not in session.traces:
        fetcher = session.context.fetcher
        found = _one_more(session) or fetcher.locate(project, ref, place.public)
        session.traces[key] = found if isinstance(found, Refusal) else fetcher.files(found)
    files: Files = session.traces[key]
    return files


def files_at(session: Session, place: Place = HOME) -> Sequence[str] | Refusal:
    """The files at a place, asked for once."""
    key = ("files", place)
    if key not in session.traces:
        session.traces[key] = session.context.fetcher.files(place)
    files: Sequence[str] | Refusal = session.traces[key]
    return files


def _one_more(session: Session) -> Refusal | None:
    """Counts another ref or project to look at; each costs a look into a repository."""
    session.lookups += 1
    limit = session.limits.lookups
    if session.lookups <= limit:
        return None
    return Refusal("too_many", f"more than the limit of {limit} refs and projects are looked at (lookups)")


def _refused(session: Session, spec: PathsSpec, refusal: Refusal) -> None:
    target = spec.compare_to or spec.project or "the repository"
    text = f"rules:{spec.keyword} cannot look at '{target[:100]}': {refusal.detail}."
    session.report.error(text, spec.at, "fetch")


def _evaluate(
    session: Session, spec: PathsSpec, patterns: tuple[str, ...], files: Files, compare: str | None
) -> PathsTrace:
    if compare is not None:
        compare = session.context.redact(compare)
    if files is None:
        return PathsTrace(spec.keyword, True, compared_with=compare, note="no_push")
    if isinstance(files, Refusal):
        _refused(session, spec, files)
        return PathsTrace(spec.keyword, False, compared_with=compare, note="refused")
    if spec.regexp is not None:
        return _evaluate_regexp(session, spec, patterns[0], files, compare)
    globs = sum(is_glob(pattern) for pattern in patterns)
    checks = globs * len(files)
    session.spend(checks // 8, spec.at)
    if checks > session.limits.path_checks:
        return PathsTrace(spec.keyword, True, compared_with=compare, note="too_many")
    traces = tuple(_pattern(session, pattern, files, spec.keyword == "exists") for pattern in patterns)
    return PathsTrace(spec.keyword, any(trace.matched for trace in traces), traces, compare)


def _evaluate_regexp(
    session: Session, spec: PathsSpec, source: str, files: Sequence[str], compare: str | None
) -> PathsTrace:
    """Source: docs.gitlab.com/ci/yaml/#ruleschangesregexp, docs.gitlab.com/ci/yaml/#rulesexistsregexp"""
    redact = session.context.redact
    regexp = compile_path_regexp(source)
    if isinstance(regexp, str):
        session.report.error(f"rules:{spec.keyword}:regexp {regexp}.", spec.at)
        return PathsTrace(spec.keyword, False, compared_with=compare, note="refused")
    session.spend(len(files) // 2, spec.at)
    if len(files) > session.limits.path_checks:
        return PathsTrace(spec.keyword, True, compared_with=compare, note="too_many")
    found = [redact(name) for name in islice((name for name in files if path_matches(regexp, name)), _SHOWN)]
    trace = PatternTrace(redact(f"/{source}/"), bool(found), tuple(found))
    return PathsTrace(spec.keyword, bool(found), (trace,), compare)


def _pattern(session: Session, pattern: str, files: Sequence[str], folders: bool) -> PatternTrace:
    """To look for a folder, a pattern of `exists` ends in a slash."""
    names: Any = files
    if folders and pattern.endswith("/"):
        names = _index(session, files)[1]
    if not is_glob(pattern):
        known = names if names is not files else _index(session, files)[0]
        found = [pattern] if pattern in known else []
    else:
        matcher = path_matcher(pattern)
        found = [] if matcher is None else [name for name in names if matcher.search(name)]
    redact = session.context.redact
    return PatternTrace(redact(pattern), bool(found), tuple([redact(name) for name in found[:_SHOWN]]))


def _index(session: Session, files: Sequence[str]) -> tuple[frozenset[str], dict[str, None]]:
    """The files as a set, and the folders they are in, made once for a list of files."""
    key = ("index", id(files))
    known = session.traces.get(key)
    if known is None:
        folders: dict[str, None] = {}
        for name in files:
            end = name.rfind("/")
            while end > 0 and name[: end + 1] not in folders:
                folders[name[: end + 1]] = None
                end = name.rfind("/", 0, end)
        known = session.traces[key] = (frozenset(files), folders, files)
    return known[0], known[1]
