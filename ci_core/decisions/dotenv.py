"""Reads the dotenv reports that jobs leave (https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv)."""

from __future__ import annotations

import re
from typing import Final

#: Largest report that is read, bytes.
MAX_SIZE: Final = 5 * 1024
_LINE: Final = re.compile(r"\s*([A-Za-z0-9_]+)=(.*?)\s*", re.ASCII)


def parse_dotenv(content: bytes) -> dict[str, str]:
    """The variables of a report; lines that are none are passed over, quotes around a value are not part of it."""
    found: dict[str, str] = {}
    for line in content[:MAX_SIZE].decode(errors="replace").splitlines():
        matched = _LINE.fullmatch(line)
        if matched is None:
            continue
        key, value = matched.groups()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[key] = value
    return found
