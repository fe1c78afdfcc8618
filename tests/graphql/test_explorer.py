"""The explorer's page: its assets are local, its policy strict, and it says what to do when they are missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from graphql_api import views
from graphql_api.explorer import install

pytestmark = pytest.mark.django_db
FOLDER = Path(install.__file__).parent


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(views.finders, "find", lambda path: f"/somewhere/{path}")


def page():
    return Client().get("/-/graphql-explorer")


def test_page_loads_local_files_only(installed):
    response = page()
    assert response.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', response.content.decode())
    assert sources
    assert all(source.startswith("/") for source in sources)


def test_policy(installed):
    response = page()
    policy = response["Content-Security-Policy"]
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', response.content.decode()))
    assert f"script-src 'nonce-{nonce}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert nonce not in page()["Content-Security-Policy"]


def test_page_has_no_script_of_its_own_and_gives_a_csrf_token(installed):
    response = page()
    assert not re.search(r"<script[^>]*>[^<]", response.content.decode())
    assert response.cookies["csrftoken"].value


def test_missing_files_are_told(monkeypatch):
    monkeypatch.setattr(views.finders, "find", lambda path: None)
    response = page()
    assert response.status_code == 503
    assert "python -m graphql_api.explorer.install" in response.content.decode()
    assert "<script" not in response.content.decode()


def test_page_and_installer_name_the_same_files():
    assert {path.removeprefix("explorer/") for path in views.ASSETS.values()} == install.FILES.keys()


def test_lock_file_names_no_registry():
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert "registry" not in json.dumps(lock)
    assert (
        lock["packages"][""]["dependencies"]
        == json.loads((FOLDER / "package.json").read_text())["dependencies"]
    )
