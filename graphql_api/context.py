"""Owns what one operation carries with it: on whose behalf it runs, its batches, and the rows it remembers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import strawberry
import structlog

from ci_core.access import Principal, anonymous
from graphql_api.authentication import Caller
from graphql_api.batching import Batches
from graphql_api.limits.time import Deadline
from graphql_api.limits.usage import Usage
from graphql_api.threads import ThreadRunner, in_request_thread

K = TypeVar("K", bound=int | str)
R = TypeVar("R")
#: Finds out again who stands behind a connection. Raises Unauthenticated.
Authenticate = Callable[[], Principal]


class Context:
    """What resolvers find in `info.context`.

    authenticate: asked again by `renew`; None where the principal holds for the operation, as over HTTP.
    caller: what they came with, where a subscription must find out again who they are. address: where they came from.
    usage: what it has used so far.
    live: which part of a subscription the operation is; None where nothing can be delivered later, as over HTTP.
    """

    def __init__(
        self,
        principal: Principal | None = None,
        *,
        authenticate: Authenticate | None = None,
        caller: Caller | None = None,
        run_in_thread: ThreadRunner = in_request_thread,
        live: object | None = None,
        address: str = "",
        usage: Usage | None = None,
    ) -> None:
        self.principal = principal or anonymous()
        self.authenticate = authenticate
        self.caller = caller
        self._thread_runner = run_in_thread
        self.live = live
        self.address = address
        self.request_id = current_request_id()
        self.usage = usage or Usage()
        self._remembered: dict[Any, dict[Any, Any]] = {}
        self._fields: Mapping[str, frozenset[str]] | None = None
        #: What a WebSocket client sent with connection_init; set by Strawberry.
        self.connection_params: Mapping[str, Any] | None = None

    @cached_property
    def batches(self) -> Batches:
        """What waits in graphql-core's path; made when it is asked for, since it refers back to the context."""
        return Batches(self.run_in_thread)

    def announce(self, fields: Mapping[str, frozenset[str]]) -> None:
        """Tells which fields of each type the operation asks for, by their names in Python."""
        self._fields = fields

    def fields_of(self, type_name: str) -> frozenset[str] | None:
        """The fields of a type that the operation asks for; None if that was not told."""
        return None if self._fields is None else self._fields.get(type_name, frozenset())

    def for_operation(self, live: object) -> Context:
        """A context of its own for one of the operations of a connection."""
        return Context(
            self.principal,
            authenticate=self.authenticate,
            caller=self.caller,
            run_in_thread=self._thread_runner,
            live=live,
            address=self.address,
        )

    @property
    def is_update(self) -> bool:
        """Whether this delivers to a subscription, which was checked when it began."""
        return self.live is not None and self.caller is None

    async def run_in_thread(self, function: Callable[[], R]) -> R:
        """Runs what uses the database in a thread, as long as the operation may take. Raises LimitExceeded."""
        deadline = self.usage.deadline
        result: R = await self._thread_runner(lambda: deadline.bounded(function))
        return result

    def renew(self) -> None:
        """Finds out again who asks, and forgets every row: a new answer begins. Runs in a thread.

        Raises Unauthenticated.
        """
        self.forget()
        self.usage.deadline = Deadline()
        if self.authenticate is not None:
            self.principal = self.authenticate()

    def forget(self) -> None:
        """Forgets the rows read so far: something has changed."""
        self._remembered = {}

    def know(self, rows: Iterable[Any]) -> None:
        """Remembers rows that were read on the way to something, by their class and id."""
        listed = list(rows)
        for kind in set(map(type, listed)):
            same = [row for row in listed if type(row) is kind]
            # Not `pk`, which looks the key's name up in the model for each row.
            ids = map(attrgetter(kind._meta.pk.attname), same)  # type: ignore[attr-defined]
            self._remembered.setdefault(kind, {}).update(zip(ids, same, strict=True))

    def remembered(
        self, kind: Any, keys: Iterable[K], read: Callable[[list[K]], Mapping[K, R]]
    ) -> Mapping[K, R | None]:
        """What is known of one kind by key, None where there is nothing; `read` gets the keys not asked for yet."""
        known = self._remembered.setdefault(kind, {})
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if missing:
            found = read(missing)
            known.update(zip(missing, map(found.get, missing), strict=True))
        return known


Info: TypeAlias = strawberry.Info[Context, None]


def current_request_id() -> str:
    """The id under which logs tell of this request; a new one for what came by no request."""
    bound = structlog.contextvars.get_contextvars().get("request_id")
    return bound if isinstance(bound, str) else uuid.uuid4().hex
