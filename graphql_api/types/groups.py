"""Owns groups: folders of projects that share members, runners and variables."""

from __future__ import annotations

import strawberry

from graphql_api import links
from graphql_api.fields import batched, leaf
from graphql_api.node_ids import GlobalIds
from graphql_api.types import group_relations as relations
from graphql_api.types import references as refs


@strawberry.type(
    name="Group", description="A folder of projects, whose members, runners and variables are theirs, too."
)
class Group:
    """Its parent is a row of Group."""

    id = leaf(strawberry.ID, "ID of the group.", GlobalIds("Group"))
    full_path = leaf(strawberry.ID, "Path with the groups around it, such as `shop/web`.")
    name = leaf(str | None, "Name of the group.")
    full_name = batched(str | None, relations.full_names, "Names of the groups around it and its own.")
    description = leaf(str | None, "What is in it.", lambda row: row.description or None)
    web_url = leaf(str | None, "URL of its page.", lambda row: links.absolute(links.group(row)))
    avatar_url = leaf(str | None, "Always null: groups have no pictures here.", lambda row: None)
    projects = batched(refs.PROJECTS, relations.projects, "Its projects that the caller may see, by path.")
    runners = batched(
        refs.RUNNERS,
        relations.runners,
        "Runners of the group and of what is in it, newest first; null for all but its maintainers.",
    )
    ci_variables = batched(
        refs.GROUP_VARIABLES,
        relations.variables,
        "The variables that the jobs of all projects in it get; null for all but its owners.",
    )
