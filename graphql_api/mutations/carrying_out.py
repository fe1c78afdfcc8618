"""Owns what all mutations share: carrying an action out, and telling what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import strawberry

from ci_core.errors import CiError
from graphql_api.context import Context
from graphql_api.errors import Delivery, delivery_of
from graphql_api.fields import leaf

R = TypeVar("R")

ERRORS: Final = "What went wrong, in sentences; empty when the change was made."
CLIENT_MUTATION_ID: Final = "Whatever the client sends, for it to recognise the answer by."


def client_mutation_id() -> Any:
    """The input field with which clients recognise answers."""
    return strawberry.field(description=CLIENT_MUTATION_ID)


def payload_fields() -> tuple[Any, Any]:
    """The fields that every payload has: `client_mutation_id` and `errors`."""
    return leaf(str | None, CLIENT_MUTATION_ID), leaf(list[str], ERRORS)


def carry_out(context: Context, action: Callable[[], R]) -> tuple[R | None, list[str]]:
    """Runs an action; gives its result, or the sentence that tells why it was refused.

    What the caller may not do, or not even see, is raised: it becomes an error of the response.
    """
    try:
        result = action()
    except CiError as error:
        if delivery_of(error) is Delivery.UNAVAILABLE:
            raise
        return None, [error.message]
    finally:
        context.forget()
    return result, []
