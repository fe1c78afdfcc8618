"""Protected environments in the support desk."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ci_core.actions.environments import create_environment, protect_environment
from ci_core.models import Project, ProtectedEnvironment
from ci_core.statuses import AccessLevel
from tests.factories import UserFactory, member, project_with
from tests.support.desk import signed_in, staff, url

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def browser() -> Client:
    return signed_in(staff(superuser=True))


@pytest.fixture
def project() -> Project:
    return project_with("a: {script: x}", full_path="group/shop")


def test_a_limit_is_set_changed_and_lifted(browser: Client, project: Project) -> None:
    first, second = member(project, username="ann"), member(project, username="bob")
    form = {"project": project.pk, "name": "production", "access_level": "", "users": [first.pk]}
    assert browser.post(url(ProtectedEnvironment, "add"), form).status_code == 302
    row = ProtectedEnvironment.objects.get()
    assert list(row.users.all()) == [first]
    form = {"access_level": AccessLevel.MAINTAINER, "users": [second.pk]}
    assert browser.post(url(row, "change"), form).status_code == 302
    row.refresh_from_db()
    assert (row.access_level, list(row.users.all())) == (AccessLevel.MAINTAINER, [second])
    assert browser.post(url(row, "delete"), {"post": "yes"}).status_code == 302
    assert not ProtectedEnvironment.objects.exists()


@pytest.mark.parametrize(
    ("name", "level", "named", "words"),
    [
        ("production", "", (), "Nobody could deploy"),
        ("production", "", ("stranger",), "stranger must have the Reporter role or above"),
        ("production", "10", (), "it is a role from Reporter to Owner"),
        ("*", "30", (), "is not the name of an environment"),
    ],
)
def test_what_the_action_refuses_is_told(
    browser: Client, project: Project, name: str, level: str, named: tuple[str, ...], words: str
) -> None:
    users = [UserFactory(username=username).pk for username in named]
    form = {"project": project.pk, "name": name, "access_level": level, "users": users}
    response = browser.post(url(ProtectedEnvironment, "add"), form)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not ProtectedEnvironment.objects.exists()


def test_they_are_found_by_project_name_role_and_user(browser: Client, project: Project) -> None:
    ann = member(project, username="ann")
    protect_environment(project, "production", access_level=AccessLevel.OWNER, users=[ann])
    protect_environment(project_with("a: {script: x}"), "elsewhere", access_level=AccessLevel.MAINTAINER)
    for query, found in (
        ("", {"production", "elsewhere"}),
        ("q=shop", {"production"}),
        ("q=elsew", {"elsewhere"}),
        ("project=group/shop", {"production"}),
        (f"access_level={AccessLevel.MAINTAINER}", {"elsewhere"}),
        ("user=ann", {"production"}),
    ):
        page = browser.get(f"{url(ProtectedEnvironment)}?{query}").content.decode()
        assert {name for name in ("production", "elsewhere") if f">{name}<" in page} == found, query
    assert "ann" in browser.get(url(ProtectedEnvironment)).content.decode()


def test_an_environment_s_page_says_who_may_deploy(browser: Client, project: Project) -> None:
    environment = create_environment(project=project, name="production")
    assert "It is not protected" in browser.get(url(environment, "change")).content.decode()
    protect_environment(project, "production", access_level=AccessLevel.MAINTAINER)
    page = browser.get(url(environment, "change")).content.decode()
    assert "the role maintainer or above" in page.lower()
    assert url(ProtectedEnvironment.objects.get(), "change") in page


def test_whoever_may_only_view_them_changes_nothing(project: Project) -> None:
    row = protect_environment(project, "production", access_level=AccessLevel.MAINTAINER)
    viewer = signed_in(staff("view_protectedenvironment"))
    assert viewer.get(url(row, "change")).status_code == 200
    for page in ("change", "delete"):
        assert viewer.post(url(row, page), {"access_level": 30, "post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert row.access_level == AccessLevel.MAINTAINER
