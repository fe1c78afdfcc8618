"""Register, verify, reset, unregister."""

from __future__ import annotations

from typing import Any

import pytest

from ci_core import clock, tokens
from ci_core.actions import runners
from ci_core.models import PersonalAccessToken, Runner, RunnerManager, User
from tests.factories import ProjectFactory, UserFactory, runner_with_token
from tests.runner_api.calls import INFO, SYSTEM_ID, RunnerCalls

pytestmark = pytest.mark.django_db


def personal_token(user: User, *scopes: str, **fields: Any) -> str:
    token = tokens.new_token(tokens.PERSONAL_PREFIX)
    PersonalAccessToken.objects.create(
        user=user,
        name="test",
        digest=tokens.digest(token),
        scopes=list(scopes),
        created_at=clock.now(),
        **fields,
    )
    return token


def register(**body: Any) -> Any:
    token = runners.create_registration_token()
    calls = RunnerCalls()
    full = {"token": token, "info": INFO, "run_untagged": True, "locked": True, "paused": False, **body}
    return calls.send("POST", "runners", full, RUNNER_TOKEN=token)


def test_registers_as_the_official_runner_does() -> None:
    answer = register(
        description="on the shelf",
        tag_list="linux, docker,linux",
        access_level="ref_protected",
        maximum_timeout=1200,
        run_untagged=False,
        maintenance_note="ask Ada",
    )
    assert answer.status_code == 201
    runner = Runner.objects.get()
    body = answer.json()
    assert body == {"id": runner.pk, "token": body["token"], "token_expires_at": None}
    assert body["token"].startswith("glrt-")
    assert runner.digest == tokens.digest(body["token"])
    assert (runner.description, runner.tags, runner.run_untagged, runner.locked, runner.paused) == (
        "on the shelf",
        ["docker", "linux"],
        False,
        True,
        False,
    )
    assert (runner.access_level, runner.maximum_timeout, runner.maintenance_note) == (
        "ref_protected",
        1200,
        "ask Ada",
    )


@pytest.mark.parametrize("path", ["/api/v4/runners", "/api/v4/runners/"])
def test_registers_with_a_form_and_repeated_tags(path: str) -> None:
    token = runners.create_registration_token()
    body = f"token={token}&description=D&run_untagged=False&tag_list=a&tag_list=b"
    answer = RunnerCalls().http.post(path, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 201
    runner = Runner.objects.get()
    assert (runner.tags, runner.run_untagged) == (["a", "b"], False)


def test_a_runner_without_tags_takes_untagged_jobs_anyway() -> None:
    assert register(run_untagged=False, tag_list=[]).status_code == 201
    assert Runner.objects.get().run_untagged


def test_a_projects_registration_token_makes_a_runner_of_that_project() -> None:
    project = ProjectFactory()
    token = runners.create_registration_token(project)
    assert RunnerCalls().send("POST", "runners", {"token": token}).status_code == 201
    assert list(Runner.objects.get().projects.all()) == [project]


@pytest.mark.parametrize("token", ["", "GR1348941nonsense", "glrt-x"])
def test_an_unknown_registration_token_is_refused(token: str) -> None:
    answer = RunnerCalls().send("POST", "runners", {"token": token})
    assert answer.status_code == 403
    assert "registration token" in answer.json()["message"]
    assert not Runner.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"access_level": "everything"},
        {"maximum_timeout": "soon"},
        {"maximum_timeout": 10**30},
        {"maximum_timeout": -1},
        {"description": "x" * 1025},
        {"description": {"a": 1}},
        {"tag_list": ["x" * 256]},
        {"tag_list": [1, 2]},
        {"tag_list": ",".join(f"t{n}" for n in range(51))},
        {"run_untagged": "perhaps"},
    ],
)
def test_unusable_settings_are_refused_and_name_the_member(body: dict[str, Any]) -> None:
    answer = register(**body)
    assert answer.status_code == 400
    assert next(iter(body)) in answer.json()["message"]
    assert not Runner.objects.exists()


def test_nul_characters_are_left_out() -> None:
    assert register(description="a\0b", tag_list="x\0", info={"name": "\0"}).status_code == 201
    assert Runner.objects.get().description == "ab"


@pytest.mark.parametrize("body", ["{", "[1]", '"x"', "\ud800".encode("utf-8", "surrogatepass"), "[" * 5000])
def test_a_body_that_is_no_json_object_is_a_clear_error(body: str | bytes) -> None:
    answer = RunnerCalls().send("POST", "runners", body)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["message"]


