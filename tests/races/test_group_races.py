"""Groups and projects that are made at once."""

from __future__ import annotations

import pytest

from ci_core.actions.groups import create_group
from ci_core.actions.projects import create_project
from ci_core.errors import InvalidInput
from ci_core.models import Group, Project
from tests.factories import UserFactory
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def test_a_project_that_is_made_while_its_group_is() -> None:
    user = UserFactory()

    def make_project() -> Project:
        return create_project("shop/site", acting_user=user, repository_path="x")

    shop, _ = while_open(lambda: create_group("shop", acting_user=user), make_project)
    assert Project.objects.get().group == shop


def test_a_group_that_is_made_while_a_project_in_it_is() -> None:
    user = UserFactory()
    while_open(
        lambda: create_project("shop/site", acting_user=user, repository_path="x"),
        lambda: create_group("shop", acting_user=user),
    )
    assert Project.objects.get().group == Group.objects.get()


def test_two_groups_of_one_path() -> None:
    user = UserFactory()
    results = at_once([lambda: create_group("shop", acting_user=user)] * 3)
    assert sum(isinstance(result, InvalidInput) for result in results) == 2, results
    assert Group.objects.count() == 1
