"""Owns Relay pages: their arguments, keyset cursors, and one statement for the pages of all parents."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from weakref import ref

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from ci_core.errors import InvalidInput
from graphql_api.context import Context
from graphql_api.fields import argument
from graphql_api.lateral import Columns, Parent, column_field, count_per_parent, rows_per_parent

Row = TypeVar("Row")

After = Annotated[str | None, argument("Only items after this cursor.")]
Before = Annotated[str | None, argument("Only items before this cursor.")]
First = Annotated[int | None, argument("The first n items.")]
Last = Annotated[int | None, argument("The last n items.")]


@dataclass(frozen=True, slots=True)
class PageArguments:
    """The four arguments of a connection, checked."""

    after: str | None = None
    before: str | None = None
    first: int | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("first", self.first), ("last", self.last)):
            if value is not None and value < 0:
                raise InvalidInput(f"{name} must not be negative.")
        if self.first is not None and self.last is not None:
            raise InvalidInput("first and last cannot be used together: page forwards or backwards.")

    @property
    def everything(self) -> bool:
        """Whether the whole list is asked for."""
        return self.first is None and self.last is None and self.after is None and self.before is None

    @property
    def backwards(self) -> bool:
        """Whether the page is counted from the end."""
        return self.last is not None

    @property
    def asked(self) -> int | None:
        """How many items the client asked for."""
        return self.last if self.first is None else self.first


def encode_cursor(key: Sequence[Any]) -> str:
    """An opaque cursor of a key."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in key]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The key in a cursor. Raises InvalidInput."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        key = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if (
        not isinstance(key, list)
        or len(key) != length
        or not all(isinstance(v, str | int | None) for v in key)
    ):
        raise InvalidInput(f"{cursor!r} is not a cursor of this list.")
    return key


@dataclass(frozen=True, slots=True)
class Keyset:
    """The columns that order a list, all in one direction; together they are unique. Null is greater than all else."""

    columns: tuple[str, ...] = ("id",)
    descending: bool = False

    def key(self, row: Any) -> tuple[Any, ...]:
        """A row's key."""
        return tuple(getattr(row, column) for column in self.columns)

    def order(self, backwards: bool) -> list[str]:
        """The ORDER BY, turned round to read a page from the end."""
        return [f"-{column}" if self.descending != backwards else column for column in self.columns]

    def beyond(self, rows: models.QuerySet[Any], cursor: str, *, after: bool) -> Q:
        """The condition for rows after (or before) a cursor. Raises InvalidInput."""
        key = decode_cursor(cursor, len(self.columns))
        try:
            fields = [column_field(rows, column) for column in self.columns]
            values = [field.to_python(given) for field, given in zip(fields, key, strict=True)]
        except ValidationError:
            raise InvalidInput(f"{cursor!r} is not a cursor of this list.") from None
        greater = after != self.descending
        equal, condition = Q(), Q()
        for column, value in zip(self.columns, values, strict=True):
            if value is None and not column_field(rows, column).null:
                raise InvalidInput(f"{cursor!r} is not a cursor of this list.")
            beyond = _beyond(column, value, greater, nullable=column_field(rows, column).null)
            condition |= Q() if beyond is None else equal & beyond
            equal &= Q(**{f"{column}__isnull": True} if value is None else {column: value})
        return condition


def _beyond(column: str, value: Any, greater: bool, *, nullable: bool) -> Q | None:
    """The condition for a column greater (or less) than a value, null being greater than all; None for never."""
    if value is None:
        return None if greater else Q(**{f"{column}__isnull": False})
    if not greater:
        return Q(**{f"{column}__lt": value})
    return Q(**{f"{column}__gt": value}) | (Q(**{f"{column}__isnull": True}) if nullable else Q())


NEWEST_FIRST: Final = Keyset(("id",), descending=True)
OLDEST_FIRST: Final = Keyset(("id",))
#: Newest first, of rows partitioned by pipeline: in the order of the partitions, so that nothing is sorted.
NEWEST_IN_PARTITIONS: Final = Keyset(("pipeline_id", "id"), descending=True)


class Page(Generic[Row]):
    """One parent's page; the value of a connection field. Its rows may still have to be read (`load`).

    owner: the row that the page belongs to, where its edges tell of it.
    """

    # Of the class until they are set: a graph has thousands of pages.
    _listing: Listing | None = None
    parent: Parent = ()
    owner: Any = None
    rows: Sequence[Row] | None = None
    has_next = False
    has_previous = False
    total: int | None = None
    counted_to: int | None = None

    def __init__(self, key: Callable[[Row], Sequence[Any]], listing: Listing | None = None) -> None:
        self.key = key
        if listing is not None:
            self._listing = listing

    @property
    def listing(self) -> Listing:
        """What the page is part of; only for pages that are read from the database."""
        assert self._listing is not None
        return self._listing

    def is_counted_to(self, limit: int | None) -> bool:
        """Whether `total` is right up to one beyond `limit` (None: without a limit)."""
        if self.total is None:
            return False
        exact = self.counted_to is None or self.total <= self.counted_to
        return exact or (limit is not None and self.counted_to is not None and limit <= self.counted_to)

    def cursor(self, row: Row) -> str:
        """The cursor of one of the rows."""
        return encode_cursor(self.key(row))


