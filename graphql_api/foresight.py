"""Owns what is known of an operation before it comes to it: which fields it asks for below another."""

from __future__ import annotations

from graphql_api.context import Info


def will_ask(info: Info, *ways: tuple[str, ...]) -> bool:
    """Whether the rows of a field will be asked for one of these fields.

    ways: names of fields in Python, each a field of the rows to which the one before leads; pages are passed through.
    False where nobody has planned the operation: what is foreseen may save time, and changes nothing else.
    """
    leads_to = getattr(info, "leads_to", None)
    return leads_to is not None and any(map(leads_to, ways))
