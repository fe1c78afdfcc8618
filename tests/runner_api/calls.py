"""Speaks the runner protocol in tests, word for word as runners do."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import Any

from asgiref.sync import async_to_sync
from django.test import Client

from ci_core.models import Job

SYSTEM_ID = "s_0123456789ab"
INFO = {
    "name": "gitlab-runner",
    "version": "19.4.0",
    "revision": "d79f3e7b",
    "platform": "linux",
    "architecture": "amd64",
    "executor": "shell",
    "shell": "bash",
    "features": {"cancel_gracefully": True, "trace_checksum": True, "session": False},
    "config": {"gpus": ""},
}


class RunnerCalls:
    """The calls of one runner."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.http = Client(raise_request_exception=False)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A JSON call. headers: names with underscores."""
        data = "" if body is None else body if isinstance(body, str | bytes) else json.dumps(body)
        return self.http.generic(
            method,
            f"/api/v4/{path}",
            data,
            content_type="application/json",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def request_job(self, **more: Any) -> Any:
        """A poll."""
        body = {"token": self.token, "system_id": SYSTEM_ID, "info": INFO, **more}
        return self.send("POST", "jobs/request", body, RUNNER_TOKEN=self.token)

    def take(self) -> dict[str, Any]:
        """A poll that must give a job."""
        answer = self.request_job()
        assert answer.status_code == 201, (answer.status_code, answer.content)
        assert answer.headers["Content-Type"] == "application/json"
        payload: dict[str, Any] = answer.json()
        return payload

    def put(self, job: dict[str, Any], state: str | None, **more: Any) -> Any:
        """A report of a job."""
        body = {"token": job["token"], "info": INFO, **more}
        if state is not None:
            body["state"] = state
        return self.send("PUT", f"jobs/{job['id']}", body, JOB_TOKEN=job["token"])

    def patch(self, job: dict[str, Any], start: int, data: bytes, content_range: str | None = None) -> Any:
        """A piece of a log."""
        if content_range is None:
            content_range = f"{start}-{start + len(data) - 1}"
        return self.http.generic(
            "PATCH",
            f"/api/v4/jobs/{job['id']}/trace?debug_trace=false",
            data,
            content_type="text/plain",
            headers={"JOB-TOKEN": job["token"], "Content-Range": content_range},
        )

    def upload(self, job: dict[str, Any], content: bytes, *, query: str = "", **form: str) -> Any:
        """An artifact, with a Content-Length."""
        file = io.BytesIO(content)
        file.name = form.pop("filename", "artifacts.zip")
        return self.http.post(
            f"/api/v4/jobs/{job['id']}/artifacts{query}",
            {"file": file, **form},
            headers={"JOB-TOKEN": job["token"]},
        )

    def download(self, job_id: int, **headers: str) -> Any:
        """The archive of a job."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.get(f"/api/v4/jobs/{job_id}/artifacts?direct_download=true", headers=names)


def content_of(response: Any) -> bytes:
    """The body of a streamed answer."""

    async def read() -> bytes:
        return b"".join([block async for block in response.streaming_content])

    return async_to_sync(read)()


def archive(**files: str) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def output(log: bytes) -> dict[str, Any]:
    """What a runner says of the log it sent."""
    return {"checksum": f"crc32:{zlib.crc32(log):08x}", "bytesize": len(log)}


def status_of(job_id: int) -> str:
    """A job's status as it is stored."""
    status: str = Job.objects.by_ids([job_id]).values_list("status", flat=True).get()
    return status


def job_named(pipeline_id: int, name: str) -> Job:
    """The newest job of that name."""
    found: Job = Job.objects.in_pipeline(pipeline_id).latest_copies().get(name=name)
    return found
