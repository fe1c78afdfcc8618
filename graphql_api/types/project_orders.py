"""Owns the orders of projects, by the words that clients give."""

from __future__ import annotations

from typing import Final

from ci_core.errors import InvalidInput
from graphql_api.pagination import Keyset

#: What projects can be ordered by -> the columns that do it.
SORTS: Final = {
    "id": ("id",),
    "name": ("name", "id"),
    "path": ("full_path", "id"),
    "created": ("created_at", "id"),
    "updated": ("updated_at", "id"),
}


def keyset_of(sort: str) -> Keyset:
    """The order that a sort argument such as `name_asc` asks for. Raises InvalidInput."""
    what, _, direction = sort.lower().rpartition("_")
    if what not in SORTS or direction not in ("asc", "desc"):
        raise InvalidInput(
            f"{sort!r} is no order of projects: use one of {', '.join(SORTS)} with _asc or _desc."
        )
    return Keyset(SORTS[what], direction == "desc")
