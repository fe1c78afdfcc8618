"""Limits of requests: how large, how many in one, how many a minute, and how long each may take."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import time

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection, connections
from django.db.backends.signals import connection_created

from ci_core import models
from config import statement_timeout
from graphql_api.http.media_types import JSON, RESPONSE
from graphql_api.http.reading import body_of_request
from graphql_api.http.refusal import Refused
from graphql_api.limits import rate
from graphql_api.limits.rate import Counter
from tests.factories import UserFactory
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import PATH, access_token, as_anonymous, as_user
from tests.support.graphql_socket import GraphQLSocket

NAME = "{ __typename }"
WHO = "{ currentUser { username } }"


@pytest.fixture(autouse=True)
def _fresh_counter(monkeypatch):
    monkeypatch.setattr(rate, "_COUNTER", Counter())


@pytest.fixture(autouse=True)
def _unbounded_connections():
    """Connections outlive a test; the bound of one with a short time limit must not hit the next one."""
    was_connected = connection_created.disconnect(statement_timeout._bound)
    yield
    if was_connected:
        connection_created.connect(statement_timeout._bound)


@pytest.fixture
def own_connection():
    """The test's connection is new, and nobody gets it afterwards."""

    def forget():
        if connection.connection is not None:
            connection.connection.close()
        connection.close()

    forget()
    yield
    forget()


def refused(response, status):
    assert response.status_code == status, response.content
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "limit_exceeded"
    assert str(error["extensions"]["reached"]) in error["message"]
    return {name: value for name, value in error["extensions"].items() if name != "code"}


# --- body -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_body(settings):
    body = json.dumps({"query": NAME})

    def post():
        return as_anonymous().http.post(PATH, body, content_type=JSON)

    settings.PIPEYARD_GRAPHQL_BODY_LIMIT = len(body)
    assert post().status_code == 200
    settings.PIPEYARD_GRAPHQL_BODY_LIMIT = len(body) - 1
    assert refused(post(), 413) == {"limit": "body", "value": len(body) - 1, "reached": len(body)}


def test_body_of_a_length_that_is_not_announced(settings):
    settings.PIPEYARD_GRAPHQL_BODY_LIMIT = 10
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    with pytest.raises(Refused) as caught:
        body_of_request(ASGIRequest(scope, io.BytesIO(json.dumps({"query": NAME}).encode())))
    assert caught.value.status == 413
    assert caught.value.body["errors"][0]["extensions"]["reached"] == 11


# --- lists of operations ----------------------------------------------------------------------------------------


def post_list(*operations, accept=JSON):
    return as_anonymous().http.post(
        PATH, json.dumps(operations), content_type=JSON, headers={"accept": accept}
    )


@pytest.mark.django_db
def test_lists_of_operations(settings):
    settings.PIPEYARD_GRAPHQL_BATCH_LIMIT = 2
    response = post_list({"query": NAME}, {"query": "{ nothing }"})
    assert response.status_code == 200
    fine, wrong = response.json()
    assert fine["data"] == {"__typename": "Query"}
    assert fine["extensions"]["limits"]["depth"] == [1, 20]
    assert "data" not in wrong
    assert post_list(accept=RESPONSE).status_code == 400
    assert post_list({"query": NAME}, {"query": "{"}, accept=RESPONSE).status_code == 200
    assert post_list({"query": "{"}, accept=RESPONSE).status_code == 400
    assert post_list({"query": NAME}, 7).status_code == 400


@pytest.mark.django_db
def test_too_many_operations(settings):
    settings.PIPEYARD_GRAPHQL_BATCH_LIMIT = 2
    response = post_list(*[{"query": NAME}] * 3)
    assert refused(response, 400) == {"limit": "batch", "value": 2, "reached": 3}


# --- rate -------------------------------------------------------------------------------------------------------


def test_counting_by_minutes():
    counter = Counter()
    seen = [counter.count("a", 2, now) for now in (0.0, 1.0, 30.5, 59.9, 60.0)]
    assert [(found.used, found.exceeded, found.wait) for found in seen] == [
        (1, False, 60),
        (2, False, 59),
        (3, True, 30),
        (4, True, 1),
        (1, False, 60),
    ]
    assert counter.count("b", 2, 60.0).used == 1
    assert not counter.count("b", 0, 60.0).exceeded


def test_counter_is_bounded():
    counter = Counter(callers=rate.WAYS)
    for number in range(rate.WAYS):
        counter.count(f"caller {number}", 9, float(number))
    assert counter.count("one more", 9, 20.0).used == 1
    assert counter.count("caller 1", 9, 20.0).used == 2, "the one whose minute began first has gone"
    assert counter.count("caller 0", 9, 20.0).used == 1


@pytest.mark.django_db
def test_rate_of_a_user(settings):
    settings.PIPEYARD_GRAPHQL_RATE_LIMIT = 2
    user = UserFactory()
    one, other, somebody = as_user(user), as_user(user), as_user(UserFactory())
    assert one.execute(WHO)["extensions"]["limits"]["rate"] == [1, 2]
    assert other.execute(WHO)["extensions"]["limits"]["rate"] == [2, 2]
    response = one.post(WHO)
    assert refused(response, 429) == {"limit": "rate", "value": 2, "reached": 3}
    assert 0 < int(response["Retry-After"]) <= 60
    assert somebody.post(WHO).status_code == 200
    settings.PIPEYARD_GRAPHQL_RATE_LIMIT = 0
    assert "rate" not in one.execute(WHO)["extensions"]["limits"]


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{}, {"PRIVATE-TOKEN": "unknown"}])
def test_rate_of_an_address(settings, headers):
    settings.PIPEYARD_GRAPHQL_ANONYMOUS_RATE_LIMIT = 2
    http = as_anonymous().http

    def status(address):
        return http.post(
            PATH, {"query": NAME}, content_type=JSON, headers=headers, REMOTE_ADDR=address
        ).status_code

    usual = 401 if headers else 200
    assert [status("192.0.2.1") for _ in range(3)] == [usual, usual, 429]
    assert status("192.0.2.2") == usual


