"""Owns `changes` and `exists` of rules as they are written."""

from __future__ import annotations

from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.filesets import PathsSpec
from ci_core.compiler.keywords.reading import read_map, read_text, read_texts
from ci_core.compiler.path_regexps import LONGEST, compile_path_regexp
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map
from ci_core.compiler.variables import referenced_names


def parse_changes(session: Session, value: Any, at: At) -> PathsSpec | None:
    """A list of patterns, or a map with `paths` or `regexp`, and `compare_to`.

    Source: docs.gitlab.com/ci/yaml/#ruleschanges, docs.gitlab.com/ci/yaml/#ruleschangesregexp
    """
    return _parse(session, value, at, "changes", ("compare_to",))


def parse_changed_paths(session: Session, value: Any, at: At) -> PathsSpec | None:
    """`changes` of `only` and `except`: a list of patterns.

    Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#onlychanges--exceptchanges
    """
    return _spec(session, value, at, "changes", {})


def parse_exists(session: Session, value: Any, at: At) -> PathsSpec | None:
    """A list of patterns or one alone, or a map with `paths` or `regexp`, `project` and `ref`.

    Source: docs.gitlab.com/ci/yaml/#rulesexists, docs.gitlab.com/ci/yaml/#rulesexistsregexp
    """
    return _parse(session, value, at, "exists", ("project", "ref"))


def _parse(session: Session, value: Any, at: At, keyword: str, more: tuple[str, ...]) -> PathsSpec | None:
    name = f"rules:{keyword}"
    if not isinstance(value, Map):
        return _spec(session, value, at, keyword, {})
    options = read_map(session, value, at, name, ("paths", "regexp", *more))
    assert options is not None
    if (options.get("paths") is None) == (options.get("regexp") is None):
        neither = options.get("paths") is None
        text = (
            f"{name} needs {'' if neither else 'only one of '}paths, a list of files and patterns, or regexp."
        )
        session.report.error(text, at)
        return None
    texts: dict[str, str | None] = {}
    for key in more:
        if options.get(key) is not None:
            texts[key] = read_text(session, options[key], options.at(key, at), f"{name}:{key}", 1024)
    if texts.get("ref") is not None and "project" not in texts:
        session.report.error(f"{name}:ref needs {name}:project.", options.at_key("ref", at))
        return None
    if options.get("regexp") is not None:
        return _regexp_spec(session, options["regexp"], options.at("regexp", at), keyword, texts)
    return _spec(session, options["paths"], options.at("paths", at), keyword, texts)


def _regexp_spec(
    session: Session, value: Any, at: At, keyword: str, texts: dict[str, str | None]
) -> PathsSpec | None:
    """An expression without variables is checked at once, one with them when their values are in it."""
    name = f"rules:{keyword}:regexp"
    source = read_text(session, value, at, name, LONGEST)
    if source is None:
        return None
    compiled = None if referenced_names(source) else compile_path_regexp(source)
    if isinstance(compiled, str):
        session.report.error(f"{name} {compiled}.", at)
        return None
    return PathsSpec(keyword, (), at, **texts, regexp=source)


def _spec(
    session: Session, value: Any, at: At, keyword: str, texts: dict[str, str | None]
) -> PathsSpec | None:
    paths = read_texts(session, value, at, f"rules:{keyword}", single=keyword == "exists")
    if paths is None:
        return None
    limit = session.limits.paths_per_rule
    if len(paths) > limit:
        text = f"rules:{keyword} has {len(paths)} paths, more than the limit of {limit} (paths_per_rule)."
        session.report.error(text, at, "limit")
        return None
    return PathsSpec(keyword, tuple(paths), at, **texts)
