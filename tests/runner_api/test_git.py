"""Git over HTTP: who may fetch, and that real git can."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pygit2
import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from ci_core import tokens
from ci_core.actions.jobs import succeed_job
from ci_core.models import Job, Project
from ci_core.repositories.serving import packet_line
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member, pipeline_with, runner_with_token
from tests.runner_api.calls import RunnerCalls
from tests.runner_api.test_registration import personal_token
from tests.support.repositories import commit_files

ADVERTISEMENT = "application/x-git-upload-pack-advertisement"


def basic(password: str, user: str = "gitlab-ci-token") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def refs(
    project: Project | str, headers: dict[str, str] | None = None, query: str = "git-upload-pack"
) -> Any:
    path = project if isinstance(project, str) else project.full_path
    url = f"/{path}.git/info/refs?service={query}"
    answer, body = async_to_sync(_whole)(lambda client: client.get(url, headers=headers or {}))
    answer.body = body
    return answer


async def _whole(call: Callable[[AsyncClient], Awaitable[Any]]) -> tuple[Any, bytes]:
    """An answer and its body, read in the event loop that made it."""
    answer = await call(AsyncClient(raise_request_exception=False))
    if not answer.streaming:
        return answer, answer.content
    return answer, b"".join([block async for block in answer.streaming_content])


# --- who may fetch ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_public_project_is_for_everybody() -> None:
    project = ProjectFactory(visibility="public")
    answer = refs(project)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, ADVERTISEMENT)
    body = answer.body
    assert body.startswith(b"001e# service=git-upload-pack\n0000")
    assert b"refs/heads/main" in body
    assert "no-cache" in answer.headers["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("visibility", ["private", "internal", None])
def test_strangers_learn_nothing(visibility: str | None) -> None:
    path = ProjectFactory(visibility=visibility).full_path if visibility else "group/nothing"
    answer = refs(path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="Pipeyard"')
    nowhere = refs("no/such/place")
    assert (answer.content, answer.status_code) == (nowhere.content, nowhere.status_code)


@pytest.mark.django_db
def test_a_stranger_who_signs_in_learns_no_more() -> None:
    stranger = basic(personal_token(UserFactory(), "api"))
    private, missing = refs(ProjectFactory(), stranger), refs("group/nothing", stranger)
    assert (private.status_code, private.content) == (missing.status_code, missing.content)
    assert private.status_code == 401


@pytest.mark.django_db
def test_members_fetch_with_a_token_or_a_password(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    project = ProjectFactory()
    user = member(project, AccessLevel.REPORTER)
    user.set_password("correct horse")
    user.save()
    for headers in (
        basic(personal_token(user, "read_api")),
        basic(personal_token(user, "api"), user="anything"),
        basic("correct horse", user=user.username),
    ):
        assert refs(project, headers).status_code == 200
    for headers in (
        basic("wrong", user=user.username),
        basic("", user=user.username),
        basic("glpat-wrong"),
        basic("correct horse", user="somebody else"),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
    ):
        assert refs(project, headers).status_code == 401
    assert refs(ProjectFactory(visibility="internal"), basic(personal_token(user, "api"))).status_code == 200


@pytest.mark.django_db
def test_guests_do_not_fetch_the_code_of_a_private_project() -> None:
    for visibility, status in (("private", 403), ("internal", 200), ("public", 200)):
        project = ProjectFactory(visibility=visibility)
        answer = refs(project, basic(personal_token(member(project, AccessLevel.GUEST), "api")))
        assert answer.status_code == status, visibility
        if status == 403:
            assert "Reporter role" in answer.json()["message"]


@pytest.mark.django_db
def test_passwords_are_not_for_guessing(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.PIPEYARD_PASSWORD_TRIES = 3
    project = ProjectFactory()
    user = member(project, AccessLevel.REPORTER)
    user.set_password("correct horse")
    user.save()
    right, wrong = basic("correct horse", user=user.username), basic("wrong", user=user.username)
    assert [refs(project, wrong).status_code for _ in range(2)] == [401, 401]
    assert refs(project, right).status_code == 200, "which starts the count anew"
    assert [refs(project, wrong).status_code for _ in range(4)] == [401, 401, 401, 429]
    assert refs(project, right).status_code == 429
    assert "ten minutes" in refs(project, right).json()["message"]
    assert refs(project, basic(personal_token(user, "api"))).status_code == 200
    stale = basic("glpat-stale", user="somebody")
    assert {refs(project, stale).status_code for _ in range(5)} == {401}
    nobody = basic("wrong", user="nobody")
    assert [refs(project, nobody).status_code for _ in range(4)] == [401, 401, 401, 429]


@pytest.mark.django_db
def test_wrong_credentials_do_not_pass_for_none() -> None:
    assert refs(ProjectFactory(visibility="public"), basic("glpat-wrong")).status_code == 401


@pytest.mark.django_db
def test_a_job_token_opens_its_project_while_the_job_runs(runner: RunnerCalls) -> None:
    pipeline = pipeline_with({"only": {"script": "make"}})
    project = pipeline.project
    token = tokens.job_token(Job.objects.in_pipeline(pipeline.pk).get())
    assert refs(project, basic(token)).status_code == 401
    job = runner.take()
    assert refs(project, basic(token)).status_code == 401
    assert refs(project, basic(job["token"])).status_code == 200
    assert refs(ProjectFactory(), basic(job["token"])).status_code == 401
    succeed_job(job["id"])
    assert refs(project, basic(job["token"])).status_code == 401


@pytest.mark.django_db
def test_pushing_is_refused_to_everybody() -> None:
    project = ProjectFactory(visibility="public")
    assert refs(project, query="git-receive-pack").status_code == 403
    assert refs(project, query="").status_code == 403
    assert Client().post(f"/{project.full_path}.git/git-receive-pack").status_code == 403
    assert Client().get(f"/{project.full_path}.git/git-upload-pack").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["../../etc/x", "%2e%2e/%2e%2e/etc/x", "group/../group/project", "/etc", "a\0b", "-c"]
)
def test_a_path_is_a_name_and_never_a_place(path: str) -> None:
    answer = refs(path)
    assert answer.status_code in (401, 404)


@pytest.mark.django_db
def test_a_repository_that_is_gone_is_404_for_those_who_may_see_it() -> None:
    project = ProjectFactory(visibility="public")
    shutil.rmtree(project.repository_path)
    answer = refs(project)
    assert answer.status_code == 404
    assert "repository" in answer.json()["message"]


# --- the protocol -------------------------------------------------------------------------------------------------


def ask(project: Project, body: bytes, **headers: str) -> tuple[Any, bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    found: tuple[Any, bytes] = async_to_sync(_whole)(
        lambda client: client.post(
            f"/{project.full_path}.git/git-upload-pack",
            body,
            content_type="application/x-git-upload-pack-request",
            headers=names,
        )
    )
    return found


def list_refs() -> bytes:
    return packet_line("command=ls-refs\n") + b"0001" + packet_line("ref-prefix refs/heads/\n") + b"0000"


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["version=2", "version=2:other=1"])
def test_version_two_lists_refs(version: str) -> None:
    project = ProjectFactory(visibility="public")
    answer, body = ask(project, list_refs(), Git_Protocol=version)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-git-upload-pack-result"
    assert b"refs/heads/main" in body


@pytest.mark.django_db
def test_a_packed_request_is_unpacked() -> None:
    project = ProjectFactory(visibility="public")
    packed = gzip.compress(list_refs())
    _, body = ask(project, packed, Git_Protocol="version=2", Content_Encoding="gzip")
    assert b"refs/heads/main" in body
    for status, content, encoding in (
        (400, b"not gzip", "gzip"),
        (400, packed[:-12], "gzip"),
        (413, gzip.compress(bytes(17 * 1024 * 1024)), "gzip"),
        (415, packed, "br"),
    ):
        answer, _ = ask(project, content, Git_Protocol="version=2", Content_Encoding=encoding)
        assert answer.status_code == status


@pytest.mark.django_db
def test_a_request_that_git_does_not_understand_is_an_error() -> None:
    project = ProjectFactory(visibility="public")
    answer, body = ask(project, b"rubbish")
    assert answer.status_code == 400 or b"ERR" in body


# --- real git -----------------------------------------------------------------------------------------------------


def git(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": "/nonexistent",
    }
    return subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, env=environment, timeout=30
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_a_job_fetches_as_its_payload_says(live: str, tmp_path: Path, version: str) -> None:
    pipeline = pipeline_with({"only": {"script": "make"}}, visibility="private")
    repository = pygit2.Repository(pipeline.project.repository_path)
    for number in range(30):
        commit_files(repository, {"number": str(number)})
    info = RunnerCalls(runner_with_token()[1]).take()["git_info"]
    work = tmp_path / "work"
    assert git("init", "-q", str(work)).returncode == 0
    fetched = git(
        "-c",
        f"protocol.version={version}",
        "fetch",
        info["repo_url"],
        *info["refspecs"],
        "--depth",
        str(info["depth"]),
        "--prune",
        "--quiet",
        folder=work,
    )
    assert fetched.returncode == 0, fetched.stderr
    assert git("checkout", "-f", "-q", info["sha"], folder=work).returncode == 0
    assert (work / ".gitlab-ci.yml").exists()
    count = git("rev-list", "--count", "refs/remotes/origin/main", folder=work).stdout.strip()
    assert count == "20"


@pytest.mark.django_db(transaction=True)
def test_clone_and_push_with_real_git(live: str, tmp_path: Path) -> None:
    files = {".gitlab-ci.yml": "only: {script: make}", "big": os.urandom(3_000_000)}
    project = ProjectFactory(visibility="public", files=files)
    url = f"{live}/{project.full_path}.git"
    cloned = git("clone", "-q", url, str(tmp_path / "clone"))
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "clone" / "big").read_bytes() == files["big"]
    pushed = git("push", "origin", "main:other", folder=tmp_path / "clone")
    assert pushed.returncode != 0
    assert "403" in pushed.stderr
    private = git("clone", f"{live}/{ProjectFactory().full_path}.git", str(tmp_path / "private"))
    assert private.returncode != 0
    assert not (tmp_path / "private").exists()
