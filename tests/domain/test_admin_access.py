"""Who gets into the support desk, what each may do there, and that it tells no secrets to anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ci_core.actions import users
from ci_core.models import Job, PersonalAccessToken, Pipeline, Project, ProjectVariable, Runner, User
from tests.factories import UserFactory, pipeline_with
from tests.support.desk import desk_models, new_world, signed_in, staff, url

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


def addresses(model: type[Model]) -> Iterator[str]:
    """A model's list and form, and the pages of its rows."""
    yield url(model)
    yield url(model, "add")
    for row in model._default_manager.all():
        yield url(row, "change")
        yield url(row, "history")


def test_nobody_but_staff_gets_in() -> None:
    pipeline = pipeline_with("a: {script: make}")
    for client in (Client(), signed_in(UserFactory())):
        for address in (reverse("admin:index"), url(Pipeline), url(pipeline, "change"), url(Runner, "add")):
            response = client.get(address)
            assert response.status_code == 302
            assert response["Location"].startswith("/admin/login/")
        response = client.post(url(pipeline, "verb", "cancel"))
        assert response.status_code == 302
        assert Pipeline.objects.get(pk=pipeline.pk).status == "pending"


def test_staff_without_permissions_see_nothing() -> None:
    new_world(1)
    client = signed_in(staff())
    index = client.get(reverse("admin:index"))
    assert index.status_code == 200
    assert all(url(model) not in index.content.decode() for model in desk_models())
    for model in desk_models():
        statuses = {client.get(address).status_code for address in addresses(model)}
        assert statuses == {403}, model
    job = Job.objects.get(name="unit")
    assert client.post(url(job, "verb", "cancel")).status_code == 403


def test_viewing_allows_no_verb_and_no_writing() -> None:
    new_world(1)
    names = [model._meta.model_name for model in desk_models()]
    client = signed_in(staff(*(f"view_{name}" for name in names)))
    for model in desk_models():
        assert client.get(url(model)).status_code == 200
        assert client.get(url(model, "add")).status_code == 403
        for row in model._default_manager.all():
            page = client.get(url(row, "change"))
            assert page.status_code == 200
            assert "/do/" not in page.content.decode()
            assert 'name="_save"' not in page.content.decode()
            assert client.post(url(row, "change"), {"name": "x"}).status_code == 403
            assert client.post(url(row, "delete"), {"post": "yes"}).status_code == 403
    for row, verb in ((Pipeline.objects.get(), "cancel"), (Runner.objects.get(), "rotate")):
        assert client.post(url(row, "verb", verb)).status_code == 403
    chosen = {"action": "cancel", "_selected_action": [Pipeline.objects.get().pk]}
    client.post(url(Pipeline), chosen)
    assert Pipeline.objects.get().status != "canceled"


def test_pipelines_and_jobs_are_not_made_edited_or_deleted_here() -> None:
    new_world(1)
    client = signed_in(staff(superuser=True))
    for model in (Pipeline, Job):
        row = model._default_manager.order_by("-pk").first()
        assert row is not None
        assert client.get(url(model, "add")).status_code == 403
        assert client.post(url(row, "change"), {"status": "success"}).status_code == 403
        assert client.post(url(row, "delete"), {"post": "yes"}).status_code == 403
        client.post(url(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
        assert model._default_manager.filter(pk=row.pk).exists()
        page = client.get(url(row, "change")).content.decode()
        assert 'name="status"' not in page


def test_no_page_tells_a_secret() -> None:
    world = new_world(2)
    client = signed_in(staff(superuser=True))
    seen = 0
    for model in admin.site._registry:
        for address in addresses(model) if model in desk_models() else [url(model)]:
            page = client.get(address, follow=True).content.decode()
            told = [secret for secret in world.secrets if secret in page]
            assert not told, f"{address} tells {told}"
            seen += 1
    assert seen > 40
    assert len(world.secrets) >= 20


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Runner, "digest__startswith=a"),
        (PersonalAccessToken, "digest__startswith=a"),
        (PersonalAccessToken, "user__password__startswith=p"),
        (ProjectVariable, "value__startswith=s"),
        (Project, "variables__value__startswith=s"),
        (User, "password__startswith=p"),
        (Pipeline, "variables__value__startswith=s"),
        (Job, "id__gt=0"),
    ],
)
def test_lists_answer_no_question_about_columns_they_do_not_filter(model: type[Model], query: str) -> None:
    client = signed_in(staff(superuser=True))
    assert client.get(f"{url(model)}?{query}").status_code == 400


def test_nobody_gives_himself_rights() -> None:
    permissions = (
        "view_user",
        "change_user",
        "add_user",
        "add_personalaccesstoken",
        "view_personalaccesstoken",
    )
    me, boss, colleague = staff(*permissions), staff(superuser=True), staff()
    client = signed_in(me)
    form = {"username": me.username, "name": "Me", "email": "", "is_active": "on", "is_superuser": "on"}
    form |= {"is_staff": "on", "user_permissions": [str(Permission.objects.get(codename="view_job").pk)]}
    assert client.post(url(me, "change"), form).status_code == 302
    me.refresh_from_db()
    assert (me.name, me.is_superuser, me.user_permissions.count()) == ("Me", False, len(permissions))
    for other in (boss, colleague):
        assert client.post(url(other, "change"), {**form, "username": "x"}).status_code == 403
        password = reverse("admin:auth_user_password_change", args=[other.pk])
        assert client.get(password).status_code == 403
    new_token = {"user": str(boss.pk), "name": "t", "scopes": ["api"]}
    page = client.post(url(PersonalAccessToken, "add"), new_token).content.decode()
    assert "Only superusers make tokens of other users." in page
    assert not PersonalAccessToken.objects.exists()
    client.post(url(PersonalAccessToken, "add"), {**new_token, "user": str(me.pk)})
    assert PersonalAccessToken.objects.get().user == me


def test_groups_are_for_superusers() -> None:
    client = signed_in(staff("view_user"))
    assert client.get(url(Group)).status_code == 403
    assert signed_in(staff(superuser=True)).get(url(Group)).status_code == 200


def test_a_page_without_its_row_is_no_error() -> None:
    client = signed_in(staff(superuser=True))
    for model in (Pipeline, Job, Runner):
        for key in ("0", "1", str(2**63), str(2**70), "none", "1' OR 1=1"):
            response = client.get(reverse(f"admin:ci_core_{model._meta.model_name}_change", args=[key]))
            assert response.status_code == 302, key
    assert client.get(f"{url(Job)}?pipeline=zero").status_code == 302
    assert client.get(f"{url(Job)}?q={2**70}").status_code == 200
    assert client.get(f"{url(Pipeline)}?q=%00").status_code in (200, 302)


def test_a_user_blocked_by_the_desk_is_out() -> None:
    blocked = staff("view_job")
    client = signed_in(blocked)
    users.update_user(blocked, is_active=False)
    assert client.get(url(Job)).status_code == 302
