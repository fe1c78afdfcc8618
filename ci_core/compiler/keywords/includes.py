"""Owns the entries of `include` as they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ci_core.compiler.diagnostics import At, quote_list
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.keywords.reading import items, read_map, read_text, read_texts, wrong
from ci_core.compiler.keywords.rules import RuleSpec, parse_include_rules
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq

KINDS = ("local", "project", "remote", "template", "component")
HEADER_KINDS = ("local", "project", "remote")
_KEYS = (*KINDS, "file", "ref", "inputs", "with", "rules", "integrity", "cache")
_URL = re.compile(r"https?://", re.IGNORECASE)
# Which further keys go with which kind.
_ONLY_WITH = {"file": "project", "ref": "project", "integrity": "remote", "cache": "remote"}
_SUM = re.compile(r"sha256-(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)
_SHORTEST_CACHE, _DEFAULT_CACHE = 60, 3600


@dataclass(frozen=True, slots=True)
class IncludeSpec:
    """One entry: what it names, under which conditions, with which inputs. cache: seconds that its file may be old."""

    kind: str
    target: str
    at: At
    files: tuple[str, ...] = ()
    ref: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    rules: tuple[RuleSpec, ...] | None = None
    integrity: str | None = None
    cache: int = 0


def parse_includes(session: Session, value: Any, at: At) -> list[IncludeSpec]:
    """`include`: one entry or a list of them.

    Source: docs.gitlab.com/ci/yaml/#include
    """
    if isinstance(value, Seq):
        found = [parse_include(session, item, place) for item, place in items(session, value, at)]
    else:
        found = [parse_include(session, value, at)]
    return [spec for spec in found if spec is not None]


def parse_header_includes(session: Session, value: Any, at: At) -> list[IncludeSpec]:
    """`spec:include`: entries that bring inputs, from fewer places and under no conditions.

    Source: docs.gitlab.com/ci/yaml/#specinclude
    """
    found = []
    for spec in parse_includes(session, value, at):
        if spec.kind not in HEADER_KINDS:
            text = f"spec:include takes {quote_list(HEADER_KINDS)} only, not {spec.kind}."
        elif spec.inputs or spec.rules is not None:
            key = "inputs" if spec.inputs else "rules"
            text = f"spec:include takes no {key}: what such a file declares is the same in every pipeline."
        else:
            found.append(spec)
            continue
        session.report.error(text, spec.at, "include")
    return found


def parse_include(
    session: Session, value: Any, at: At, keyword: str = "include", more: tuple[str, ...] = ()
) -> IncludeSpec | None:
    """One entry of `include`, or of a keyword like it. more: kinds that this one has besides."""
    if isinstance(value, str):
        text = read_text(session, value, at, f"An entry of {keyword}", 1024)
        if text is None:
            return None
        return IncludeSpec("remote" if _URL.match(text) else "local", text, at)
    if not isinstance(value, Map):
        wrong(session, at, f"An entry of {keyword}", "a path, a URL or a map", value)
        return None
    options = read_map(session, value, at, keyword, (*_KEYS, *more))
    assert options is not None
    known = (*KINDS, *more)
    kinds = [kind for kind in known if options.get(kind) is not None]
    if len(kinds) != 1:
        found = f"both {kinds[0]} and {kinds[1]}" if kinds else "none of them"
        session.report.error(f"An entry of {keyword} needs one of {quote_list(known)}; it has {found}.", at)
        return None
    kind = kinds[0]
    for key, owner in _ONLY_WITH.items():
        if options.get(key) is not None and kind != owner:
            text = f"{keyword}:{key} goes with {keyword}:{owner} only."
            session.report.error(text, options.at_key(key, at))
            return None
    return _spec(session, options, at, kind, keyword)


def _spec(session: Session, options: Map, at: At, kind: str, keyword: str) -> IncludeSpec | None:
    texts: dict[str, str | None] = {}
    for key in (kind, "ref", "integrity"):
        if options.get(key) is not None:
            value = options[key]
            text = str(value) if isinstance(value, int | float) and key == "ref" else value
            texts[key] = read_text(session, text, options.at(key, at), f"{keyword}:{key}", 1024)
            if texts[key] is None:
                return None
    integrity = texts.get("integrity")
    if integrity is not None and not _SUM.fullmatch(integrity):
        text = f"{keyword}:integrity must be sha256- and the SHA-256 sum in Base64."
        session.report.error(text, options.at("integrity", at))
        return None
    cache = _cache(session, options, at, keyword)
    files = _files(session, options, at, keyword) if kind == "project" else ()
    rules = None
    if options.get("rules") is not None:
        rules = parse_include_rules(session, options["rules"], options.at("rules", at))
    target = texts[kind]
    if files is None or target is None or (options.get("rules") is not None and rules is None):
        return None
    inputs = _inputs(session, options, at, keyword)
    return IncludeSpec(kind, target, at, files, texts.get("ref"), inputs, rules, integrity, cache)


def _cache(session: Session, options: Map, at: At, keyword: str) -> int:
    """How old a remote file may be, in seconds: `true` is an hour.

    Source: docs.gitlab.com/ci/yaml/#includecache
    """
    value = options.get("cache")
    if value is None or isinstance(value, bool):
        return _DEFAULT_CACHE if value else 0
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None or seconds < _SHORTEST_CACHE:
        expected = "true or a duration of a minute or more, such as '1 day'"
        wrong(session, options.at("cache", at), f"{keyword}:cache", expected, value)
        return 0
    return seconds


def _files(session: Session, options: Map, at: At, keyword: str) -> tuple[str, ...] | None:
    """Source: docs.gitlab.com/ci/yaml/#includeproject"""
    if options.get("file") is None:
        session.report.error(f"{keyword}:project needs file, a path or a list of paths.", at)
        return None
    files = read_texts(session, options["file"], options.at("file", at), f"{keyword}:file", single=True)
    if files is not None and not files:
        session.report.error(f"{keyword}:file must not be an empty list.", options.at("file", at))
        return None
    return None if files is None else tuple(files)


def _inputs(session: Session, options: Map, at: At, keyword: str) -> dict[str, Any]:
    """The values for the inputs of the included file; `with` is the older name.

    Source: docs.gitlab.com/ci/yaml/#includeinputs
    """
    key = "inputs" if options.get("inputs") is not None else "with"
    value = options.get(key)
    if value is None:
        return {}
    if not isinstance(value, Map):
        wrong(session, options.at(key, at), f"{keyword}:{key}", "a map of names and values", value)
        return {}
    return value
