"""Loads the named queries of queries.sql."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_HEADING = re.compile(r"^-- (\w+): (.+)$", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    """SQL text by name; each begins with a line `-- name: what it is for`."""
    parts = _HEADING.split(Path(__file__).with_name("queries.sql").read_text(encoding="utf-8"))
    return {name: body.strip() for name, body in zip(parts[1::3], parts[3::3], strict=True)}
