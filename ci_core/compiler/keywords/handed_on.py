"""Owns release, pages, id_tokens and secrets: checked, and handed on to who carries them out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.durations import parse_duration
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

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Source: docs.gitlab.com/ci/yaml/#releasereleased_at
_MOMENT = re.compile(
    r"\d{4}-?\d\d-?\d\d(?:T\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?(?:Z|[-+]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_RELEASE_TEXTS = ("tag_name", "tag_message", "name", "description", "ref", "released_at")
_OWNER = re.compile(r"project|group/[a-zA-Z0-9_\-./]+", re.ASCII)
_LINK_KEYS = ("name", "url", "filepath", "link_type")
_LINK_TYPES = ("other", "runbook", "image", "package")
# Where secrets come from, and which keys each source takes, the needed ones first.
# Source: docs.gitlab.com/ci/yaml/#secrets
_PROVIDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "gcp_secret_manager": (("name",), ("version",)),
    "azure_key_vault": (("name",), ("version",)),
    "aws_secrets_manager": (
        ("secret_id",),
        ("version_id", "version_stage", "region", "role_arn", "role_session_name", "field"),
    ),
    "gitlab_secrets_manager": (("name",), ("source",)),
    "akeyless": (
        (),
        (
            "name",
            "data_key",
            "cert_user_name",
            "public_key_data",
            "csr_data",
            "akeyless_access_key",
            "uid_token",
            "gcp_audience",
            "azure_object_id",
            "k8s_service_account_token",
            "k8s_auth_config_name",
            "gateway_ca_certificate",
        ),
    ),
}
_ENGINES = ("kv-v2", "kv-v1", "generic")


def _text(session: Session, options: Map, key: str, at: At, keyword: str) -> str | None:
    return read_text(session, options[key], options.at(key, at), f"{keyword}:{key}")


def _named(
    session: Session, value: Any, at: At, keyword: str, read: Callable[[Session, Any, At], Any]
) -> dict[str, Any] | None:
    """A map from names of variables to what `read` makes of their values."""
    if not isinstance(value, Map):
        wrong(session, at, keyword, "a map of names", value)
        return None
    found: dict[str, Any] = {}
    for name, item in value.items():
        if not _NAME.fullmatch(name):
            text = f"'{name[:60]}' cannot be the name of a variable: only letters, digits and _ are allowed."
            session.report.error(text, value.at_key(name, at))
            continue
        entry = read(session, item, value.at(name, at))
        if entry is not None:
            found[name] = entry
    return found


def parse_id_tokens(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """The tokens of a job: a name, and for whom each is.

    Source: docs.gitlab.com/ci/yaml/#id_tokens
    """
    return _named(session, value, at, "id_tokens", _id_token)


def _id_token(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    options = read_map(session, value, at, "id_tokens", ("aud",))
    if options is None:
        return None
    if options.get("aud") is None:
        session.report.error("id_tokens needs aud: whom the token is for.", at)
        return None
    audience = read_texts(session, options["aud"], options.at("aud", at), "id_tokens:aud", single=True)
    return None if audience is None else {"aud": audience}


def parse_secrets(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """The secrets of a job: a name, and where each comes from.

    Source: docs.gitlab.com/ci/yaml/#secrets
    """
    return _named(session, value, at, "secrets", _secret)


def _secret(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    sources = ("vault", *_PROVIDERS)
    options = read_map(session, value, at, "secrets", (*sources, "file", "token"))
    if options is None:
        return None
    chosen = [source for source in sources if options.get(source) is not None]
    if len(chosen) != 1:
        session.report.error(f"A secret needs one of {', '.join(sources)}.", at)
        return None
    source = chosen[0]
    place = options.at(source, at)
    details = (
        _vault(session, options[source], place)
        if source == "vault"
        else _provider(session, options[source], place, source)
    )
    if details is None:
        return None
    secret: dict[str, Any] = {source: details, "file": True}
    if options.get("file") is not None:
        secret["file"] = (
            read_bool(session, options["file"], options.at("file", at), "secrets:file") is not False
        )
    if source == "gcp_secret_manager" and options.get("token") is None:
        session.report.error("secrets:gcp_secret_manager needs token: a variable of id_tokens.", at)
    if options.get("token") is not None:
        secret["token"] = _text(session, options, "token", at, "secrets")
    return secret


def _provider(session: Session, value: Any, at: At, source: str) -> dict[str, Any] | None:
    needed, more = _PROVIDERS[source]
    if isinstance(value, str) and source == "aws_secrets_manager":
        secret_id, _, field = value.partition("#")
        return {"secret_id": secret_id, **({"field": field} if field else {})}
    options = read_map(session, value, at, f"secrets:{source}", (*needed, *more))
    if options is None:
        return None
    for key in needed:
        if options.get(key) is None:
            session.report.error(f"secrets:{source} needs {key}.", at)
            return None
    keys = [key for key in (*needed, *more) if options.get(key) is not None]
    found = {key: _provided(session, options, key, at, source) for key in keys}
    origin = found.get("source")
    if origin is not None and not _OWNER.fullmatch(origin):
        expected = "'project', or 'group/' with the path of a group"
        wrong(session, options.at("source", at), f"secrets:{source}:source", expected, origin)
    return found


def _provided(session: Session, options: Map, key: str, at: At, source: str) -> str | None:
    """A text; versions of GCP may be numbers, too."""
    value = options[key]
    if (source, key) == ("gcp_secret_manager", "version") and type(value) is int:
        return str(value)
    return _text(session, options, key, at, f"secrets:{source}")


def _vault(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """`path/field@engine`, or a map.

    Source: docs.gitlab.com/ci/yaml/#secretsvault
    """
    if isinstance(value, str):
        where, _, engine = value.partition("@")
        path, _, field = where.rpartition("/")
        if not path or not field:
            session.report.error("secrets:vault must be written path/field or path/field@engine.", at)
            return None
        return {"engine": {"name": "kv-v2", "path": engine or "kv-v2"}, "path": path, "field": field}
    options = read_map(session, value, at, "secrets:vault", ("engine", "path", "field"))
    if options is None:
        return None
    for key in ("engine", "path", "field"):
        if options.get(key) is None:
            session.report.error(f"secrets:vault needs {key}.", at)
            return None
    place = options.at("engine", at)
    engine_options = read_map(session, options["engine"], place, "secrets:vault:engine", ("name", "path"))
    if engine_options is None or any(engine_options.get(key) is None for key in ("name", "path")):
        session.report.error("secrets:vault:engine needs name and path.", place)
        return None
    name = engine_options["name"]
    read_choice(session, name, engine_options.at("name", place), "secrets:vault:engine:name", _ENGINES)
    return {
        "engine": {
            "name": name,
            "path": _text(session, engine_options, "path", place, "secrets:vault:engine"),
        },
        "path": _text(session, options, "path", at, "secrets:vault"),
        "field": _text(session, options, "field", at, "secrets:vault"),
    }


def parse_release(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """The release that a job makes.

    Source: docs.gitlab.com/ci/yaml/#release
    """
    options = read_map(session, value, at, "release", (*_RELEASE_TEXTS, "milestones", "assets"))
    if options is None:
        return None
    for key in ("tag_name", "description"):
        if options.get(key) is None:
            session.report.error(f"release needs {key}.", at)
            return None
    found: dict[str, Any] = {
        key: _text(session, options, key, at, "release")
        for key in _RELEASE_TEXTS
        if options.get(key) is not None and (key, options[key]) != ("tag_message", "")
    }
    moment = found.get("released_at")
    if moment is not None and "$" not in moment and not _MOMENT.fullmatch(moment):
        expected = "a time in ISO 8601, such as '2021-03-15T08:00:00Z'"
        wrong(session, options.at("released_at", at), "release:released_at", expected, moment)
    if options.get("milestones") is not None:
        place = options.at("milestones", at)
        found["milestones"] = read_texts(
            session, options["milestones"], place, "release:milestones", single=True
        )
    if options.get("assets") is not None:
        place = options.at("assets", at)
        assets = read_map(session, options["assets"], place, "release:assets", ("links",))
        if assets is not None and assets.get("links") is not None:
            found["assets"] = {"links": _links(session, assets["links"], assets.at("links", place))}
    return found


def _links(session: Session, value: Any, at: At) -> list[dict[str, Any]]:
    """Source: docs.gitlab.com/ci/yaml/#releaseassetslinks"""
    if not isinstance(value, Seq):
        wrong(session, at, "release:assets:links", "a list of links", value)
        return []
    links: list[dict[str, Any]] = []
    for item, place in items(session, value, at):
        options = read_map(session, item, place, "release:assets:links", _LINK_KEYS)
        if options is None:
            continue
        if any(options.get(key) is None for key in ("name", "url")):
            session.report.error("A link of a release needs name and url.", place)
            continue
        keys = [key for key in _LINK_KEYS if options.get(key) is not None]
        links.append({key: _text(session, options, key, place, "release:assets:links") for key in keys})
        if "link_type" in keys:
            where = options.at("link_type", place)
            read_choice(session, options["link_type"], where, "release:assets:links:link_type", _LINK_TYPES)
    return links


