"""Every error has its status, and an unexpected one shows nothing of itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import ci_core
from ci_core.errors import CiError
from runner_api import errors
from runner_api.views import jobs
from tests.runner_api.calls import RunnerCalls


def _kinds(kind: type[CiError]) -> Iterator[type[CiError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


def test_every_domain_error_has_a_status() -> None:
    for module in pkgutil.walk_packages(ci_core.__path__, "ci_core."):
        if ".migrations" not in module.name and ".admin" not in module.name:
            importlib.import_module(module.name)
    ours = {kind for kind in _kinds(CiError) if kind.__module__.startswith("ci_core.")}
    assert ours == set(errors.HTTP_STATUS)
    assert all(400 <= status < 500 for status in errors.HTTP_STATUS.values())


def test_an_error_that_is_new_has_the_status_of_what_it_narrows() -> None:
    class Narrower(errors.domain.NotFound):
        """Narrower."""

        code = "narrower"

    assert errors.status_of(Narrower()) == 404
    Narrower.__bases__ = (CiError,)
    assert errors.status_of(Narrower()) == 400


@pytest.mark.django_db
def test_the_unexpected_is_a_500_that_names_the_request(monkeypatch: Any, runner: RunnerCalls) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(jobs, "_caller", broken)
    answer = runner.send("POST", "jobs/request", {}, X_Request_Id="0123456789abcdef")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/json"
    assert "0123456789abcdef" in answer.json()["message"]
    assert b"swordfish" not in answer.content


def test_no_path_ends_with_a_slash_but_the_one_that_clients_write() -> None:
    from runner_api.urls import urlpatterns

    assert [str(entry.pattern) for entry in urlpatterns if str(entry.pattern).endswith("/")] == [
        "api/v4/runners/"
    ]
