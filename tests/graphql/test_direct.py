"""A request that is posted is answered without a thread of its own, whether with a token or with a session."""

from __future__ import annotations

import asyncio
from threading import Event
from time import monotonic, sleep

import asgiref.sync
import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.db import connections

from ci_core import clock
from ci_core.models import User
from graphql_api.execution.executor import BreadthFirst
from graphql_api.http import caller
from graphql_api.schema import schema
from tests.factories import UserFactory
from tests.support.asgi_client import ask, bearer, request_of, session_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hops(monkeypatch):
    """The names of what hopped to a thread of the request."""
    names = []
    call = asgiref.sync.SyncToAsync.__call__

    async def counted(self, *given, **named):
        name = getattr(self.func, "__qualname__", repr(self.func))
        # The tests' comparison of both executors hops, too.
        if not name.startswith("Comparing."):
            names.append(name)
        return await call(self, *given, **named)

    monkeypatch.setattr(asgiref.sync.SyncToAsync, "__call__", counted)
    return names


def test_a_request_with_a_token_hops_to_no_thread_of_its_own(hops):
    user = UserFactory()
    status, headers, body = async_to_sync(ask)([bearer(user)])
    assert (status, body["data"]) == (200, {"currentUser": {"username": user.username}})
    assert headers[b"x-request-id"] and headers[b"x-content-type-options"] == b"nosniff"
    assert hops == []


@pytest.mark.parametrize("document", ["{ currentUser { username } }", "{ nothing }", "{", "mutation { x }"])
def test_both_ways_tell_the_id_of_the_request(document, monkeypatch):
    monkeypatch.setattr(schema, "execution_context_class", BreadthFirst)
    headers = [bearer(UserFactory()), (b"x-request-id", b"0123456789")]
    answers = []
    for more in ([], [(b"x-twice", b"1"), (b"x-twice", b"2")]):
        status, told, body = async_to_sync(ask)([*headers, *more], document)
        body.pop("extensions", None)
        lower = {name.lower(): value for name, value in told.items() if name.lower() != b"content-length"}
        answers.append((status, lower, body))
    assert answers[0] == answers[1]
    assert answers[0][1][b"x-request-id"] == b"0123456789"


def test_a_body_beyond_the_limit_is_refused(settings):
    settings.PIPEYARD_GRAPHQL_BODY_LIMIT = 100
    status, _, body = async_to_sync(ask)([bearer(UserFactory())], "{ currentUser { username } }" + " " * 100)
    assert (status, body["errors"][0]["extensions"]["limit"]) == (413, "body")


@pytest.mark.parametrize(
    "more", [[(b"transfer-encoding", b"chunked")], [(b"x-twice", b"1"), (b"x-twice", b"2")]]
)
def test_a_body_of_unknown_length_or_a_header_that_came_twice_goes_the_way_of_django(hops, more):
    user = UserFactory()
    status, _, body = async_to_sync(ask)([bearer(user), *more])
    assert (status, body["data"]) == (200, {"currentUser": {"username": user.username}})
    assert hops, "Django's signals are told in the request's thread"


@pytest.mark.parametrize("token", [b"Bearer glpat-unknown", b"Basic x"])
def test_a_key_that_opens_nothing_is_refused(token):
    status, headers, body = async_to_sync(ask)([(b"authorization", token)])
    assert status == 401
    assert b"www-authenticate" in headers
    assert body["errors"][0]["extensions"]["code"] == "unauthenticated"


def test_a_foreign_host_is_refused(settings):
    settings.ALLOWED_HOSTS = ["pipeyard.example"]

    key = bearer(UserFactory())

    async def status():
        client, message = request_of([key], "{ currentUser { username } }")
        await client.send_input(message)
        start = await client.receive_output(10)
        await client.receive_output(10)
        await client.wait(10)
        return start["status"]

    assert async_to_sync(status)() == 400


def test_a_client_that_goes_away_is_not_answered(monkeypatch):
    began, go_on = Event(), Event()

    def slow(token):
        began.set()
        assert go_on.wait(10)
        return caller.anonymous()

    monkeypatch.setattr(caller, "principal_of_token", slow)

    async def leave():
        key = (b"authorization", b"Bearer glpat-x")
        client, message = request_of([key], "{ currentUser { username } }")
        await client.send_input(message)
        await asyncio.to_thread(began.wait, 10)
        await client.send_input({"type": "http.disconnect"})
        await client.wait(10)
        go_on.set()
        return client.output_queue.empty()

    assert async_to_sync(leave)()


def test_connections_go_back_to_the_pool():
    pool = connections["default"].pool
    if pool is None:
        pytest.skip("the test's database has no pool")
    key = bearer(UserFactory())

    def given_out():
        stats = pool.get_stats()
        return stats["pool_size"] - stats["pool_available"]

    async def several():
        answers = await asyncio.gather(*(ask([key]) for _ in range(12)))
        assert [status for status, _, _ in answers] == [200] * 12

    before = given_out()
    async_to_sync(several)()
    # The pool takes what it opens in threads of its own, whenever they come to it.
    deadline = monotonic() + 10
    while given_out() > before and monotonic() < deadline:
        sleep(0.05)
    assert given_out() <= before


def who(headers):
    """The status, and the name of the caller as the API sees it."""
    status, _, body = async_to_sync(ask)(headers)
    user = (body.get("data") or {}).get("currentUser")
    return status, user and user["username"]


def test_a_session_is_answered_without_a_thread_of_its_own(hops):
    user = UserFactory()
    headers = session_of(user)
    hops.clear()
    assert who(headers) == (200, user.username)
    assert hops == []


def test_a_session_that_is_over_is_nobodys():
    user = UserFactory()
    ways = {
        "signed out": lambda: Session.objects.all().delete(),
        "expired": lambda: Session.objects.update(expire_date=clock.now()),
        "written by another": lambda: Session.objects.update(session_data="x"),
        "another password": lambda: user.set_password("new") or user.save(),
        "locked out": lambda: User.objects.filter(pk=user.pk).update(is_active=False),
        "deleted": lambda: User.objects.filter(pk=user.pk).delete(),
    }
    for name, end in ways.items():
        headers = session_of(user)
        for _ in range(3):
            assert who(headers) == (200, user.username), name
        end()
        assert who(headers) == (200, None), name
        User.objects.filter(pk=user.pk).update(is_active=True)
