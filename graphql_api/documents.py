"""Owns documents that were parsed, checked and measured: a document that comes again is not checked again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
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
from graphql_api.validation import RULES

#: Tokens of the documents that a process remembers, all together: what a parsed document weighs grows with them.
REMEMBERED_TOKENS: Final = 200_000


@dataclass(slots=True)
class Prepared:
    """A document that can be parsed. `document` is the same object each time that the same text comes."""

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


class _Cache:
    """The documents that came last. Requests are served by threads and event loops alike, hence the lock."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, bool], Prepared] = OrderedDict()
        self._tokens = 0
        self._lock = Lock()

    def get(self, key: tuple[str, bool]) -> Prepared | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: tuple[str, bool], prepared: Prepared) -> None:
        with self._lock:
            if self._entries.setdefault(key, prepared) is not prepared:
                return
            self._tokens += prepared.tokens
            while self._tokens > REMEMBERED_TOKENS:
                _, oldest = self._entries.popitem(last=False)
                self._tokens -= oldest.tokens


_CACHE: Final = _Cache()


def prepare(text: str) -> Prepared:
    """Parses a document. Raises GraphQLError: for its syntax, or LimitExceeded for its length or number of tokens."""
    length, longest = len(text.encode(errors="surrogatepass")), settings.PIPEYARD_GRAPHQL_DOCUMENT_LIMIT
    if length > longest:
        raise LimitExceeded("document", longest, length)
    key = (text, settings.PIPEYARD_GRAPHQL_INTROSPECTION)
    prepared = _CACHE.get(key)
    if prepared is None:
        document = _parsed(text)
        prepared = Prepared(document, fragments_of(document))
        _CACHE.put(key, prepared)
    return prepared


def recall(text: str) -> Prepared | None:
    """A document that came before and was right; None for any other."""
    prepared = _CACHE.get((text, settings.PIPEYARD_GRAPHQL_INTROSPECTION))
    return prepared if prepared is not None and prepared.is_right else None


def _parsed(text: str) -> DocumentNode:
    most = settings.PIPEYARD_GRAPHQL_TOKEN_LIMIT
    try:
        return parse(text, max_lexical_tokens=most)
    except GraphQLSyntaxError as error:
        if f"more than {most} tokens" in error.message:
            raise LimitExceeded("tokens", most, most + 1) from None
        raise
