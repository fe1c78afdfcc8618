"""Owns what a configuration would be as a pipeline, in pages, for `Query.ciConfig`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote

import strawberry
from strawberry import enum_value
from strawberry.scalars import JSON

from ci_core.compiler import CompiledNeed, IncludedFile, IncludeExplanation
from graphql_api import links
from graphql_api.context import Info
from graphql_api.fields import batched, leaf
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole
from graphql_api.types.connections import connection
from graphql_api.types.lint import ConfigFields, JobFields, Linted, LintedJob, Named, stages_of


@strawberry.enum(description="What an entry of `include` names.")
class CiConfigIncludeType(Enum):
    """The kinds of `include`; in lower case, as in GitLab."""

    component = enum_value("component", description="A component.")
    file = enum_value("file", description="A file of another project.")
    local = enum_value("local", description="A file of the same project.")
    remote = enum_value("remote", description="A file behind a URL.")
    template = enum_value("template", description="A template of the installation.")


@dataclass(frozen=True, slots=True)
class Need:
    """A need, with its place among those of the job."""

    position: int
    need: CompiledNeed

    @property
    def name(self) -> str:
        """Name of the job that is needed."""
        return self.need.name


@dataclass(frozen=True, slots=True)
class Include:
    """A file that an entry of `include` brought into a configuration; None: the entry brought nothing."""

    linted: Linted
    entry: IncludeExplanation
    file: IncludedFile | None

    def url(self, kind: str) -> str | None:
        """Where the file can be seen. kind: blob, its page, or raw, its content."""
        if self.file is None or self.file.project == "":
            return self.file.path if self.file and kind == "raw" and self.entry.kind == "remote" else None
        project = self.file.project or self.linted.project_path
        sha = self.file.sha or self.linted.sha
        return links.absolute(f"/{project}/-/{kind}/{sha}/{quote(self.file.path)}")

    @property
    def extra(self) -> dict[str, Any]:
        """What else is known: of a file of another project, that project and the commit."""
        if self.file is None or not self.file.project:
            return {}
        return {"project": self.file.project, "ref": self.file.sha}


def includes_of(linted: Linted) -> list[Include]:
    """Each file of each entry of `include` that was taken in."""
    return [
        Include(linted, entry, file)
        for entry in linted.result.explanation.includes
        if entry.decision.included
        for file in entry.taken or (None,)
    ]


def _place(row: Any) -> tuple[int]:
    return (row.position,)


def _pages(parents: Sequence[Sequence[Any]], arguments: PageArguments) -> list[Page[Any]]:
    return [whole(rows, arguments, _place) for rows in parents]


def _items(
    parents: list[Named],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[Any]]:
    """The groups of each stage, or the jobs of each group."""
    return _pages([parent.items for parent in parents], PageArguments(after, before, first, last))


def _stages(
    parents: list[Linted],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[Any]]:
    """The stages of each configuration."""
    return _pages([stages_of(parent) for parent in parents], PageArguments(after, before, first, last))


def _needs(
    parents: list[LintedJob],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[Any]]:
    """The needs of each job."""
    found = [[Need(*item) for item in enumerate(parent.job.needs or ())] for parent in parents]
    return _pages(found, PageArguments(after, before, first, last))


@strawberry.type(name="CiConfigNeed", description="A job that another one needs.")
class ConfigNeed:
    """Its parent is a Need."""

    name = leaf(str | None, "Name of the job.")


@strawberry.type(name="CiConfigJob", description="A job as it would be.")
class ConfigJob(JobFields):
    """Its parent is a LintedJob."""

    needs = batched(connection("CiConfigNeed", ConfigNeed, "needs"), _needs, "The jobs that it needs.")


@strawberry.type(name="CiConfigGroup", description="Jobs of a stage that go by one name.")
class ConfigGroup:
    """Its parent is a Named."""

    name = leaf(str | None, "Name of the group.")
    size = leaf(int | None, "How many jobs there are.", lambda group: len(group.items))
    jobs = batched(connection("CiConfigJob", ConfigJob, "jobs"), _items, "The jobs.")


@strawberry.type(name="CiConfigStage", description="A stage that would have jobs.")
class ConfigStage:
    """Its parent is a Named."""

    name = leaf(str | None, "Name of the stage.")
    groups = batched(
        connection("CiConfigGroup", ConfigGroup, "groups of jobs"), _items, "Groups of its jobs."
    )


@strawberry.type(
    name="CiConfigInclude", description="A file that `include` brings, or an entry that brings none."
)
class ConfigInclude:
    """Its parent is an Include."""

    location = leaf(
        str | None,
        "Path, URL or name of the file.",
        lambda each: each.file.path if each.file else each.entry.location,
    )
    type = leaf(
        CiConfigIncludeType | None,
        "What the entry names.",
        lambda each: "file" if each.entry.kind == "project" else each.entry.kind,
    )
    blob = leaf(
        str | None, "URL of its page; null of a remote file or a template.", lambda each: each.url("blob")
    )
    raw = leaf(str | None, "URL of its content; null of a template.", lambda each: each.url("raw"))
    extra = leaf(
        JSON | None, "Of a file of another project: that `project`, and the commit as `ref`.", "extra"
    )
    context_project = leaf(
        str | None, "Path of the project whose configuration it is.", "linted.project_path"
    )
    context_sha = leaf(str | None, "Commit of that project.", "linted.sha")


@strawberry.type(name="CiConfig", description="A configuration as the pipeline that it would be.")
class Config(ConfigFields):
    """Its parent is a Linted."""

    includes = leaf(list[ConfigInclude] | None, "The files that its `include` brings.", includes_of)
    stages = batched(
        connection("CiConfigStage", ConfigStage, "stages"),
        _stages,
        "The stages that would have jobs, in their order; empty with errors.",
    )