def parse_pages(session: Session, value: Any, at: At) -> dict[str, Any] | bool | None:
    """Whether a job publishes a site, and how. False: it does not, whatever its name.

    Source: docs.gitlab.com/ci/yaml/#pages
    """
    if isinstance(value, bool):
        return {"publish": "public"} if value else False
    options = read_map(session, value, at, "pages", ("publish", "path_prefix", "expire_in"))
    if options is None:
        return None
    found: dict[str, Any] = {"publish": "public"}
    for key in ("publish", "path_prefix", "expire_in"):
        if options.get(key) is not None:
            found[key] = _text(session, options, key, at, "pages")
    expiry = found.get("expire_in")
    if expiry is not None and "$" not in expiry and expiry != "never" and parse_duration(expiry) is None:
        wrong(session, options.at("expire_in", at), "pages:expire_in", "a duration, or 'never'", expiry)
    return found


def parse_publish(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """The older way to say which folder a job publishes.

    Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#publish-keyword-and-pages-job-name-for-gitlab-pages
    """
    folder = read_text(session, value, at, "publish")
    return None if folder is None else {"publish": folder}


def parse_dast_configuration(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """Accepted, without effect: there are no scanner profiles here.

    Source: docs.gitlab.com/ci/yaml/#dast_configuration
    """
    options = read_map(session, value, at, "dast_configuration", ("site_profile", "scanner_profile"))
    return None if options is None else dict(options)
