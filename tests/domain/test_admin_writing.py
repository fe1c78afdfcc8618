"""What is entered in the support desk is stored by the actions, and refused where they refuse it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from ci_core import access, tokens
from ci_core.actions import variables
from ci_core.models import (
    PersonalAccessToken,
    Pipeline,
    Project,
    ProjectMembership,
    ProjectVariable,
    Runner,
    RunnerRegistrationToken,
    User,
)
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member
from tests.support.desk import new_world, signed_in, staff, url

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]

NO_MEMBERS = {
    f"memberships{suffix}-{name}": "0"
    for suffix in ("", "-2")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")
}
PROJECT = {
    "full_path": "group/shop",
    "name": "Shop",
    "description": "",
    "visibility": "private",
    "default_branch": "main",
    "ci_config_path": ".gitlab-ci.yml",
    "repository_path": "shop.git",
    "build_timeout": "600",
}


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def browser() -> Client:
    return signed_in(staff(superuser=True, username="boss"))


def refused(response: Any, words: str) -> None:
    """The form came back, saying so."""
    assert response.status_code == 200
    assert words in response.content.decode().replace("&#x27;", "'")


def test_a_project_is_made_and_changed(browser: Client) -> None:
    assert browser.post(url(Project, "add"), PROJECT).status_code == 302
    project = Project.objects.get()
    assert (project.full_path, project.build_timeout, project.visibility) == ("group/shop", 600, "private")
    assert project.memberships.get().user.username == "boss"
    changed = {**PROJECT, **NO_MEMBERS, "visibility": "public", "full_path": "other/path"}
    assert browser.post(url(project, "change"), changed).status_code == 302
    project.refresh_from_db()
    assert (project.full_path, project.visibility) == ("group/shop", "public")


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"full_path": "no-group"}, "'no-group' is not a project path: write it like group/project."),
        ({"full_path": "GROUP/taken"}, "There is a project or a group GROUP/taken already."),
        ({"build_timeout": "0"}, "A job may run for 1 second at least"),
    ],
)
def test_a_refused_project_brings_the_form_back_as_it_was_filled(
    browser: Client, entered: dict[str, str], words: str
) -> None:
    ProjectFactory(full_path="group/taken")
    response = browser.post(url(Project, "add"), {**PROJECT, **entered, "name": "As I wrote it"})
    refused(response, words)
    assert 'value="As I wrote it"' in response.content.decode()
    assert Project.objects.count() == 1
    assert not list(get_messages(response.wsgi_request))


def test_members_are_added_changed_and_removed(browser: Client) -> None:
    project = ProjectFactory()
    kept, gone, new = member(project), member(project), UserFactory()
    rows = {user.pk: ProjectMembership.objects.get(user=user).pk for user in (kept, gone)}
    form = {
        **PROJECT,
        **NO_MEMBERS,
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "2",
        "memberships-0-id": rows[kept.pk],
        "memberships-0-project": project.pk,
        "memberships-0-access_level": AccessLevel.OWNER,
        "memberships-1-id": rows[gone.pk],
        "memberships-1-project": project.pk,
        "memberships-1-access_level": AccessLevel.DEVELOPER,
        "memberships-1-DELETE": "on",
        "memberships-2-TOTAL_FORMS": "1",
        "memberships-2-0-project": project.pk,
        "memberships-2-0-user": new.pk,
        "memberships-2-0-access_level": AccessLevel.REPORTER,
    }
    page = browser.get(url(project, "change")).content.decode()
    assert 'name="memberships-TOTAL_FORMS"' in page
    assert 'name="memberships-2-TOTAL_FORMS"' in page
    response = browser.post(url(project, "change"), form)
    assert response.status_code == 302, response.content.decode()
    levels = dict(project.memberships.values_list("user_id", "access_level"))
    assert levels == {kept.pk: AccessLevel.OWNER, new.pk: AccessLevel.REPORTER}


VARIABLE = {"key": "TOKEN", "environment_scope": "*", "value": "s3cret-value", "variable_type": "env_var"}


def test_a_variable_is_set_and_its_value_kept_or_replaced(browser: Client) -> None:
    project = ProjectFactory()
    assert browser.post(url(ProjectVariable, "add"), {**VARIABLE, "project": project.pk}).status_code == 302
    variable = ProjectVariable.objects.get()
    assert variable.value == "s3cret-value"
    page = browser.get(url(variable, "change")).content.decode()
    assert "s3cret-value" not in page
    for value, stored in (("", "s3cret-value"), ("line 1\r\nline 2", "line 1\nline 2")):
        response = browser.post(
            url(variable, "change"), {**VARIABLE, "value": value, "description": "changed"}
        )
        assert response.status_code == 302
        variable.refresh_from_db()
        assert (variable.value, variable.description) == (stored, "changed")
    assert browser.post(url(variable, "delete"), {"post": "yes"}).status_code == 302
    assert not ProjectVariable.objects.exists()


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"key": "NOT A KEY"}, "'NOT A KEY' is not the key of a variable"),
        ({"masked": "on", "value": "short"}, "A masked value has 8 characters or more"),
        ({"key": "TAKEN"}, "already exists"),
        ({"value": ""}, "A new variable needs a value."),
    ],
)
def test_a_refused_variable_is_not_stored_and_its_value_not_shown(
    browser: Client, entered: dict[str, str], words: str
) -> None:
    project = ProjectFactory()
    variables.set_variable(project, "TAKEN", "x", variables.VariableSettings())
    form = {**VARIABLE, "project": project.pk, "value": "never-shown", **entered}
    response = browser.post(url(ProjectVariable, "add"), form)
    refused(response, words)
    assert "never-shown" not in response.content.decode()
    assert ProjectVariable.objects.get().key == "TAKEN"


def test_whoever_may_only_view_variables_sees_no_value() -> None:
    variable = variables.set_variable(ProjectFactory(), "KEY", "s3cret-value", variables.VariableSettings())
    viewer = signed_in(staff("view_projectvariable"))
    for address in (url(ProjectVariable), url(variable, "change")):
        page = viewer.get(address).content.decode()
        assert "s3cret-value" not in page
        assert "••••" in page


RUNNER = {
    "description": "builder",
    "tags": "docker, linux",
    "run_untagged": "on",
    "access_level": "not_protected",
}


def test_a_runner_is_made_and_its_token_shown_once(browser: Client) -> None:
    project = ProjectFactory()
    page = browser.post(
        url(Runner, "add"), {**RUNNER, "projects": [project.pk]}, follow=True
    ).content.decode()
    runner = Runner.objects.get()
    assert (runner.tags, runner.runner_type) == (["docker", "linux"], "project_type")
    assert runner.creator is not None
    assert runner.creator.username == "boss"
    token = page.split("<code>")[1].split("</code>")[0]
    assert tokens.digest(token) == runner.digest
    for address in (url(Runner), url(runner, "change"), url(runner, "history"), reverse("admin:index")):
        assert token not in browser.get(address).content.decode()


def test_a_runner_is_changed_and_keeps_its_token_and_pause(browser: Client) -> None:
    browser.post(url(Runner, "add"), RUNNER)
    runner = Runner.objects.get()
    browser.post(url(runner, "verb", "pause"))
    response = browser.post(url(runner, "change"), {"tags": "", "access_level": "ref_protected"})
    assert response.status_code == 302
    changed = Runner.objects.get()
    assert (changed.tags, changed.run_untagged, changed.access_level) == ([], True, "ref_protected")
    assert (changed.digest, changed.paused) == (runner.digest, True)


def test_a_personal_token_is_made_and_shown_once(browser: Client) -> None:
    owner = UserFactory()
    form = {"user": owner.pk, "name": "laptop", "scopes": ["read_api"]}
    page = browser.post(url(PersonalAccessToken, "add"), form, follow=True).content.decode()
    token = page.split("<code>")[1].split("</code>")[0]
    principal = access.personal_token_principal(token)
    assert principal is not None
    assert (principal.user, principal.scopes) == (owner, {"read_api"})
    row = PersonalAccessToken.objects.get()
    for address in (url(PersonalAccessToken), url(row, "change"), url(owner, "change")):
        assert token not in browser.get(address).content.decode()
    past = {**form, "expires_at_0": "2001-01-01", "expires_at_1": "00:00:00"}
    refused(browser.post(url(PersonalAccessToken, "add"), past), "The token would have expired already.")
    refused(
        browser.post(url(PersonalAccessToken, "add"), {**form, "scopes": ["sudo"]}),
        "not one of the available",
    )
    assert browser.post(url(row, "change"), form).status_code == 403


def test_a_registration_token_is_made_and_shown_once(browser: Client) -> None:
    page = browser.post(url(RunnerRegistrationToken, "add"), {"project": ""}, follow=True).content.decode()
    token = page.split("<code>")[1].split("</code>")[0]
    assert RunnerRegistrationToken.objects.get().digest == tokens.digest(token)
    assert token not in browser.get(url(RunnerRegistrationToken)).content.decode()


def test_a_user_is_made_and_changed_and_gets_a_password(browser: Client) -> None:
    form = {"username": "ada", "name": "Ada", "email": "", "usable_password": "true"}
    form |= {"password1": "an apple a day", "password2": "an apple a day"}
    response = browser.post(url(User, "add"), form)
    assert response.status_code == 302
    user = User.objects.get(username="ada")
    assert user.check_password("an apple a day")
    assert (user.name, user.is_staff, user.is_superuser) == ("Ada", False, False)
    group = Group.objects.create(name="support")
    changed = {
        "username": "ada",
        "name": "Ada L.",
        "email": "ada@example.com",
        "is_active": "on",
        "is_staff": "on",
    }
    assert browser.post(url(user, "change"), {**changed, "groups": [group.pk]}).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.is_staff, list(user.groups.all())) == ("Ada L.", True, [group])
    assert user.check_password("an apple a day")
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    assert browser.get(address).status_code == 200
    new = {"usable_password": "true", "password1": "another apple", "password2": "another apple"}
    assert browser.post(address, {**new, "set-password": "1"}).status_code == 302
    user.refresh_from_db()
    assert user.check_password("another apple")
    assert browser.post(address, {"usable_password": "false", "unset-password": "1"}).status_code == 302
    user.refresh_from_db()
    assert not user.has_usable_password()


def test_lists_are_searched_and_filtered(browser: Client) -> None:
    new_world(3)
    first, second, _third = Pipeline.objects.select_related("project").order_by("pk")
    # The first characters of a token, which are searched too, are random: what is short enough may be among them.
    named, *_ = Runner.objects.order_by("pk")
    Runner.objects.filter(pk=named.pk).update(description="the one in the cellar")
    cases: list[tuple[type[Any], str, int]] = [
        (Pipeline, f"q=%23{first.iid}", 3),
        (Pipeline, f"q={second.project.full_path}", 1),
        (Pipeline, f"q={first.sha[:10]}", 3),
        (Pipeline, "q=mai", 3),
        (Pipeline, "q=main+nowhere", 0),
        (Pipeline, f"project={first.project.full_path}", 1),
        (Pipeline, "project=no/where", 0),
        (Pipeline, "status=success", 0),
        (Pipeline, "source=push&ref=main", 3),
        (Runner, "state=online", 3),
        (Runner, "state=never", 0),
        (Runner, "tag_list=docker&paused=false", 3),
        (Runner, "paused=true", 0),
        (Runner, "q=in+the+cellar", 1),
        (PersonalAccessToken, "state=active", 3),
        (PersonalAccessToken, "state=revoked", 0),
        (Project, f"q={second.project.full_path}", 1),
        (ProjectVariable, f"project={first.project.full_path}&masked=false", 1),
    ]
    for model, query, expected in cases:
        response = browser.get(f"{url(model)}?{query}")
        assert response.status_code == 200, query
        assert response.context["cl"].result_count == expected, query
    assert browser.get(f"{url(Pipeline)}?status=nonsense").status_code == 302


def test_a_commit_is_found_by_digits_alone(browser: Client) -> None:
    new_world(2)
    pipeline = Pipeline.objects.order_by("pk")[0]
    Pipeline.objects.filter(pk=pipeline.pk).update(sha="4342068276" + "a" * 30)
    found = browser.get(f"{url(Pipeline)}?q=4342068276").context["cl"]
    assert list(found.result_list) == [pipeline]
    assert browser.get(f"{url(Pipeline)}?q=%234342068276").context["cl"].result_count == 0


def test_filters_show_what_is_chosen(browser: Client) -> None:
    page = browser.get(f"{url(Pipeline)}?status=failed&ref=main").content.decode()
    assert '<option value="failed" selected>failed</option>' in page
    assert 'name="ref" value="main"' in page
    assert page.count('id="filter-form"') == 1
