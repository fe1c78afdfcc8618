"""Owns the files that jobs leave behind."""

from __future__ import annotations

from typing import Final

import strawberry

from ci_core import models
from graphql_api import links
from graphql_api.context import Info
from graphql_api.fields import batched, leaf
from graphql_api.loaders import rows
from graphql_api.node_ids import CiJobArtifactID, GlobalIds
from graphql_api.scalars import BigInt, Time
from graphql_api.types.enums_things import JobArtifactFileType

_FILE_TYPES: Final = {member.value for member in JobArtifactFileType}


def _download_path(parents: list[models.Artifact], info: Info) -> list[str]:
    projects = rows.projects_of(info.context, parents)
    return [
        links.artifacts(project, row.job_id, "download", row.file_type)
        for row, project in zip(parents, projects, strict=True)
    ]


@strawberry.type(name="CiJobArtifact", description="A file that a job left behind.")
class Artifact:
    """Its parent is a row of Artifact."""

    id = leaf(CiJobArtifactID, "ID of the artifact.", GlobalIds("Ci::JobArtifact"))
    name = leaf(str | None, "Name of the file.", "filename")
    file_type = leaf(
        JobArtifactFileType | None,
        "What the file is; null for a type that is not in the list.",
        lambda row: row.file_type if row.file_type in _FILE_TYPES else None,
    )
    size = leaf(BigInt, "Size in bytes.")
    expire_at = leaf(Time | None, "When the file is removed; null if it is kept.")
    download_path = batched(str | None, _download_path, "Path from which the file can be downloaded.")
