"""Reads files of other servers for `include:remote` and `include:template`, as far as the operator allows it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from django.core.cache import caches

from ci_core import clock
from ci_core.compiler import Refusal

#: Largest file that is read, bytes. A CI configuration has a smaller limit of its own.
MAX_FILE: Final = 4 * 1024 * 1024
#: Seconds for one file, and for all files of one configuration.
TIMEOUT: Final = 10.0
TOTAL_TIMEOUT: Final = 30.0
#: Largest file that is kept, bytes, and how long one is kept at most, seconds, whatever `include:cache` says.
MAX_KEPT: Final = 1024 * 1024
LONGEST_KEPT: Final = 30 * 24 * 3600
_ODD: Final = re.compile(r"[\\\s\x00-\x1f]")


def is_allowed(url: str, prefixes: Sequence[str]) -> bool:
    """Whether a URL lies under one of the prefixes: same scheme and host, and below the path."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.lower()
    except ValueError:
        return False
    path = unquote(unquote(parts.path))
    if parts.scheme not in ("http", "https") or not host or "@" in host or _ODD.search(url):
        return False
    if _ODD.search(path) or ".." in path.split("/"):
        return False
    for prefix in prefixes:
        allowed = urlsplit(prefix)
        folder = allowed.path.rstrip("/") + "/"
        if (parts.scheme, host) == (allowed.scheme, allowed.netloc.lower()) and path.startswith(folder):
            return True
    return False


def fetch_or_keep(url: str, prefixes: Sequence[str], keep: int) -> bytes | Refusal:
    """The content behind an allowed URL, which may be up to `keep` seconds old; 0: it is fetched.

    Pipelines of all projects share what is kept, each by how old it lets a file be.
    Source: https://docs.gitlab.com/ci/yaml/#includecache
    """
    keep = min(keep, LONGEST_KEPT)
    if not keep or not is_allowed(url, prefixes):
        return fetch(url, prefixes)
    kept = caches["remote_files"]
    key, now = hashlib.sha256(url.encode()).hexdigest(), clock.now().timestamp()
    found: tuple[float, bytes] | None = kept.get(key)
    if found is not None and now - found[0] < keep:
        return found[1]
    content = fetch(url, prefixes)
    if isinstance(content, bytes) and len(content) <= MAX_KEPT:
        kept.set(key, (now, content), keep)
    return content


def fetch(url: str, prefixes: Sequence[str]) -> bytes | Refusal:
    """The content behind an allowed URL. Redirects are not followed, since they could lead anywhere.

    Source: https://docs.gitlab.com/ci/yaml/#includeremote
    """
    if not is_allowed(url, prefixes):
        return Refusal(
            "not_allowed",
            "this server does not fetch from there; its operator allows prefixes in PIPEYARD_INCLUDE_PREFIXES",
        )
    import httpx

    started = time.monotonic()
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                return Refusal("failed", f"the server answers {answer.status_code}")
            content = b""
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_FILE:
                    return Refusal("too_large", f"the file has more than {MAX_FILE} bytes")
                if time.monotonic() - started > TIMEOUT:
                    return Refusal("failed", f"the server takes more than {TIMEOUT:.0f} seconds")
            return content
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Refusal("failed", f"it cannot be fetched ({type(error).__name__})")
