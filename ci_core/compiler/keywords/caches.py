"""Owns cache."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from ci_core.compiler.diagnostics import At
from ci_core.compiler.fetching import Refusal
from ci_core.compiler.filesets import files_at
from ci_core.compiler.globs import include_matcher
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
_FILE_KEYS = ("files", "files_commits")
_MAX_KEY_FILES = 2
# Source: docs.gitlab.com/ci/caching/#per-cache-fallback-keys
_MAX_FALLBACK_KEYS = 5


def parse_cache(session: Session, value: Any, at: At) -> list[dict[str, Any]] | None:
    """One cache or up to four. `cache: []` and `cache: {}` turn caching off.

    Source: docs.gitlab.com/ci/yaml/#cache
    """
    if isinstance(value, Map):
        cache = _cache(session, value, at, 0) if value else None
        return [] if cache is None else [cache]
    if not isinstance(value, Seq):
        wrong(session, at, "cache", "a map or a list of maps", value)
        return None
    found = [
        _cache(session, item, place, index) for index, (item, place) in enumerate(items(session, value, at))
    ]
    limit = session.limits.caches_per_job
    if len(found) > limit:
        text = f"A job has {len(found)} caches, more than the limit of {limit} (caches_per_job)."
        session.report.error(text, at, "limit")
    return [cache for cache in found if cache is not None]


def _cache(session: Session, value: Any, at: At, index: int) -> dict[str, Any] | None:
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
        cache.update(_key(session, options["key"], options.at("key", at), index))
    for key in ("paths", "fallback_keys"):
        if options.get(key) is not None:
            cache[key] = read_texts(session, options[key], options.at(key, at), f"cache:{key}") or []
    if len(cache["fallback_keys"]) > _MAX_FALLBACK_KEYS:
        text = f"cache:fallback_keys must have up to {_MAX_FALLBACK_KEYS} keys, not {len(cache['fallback_keys'])}."
        session.report.error(text, options.at("fallback_keys", at))
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


def _key(session: Session, value: Any, at: At, index: int) -> dict[str, Any]:
    """A text, or a key that follows files: their content, or the newest commits that changed them.

    Source: docs.gitlab.com/ci/yaml/#cachekey, docs.gitlab.com/ci/yaml/#cachekeyfiles,
    docs.gitlab.com/ci/yaml/#cachekeyfiles_commits
    """
    if not isinstance(value, Map):
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return {"key": _key_text(session, text, at, "cache:key")}
    options = read_map(session, value, at, "cache:key", (*_FILE_KEYS, "prefix"))
    assert options is not None
    prefix = None
    if options.get("prefix") is not None:
        prefix = _key_text(session, options["prefix"], options.at("prefix", at), "cache:key:prefix")
    given = [key for key in _FILE_KEYS if options.get(key) is not None]
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
    return _file_key(session, given[0], files, prefix or _own_prefix(index, files), place)


def _key_text(session: Session, value: Any, at: At, keyword: str) -> str | None:
    """A text that may be the name of a cache.

    Source: docs.gitlab.com/ci/yaml/#cachekey
    """
    key = read_text(session, value, at, keyword)
    plain = None if key is None else unquote(key)
    if plain is not None and "/" in plain:
        session.report.error(f"{keyword} must not hold a slash, nor %2F, which stands for one.", at)
    elif plain is not None and plain.strip(".") == "":
        session.report.error(f"{keyword} must not consist of dots.", at)
    return key


def _own_prefix(index: int, files: list[str]) -> str:
    """What keeps the caches of one job apart when they follow the same files, such as `0_Gemfile`.

    Source: GitLab, lib/gitlab/ci/build/cache.rb
    """
    return "_".join([str(index), *(file.strip("/").split(".")[0].replace("/", "_") for file in files)])


def _file_key(session: Session, kind: str, files: list[str], prefix: str, at: At) -> dict[str, Any]:
    context = session.context
    digest = context.file_digest if kind == "files" else context.commit_digest
    if digest is None:
        return {"key": prefix, f"key_{kind}": files, "key_prefix": prefix}
    memory = ("digest", kind, tuple(files))
    if memory not in session.traces:
        session.traces[memory] = digest(_expanded(session, files, at))
    return {"key": f"{prefix}-{session.traces[memory] or 'default'}"}


def _expanded(session: Session, files: list[str], at: At) -> list[str]:
    """The paths, with the files that match them in place of patterns: `*` stops at a slash, `**` does not.

    Source: docs.gitlab.com/ci/yaml/#cachekeyfiles; GitLab, Repository#search_files_by_wildcard_path
    """
    found: dict[str, None] = {}
    for path in (file.lstrip("/") for file in files):
        if "*" not in path:
            found[path] = None
            continue
        names, matcher = files_at(session), include_matcher(path)
        if matcher is not None and not isinstance(names, Refusal):
            session.spend(len(names) // 8, at)
            found |= dict.fromkeys(name for name in names if matcher.search(name))
    limit = session.limits.path_checks
    if len(found) > limit:
        text = f"cache:key follows {len(found)} files, more than the limit of {limit} (path_checks)."
        session.report.error(text, at, "limit")
        return []
    return list(found)
