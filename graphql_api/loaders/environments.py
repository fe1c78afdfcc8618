"""Owns reading environments by folder: the part of the name before the first slash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    Func,
    Max,
    Q,
    QuerySet,
    TextField,
    Value,
)

from ci_core import models


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of environments, or an environment that is in none. latest_id: the newest environment in it."""

    name: str
    nested: bool
    size: int
    latest_id: int

    @property
    def key(self) -> tuple[str, int]:
        """What orders folders; a folder and an environment may have the same name."""
        return self.name, int(self.nested)


def folders(
    environments: QuerySet[models.Environment], project_ids: Iterable[int]
) -> Mapping[int, Sequence[Folder]]:
    """The folders of each project, by name."""
    first_part: Any = Func(F("name"), Value("/"), Value(1), function="split_part", output_field=TextField())
    counted = (
        environments.filter(project_id__in=list(project_ids))
        .annotate(
            folder=first_part,
            nested=ExpressionWrapper(Q(name__contains="/"), output_field=BooleanField()),
        )
        .order_by()
        .values_list("project_id", "folder", "nested")
        .annotate(Count("id"), Max("id"))
    )
    found: dict[int, list[Folder]] = {}
    for project_id, name, nested, size, latest_id in counted:
        found.setdefault(project_id, []).append(Folder(name, nested, size, latest_id))
    return {project_id: sorted(these, key=lambda folder: folder.key) for project_id, these in found.items()}