@pytest.mark.django_db
def test_each_operation_of_a_list_counts(settings):
    settings.PIPEYARD_GRAPHQL_BATCH_LIMIT, settings.PIPEYARD_GRAPHQL_ANONYMOUS_RATE_LIMIT = 5, 2
    assert refused(post_list(*[{"query": NAME}] * 3), 429)["limit"] == "rate"


@pytest.mark.django_db(transaction=True)
def test_rate_over_a_socket(settings):
    settings.PIPEYARD_GRAPHQL_RATE_LIMIT = 1
    token = access_token(UserFactory())

    async def scenario():
        async with GraphQLSocket(token) as socket:
            told = []
            for number in range(2):
                await socket.subscribe(str(number), WHO)
                message = await socket.receive()
                told.append(message)
                if message["type"] == "next":
                    await socket.receive()
            return told

    fine, over = run(scenario)
    assert fine["type"] == "next"
    assert over["type"] == "error"
    assert over["payload"][0]["extensions"]["limit"] == "rate"


# --- time -------------------------------------------------------------------------------------------------------


def sleeping(monkeypatch, seconds=20):
    """Lets the list of projects take long, in one statement."""

    def slow(self, user):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [seconds])
        return self

    monkeypatch.setattr(type(models.Project.objects.all()), "visible_to", slow)


def statements_under_way():
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%%'"
            " AND datname = current_database()"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (RESPONSE, 503)])
def test_an_operation_is_answered_at_its_deadline_and_its_statement_ends(
    settings, monkeypatch, accept, status
):
    settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS = 0.2
    sleeping(monkeypatch)
    response = as_anonymous().http.post(
        PATH, {"query": "{ projects { nodes { id } } }"}, content_type=JSON, headers={"accept": accept}
    )
    assert response.status_code == status
    (error,) = response.json()["errors"]
    assert error["extensions"]["limit"] == "time"
    assert error["extensions"]["value"] == 200 <= error["extensions"]["reached"]
    assert "data" not in response.json()
    for _ in range(100):  # the database takes a moment to end it
        if statements_under_way() == 0:
            break
        time.sleep(0.02)
    assert statements_under_way() == 0


@pytest.mark.django_db(transaction=True)
def test_deadline_over_a_socket(settings, monkeypatch):
    settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS = 0.2
    sleeping(monkeypatch)

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.send(
                {"id": "q", "type": "subscribe", "payload": {"query": "{ projects { nodes { id } } }"}}
            )
            message = await socket.receive()
            for _ in range(100):
                if await elsewhere(statements_under_way) == 0:
                    break
                await asyncio.sleep(0.02)
            return message, await elsewhere(statements_under_way)

    message, left = run(scenario)
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["limit"] == "time"
    assert left == 0


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_the_database_ended(settings, monkeypatch, own_connection):
    """As `statement_timeout` does, which every connection of a web process has."""
    connection.ensure_connection()
    sleeping(monkeypatch)
    settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS = 0.1
    statement_timeout._bound(connection)
    settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS = 30.0
    error = as_anonymous().execute("{ projects { nodes { id } } }")["errors"][0]
    assert error["extensions"]["limit"] == "time"
    assert "projects" in error["path"]


@pytest.mark.django_db(transaction=True)
def test_connections_of_the_web_process_bound_their_statements(settings, own_connection):
    settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS = 7.5
    importlib.reload(importlib.import_module("config.asgi"))  # what the web process loads
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "7500ms"
    connection_created.disconnect(statement_timeout._bound)


# --- bugs -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "place",
    [
        "graphql_api.http.caller.principal_of_session",
        "graphql_api.checking.prepare",
        "graphql_api.door.read_operations",
    ],
)
def test_bugs_outside_of_fields_are_masked(monkeypatch, place, caplog):
    def broken(*_):
        raise ZeroDivisionError("password is 42")

    monkeypatch.setattr(place, broken)
    client = as_anonymous()
    client.headers = {"X-Request-Id": "request-12345", "accept": RESPONSE}
    response = client.post(NAME)
    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error == {
        "message": "Internal server error",
        "extensions": {"code": "internal", "requestId": "request-12345"},
    }
    assert "password" not in response.content.decode()
    assert "request-12345" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_bugs_over_a_socket_are_masked(monkeypatch):
    def broken(self, user):
        raise ZeroDivisionError("password is 42")

    monkeypatch.setattr(type(models.Project.objects.all()), "visible_to", broken)
    follow = 'subscription { ciJobProcessed(projectId: "gid://gitlab/Project/1") { id } }'

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.subscribe("query", "{ projects { nodes { id } } }")
            told = [await socket.receive(), await socket.receive()]
            await socket.subscribe("subscription", follow)
            return [*told, await socket.receive()]

    query, _, subscription = run(scenario)
    for error in (*query["payload"]["errors"], *subscription["payload"]):
        assert error["message"] == "Internal server error"
        assert error["extensions"]["code"] == "internal"
        assert error["extensions"]["requestId"]
