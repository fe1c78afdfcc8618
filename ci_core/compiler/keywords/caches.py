"""Owns cache."""

from __future__ import annotations

from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.artifacts import WHENS
from ci_core.compiler.keywords.reading import (
    items,
    read_bool,
    read_choice,
    read_map,
    read_text,
    read_texts,
    wrong,
)
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq

_KEYS = ("key", "paths", "policy", "when", "untracked", "unprotect", "fallback_keys")
_POLICIES = ("pull-push", "pull", "push")
_MAX_KEY_FILES = 2


def parse_cache(session: Session, value: Any, at: At) -> list[dict[str, Any]] | None:
    """One cache or up to four. `cache: []` and `cache: {}` turn caching off.

    Source: docs.gitlab.com/ci/yaml/#cache
    """
    if isinstance(value, Map):
        cache = _cache(session, value, at) if value else None
        return [] if cache is None else [cache]
    if not isinstance(value, Seq):
        wrong(session, at, "cache", "a map or a list of maps", value)
        return None
    found = [_cache(session, item, place) for item, place in items(session, value, at)]
    limit = session.limits.caches_per_job
    if len(found) > limit:
        text = f"A job has {len(found)} caches, more than the limit of {limit} (caches_per_job)."
        session.report.error(text, at, "limit")
    return [cache for cache in found if cache is not None]


def _cache(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    options = read_map(session, value, at, "cache", _KEYS)
    if options is None:
        return None
    cache: dict[str, Any] = {
        "key": "default",
        "paths": [],
        "policy": "pull-push",
        "when": "on_success",
        "untracked": False,
        "unprotect": False,
        "fallback_keys": [],
    }
    if options.get("key") is not None:
        cache.update(_key(session, options["key"], options.at("key", at)))
    for key in ("paths", "fallback_keys"):
        if options.get(key) is not None:
            cache[key] = read_texts(session, options[key], options.at(key, at), f"cache:{key}") or []
    for key in ("untracked", "unprotect"):
        if options.get(key) is not None:
            cache[key] = bool(read_bool(session, options[key], options.at(key, at), f"cache:{key}"))
    if options.get("when") is not None:
        cache["when"] = read_choice(session, options["when"], options.at("when", at), "cache:when", WHENS)
    if options.get("policy") is not None:
        cache["policy"] = _policy(session, options["policy"], options.at("policy", at))
    return cache


def _policy(session: Session, value: Any, at: At) -> str | None:
    """`pull`, `push`, `pull-push`, or a variable or an input of the job that holds one of them.

    Source: docs.gitlab.com/ci/yaml/#cachepolicy
    """
    if isinstance(value, str) and value.startswith("$"):
        return value
    return read_choice(session, value, at, "cache:policy", _POLICIES)


def _key(session: Session, value: Any, at: At) -> dict[str, Any]:
    """A text, or a key that follows what is in files; files_commits is taken as files.

    Source: docs.gitlab.com/ci/yaml/#cachekey, docs.gitlab.com/ci/yaml/#cachekeyfiles
    """
    if not isinstance(value, Map):
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        key = read_text(session, text, at, "cache:key")
        if key is not None and key.strip(".") == "":
            session.report.error("cache:key must not consist of dots.", at)
        return {"key": key}
    options = read_map(session, value, at, "cache:key", ("files", "files_commits", "prefix"))
    assert options is not None
    prefix = None
    if options.get("prefix") is not None:
        prefix = read_text(session, options["prefix"], options.at("prefix", at), "cache:key:prefix")
    given = [key for key in ("files", "files_commits") if options.get(key) is not None]
    if len(given) != 1:
        text = "cache:key needs files or files_commits, and one of them only: a list of up to two files."
        session.report.error(text, at)
        return {}
    place = options.at(given[0], at)
    files = read_texts(session, options[given[0]], place, f"cache:key:{given[0]}")
    if files is None:
        return {}
    if not 1 <= len(files) <= _MAX_KEY_FILES:
        text = f"cache:key:{given[0]} must have one or two files, not {len(files)}."
        session.report.error(text, place)
        return {}
    return _file_key(session, files, prefix)


def _file_key(session: Session, files: list[str], prefix: str | None) -> dict[str, Any]:
    if session.context.file_digest is None:
        return {"key": prefix or "default", "key_files": files, "key_prefix": prefix}
    digest = session.context.file_digest(files) or "default"
    return {"key": digest if prefix is None else f"{prefix}-{digest}"}
