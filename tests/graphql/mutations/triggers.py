"""Trigger tokens that the tests of their mutations start from."""

from __future__ import annotations

from typing import Any

from ci_core.actions.trigger_tokens import create_trigger
from ci_core.models import PipelineTrigger, Project, User
from ci_core.statuses import AccessLevel
from tests.factories import member, project_with


def shop() -> Project:
    """A public project with one job."""
    return project_with("build: {script: x}", visibility="public", full_path="group/shop")


def maintainer(project: Project, **user: Any) -> User:
    """Somebody who may manage trigger tokens of a project."""
    return member(project, AccessLevel.MAINTAINER, **user)


def trigger(project: Project, owner: User | None = None, **fields: Any) -> PipelineTrigger:
    """A trigger token."""
    return create_trigger(
        project, acting_user=owner or maintainer(project), **{"description": "deploy", **fields}
    )


def gid(made: PipelineTrigger) -> str:
    """Its global id."""
    return f"gid://gitlab/Ci::Trigger/{made.pk}"


def state() -> list[Any]:
    """Everything that the mutations could change."""
    return list(PipelineTrigger.objects.order_by("pk").values())
