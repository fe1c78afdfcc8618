"""Trigger tokens: how they are made, changed and revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ci_core import clock, tokens
from ci_core.actions.deleting import delete_pipeline
from ci_core.actions.trigger_tokens import (
    TriggerRequest,
    create_trigger,
    delete_trigger,
    trigger_pipeline,
    update_trigger,
)
from ci_core.errors import InvalidInput, NotFound, TriggerLimitReached
from ci_core.models import PipelineTrigger, Project, TriggeredPipeline, User
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    made: Project = ProjectFactory()
    return made


@pytest.fixture
def owner(project: Project) -> User:
    return member(project, AccessLevel.MAINTAINER)


def test_only_the_digest_of_a_token_is_stored(project: Project, owner: User) -> None:
    made = create_trigger(project, acting_user=owner, description=" deploy ")
    assert made.new_token is not None and made.new_token.startswith("glptt-")
    stored = PipelineTrigger.objects.get()
    assert stored.new_token is None
    assert (stored.description, stored.owner, stored.expires_at) == ("deploy", owner, None)
    assert stored.digest == tokens.digest(made.new_token)
    assert stored.short_token == made.new_token[6:10]
    values = PipelineTrigger.objects.values().get()
    assert not any(made.new_token in str(value) for value in values.values())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"description": "  "}, "description"),
        ({"description": "x" * 256}, "description"),
        ({"expires_at": clock.now()}, "expiresAt"),
    ],
)
def test_what_cannot_be(project: Project, owner: User, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_trigger(project, acting_user=owner, **{"description": "d", **wrong})
    assert refused.value.fields == {"field": field}
    assert not PipelineTrigger.objects.exists()


def test_a_project_has_only_so_many(project: Project, owner: User, settings: Any) -> None:
    settings.PIPEYARD_TRIGGERS_PER_PROJECT = 1
    first = create_trigger(project, acting_user=owner, description="a")
    with pytest.raises(TriggerLimitReached, match="has 1 trigger tokens, the most"):
        create_trigger(project, acting_user=owner, description="b")
    other = ProjectFactory()
    create_trigger(other, acting_user=member(other, AccessLevel.OWNER), description="of another")
    delete_trigger(first.pk)
    create_trigger(project, acting_user=owner, description="b")


def test_an_owner_must_be_a_maintainer(project: Project) -> None:
    with pytest.raises(InvalidInput, match="is no maintainer of"):
        create_trigger(project, acting_user=member(project), description="d")
    assert not PipelineTrigger.objects.exists()


def test_a_description_is_changed(project: Project, owner: User) -> None:
    made = create_trigger(project, acting_user=owner, description="a")
    assert update_trigger(made.pk, description="b").description == "b"
    with pytest.raises(InvalidInput):
        update_trigger(made.pk, description="")
    delete_trigger(made.pk)
    for verb in (lambda: update_trigger(made.pk, description="c"), lambda: delete_trigger(made.pk)):
        with pytest.raises(NotFound):
            verb()


def test_which_token_was_used_is_known_when_it_is_revoked(project: Project, owner: User) -> None:
    made = create_trigger(
        project, acting_user=owner, description="a", expires_at=clock.now() + timedelta(days=1)
    )
    asked = TriggerRequest(project.full_path, made.new_token or "", "main")
    pipeline = trigger_pipeline(asked, address=None)
    delete_trigger(made.pk)
    assert TriggeredPipeline.objects.get(pk=pipeline.pk).short_token == made.short_token
    delete_pipeline(pipeline.pk)
    assert not TriggeredPipeline.objects.exists()
