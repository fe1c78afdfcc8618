"""Owns commits, as the project's repository tells of them."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from ci_core import models
from ci_core.filters import PipelineFilter
from graphql_api import links
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.filters.filtering import filtered
from graphql_api.loaders import pipelines as loader
from graphql_api.loaders.pipelines import CommitInProject
from graphql_api.node_ids import global_id
from graphql_api.pagination import After, Before, First, Last, Listing, Page, PageArguments
from graphql_api.scalars import Time
from graphql_api.types import references as refs
from graphql_api.types.enums_ci import PipelineStatusEnum


def _author(parents: list[CommitInProject], info: Info) -> list[models.User | None]:
    found = loader.users_by_email(info.context, (row.commit.author_email for row in parents))
    return [found.get(row.commit.author_email) for row in parents]


def _pipelines(
    parents: list[CommitInProject],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    ref: Annotated[str | None, argument("Only those of this branch or tag.")] = None,
    sha: Annotated[str | None, argument("Only those of this commit.")] = None,
    status: Annotated[PipelineStatusEnum | None, argument("Only those with this status.")] = None,
) -> list[Page[Any]]:
    arguments = PageArguments(after, before, first, last)
    rows = filtered(PipelineFilter, models.Pipeline.objects.all(), ref=ref, sha=sha, status=status)
    listing = Listing(rows, arguments, columns=("project_id", "sha"))
    return [listing.page(row.project.pk, row.commit.sha) for row in parents]


def _path(row: CommitInProject) -> str:
    return links.commit(row.project, row.commit.sha)


@strawberry.type(name="Commit", description="A commit of a project's repository.")
class Commit:
    """Its parent is a loaders.pipelines.CommitInProject."""

    id = leaf(strawberry.ID, "ID of the commit.", lambda row: global_id("Commit", row.commit.sha))
    sha = leaf(str, "Its hash.", "commit.sha")
    short_id = leaf(str, "First eight characters of its hash.", lambda row: row.commit.sha[:8])
    title = leaf(
        str | None, "First line of the message, cut after 80 characters if it has 100.", "commit.title"
    )
    full_title = leaf(str | None, "First line of the message.", "commit.full_title")
    description = leaf(
        str | None,
        "The message without its first line; all of it where the title is cut.",
        "commit.description",
    )
    message = leaf(str | None, "The whole message.", "commit.message")
    authored_date = leaf(Time | None, "When it was written.", "commit.authored_at")
    committed_date = leaf(Time | None, "When it was committed.", "commit.committed_at")
    committer_name = leaf(str | None, "Name of who committed it.", "commit.committer_name")
    committer_email = leaf(str | None, "Email address of who committed it.", "commit.committer_email")
    name = leaf(str | None, "Name of its author.", "commit.author_name")
    author_name = leaf(str | None, "Name of its author.", "commit.author_name")
    author_email = leaf(str | None, "Email address of its author.", "commit.author_email")
    author_gravatar = leaf(
        str | None, "Always null: no pictures are fetched from other sites.", lambda row: None
    )
    author = batched(refs.USER | None, _author, "The user with the author's email address.")
    web_path = leaf(str, "Path of the commit's page.", _path)
    web_url = leaf(str, "URL of the commit's page.", lambda row: links.absolute(_path(row)))
    pipelines = batched(refs.PIPELINES, _pipelines, "The project's pipelines for this commit, newest first.")
