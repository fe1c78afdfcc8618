"""Owns the types that show a status."""

from __future__ import annotations

import strawberry

from graphql_api.context import Info
from graphql_api.detailed_status import Action
from graphql_api.fields import batched, leaf
from graphql_api.loaders import jobs


def _confirmations(parents: list[Action], info: Info) -> list[str | None]:
    asked = [action.asks for action in parents if action.asks is not None]
    found = jobs.confirmations(info.context, asked)
    return [None if action.asks is None else found.get(action.asks) for action in parents]


@strawberry.type(name="StatusAction", description="What can be done with an object in its present status.")
class StatusAction:
    """Its parent is a detailed_status.Action."""

    id = leaf(str, "ID of the action; stable per object and action.")
    icon = leaf(str | None, "Icon of the button: `play`, `retry`, `cancel` or `time-out`.")
    title = leaf(str | None, "Short title, such as `Run again`.")
    button_title = leaf(str | None, "Title of the button, such as `Run this job again`.")
    path = leaf(str | None, "Path that carries the action out.")
    method = leaf(str | None, "HTTP method for the path: always `post`.")
    confirmation_message = batched(
        str | None, _confirmations, "What to ask before a job is started, from `manual_confirmation`."
    )


@strawberry.type(name="DetailedStatus", description="A status as it is shown to people.")
class DetailedStatus:
    """Its parent is a detailed_status.DetailedStatus."""

    id = leaf(str, "ID of the status at this object: stable while the status is.")
    name = leaf(str | None, "Status for programs, such as `SUCCESS_WITH_WARNINGS`.", "look.name")
    text = leaf(str | None, "Short text for a badge, such as `Passed`.")
    label = leaf(str | None, "Words for a sentence, such as `passed with warnings`.")
    tooltip = leaf(str | None, "The label with details, such as why a job failed.")
    icon = leaf(str | None, "Icon, such as `status_success`.", "look.icon")
    favicon = leaf(str | None, "Favicon, such as `favicon_status_success`.", "look.favicon")
    group = leaf(str | None, "Style of the badge, such as `success-with-warnings`.", "look.group")
    has_details = leaf(bool | None, "Whether there is a page with details.", lambda status: True)
    details_path = leaf(str | None, "Path of the page with details.")
    deployment_details_path = leaf(
        str | None, "Always null: deployments have no page of their own yet.", lambda status: None
    )
    action = leaf(
        StatusAction | None, "What the caller can do now; null if there is nothing, or they may not do it."
    )
