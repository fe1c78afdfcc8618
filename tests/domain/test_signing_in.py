"""Signing in by password: counted by name and by address, in one table for all processes, forgotten in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ci_core import clock
from ci_core.actions import signing_in
from ci_core.actions.signing_in import WINDOW, forget_old_tries, sign_in
from ci_core.errors import TooManyTries
from ci_core.models import PasswordTries
from tests.factories import UserFactory
from tests.support.desk import signed_in, staff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _settings(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.PIPEYARD_PASSWORD_TRIES = 2
    settings.PIPEYARD_PASSWORD_TRIES_PER_ADDRESS = 4
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def user():
    user = UserFactory(username="ada", is_staff=True)
    user.set_password("right")
    user.save()
    return user


def outcomes(*tries, address="192.0.2.1"):
    def outcome(name, password):
        try:
            return sign_in(name, password, address=address) is not None
        except TooManyTries:
            return "refused"

    return [outcome(*given) for given in tries]


def test_by_name_from_anywhere(user):
    assert outcomes(("ada", "wrong"), address="192.0.2.1") == [False]
    assert outcomes(("ADA", "wrong"), address="192.0.2.2") == [False]
    assert outcomes(("ada", "right"), address="192.0.2.3") == ["refused"]


def test_by_address_for_any_name(user):
    assert outcomes(*[(f"user{number}", "x") for number in range(4)], ("ada", "right")) == [False] * 4 + [
        "refused"
    ]
    assert outcomes(("ada", "right"), address="192.0.2.9") == [True]
    assert outcomes(("ada", "right"), address=None) == [True]


def test_right_passwords_are_not_counted(user):
    assert outcomes(*[("ada", "right")] * 9) == [True] * 9
    assert list(PasswordTries.objects.values_list("tries", flat=True)) == [0]


def test_those_who_may_not_sign_in_are_counted_alike(user):
    user.is_active = False
    user.save()
    assert outcomes(*[("ada", "right")] * 3) == [False, False, "refused"]


def test_after_a_while_there_are_new_tries(user, monkeypatch):
    assert outcomes(*[("ada", "wrong")] * 3) == [False, False, "refused"]
    later = clock.now() + WINDOW + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert outcomes(("ada", "wrong"), ("ada", "right")) == [False, True]


def test_old_counts_are_deleted(user, monkeypatch):
    outcomes(("ada", "wrong"))
    assert forget_old_tries() == 0
    later = clock.now() + WINDOW
    monkeypatch.setattr(clock, "now", lambda: later)
    assert forget_old_tries() == 2


def test_a_try_is_counted_before_the_password_is_looked_at(user, monkeypatch):
    """Else tries that come together would all be within the limit."""
    seen = []

    def authenticate(request, **_):
        seen.append(sorted(PasswordTries.objects.values_list("tries", flat=True)))

    monkeypatch.setattr(signing_in, "authenticate", authenticate)
    outcomes(("ada", "wrong"), ("ada", "wrong"), ("ada", "wrong"))
    assert seen == [[1, 1], [2, 2]]


def test_counts_are_not_written_ahead():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'ci_core_passwordtries'")
        assert cursor.fetchone() == ("u",)


@pytest.mark.urls("tests.support.admin_urls")
def test_the_support_desk_counts_too(user):
    client = Client()

    def post(password):
        return client.post(reverse("admin:login"), {"username": "ada", "password": password})

    assert "correct username and password" in post("wrong").content.decode()
    assert post("right").status_code == 302
    assert client.get(reverse("admin:index")).status_code == 200
    client.logout()
    post("wrong")
    post("wrong")
    assert "wait ten minutes" in post("right").content.decode()
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.urls("tests.support.admin_urls")
def test_the_support_desk_is_for_staff(user):
    user.is_staff = False
    user.save()
    response = Client().post(reverse("admin:login"), {"username": "ada", "password": "right"})
    assert response.status_code == 200


@pytest.mark.urls("tests.support.admin_urls")
@pytest.mark.parametrize("action", ["retry", "cancel", "abort"])
def test_whoever_may_only_view_tasks_does_not_touch_them(action, monkeypatch):
    from ci_core.admin import tasks

    done = []
    monkeypatch.setattr(
        tasks.TaskAdmin, "actions", [_verb(name, done) for name in ("retry", "cancel", "abort")]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 'some.task', '{}') RETURNING id"
        )
        (task_id,) = cursor.fetchone()
    viewer = staff()
    address = reverse("admin:procrastinate_procrastinatejob_changelist")
    rights = Permission.objects.filter(content_type__app_label="procrastinate")
    viewer.user_permissions.add(rights.get(codename="view_procrastinatejob"))
    body = {"action": action, "_selected_action": [task_id]}
    client = signed_in(viewer)
    assert client.get(address).status_code == 200
    client.post(address, body)
    assert done == []
    viewer.user_permissions.add(rights.get(codename="change_procrastinatejob"))
    client.post(address, body)
    assert done == [(action, task_id)]
    assert ProcrastinateJob.objects.get(pk=task_id).status == "todo"


def _verb(name, done):
    def verb(admin, request, rows):
        done.extend((name, row.pk) for row in rows)

    verb.__name__ = name
    return verb
