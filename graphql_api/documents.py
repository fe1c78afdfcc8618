"""Owns documents that were parsed, checked and measured: a document that comes again is not checked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    validate,
)

from graphql_api.limits.complexity import Complexity
from graphql_api.limits.exceeded import LimitExceeded
from graphql_api.limits.shape import Shape, fragments_of, shape_of
from graphql_api.recent import Recent
from graphql_api.validation import RULES

#: Tokens of the documents that a process remembers, all together: what a parsed document weighs grows with them.
REMEMBERED_TOKENS: Final = 200_000


@dataclass(slots=True)
class Prepared:
    """A document that can be parsed."""

    document: DocumentNode
    fragments: dict[str, FragmentDefinitionNode]
    _errors: list[GraphQLError] | None = None
    _shapes: dict[str | None, Shape] = field(default_factory=dict)
    _complexities: dict[str | None, Complexity] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """How many tokens the document has."""
        return self.document.token_count or 0

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation that is meant: the one of that name, or the only one; None if that is not clear."""
        return get_operation_ast(self.document, name)

    def errors(self, schema: GraphQLSchema) -> list[GraphQLError]:
        """What is wrong with the document by the rules of the specification and ours."""
        if self._errors is None:
            allowed = settings.PIPEYARD_GRAPHQL_INTROSPECTION
            rules = RULES if allowed else (*RULES, NoSchemaIntrospectionCustomRule)
            self._errors = validate(schema, self.document, rules)
        return list(self._errors)

    @property
    def is_right(self) -> bool:
        """Whether the document was checked, and nothing is wrong with it."""
        return self._errors == []

    def shape(self, name: str | None, operation: OperationDefinitionNode) -> Shape:
        """The shape of the operation of that name."""
        if name not in self._shapes:
            self._shapes[name] = shape_of(operation, self.fragments)
        return self._shapes[name]

    def complexity(
        self, schema: GraphQLSchema, name: str | None, operation: OperationDefinitionNode
    ) -> Complexity:
        """The complexity of the operation of that name; only of a valid document."""
        if name not in self._complexities:
            self._complexities[name] = Complexity(schema, operation, self.fragments)
        return self._complexities[name]


_RECENT: Final[Recent[Prepared]] = Recent(REMEMBERED_TOKENS)


def prepare(text: str) -> Prepared:
    """Parses a document. Raises GraphQLError: for its syntax, or LimitExceeded for its length or number of tokens."""
    length, longest = len(text.encode(errors="surrogatepass")), settings.PIPEYARD_GRAPHQL_DOCUMENT_LIMIT
    if length > longest:
        raise LimitExceeded("document", longest, length)
    key = (text, settings.PIPEYARD_GRAPHQL_INTROSPECTION)
    prepared = _RECENT.get(key)
    if prepared is None:
        document = _parsed(text)
        prepared = Prepared(document, fragments_of(document))
        _RECENT.put(key, prepared, prepared.tokens)
    return prepared


def recall(text: str) -> Prepared | None:
    """A document that came before and was right; None for any other."""
    prepared = _RECENT.get((text, settings.PIPEYARD_GRAPHQL_INTROSPECTION))
    return prepared if prepared is not None and prepared.is_right else None


def _parsed(text: str) -> DocumentNode:
    most = settings.PIPEYARD_GRAPHQL_TOKEN_LIMIT
    try:
        return parse(text, max_lexical_tokens=most)
    except GraphQLSyntaxError as error:
        if f"more than {most} tokens" in error.message:
            raise LimitExceeded("tokens", most, most + 1) from None
        raise
