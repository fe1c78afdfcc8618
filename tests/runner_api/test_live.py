"""What only a real server shows: bodies in chunks, requests held open, clients that go away."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.db import connection

from ci_core import tokens
from ci_core.actions import pipelines
from ci_core.models import Artifact, Job, PendingJob, Project, RunnerManager, RunningJob
from ci_core.statuses import PipelineSource
from runner_api import body_limit, polling
from tests.factories import pipeline_with, project_with, runner_with_token
from tests.runner_api.calls import archive, status_of

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
ONE = {"only": {"script": "make"}}


class LiveRunner:
    """A runner that calls a real server."""

    def __init__(self, url: str) -> None:
        self.runner, self.token = runner_with_token()
        self.http = httpx.Client(base_url=f"{url}/api/v4/", timeout=10)

    def request_job(self, **more: Any) -> httpx.Response:
        return self.http.post("jobs/request", json={"token": self.token, **more})

    def upload(self, job: dict[str, Any], content: Iterator[bytes] | bytes, **headers: str) -> httpx.Response:
        """An upload in chunks, as the official runner sends it."""
        return self.http.post(
            f"jobs/{job['id']}/artifacts",
            params={"artifact_format": "zip", "artifact_type": "archive"},
            content=content,
            headers={"JOB-TOKEN": job["token"], "Content-Type": "multipart/form-data; boundary=x", **headers},
        )


@pytest.fixture
def runner(live: str) -> Iterator[LiveRunner]:
    found = LiveRunner(live)
    with found.http:
        yield found


def chunks(content: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n'
    yield b"Content-Type: application/octet-stream\r\n\r\n"
    for start in range(0, len(content), size):
        yield content[start : start + size]
    yield b"\r\n--x--\r\n"


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def create(project: Project) -> int:
    return pipelines.create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None).pk


# --- bodies -----------------------------------------------------------------------------------------------------


def test_an_upload_in_chunks_without_a_length(runner: LiveRunner) -> None:
    pipeline_with(ONE)
    job = runner.request_job().json()
    content = archive(big="0123456789" * 300_000)
    answer = runner.upload(job, chunks(content))
    assert answer.status_code == 201, answer.text
    assert "content-length" not in answer.request.headers
    stored = Artifact.objects.get()
    assert stored.size == len(content) > 2 * MIB
    fetched = runner.http.get(f"jobs/{job['id']}/artifacts", headers={"JOB-TOKEN": job["token"]})
    assert fetched.content == content


def test_an_upload_over_the_limit_is_cut_off_while_it_is_read(runner: LiveRunner, settings: Any) -> None:
    settings.PIPEYARD_ARTIFACT_LIMIT = MIB
    pipeline_with(ONE)
    job = runner.request_job().json()
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for chunk in chunks(bytes(64 * MIB), MIB):
            sent += len(chunk)
            yield chunk

    answer = runner.upload(job, endless())
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/json")
    assert "limit" in answer.json()["message"]
    announced = runner.upload(job, b"".join(chunks(bytes(3 * MIB))))
    assert announced.status_code == 413
    assert not Artifact.objects.exists()
    assert runner.upload(job, chunks(bytes(MIB))).status_code == 201


def test_without_the_key_not_a_byte_of_an_upload_is_stored(
    runner: LiveRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline_with(ONE)
    job = runner.request_job().json()
    monkeypatch.setattr("django.core.handlers.asgi.ASGIHandler.read_body", None)
    for token in ("", "x", runner.token, job["token"] + "x"):
        answer = runner.upload(job, chunks(bytes(2 * MIB)), **{"JOB-TOKEN": token})
        assert (answer.status_code, answer.headers["job-status"]) == (403, "failed")


def test_a_client_that_asks_first_is_refused_without_sending(runner: LiveRunner, live: str) -> None:
    pipeline_with(ONE)
    job = runner.request_job().json()
    start = time.monotonic()
    client = http.client.HTTPConnection(live.removeprefix("http://"), timeout=5)
    client.putrequest("POST", f"/api/v4/jobs/{job['id']}/artifacts")
    for name, value in (
        ("JOB-TOKEN", job["token"]),
        ("Content-Length", "9" * 12),
        ("Expect", "100-continue"),
    ):
        client.putheader(name, value)
    client.endheaders()
    assert client.getresponse().status == 413
    client.close()
    assert time.monotonic() - start < body_limit.DRAIN_SECONDS


def test_other_bodies_are_limited_too(runner: LiveRunner) -> None:
    answer = runner.http.post("jobs/request", content=iter([bytes(MIB)] * 7))
    assert answer.status_code == 413
    assert answer.json()["message"]


# --- held requests ------------------------------------------------------------------------------------------------


class Held:
    """A poll in a thread."""

    def __init__(self, runner: LiveRunner) -> None:
        self.answer: httpx.Response | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._poll, args=(runner,), daemon=True)
        self._thread.start()

    def _poll(self, runner: LiveRunner) -> None:
        start = time.monotonic()
        self.answer = runner.request_job(last_update="1")
        self.seconds = time.monotonic() - start

    def result(self) -> httpx.Response:
        self._thread.join(10)
        assert self.answer is not None
        return self.answer


def test_a_held_request_gets_a_job_the_moment_there_is_one(runner: LiveRunner) -> None:
    project = project_with(ONE)
    held = Held(runner)
    time.sleep(0.3)
    assert held.answer is None
    created = time.monotonic()
    create(project)
    assert held.result().status_code == 201
    # Far less than the 20 seconds after which it would have looked again.
    assert time.monotonic() - created < 5


def test_a_held_request_ends_with_204(runner: LiveRunner, settings: Any) -> None:
    settings.PIPEYARD_LONG_POLL_SECONDS = 0.4
    held = Held(runner)
    assert held.result().status_code == 204
    assert held.answer is not None
    assert held.answer.headers["x-gitlab-last-update"]
    assert 0.3 < held.seconds < 3


def test_many_held_runners_share_out_the_jobs(live: str, settings: Any) -> None:
    settings.PIPEYARD_LONG_POLL_SECONDS = 0.9
    runners = [LiveRunner(live) for _ in range(8)]
    project = project_with({f"job{n}": {"script": "make"} for n in range(5)})
    held = [Held(runner) for runner in runners]
    time.sleep(0.3)
    create(project)
    answers = [one.result() for one in held]
    taken = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert len(taken) == len(set(taken)) == 5
    assert [answer.status_code for answer in answers].count(204) == 3
    for runner in runners:
        runner.http.close()


def test_a_runner_paused_while_it_waits_gets_nothing(runner: LiveRunner, settings: Any) -> None:
    settings.PIPEYARD_LONG_POLL_SECONDS = 0.6
    project = project_with(ONE)
    held = Held(runner)
    time.sleep(0.2)
    type(runner.runner).objects.update(paused=True)
    create(project)
    assert held.result().status_code == 204


def test_a_runner_that_leaves_while_it_waits_claims_nothing(runner: LiveRunner) -> None:
    project = project_with(ONE)
    with pytest.raises(httpx.ReadTimeout):
        runner.http.post("jobs/request", json={"token": runner.token, "last_update": "1"}, timeout=0.3)
    time.sleep(0.2)
    pipeline_id = create(project)
    time.sleep(0.3)
    job = Job.objects.in_pipeline(pipeline_id).get()
    assert (job.status, job.attempt) == ("pending", 0)


def test_a_job_claimed_for_a_runner_that_has_left_goes_back(
    runner: LiveRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_with({"only": {"script": "make", "environment": "staging"}})
    pipeline_id = create(project)
    job = Job.objects.in_pipeline(pipeline_id).get()
    claimed, gone = threading.Event(), threading.Event()
    take_job = polling.take_job

    def slow(*arguments: Any) -> Any:
        handed = take_job(*arguments)
        if handed is not None and not claimed.is_set():
            claimed.set()
            assert gone.wait(5)
        return handed

    monkeypatch.setattr(polling, "take_job", slow)
    with pytest.raises(httpx.ReadTimeout):
        runner.http.post("jobs/request", json={"token": runner.token}, timeout=0.5)
    assert claimed.is_set()
    assert status_of(job.pk) == "running"
    time.sleep(0.2)
    gone.set()
    wait_for(lambda: status_of(job.pk) == "pending")
    assert PendingJob.objects.filter(job_id=job.pk).exists()
    assert not RunningJob.objects.exists()
    payload = runner.request_job().json()
    again = Job.objects.by_ids([job.pk]).get()
    assert (payload["id"], again.attempt, payload["token"]) == (job.pk, 2, tokens.job_token(again))


def connections_in_use() -> int:
    """Of the pool, by whomever; this thread's own is given back first."""
    connection.close()
    stats = connection.pool.get_stats()
    used: int = stats["pool_size"] - stats["pool_available"]
    return used


def test_waiting_runners_keep_no_database_connections(live: str, settings: Any) -> None:
    settings.PIPEYARD_LONG_POLL_SECONDS = 8
    project = project_with({f"job{n}": {"script": "make"} for n in range(20)})
    runners = [LiveRunner(live) for _ in range(20)]
    held = [Held(runner) for runner in runners]
    wait_for(lambda: RunnerManager.objects.count() == 20)
    wait_for(lambda: connections_in_use() == 0)
    assert all(one.answer is None for one in held)
    create(project)
    assert len({one.result().json()["id"] for one in held}) == 20
    for runner in runners:
        runner.http.close()


def test_a_slow_download_keeps_no_database_connection(runner: LiveRunner) -> None:
    pipeline_with(ONE)
    job = runner.request_job().json()
    content = bytes(32 * MIB)
    assert runner.upload(job, chunks(content, MIB)).status_code == 201
    path, key = f"jobs/{job['id']}/artifacts", {"JOB-TOKEN": job["token"]}
    with runner.http.stream("GET", path, headers=key) as answer:
        assert answer.status_code == 200
        wait_for(lambda: connections_in_use() == 0)
        assert sum(len(block) for block in answer.iter_bytes()) == len(content)
