"""Owns the check of every operation before it runs, over HTTP and over WebSockets: its document, and its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from django.conf import settings
from graphql import GraphQLError, OperationDefinitionNode, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError

from ci_core.actions.documents import remember_document
from graphql_api.context import Context
from graphql_api.documents import Prepared, prepare
from graphql_api.limits.exceeded import LimitExceeded
from graphql_api.limits.measuring import measure, weigh
from graphql_api.limits.usage import Usage
from graphql_api.persisted import digest_in, document_of, is_new

#: Stands for a document that is not there or cannot be parsed: Strawberry gives errors to clients of both protocols
#: only once it has a document. It is never executed.
_NOTHING: Final = parse("{ __typename }")


class CheckOperations(SchemaExtension):
    """Parses, checks and measures the document; what is refused is an error of the request."""

    _prepared: Prepared | None = None
    _refused: GraphQLError | None = None
    _digest: str | None = None
    _sent_with_digest = False

    @property
    def _usage(self) -> Usage:
        context: Context = self.execution_context.context
        return context.usage

    async def on_operation(self) -> AsyncIterator[None]:
        """Finds the document, if the client names it by its digest, or if only those on the list are carried out."""
        context, given = self.execution_context.context, self.execution_context
        try:
            self._digest = digest_in(given.operation_extensions or {})
            if not context.is_update and (self._digest or settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY):
                text = given.query
                given.query = await context.run_in_thread(lambda: document_of(text, self._digest))
                self._sent_with_digest = bool(text and self._digest)
        except GraphQLError as error:
            self._refused = error
            given.graphql_document = _NOTHING
        yield

    def on_parse(self) -> Iterator[None]:
        """Takes the document from the remembered ones, or parses it."""
        if self._refused is None:
            try:
                self._prepared = prepare(self.execution_context.query or "")
            except GraphQLError as error:
                self._refused = error
        self.execution_context.graphql_document = self._prepared.document if self._prepared else _NOTHING
        yield
        if self._prepared is not None and self._operation is None:
            raise CannotGetOperationTypeError(self._name)

    @property
    def _name(self) -> str | None:
        """The operation name that the client sent."""
        return self.execution_context._provided_operation_name

    @property
    def _operation(self) -> OperationDefinitionNode | None:
        return self._prepared.operation(self._name) if self._prepared else None

    async def on_validate(self) -> AsyncIterator[None]:
        """Finds what is wrong, unless the operation is refused for another reason; keeps a document that is right."""
        if self.execution_context.pre_execution_errors is None:
            self.execution_context.pre_execution_errors = self._wrong()
        if self._sent_with_digest and not self.execution_context.pre_execution_errors:
            await self.execution_context.context.run_in_thread(self._keep)
        yield

    def _keep(self) -> None:
        text = self.execution_context.query or ""
        # A comment may hold what the database cannot.
        if self._digest and "\0" not in text and is_new(self._digest):
            remember_document(text)

    def _wrong(self) -> list[GraphQLError]:
        """Why the operation is not carried out; empty if nothing is wrong."""
        if self._prepared is None or self._operation is None:
            return [self._refused] if self._refused else []
        schema, usage = self.execution_context.schema._schema, self._usage
        context: Context = self.execution_context.context
        try:
            if context.is_update:
                return self._prepared.errors(schema)
            # Over HTTP the door has counted, and answers with a status of its own.
            if context.live is not None:
                rate = usage.count(context.principal, context.address)
                if rate.exceeded:
                    raise LimitExceeded("rate", rate.limit, rate.used)
            measure(self._prepared, self._name, self._operation, usage)
            if errors := self._prepared.errors(schema):
                return errors
            variables = self.execution_context.variables or {}
            weigh(self._prepared, self._name, self._operation, schema, variables, context)
        except GraphQLError as error:
            return [error]
        return []

    async def on_execute(self) -> AsyncIterator[None]:
        """Answers at the deadline, whatever is under way then."""
        deadline = self._usage.deadline
        try:
            async with asyncio.timeout(deadline.seconds):
                yield
        except TimeoutError:
            await asyncio.to_thread(deadline.end)
            raise deadline.exceeded() from None

    def get_results(self) -> dict[str, Any]:
        """Reports what was used with each answer over HTTP; a subscription would repeat it with every event."""
        return {} if self.execution_context.context.live is not None else {"limits": self._usage.report()}
