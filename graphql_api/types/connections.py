"""Owns connection types: they wrap a page, and read its rows only when something of them is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final

import strawberry

from graphql_api.context import Info
from graphql_api.fields import BatchedField, argument, batched, leaf
from graphql_api.pagination import Page, load

#: How far the count of a long list goes when the client does not say.
COUNT_LIMIT: Final = 1000


class Count(Enum):
    """Whether a connection counts its items."""

    NONE = "no count"
    EXACT = "all of them"
    LIMITED = "up to a limit"


@dataclass(frozen=True, slots=True)
class Edge:
    """A row of a page."""

    page: Page[Any]
    node: Any

    @property
    def cursor(self) -> str:
        """Where the row stands."""
        return self.page.cursor(self.node)


def _edge_cursor(page: Page[Any], place: int) -> str | None:
    return page.cursor(page.rows[place]) if page.rows else None


@strawberry.type(name="PageInfo", description="Where a page of a connection stands in the whole list.")
class PageInfo:
    """Its parent is the page."""

    has_next_page = leaf(bool, "Whether there are items after this page.", "has_next")
    has_previous_page = leaf(bool, "Whether there are items before this page.", "has_previous")
    start_cursor = leaf(
        str | None,
        "Cursor of the first item: continue backwards before it.",
        lambda page: _edge_cursor(page, 0),
    )
    end_cursor = leaf(
        str | None,
        "Cursor of the last item: continue forwards after it.",
        lambda page: _edge_cursor(page, -1),
    )


class _PageField(BatchedField):
    """A field of a page that answers at once when the page's rows are at hand."""

    def at_hand(self, parent: Page[Any]) -> bool:
        """Whether the page's rows have been read."""
        return parent.rows is not None


def _load(pages: list[Page[Any]], info: Info) -> None:
    unread = [page for page in pages if page.rows is None]
    load(unread, info.context)
    for page in unread:
        info.context.know(page.rows or ())


def _nodes(parents: list[Page[Any]], info: Info) -> list[Sequence[Any] | None]:
    _load(parents, info)
    return [page.rows for page in parents]


def _edges(parents: list[Page[Any]], info: Info) -> list[list[Edge]]:
    _load(parents, info)
    return [[Edge(page, row) for row in page.rows or ()] for page in parents]


def _page_info(parents: list[Page[Any]], info: Info) -> list[Page[Any]]:
    _load(parents, info)
    return parents


def _count(parents: list[Page[Any]], info: Info) -> list[int | None]:
    for page in parents:
        if not page.is_counted_to(None):
            page.listing.count(None)
    return [page.total for page in parents]


def _limited_count(
    parents: list[Page[Any]],
    info: Info,
    limit: Annotated[int | None, argument("Counting stops one beyond this.")] = COUNT_LIMIT,
) -> list[int | None]:
    limit = COUNT_LIMIT if limit is None else max(0, limit)
    for page in parents:
        if not page.is_counted_to(limit):
            page.listing.count(limit)
    return [page.total if page.total is None else min(page.total, limit + 1) for page in parents]


def connection(
    name: str,
    node: Any,
    items: str,
    count: Count = Count.NONE,
    *,
    edge: Mapping[str, Any] | None = None,
    **more: Any,
) -> Any:
    """The connection type (nullable) of a node type.

    items: what the nodes are, in the plural; edge: further fields of its edges; more: further fields of its own.
    """
    edge_type = strawberry.type(
        type(
            f"{name}Edge",
            (),
            {
                "__annotations__": {},
                "__module__": __name__,
                "cursor": leaf(str, "Where the item stands in the list."),
                "node": leaf(node | None, "The item."),
                **(edge or {}),
            },
        ),
        description=f"One of {items}, with its place in the list.",
    )
    fields = {
        "__annotations__": {},
        "__module__": __name__,
        "nodes": batched(list[node | None] | None, _nodes, f"The {items} on this page.", of=_PageField),
        "edges": batched(
            list[edge_type | None] | None,  # type: ignore[valid-type]
            _edges,
            f"The {items} on this page, each with its cursor.",
            of=_PageField,
        ),
        "page_info": batched(PageInfo, _page_info, "Where this page stands.", of=_PageField),
        **more,
    }
    if count is Count.EXACT:
        fields["count"] = batched(int, _count, f"How many {items} there are.")
    if count is Count.LIMITED:
        fields["count"] = batched(
            int, _limited_count, f"How many {items} there are; stops one beyond `limit` when there are more."
        )
    made = strawberry.type(type(f"{name}Connection", (), fields), description=f"A page of {items}.")
    return made | None
