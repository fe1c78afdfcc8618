"""PATCH /jobs/:id/trace: the offset rule."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from ci_core.actions.jobs import cancel_job
from ci_core.models import Job, Trace, TraceChunk
from tests.factories import pipeline_with
from tests.runner_api.calls import RunnerCalls, status_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(runner: RunnerCalls) -> dict[str, Any]:
    """A job that the runner has got."""
    pipeline_with({"only": {"script": "make"}})
    return runner.take()


def log_of(job: dict[str, Any]) -> bytes:
    chunks = TraceChunk.objects.of_jobs([job["id"]]).order_by("start", "id")
    data = b"".join(bytes(chunk.data) for chunk in chunks)
    trace = Trace.objects.by_ids([job["id"]]).first()
    assert (len(data), zlib.crc32(data)) == ((trace.size, trace.checksum) if trace else (0, 0))
    return data


def test_pieces_are_appended(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    sizes = []
    for start, data in ((0, b"abcd"), (4, b"e"), (5, b"fghi")):
        answer = runner.patch(taken, start, data)
        assert answer.status_code == 202
        assert answer.headers["Job-Status"] == "running"
        assert answer.headers["X-GitLab-Trace-Update-Interval"] == "3"
        sizes.append(answer.headers["Range"])
    assert sizes == ["0-4", "0-5", "0-9"]
    assert log_of(taken) == b"abcdefghi"


@pytest.mark.parametrize("start", [0, 3, 5, 10**14])
def test_another_offset_is_416_with_what_is_stored(
    runner: RunnerCalls, taken: dict[str, Any], start: int
) -> None:
    runner.patch(taken, 0, b"abcd")
    answer = runner.patch(taken, start, b"xyz")
    assert (answer.status_code, answer.headers["Range"]) == (416, "0-4")
    assert answer.headers["Job-Status"] == "running"
    assert log_of(taken) == b"abcd"


def test_a_piece_that_comes_twice_is_stored_once(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    runner.patch(taken, 0, b"abcd")
    assert runner.patch(taken, 0, b"abcd").headers["Range"] == "0-4"
    assert log_of(taken) == b"abcd"


@pytest.mark.parametrize("content_range", ["0-43", "0-42", "0-0", "0-999", "bytes 0-42/43", "0-"])
def test_the_end_of_the_range_is_not_looked_at(
    runner: RunnerCalls, taken: dict[str, Any], content_range: str
) -> None:
    answer = runner.patch(taken, 0, b"x" * 43, content_range)
    assert (answer.status_code, answer.headers["Range"]) == (202, "0-43")


def test_an_empty_piece_is_fine(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    assert runner.patch(taken, 0, b"", "0-0").status_code == 202
    runner.patch(taken, 0, b"abc")
    answer = runner.patch(taken, 3, b"", "3-3")
    assert (answer.status_code, answer.headers["Range"]) == (202, "0-3")


def test_bytes_are_kept_as_they_are(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    data = bytes(range(256)) + "é".encode()[:1]
    runner.patch(taken, 0, data)
    runner.patch(taken, len(data), "é".encode()[1:])
    assert log_of(taken) == data + "é".encode()[1:]


@pytest.mark.parametrize("content_range", ["", "x", "-5", "a-b", "5", "1-2-3", "9" * 30 + "-1", "0-1\u00b2"])
def test_an_unreadable_range_is_400(runner: RunnerCalls, taken: dict[str, Any], content_range: str) -> None:
    answer = runner.patch(taken, 0, b"abc", content_range)
    assert answer.status_code == 400
    assert "Content-Range" in answer.json()["message"]
    assert answer.headers["Job-Status"] == "running"
    assert log_of(taken) == b""


def test_a_piece_over_a_mebibyte_is_413(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    whole = 1024 * 1024
    answer = runner.patch(taken, 0, b"x" * (whole + 1))
    assert answer.status_code == 413
    assert str(whole) in answer.json()["message"]
    assert log_of(taken) == b""
    assert runner.patch(taken, 0, b"x" * whole).status_code == 202


def test_a_log_over_the_limit_fails_its_job(
    runner: RunnerCalls, taken: dict[str, Any], settings: Any
) -> None:
    settings.PIPEYARD_TRACE_LIMIT = 10
    assert runner.patch(taken, 0, b"x" * 10).status_code == 202
    answer = runner.patch(taken, 10, b"y")
    assert (answer.status_code, answer.headers["Job-Status"]) == (403, "failed")
    assert "10 bytes" in answer.json()["message"]
    job = Job.objects.by_ids([taken["id"]]).get()
    assert (job.status, job.failure_reason) == ("failed", "trace_size_exceeded")
    assert log_of(taken) == b"x" * 10


def test_a_wrong_offset_beyond_the_limit_fails_nothing(
    runner: RunnerCalls, taken: dict[str, Any], settings: Any
) -> None:
    settings.PIPEYARD_TRACE_LIMIT = 10
    assert runner.patch(taken, 11, b"y").status_code == 416
    assert status_of(taken["id"]) == "running"


def test_a_job_that_is_over_takes_nothing(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    cancel_job(taken["id"], force=True)
    answer = runner.patch(taken, 0, b"abc")
    assert (answer.status_code, answer.headers["Job-Status"]) == (403, "canceled")
    assert log_of(taken) == b""


def test_only_the_jobs_own_token_will_do(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    pipeline_with({"mine": {"script": "make"}})
    mine = runner.take()
    for token in ("", "nonsense", runner.token, mine["token"]):
        answer = runner.patch({"id": taken["id"], "token": token}, 0, b"abc")
        assert answer.status_code == 403
        assert answer.headers["Job-Status"] == "failed"
    assert log_of(taken) == b""
