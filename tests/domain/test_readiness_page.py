"""What `/-/readiness` tells operators and load balancers, and settings that cannot be meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client

from ci_core.events import line
from config.env import read_env
from tests.support.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[RedisServer]:
    with redis_server(settings) as started:
        yield started


@pytest.fixture(autouse=True)
def _worker(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")


def readiness() -> tuple[int, dict[str, str]]:
    answer = Client().get("/-/readiness")
    return answer.status_code, answer.json()


def test_without_redis_nothing_is_said_of_it() -> None:
    assert readiness() == (200, {"status": "ok", "database": "ok", "migrations": "ok", "worker": "ok"})


def test_without_a_worker_it_is_not_ready(server: RedisServer) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
    status, body = readiness()
    assert status == 503
    assert (body["status"], body["worker"], body["redis"]) == ("failed", "failed", "ok")


def test_redis_and_its_relay_are_told_of_and_make_it_no_worse_than_degraded(server: RedisServer) -> None:
    def told() -> tuple[int, str, str, str]:
        status, body = readiness()
        return status, body["status"], body["redis"], body["relay"]

    assert told() == (200, "degraded", "ok", "failed")
    with redis.Redis.from_url(server.url) as client:
        client.set(line.relay_key(), "x")
    assert told() == (200, "ok", "ok", "ok")
    server.kill()
    assert told() == (200, "degraded", "failed", "failed")


def test_a_redis_url_that_is_none_is_refused_without_telling_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "http://:secret@redis")
    with pytest.raises(ImproperlyConfigured) as caught:
        read_env()
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("REDIS_URL", "rediss://:secret@redis")
    assert read_env().redis_url == "rediss://:secret@redis"
    monkeypatch.setenv("REDIS_URL", "")
    assert read_env().redis_url is None
