"""Static files are served by the process itself."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.test import AsyncClient, Client

from config.static_files import StaticFilesMiddleware

PATH = "/static/graphql_api/explorer.js"


def test_a_file_is_served_with_its_type(client: Client) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert "javascript" in answer["Content-Type"]
    assert len(answer.content) == int(answer["Content-Length"]) > 100


def test_under_asgi_too() -> None:
    answer = async_to_sync(AsyncClient().get)(PATH)
    assert answer.status_code == 200
    assert not answer.streaming


def test_what_is_unchanged_is_not_sent_again(client: Client) -> None:
    first = client.get(PATH)
    again = client.get(PATH, headers={"If-Modified-Since": first["Last-Modified"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(PATH)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("path", ["/static/../config/settings.py", "/static/nothing.js", "/static/"])
def test_nothing_else_is_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_it_keeps_no_thread() -> None:
    async def rest(request: object) -> None:
        return None

    assert iscoroutinefunction(StaticFilesMiddleware(rest))  # type: ignore[arg-type]
