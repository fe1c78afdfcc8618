"""Owns media types: which one a client wants to be answered in, and whether a body is one that can be read."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from django.utils.http import parse_header_parameters

RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
#: In the order of preference where a client has none.
SERVED: Final = (JSON, RESPONSE)
#: A header is not read any further than this many media types.
_MOST: Final = 32


@lru_cache(256)
def negotiated(accept: str | None) -> str | None:
    """The media type to answer in, by the header Accept; None if the client takes none that there is.

    Without the header, and for wildcards, it is `application/json`, which every client has been able to read; the
    draft asks for the newer one where the header is missing, its own audit for this one.
    """
    if accept is None or not accept.strip():
        return JSON
    wanted = [_range(part) for part in accept.split(",")[:_MOST]]
    best: tuple[float, int, str] | None = None
    for served in SERVED:
        quality, place = _quality(served, wanted)
        if quality > 0 and (best is None or (quality, -place) > (best[0], -best[1])):
            best = (quality, place, served)
    return best[2] if best else None


def _range(part: str) -> tuple[str, float]:
    """One entry of Accept: its media range, and its weight; 0 for what cannot be served."""
    name, parameters = parse_header_parameters(part)
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        return name, 0.0
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        quality = 0.0
    return name, quality if 0 <= quality <= 1 else 0.0


def _quality(served: str, wanted: list[tuple[str, float]]) -> tuple[float, int]:
    """How much a client wants a media type, and at which place it says so: the closest range counts."""
    for pattern in (served, "application/*", "*/*"):
        for place, (name, quality) in enumerate(wanted):
            if name.lower() == pattern:
                return quality, place
    return 0.0, len(wanted)


@lru_cache(256)
def is_json(content_type: str) -> bool:
    """Whether a body of this type can be read: JSON in UTF-8, which is also meant where no charset is given."""
    name, parameters = parse_header_parameters(content_type)
    return name.lower() == JSON and parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")
