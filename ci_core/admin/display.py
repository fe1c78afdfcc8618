"""How the support desk writes statuses, times, sizes and links, and what the parts below a row's fields hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

#: What stands for a secret, whatever its length.
HIDDEN: Final = "••••"
NOTHING: Final = "-"

_COLOURS: Final = {
    "success": "success",
    "available": "success",
    "online": "success",
    "active": "success",
    "failed": "danger",
    "revoked": "danger",
    "expired": "danger",
    "running": "info",
    "pending": "info",
    "preparing": "info",
    "waiting for resource": "info",
    "waiting for callback": "info",
    "manual": "warning",
    "scheduled": "warning",
    "blocked": "warning",
    "canceling": "warning",
    "stopping": "warning",
    "paused": "warning",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of a table under one heading."""

    heading: str
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table below the fields. note: a sentence under the title; empty: what is said instead of no rows."""

    title: str
    headers: Sequence[str]
    groups: Sequence[Group]
    note: str = ""
    empty: str = "There is nothing here."

    @property
    def has_rows(self) -> bool:
        """Whether there is any row."""
        return any(group.rows for group in self.groups)


@dataclass(frozen=True, slots=True)
class Text:
    """A text below the fields, in a typewriter's letters."""

    title: str
    text: str
    note: str = ""
    empty: str = "There is nothing here."


Section = Table | Text


def table(title: str, headers: Sequence[str], rows: Sequence[Sequence[Any]], **more: str) -> Table:
    """A table without groups."""
    return Table(title, headers, [Group("", rows)], **more)


@lru_cache(maxsize=256)
def badge(word: str) -> SafeString:
    """A status as a coloured label."""
    word = word.replace("_", " ")
    context = {"text": word, "type": _COLOURS.get(word, "")}
    return SafeString(render_to_string("unfold/helpers/label.html", context).strip())


def badges(words: Sequence[str]) -> SafeString | str:
    """Labels side by side, such as a job's tags; the words may be anybody's."""
    if not words:
        return NOTHING
    context = {"label": list(words), "multiple": True}
    return SafeString(render_to_string("unfold/helpers/display_label.html", context))


def link(model: str, key: Any, text: Any) -> SafeString:
    """A link to a row's page. model: as in `pipeline`."""
    url = reverse(f"admin:ci_core_{model}_change", args=[key])
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)


def list_link(model: str, query: str, text: str) -> SafeString:
    """A link to a filtered list. query: as in `status=failed`, quoted."""
    url = reverse(f"admin:ci_core_{model}_changelist")
    return format_html('<a href="{}?{}" class="text-link">{}</a>', url, query, text)


def seconds(number: float | None) -> str:
    """Seconds in words: `1 h 02 min`, `3 min 20 s`, `14 s`."""
    if number is None:
        return NOTHING
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def between(start: datetime | None, end: datetime | None) -> str:
    """The time between two moments in words; nothing while one is missing."""
    return seconds((end - start).total_seconds()) if start and end else NOTHING


def moment(at: datetime | None) -> str:
    """A moment to the second, in UTC as everything here."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else NOTHING


def size(number: int) -> str:
    """Bytes in words: `340 bytes`, `1.2 MiB`."""
    if number < 1024:
        return f"{number} bytes"
    value = float(number)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def sha(full: str) -> str:
    """The first characters of a commit id."""
    return full[:8]
