"""Owns what a pipeline says about its configuration, and the variables it was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import strawberry

from graphql_api.fields import leaf
from graphql_api.node_ids import GlobalIds, global_id


@dataclass(frozen=True, slots=True)
class Message:
    """One diagnostic of the compiler, as a sentence with its place."""

    pipeline_id: int
    severity: str
    number: int
    content: str

    @property
    def id(self) -> str:
        """An id, stable per pipeline and place in the list."""
        return global_id("Ci::PipelineMessage", f"{self.pipeline_id}-{self.severity}-{self.number}")


def sentence(diagnostic: Mapping[str, Any]) -> str:
    """`file:line: key: message`, without the parts that a diagnostic has not."""
    place = ":".join(str(diagnostic[part]) for part in ("file", "line") if diagnostic.get(part))
    return ": ".join(part for part in (place, diagnostic.get("path"), str(diagnostic["message"])) if part)


def messages(pipeline_id: int, severity: str, diagnostics: Iterable[Mapping[str, Any]]) -> list[Message]:
    """The messages of one severity of a pipeline."""
    return [
        Message(pipeline_id, severity, number, sentence(diagnostic))
        for number, diagnostic in enumerate(diagnostics, start=1)
    ]


@strawberry.type(
    name="PipelineMessage", description="An error or a warning about a pipeline's configuration."
)
class PipelineMessage:
    """Its parent is a Message."""

    id = leaf(strawberry.ID, "ID of the message.")
    content = leaf(str, "The message with its place: `file:line: key: message`.")


@strawberry.type(
    name="PipelineManualVariable", description="A variable that was given when the pipeline was created."
)
class PipelineManualVariable:
    """Its parent is a row of PipelineVariable."""

    id = leaf(strawberry.ID, "ID of the variable.", GlobalIds("Ci::PipelineVariable"))
    key = leaf(str | None, "Name of the variable.")
    value = leaf(str | None, "Value of the variable.")
