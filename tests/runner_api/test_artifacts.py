"""POST and GET /jobs/:id/artifacts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ci_core import clock
from ci_core.actions.jobs import cancel_job
from ci_core.models import Artifact, Job
from ci_core.statuses import AccessLevel
from tests.factories import UserFactory, member, pipeline_with
from tests.runner_api.calls import RunnerCalls, archive, content_of
from tests.runner_api.test_registration import personal_token

pytestmark = pytest.mark.django_db

PAIR = {
    "build": {"stage": "build", "script": "make", "artifacts": {"paths": ["out"]}},
    "check": {"stage": "test", "script": "check"},
}


@pytest.fixture
def taken(runner: RunnerCalls) -> dict[str, Any]:
    """A job that the runner has got."""
    pipeline_with(PAIR)
    return runner.take()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_official_way_fields_in_the_query(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    content = archive(out="hello")
    query = "?expire_in=1+week&artifact_format=zip&artifact_type=archive"
    answer = runner.upload(taken, content, query=query)
    assert answer.status_code == 201
    assert answer.headers["Job-Status"] == "running"
    stored = Artifact.objects.get()
    assert (stored.job_id, stored.file_type, stored.file_format, stored.filename, stored.size) == (
        taken["id"],
        "archive",
        "zip",
        "artifacts.zip",
        len(content),
    )
    assert stored.expire_at is not None
    assert timedelta(days=6) < stored.expire_at - clock.now() <= timedelta(days=7)


def test_the_third_party_way_fields_in_the_form(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    answer = runner.upload(
        taken, b"<xml/>", filename="junit.xml.gz", artifact_format="gzip", artifact_type="junit"
    )
    assert answer.status_code == 201
    stored = Artifact.objects.get()
    assert (stored.file_type, stored.file_format, stored.expire_at) == ("junit", "gzip", None)


@pytest.mark.parametrize(
    ("text", "days"), [("never", None), ("", None), ("Never", None), ("3 mins 4 sec", 0), ("2h20min", 0)]
)
def test_expiry(runner: RunnerCalls, taken: dict[str, Any], text: str, days: int | None) -> None:
    assert runner.upload(taken, b"PK", expire_in=text).status_code == 201
    expire_at = Artifact.objects.get().expire_at
    assert (None if expire_at is None else (expire_at - clock.now()).days) == days


@pytest.mark.parametrize(
    "fields",
    [
        {"expire_in": "soon"},
        {"artifact_format": "rar"},
        {"artifact_type": "../x"},
        {"artifact_format": "raw"},
        {"artifact_type": "t" * 65},
    ],
)
def test_unusable_fields_are_400_and_nothing_is_stored(
    runner: RunnerCalls, taken: dict[str, Any], fields: dict[str, str], settings: Any
) -> None:
    answer = runner.upload(taken, b"PK", **fields)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert not Artifact.objects.exists()
    assert files_in(settings.PIPEYARD_ARTIFACTS) == []


def test_a_second_upload_replaces_the_first(
    runner: RunnerCalls, taken: dict[str, Any], settings: Any
) -> None:
    for content in (b"PK1", b"PK22"):
        assert runner.upload(taken, content).status_code == 201
    assert Artifact.objects.get().size == 4
    assert len(files_in(settings.PIPEYARD_ARTIFACTS)) == 1
    assert runner.upload(taken, b"x", artifact_type="dotenv", artifact_format="gzip").status_code == 201
    assert Artifact.objects.count() == 2


def test_over_the_limit_is_413_and_nothing_is_stored(
    runner: RunnerCalls, taken: dict[str, Any], settings: Any
) -> None:
    settings.PIPEYARD_ARTIFACT_LIMIT = 100
    answer = runner.upload(taken, b"x" * 101)
    assert answer.status_code == 413
    assert "100" in answer.json()["message"]
    assert not Artifact.objects.exists()
    assert files_in(settings.PIPEYARD_ARTIFACTS) == []
    assert runner.upload(taken, b"x" * 100).status_code == 201


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nrubbish"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nnot a file\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\nx\r\n--x--\r\n',
        ),
    ],
)
def test_a_body_without_a_file_is_400(
    runner: RunnerCalls, taken: dict[str, Any], content_type: str, body: bytes
) -> None:
    answer = runner.http.post(
        f"/api/v4/jobs/{taken['id']}/artifacts",
        body,
        content_type=content_type,
        headers={"JOB-TOKEN": taken["token"]},
    )
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert not Artifact.objects.exists()


def test_a_path_in_the_file_name_is_dropped(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../etc/pass\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nPK\r\n--x--\r\n"
    ).replace(b"pass\r\n", b'passwd"\r\n', 1)
    answer = runner.http.post(
        f"/api/v4/jobs/{taken['id']}/artifacts",
        body,
        content_type="multipart/form-data; boundary=x",
        headers={"JOB-TOKEN": taken["token"]},
    )
    assert answer.status_code == 201
    assert Artifact.objects.get().filename == "passwd"


def test_uploads_need_the_token_of_this_running_job(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    pipeline_with(PAIR)
    mine = runner.take()
    for token in ("", "x", runner.token, mine["token"]):
        answer = runner.upload({"id": taken["id"], "token": token}, b"PK")
        assert (answer.status_code, answer.headers["Job-Status"]) == (403, "failed")
    cancel_job(taken["id"], force=True)
    answer = runner.upload(taken, b"PK")
    assert (answer.status_code, answer.headers["Job-Status"]) == (403, "canceled")
    assert not Artifact.objects.exists()


# --- down -----------------------------------------------------------------------------------------------------


@pytest.fixture
def uploaded(runner: RunnerCalls, taken: dict[str, Any]) -> dict[str, Any]:
    """A finished job with an archive."""
    content = archive(out="hello")
    assert runner.upload(taken, content, filename="out put.zip", expire_in="1 day").status_code == 201
    assert runner.put(taken, "success").status_code == 200
    return {**taken, "content": content}


def test_the_dependencys_own_token_fetches_although_it_has_finished(
    runner: RunnerCalls, uploaded: dict[str, Any]
) -> None:
    (dependency,) = runner.take()["dependencies"]
    answer = runner.download(dependency["id"], JOB_TOKEN=dependency["token"])
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(uploaded["content"]))
    assert 'filename="out put.zip"' in answer.headers["Content-Disposition"]
    assert content_of(answer) == uploaded["content"]


def test_another_jobs_token_is_403(runner: RunnerCalls, uploaded: dict[str, Any]) -> None:
    second = runner.take()
    for token in (second["token"], "x", "", runner.token):
        assert runner.download(uploaded["id"], JOB_TOKEN=token).status_code == 403


def test_people_fetch_with_a_personal_token(runner: RunnerCalls, uploaded: dict[str, Any]) -> None:
    job = Job.objects.by_ids([uploaded["id"]]).select_related("project").get()
    reader = personal_token(member(job.project, AccessLevel.REPORTER), "read_api")
    stranger = personal_token(UserFactory(), "api")
    assert content_of(runner.download(job.pk, PRIVATE_TOKEN=reader)) == uploaded["content"]
    assert runner.download(job.pk, AUTHORIZATION=f"Bearer {reader}").status_code == 200
    assert runner.download(job.pk, PRIVATE_TOKEN=stranger).status_code == 404
    assert runner.download(job.pk).status_code == 401
    assert runner.download(job.pk, PRIVATE_TOKEN="glpat-x").status_code == 401
    for unknown in (1, 2**53, 2**60, 10**40):
        assert runner.download(unknown, PRIVATE_TOKEN=reader).status_code == 404


def test_none_expired_or_lost_is_404(runner: RunnerCalls, uploaded: dict[str, Any], settings: Any) -> None:
    second = runner.take()
    assert runner.download(second["id"], JOB_TOKEN=second["token"]).status_code == 404
    (file,) = files_in(settings.PIPEYARD_ARTIFACTS)
    file.unlink()
    assert runner.download(uploaded["id"], JOB_TOKEN=uploaded["token"]).status_code == 404
    file.write_bytes(b"PK")
    assert runner.download(uploaded["id"], JOB_TOKEN=uploaded["token"]).status_code == 200
    Artifact.objects.update(expire_at=clock.now() - timedelta(seconds=1))
    assert runner.download(uploaded["id"], JOB_TOKEN=uploaded["token"]).status_code == 404


def test_a_report_alone_is_no_archive(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    runner.upload(taken, b"x", artifact_type="junit", artifact_format="gzip")
    assert runner.download(taken["id"], JOB_TOKEN=taken["token"]).status_code == 404
