"""Groups, their members, variables and runners in the support desk."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ci_core.actions.groups import add_group_member, create_group
from ci_core.models import Group, GroupMembership, GroupVariable, Runner
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory
from tests.support.desk import signed_in, staff, url

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]

NO_MEMBERS = {
    f"memberships{suffix}-{name}": "0"
    for suffix in ("", "-2")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")
}
GROUP = {"full_path": "shop", "name": "Shop", "description": ""}
VARIABLE = {"key": "TOKEN", "environment_scope": "*", "value": "s3cret-value", "variable_type": "env_var"}


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def browser() -> Client:
    return signed_in(staff(superuser=True, username="boss"))


def test_a_group_is_made_and_changed(browser: Client) -> None:
    project = ProjectFactory(full_path="shop/site")
    assert browser.post(url(Group, "add"), GROUP).status_code == 302
    group = Group.objects.get()
    assert group.memberships.get().user.username == "boss"
    project.refresh_from_db()
    assert project.group == group
    changed = {**GROUP, **NO_MEMBERS, "name": "The shop", "full_path": "other"}
    assert browser.post(url(group, "change"), changed).status_code == 302
    group.refresh_from_db()
    assert (group.full_path, group.name) == ("shop", "The shop")
    assert "shop/site" in browser.get(url(group, "change")).content.decode()


def test_what_is_refused_is_told(browser: Client) -> None:
    page = browser.post(url(Group, "add"), {**GROUP, "full_path": "none/web"})
    assert page.status_code == 200
    assert "There is no group none: create it first." in page.content.decode()
    assert not Group.objects.exists()


def test_members_come_change_and_go(browser: Client) -> None:
    group = create_group("shop", acting_user=UserFactory())
    gone = GroupMembership.objects.get()
    kept = add_group_member(group, UserFactory(), AccessLevel.GUEST)
    new = UserFactory()
    form = {
        **GROUP,
        **NO_MEMBERS,
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "2",
        "memberships-0-id": gone.pk,
        "memberships-0-group": group.pk,
        "memberships-0-access_level": AccessLevel.OWNER,
        "memberships-0-DELETE": "on",
        "memberships-1-id": kept.pk,
        "memberships-1-group": group.pk,
        "memberships-1-access_level": AccessLevel.MAINTAINER,
        "memberships-2-TOTAL_FORMS": "1",
        "memberships-2-0-group": group.pk,
        "memberships-2-0-user": new.pk,
        "memberships-2-0-access_level": AccessLevel.REPORTER,
    }
    response = browser.post(url(group, "change"), form)
    assert response.status_code == 302, response.content.decode()
    levels = dict(group.memberships.values_list("user_id", "access_level"))
    assert levels == {kept.user_id: AccessLevel.MAINTAINER, new.pk: AccessLevel.REPORTER}


def test_a_variable_is_set_kept_and_deleted(browser: Client) -> None:
    group = create_group("shop", acting_user=UserFactory())
    assert browser.post(url(GroupVariable, "add"), {**VARIABLE, "group": group.pk}).status_code == 302
    variable = GroupVariable.objects.get()
    assert "s3cret-value" not in browser.get(url(variable, "change")).content.decode()
    changed = {**VARIABLE, "value": "", "description": "changed"}
    assert browser.post(url(variable, "change"), changed).status_code == 302
    variable.refresh_from_db()
    assert (variable.value, variable.description) == ("s3cret-value", "changed")
    viewer = signed_in(staff("view_groupvariable"))
    assert "s3cret-value" not in viewer.get(url(variable, "change")).content.decode()
    assert browser.post(url(variable, "delete"), {"post": "yes"}).status_code == 302
    assert not GroupVariable.objects.exists()


def test_a_runner_is_made_for_a_group(browser: Client) -> None:
    group = create_group("shop", acting_user=UserFactory())
    form = {
        "description": "theirs",
        "tags": "docker",
        "run_untagged": "on",
        "access_level": "not_protected",
        "maintenance_note": "",
        "group": group.pk,
    }
    response = browser.post(url(Runner, "add"), form)
    assert response.status_code == 302, response.content.decode()
    runner = Runner.objects.get()
    assert (runner.group, runner.runner_type) == (group, "group_type")
    del form["group"]
    assert browser.post(url(runner, "change"), {**form, "description": "changed"}).status_code == 302
    runner.refresh_from_db()
    assert (runner.group, runner.runner_type, runner.description) == (group, "group_type", "changed")
