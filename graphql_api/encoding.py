"""Owns how answers become JSON."""

from __future__ import annotations

from typing import Any

import orjson


def encode(answer: Any) -> bytes:
    """The JSON of an answer. Moments in UTC may stand in it as they are, and are written as the scalar Time is."""
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)