class Listing:
    """The pages of one field with the same arguments, for all its parents; read together.

    columns: by which the rows refer to their parent; none where the list has no parent. read: which columns the
    operation needs of the rows; None for all of them. kept_as: a name for the list where nothing narrows it, under
    which its statement is kept. Raises InvalidInput for a cursor that is none of this list.
    """

    def __init__(
        self,
        rows: models.QuerySet[Any],
        arguments: PageArguments,
        keyset: Keyset = NEWEST_FIRST,
        columns: Columns = (),
        read: Callable[[Context], Sequence[str] | None] | None = None,
        kept_as: str | None = None,
    ) -> None:
        first = arguments.after is None and arguments.before is None
        self._kept_as = kept_as if first else None
        # Cursors do not narrow what is counted.
        self._counted_as = kept_as
        self._rows = rows
        self._read = read
        self._between = rows
        for cursor, after in ((arguments.after, True), (arguments.before, False)):
            if cursor is not None:
                self._between = self._between.filter(keyset.beyond(rows, cursor, after=after))
        self._arguments = arguments
        self._keyset = keyset
        self._columns = columns
        # Weakly, since each page leads here: what refers to one another stays until the collector comes, with its rows.
        self._pages: list[ref[Page[Any]]] = []

    def page(self, *parent: Any) -> Page[Any]:
        """The page of one parent, which has these values in `columns`."""
        page: Page[Any] = Page(self._keyset.key, self)
        page.parent = parent
        self._pages.append(ref(page))
        return page

    def _asked(self) -> list[Page[Any]]:
        """The pages that somebody still has."""
        return [page for page in (known() for known in self._pages) if page is not None]

    def load(self, context: Context) -> None:
        """Reads the rows of all pages with one statement."""
        arguments, keyset, pages = self._arguments, self._keyset, self._asked()
        asked = settings.PIPEYARD_PAGE_LIMIT if arguments.asked is None else arguments.asked
        size = min(asked, settings.PIPEYARD_PAGE_LIMIT)
        rows = self._between
        order = keyset.order(arguments.backwards)
        if not self._columns:
            found: dict[Parent, list[Any]] = {(): list(rows.order_by(*order)[: size + 1])}
        else:
            asked_columns = self._read(context) if self._read else None
            found = rows_per_parent(
                rows,
                self._columns,
                (page.parent for page in pages),
                order,
                size + 1,
                only=None if asked_columns is None else (*asked_columns, *keyset.columns, *self._columns),
                kept_as=self._kept_as,
            )
        for page in pages:
            self._fill(page, found.get(page.parent, []), size)

    def _fill(self, page: Page[Any], found: Sequence[Any], size: int) -> None:
        more = len(found) > size
        rows = list(found[:size])
        if self._arguments.backwards:
            page.rows = rows[::-1]
            page.has_previous, page.has_next = more, self._arguments.before is not None
        else:
            page.rows = rows
            page.has_next, page.has_previous = more, self._arguments.after is not None

    def count(self, limit: int | None) -> None:
        """Counts the rows of every page's list with one statement; no further than one beyond `limit`."""
        pages = self._asked()
        if not self._columns:
            counted = self._rows.order_by()[: limit + 1] if limit is not None else self._rows.order_by()
            totals: dict[Parent, int] = {(): counted.count()}
        else:
            parents = (page.parent for page in pages)
            totals = count_per_parent(self._rows, self._columns, parents, limit, kept_as=self._counted_as)
        for page in pages:
            page.total, page.counted_to = totals.get(page.parent, 0), limit


def load(pages: Iterable[Page[Any]], context: Context) -> None:
    """Reads the rows of pages that have none yet: one statement a listing."""
    for page in pages:
        if page.rows is None:
            page.listing.load(context)


def whole_of_each(
    lists: Iterable[Sequence[Row] | None], arguments: PageArguments, key: Callable[[Row], Sequence[Any]]
) -> list[Page[Row]]:
    """The same of many lists; None is an empty one."""
    if not arguments.everything:
        return [whole(rows or (), arguments, key) for rows in lists]
    pages: list[Page[Row]] = []
    for rows in lists:
        page: Page[Row] = Page(key)
        page.rows = rows or ()
        page.total = len(page.rows)
        pages.append(page)
    return pages


def whole(rows: Sequence[Row], arguments: PageArguments, key: Callable[[Row], Sequence[Any]]) -> Page[Row]:
    """A page of rows that are all at hand, in ascending order of `key`; not cut unless the client asks for it."""
    page: Page[Row] = Page(key)
    page.total = len(rows)
    if arguments.everything:
        page.rows = rows
        return page
    kept: Sequence[Row] = rows
    if arguments.after is not None or arguments.before is not None:
        kept = _between(rows, arguments, key)
    size = len(kept) if arguments.asked is None else arguments.asked
    if arguments.backwards:
        page.rows = kept[max(0, len(kept) - size) :]
        page.has_previous, page.has_next = len(kept) > size, arguments.before is not None
    else:
        page.rows = kept[:size]
        page.has_next, page.has_previous = len(kept) > size, arguments.after is not None
    return page


def _between(rows: Sequence[Row], arguments: PageArguments, key: Callable[[Row], Sequence[Any]]) -> list[Row]:
    if not rows:
        return []
    length = len(key(rows[0]))
    kept = [(tuple(key(row)), row) for row in rows]
    try:
        if arguments.after is not None:
            low = tuple(decode_cursor(arguments.after, length))
            kept = [(value, row) for value, row in kept if value > low]
        if arguments.before is not None:
            high = tuple(decode_cursor(arguments.before, length))
            kept = [(value, row) for value, row in kept if value < high]
    except TypeError:
        raise InvalidInput("The cursor is not one of this list.") from None
    return [row for _, row in kept]
