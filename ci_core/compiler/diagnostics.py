"""Owns what the compiler says to people: a message, its place, and the collector that gathers them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Protocol

ERROR = "error"
WARNING = "warning"
_SHOWN = 15
_HINT_EFFORT = 20_000


class Mark(Protocol):
    """A place as the YAML reader hands it out: zero-based line, column and character index."""

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PlainMark:
    """A place that does not come from the YAML reader, such as the start of a file."""

    name: str
    index: int = 0
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `line` and `column` count from 1; `path` is the key, as in `jobs:build:needs[0]`.

    `code` is stable and meant for programs:
    yaml, limit, unknown_keyword, invalid, unsupported, reference, extends, expression, needs,
    include, inputs, fetch, workflow_filtered, no_jobs.
    """

    message: str
    file: str
    line: int
    column: int
    path: str
    severity: str = ERROR
    code: str = "invalid"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self)


class At:
    """Where the compiler is looking: a chain of keys back to the root, and the place in the file.

    The text of the path is only made when something has to be said.
    """

    __slots__ = ("key", "mark", "parent")

    def __init__(self, parent: At | None, key: str | int, mark: Mark) -> None:
        self.parent = parent
        self.key = key
        self.mark = mark

    def down(self, key: str | int, mark: Mark | None = None) -> At:
        """The place one key or one list index deeper."""
        return At(self, key, self.mark if mark is None else mark)

    def path(self) -> str:
        """The keys from the root, joined as GitLab writes them."""
        keys: list[str | int] = []
        at: At | None = self
        while at is not None:
            keys.append(at.key)
            at = at.parent
        text = ""
        for key in reversed(keys):
            if isinstance(key, int):
                text += f"[{key}]"
            elif key:
                text += f":{key}" if text else key
        return text


class Report:
    """Collects diagnostics of one compilation; the same finding at the same place is kept once.

    `redact` takes out of a message what it must not show.
    """

    def __init__(
        self, sources: Mapping[str, str], limit: int, redact: Callable[[str], str] = lambda text: text
    ) -> None:
        self._sources = sources
        self._redact = redact
        self._limit = limit
        self._seen: set[tuple[str, int, int, str]] = set()
        self._errors: list[Diagnostic] = []
        self._warnings: list[Diagnostic] = []
        self._dropped = 0
        self._hint_effort = _HINT_EFFORT

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """All errors in the order of the file, and a last one that counts those beyond the limit."""
        found = sorted(self._errors, key=_by_place)
        if self._dropped:
            last = found[-1]
            text = f"{self._dropped} more errors are not shown (limit of {self._limit} diagnostics)."
            found.append(Diagnostic(text, last.file, last.line, last.column, "", ERROR, "limit"))
        return tuple(found)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """All warnings in the order of the file."""
        return tuple(sorted(self._warnings, key=_by_place))

    @property
    def error_count(self) -> int:
        """How many errors there are so far."""
        return len(self._errors) + self._dropped

    @property
    def failed(self) -> bool:
        """Whether there is any error."""
        return bool(self._errors)

    def error(
        self, message: str, at: At, code: str = "invalid", *, offset: tuple[str, int] | None = None
    ) -> None:
        """Reports what is wrong at a place; `offset` = (text, character in it) refines the column."""
        self._add(message, at, ERROR, code, offset)

    def warning(self, message: str, at: At, code: str = "invalid") -> None:
        """Reports what works, but perhaps not as meant."""
        self._add(message, at, WARNING, code, None)

    def _add(self, message: str, at: At, severity: str, code: str, offset: tuple[str, int] | None) -> None:
        mark, message = at.mark, self._redact(message)
        key = (mark.name, mark.line, mark.column, message)
        if key in self._seen:
            return
        target = self._errors if severity == ERROR else self._warnings
        if len(target) >= self._limit:
            self._dropped += severity == ERROR
            return
        self._seen.add(key)
        line, column = (mark.line + 1, mark.column + 1) if offset is None else self._refine(mark, *offset)
        target.append(Diagnostic(message, mark.name, line, column, at.path(), severity, code))

    def did_you_mean(self, word: str, known: Collection[str]) -> str:
        """` Did you mean 'script'?` when one known word is close, else nothing.

        Comparing is slow, so that all hints of a compilation together have a budget.
        """
        if len(word) > 60 or len(known) > self._hint_effort:
            return ""
        self._hint_effort -= len(known)
        near = [other for other in known if abs(len(other) - len(word)) <= 4]
        close = difflib.get_close_matches(word, near, n=1, cutoff=0.7)
        return f" Did you mean '{close[0]}'?" if close else ""

    def _refine(self, mark: Mark, text: str, offset: int) -> tuple[int, int]:
        """The line and column of a character inside a scalar, when the scalar is written as it reads."""
        start = (mark.line + 1, mark.column + 1)
        source = self._sources.get(mark.name, "")
        first = source[mark.index : mark.index + 1]
        if first in ("|", ">"):
            found = source.find(text.split("\n", 1)[0], mark.index + 1)
            begin = found if text.strip() and found >= 0 else -1
        else:
            begin = mark.index + (1 if first in ("'", '"') else 0)
        if begin < 0 or source[begin : begin + offset] != text[:offset]:
            return start
        place = begin + offset
        newline = source.rfind("\n", 0, place)
        return source.count("\n", 0, place) + 1, place - newline


def _by_place(item: Diagnostic) -> tuple[str, int, int]:
    return item.file, item.line, item.column


def quote_list(words: Iterable[str]) -> str:
    """`'a', 'b' or 'c'`; of a long list the beginning."""
    quoted = [f"'{word[:60]}'" for word in islice(words, _SHOWN + 1)]
    if len(quoted) > _SHOWN:
        return f"{', '.join(quoted[:_SHOWN])} ..."
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def circle_text(names: Sequence[str]) -> str:
    """`a -> b -> a`; of a long circle the beginning."""
    shown = [*names[:_SHOWN], "..."] if len(names) > _SHOWN else names
    return " -> ".join((*shown, names[0]))
