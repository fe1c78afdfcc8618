"""Owns what can be measured of an operation without the schema: its depth, its aliases and its directives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """depth: levels of fields; aliases, directives: how many, a fragment's once for every time it is used."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: Shape) -> Shape:
        """Both next to each other."""
        return Shape(
            max(self.depth, other.depth), self.aliases + other.aliases, self.directives + other.directives
        )


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The fragments of a document by name."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def shape_of(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Shape:
    """The shape of an operation; each fragment is gone through once, so that it takes linear time.

    A fragment that spreads itself counts as empty there: validation refuses it.
    """
    measured = _Measuring(fragments)
    own = Shape(directives=len(operation.directives or ()))
    return own.beside(measured.selections(operation.selection_set))


class _Measuring:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Shape] = {}

    def selections(self, selected: SelectionSetNode | None) -> Shape:
        total = Shape()
        for node in selected.selections if selected else ():
            total = total.beside(Shape(directives=len(node.directives or ())))
            if isinstance(node, FieldNode):
                below = self.selections(node.selection_set)
                aliases = below.aliases + (node.alias is not None)
                total = total.beside(Shape(below.depth + 1, aliases, below.directives))
            elif isinstance(node, FragmentSpreadNode):
                total = total.beside(self._fragment(node.name.value))
            elif isinstance(node, InlineFragmentNode):
                total = total.beside(self.selections(node.selection_set))
        return total

    def _fragment(self, name: str) -> Shape:
        if name not in self._known:
            self._known[name] = Shape()
            definition = self._fragments.get(name)
            if definition is not None:
                self._known[name] = self.selections(definition.selection_set)
        return self._known[name]