def test_verify_tells_the_id_and_notes_the_machine() -> None:
    runner, token = runner_with_token()
    calls = RunnerCalls()
    answer = calls.send(
        "POST", "runners/verify", {"token": token, "system_id": SYSTEM_ID, "info": INFO}, RUNNER_TOKEN=token
    )
    assert answer.status_code == 200
    assert answer.json() == {"id": runner.pk, "token": token, "token_expires_at": None}
    manager = RunnerManager.objects.get()
    assert (manager.system_id, manager.version, manager.executor) == (SYSTEM_ID, "19.4.0", "shell")
    assert manager.features == {"cancel_gracefully": True, "trace_checksum": True}
    assert manager.ip_address == "127.0.0.1"


def test_verify_by_header_and_by_form() -> None:
    _, token = runner_with_token()
    calls = RunnerCalls()
    assert calls.send("POST", "runners/verify", None, RUNNER_TOKEN=token).json()["token"] == token
    form = calls.http.post(
        "/api/v4/runners/verify", f"token={token}", content_type="application/x-www-form-urlencoded"
    )
    assert form.status_code == 200
    assert RunnerManager.objects.get().system_id == "<legacy>"


@pytest.mark.parametrize("token", ["", "glrt-unknown", "x" * 300, "ä"])
def test_verify_refuses_unknown_tokens(token: str) -> None:
    answer = RunnerCalls().send("POST", "runners/verify", {"token": token})
    assert answer.status_code in (400, 403)
    assert answer.headers["Content-Type"] == "application/json"


def test_strange_things_that_a_runner_says_of_itself_do_no_harm() -> None:
    _, token = runner_with_token()
    info = {"name": 7, "version": ["x"], "platform": "p" * 999, "features": {"a\0": True, "b": "yes"}}
    for system_id in ("x" * 500, 5, {"a": 1}, "ok\0"):
        body = {"token": token, "system_id": system_id, "info": info}
        assert RunnerCalls().send("POST", "runners/verify", body).status_code == 200
    assert RunnerCalls().send("POST", "runners/verify", {"token": token, "info": "no"}).status_code == 200


def test_unregister_forgets_the_runner() -> None:
    _, token = runner_with_token()
    assert RunnerCalls().send("DELETE", "runners", {"token": "wrong"}).status_code == 403
    answer = RunnerCalls().send("DELETE", "runners", {"token": token}, RUNNER_TOKEN=token)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Runner.objects.exists()


def test_unregister_with_a_form() -> None:
    _, token = runner_with_token()
    answer = RunnerCalls().http.delete(
        "/api/v4/runners", f"token={token}", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 204


def test_forgetting_a_manager_keeps_the_runner() -> None:
    _, token = runner_with_token()
    calls = RunnerCalls()
    calls.send("POST", "runners/verify", {"token": token, "system_id": SYSTEM_ID})
    wrong = calls.send("DELETE", "runners/managers", {"token": token, "system_id": "s_000000000000"})
    assert wrong.status_code == 403
    right = calls.send("DELETE", "runners/managers", {"token": token, "system_id": SYSTEM_ID})
    assert right.status_code == 204
    assert Runner.objects.exists()
    assert not RunnerManager.objects.exists()


def test_a_runner_resets_its_own_token() -> None:
    _, token = runner_with_token()
    calls = RunnerCalls()
    answer = calls.send("POST", "runners/reset_authentication_token", {"token": token})
    assert answer.status_code == 201
    fresh = answer.json()["token"]
    assert answer.json()["token_expires_at"] is None
    assert calls.send("POST", "runners/verify", {"token": token}).status_code == 403
    assert calls.send("POST", "runners/verify", {"token": fresh}).status_code == 200


def test_resetting_by_personal_token_is_for_administrators_and_the_creator() -> None:
    creator, admin, stranger = UserFactory(), UserFactory(is_superuser=True), UserFactory()
    runner, _ = runners.create_runner(acting_user=creator)
    path = f"runners/{runner.pk}/reset_authentication_token"
    calls = RunnerCalls()

    def reset(token: str, where: str = path) -> int:
        status: int = calls.send("POST", where, "null", PRIVATE_TOKEN=token).status_code
        return status

    assert calls.send("POST", path, "null").status_code == 401
    assert reset("glpat-wrong") == 403
    assert reset(personal_token(stranger, "api")) == 403
    assert reset(personal_token(creator, "read_api")) == 403
    assert reset(personal_token(admin, "api", revoked_at=clock.now())) == 403
    assert Runner.objects.get().digest == runner.digest
    assert reset(personal_token(creator, "api")) == 201
    assert reset(personal_token(admin, "api")) == 201
    assert reset(personal_token(admin, "api"), "runners/999999/reset_authentication_token") == 404
    assert reset(personal_token(admin, "api"), f"runners/{10**30}/reset_authentication_token") == 404
    assert Runner.objects.get().digest != runner.digest


def test_other_methods_are_refused_with_json() -> None:
    answer = RunnerCalls().send("GET", "runners")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST, DELETE"
    assert answer.json()["message"]
