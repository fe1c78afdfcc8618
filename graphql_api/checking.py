"""Owns the check of every operation before it runs, over HTTP and over WebSockets: its document, and its limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graphql import GraphQLError, OperationDefinitionNode, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError

from graphql_api.context import Context
from graphql_api.documents import Prepared, prepare
from graphql_api.limits.usage import Usage, complexity_limit, limit_of

#: Stands for a document that cannot be parsed: Strawberry gives errors to clients of both protocols only once it has
#: a document. It is never executed.
_NOTHING: Final = parse("{ __typename }")


class CheckOperations(SchemaExtension):
    """Parses, checks and measures the document; what is refused is an error of the request."""

    _prepared: Prepared | None = None
    _refused: GraphQLError | None = None

    @property
    def _usage(self) -> Usage:
        context: Context = self.execution_context.context
        return context.usage

    def on_parse(self) -> Iterator[None]:
        """Takes the document from the remembered ones, or parses it."""
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

    def on_validate(self) -> Iterator[None]:
        """Finds what is wrong, unless the operation is refused for another reason."""
        if self.execution_context.pre_execution_errors is None:
            self.execution_context.pre_execution_errors = self._wrong()
        yield

    def _wrong(self) -> list[GraphQLError]:
        """Why the operation is not carried out; empty if nothing is wrong."""
        if self._prepared is None or self._operation is None:
            return [self._refused] if self._refused else []
        schema, usage = self.execution_context.schema._schema, self._usage
        try:
            usage.take("tokens", self._prepared.tokens, limit_of("tokens"))
            shape = self._prepared.shape(self._name, self._operation)
            for limit in ("depth", "aliases", "directives"):
                usage.take(limit, getattr(shape, limit), limit_of(limit))
            if errors := self._prepared.errors(schema):
                return errors
            complexity = self._prepared.complexity(schema, self._name, self._operation)
            score = complexity.score(self.execution_context.variables or {})
            usage.take("complexity", score, complexity_limit(self.execution_context.context.principal))
        except GraphQLError as error:
            return [error]
        return []

    def get_results(self) -> dict[str, Any]:
        """Reports what was used with each answer over HTTP; a subscription would repeat it with every event."""
        return {} if self.execution_context.context.live else {"limits": self._usage.report()}
