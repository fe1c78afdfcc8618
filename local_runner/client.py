"""Owns the HTTP calls of the runner protocol: paths, headers, time limits, retries. Decides nothing."""

import json
import random
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from local_runner import VERSION
from local_runner.env import is_loopback
from local_runner.settings import Settings
from local_runner.wire import final_body, multipart_chunks, runner_info

TRIES = 5  # of the retry layer
_RETRIED = {408, 429, 500, 502, 503, 504}
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_SHUTDOWN_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Answer:
    """What a call came to. `status` 0 means that there was no answer, and `error` says why."""

    status: int
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    error: str = ""

    @property
    def job_status(self) -> str:
        """The job's state as the server sees it, or an empty text."""
        return str(self.headers.get("Job-Status", ""))

    @property
    def update_interval_s(self) -> int | None:
        """How often (seconds) the server wants log updates; None if it did not say so sensibly."""
        text = self.headers.get("X-GitLab-Trace-Update-Interval", "")
        value = int(text) if text.isascii() and text.isdigit() else 0
        return min(value, 900) if value > 0 else None

    @property
    def stored_bytes(self) -> int:
        """From `Range: 0-N`: how many bytes of the log the server has. 0 if it does not say."""
        _, _, end = self.headers.get("Range", "").partition("-")
        return int(end) if end.isascii() and end.isdigit() else 0

    def describe(self) -> str:
        """A short text for a log line."""
        if self.status == 0:
            return self.error
        try:
            message = self.json().get("message", "")
        except (ValueError, AttributeError):
            message = ""
        return f"status {self.status}" + (f" ({message})" if message else "")

    def json(self) -> Any:
        """The decoded body. Raises ValueError if it is not JSON by type and by content."""
        if self.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise ValueError("the answer is not JSON")
        return json.loads(self.body)


class RunnerClient:
    """Speaks to one server as one runner. Safe to use from several threads."""

    def __init__(self, settings: Settings, system_id: str, shutdown: threading.Event) -> None:
        self._settings = settings
        self._system_id = system_id
        self._shutdown = shutdown
        self._info = runner_info(settings.name)
        self._last_update = ""
        self._http = httpx.Client(
            base_url=f"{settings.url}/api/v4/",
            headers={"User-Agent": f"pipeyard-local-runner/{VERSION}"},
            trust_env=not is_loopback(urlsplit(settings.url).hostname or ""),
            timeout=httpx.Timeout(settings.request_timeout_s, connect=10.0),
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()

    def request_job(self) -> Answer:
        """Ask for a job. 201: the body is one; 204: none; 403: the token is refused."""
        body = {"token": self._settings.token, "system_id": self._system_id, "info": self._info}
        if self._last_update and not self._settings.once:  # without it the server answers at once
            body["last_update"] = self._last_update
        answer = self._send(
            lambda: self._http.build_request(
                "POST",
                "jobs/request",
                json=body,
                headers={"RUNNER-TOKEN": self._settings.token, "Accept": "application/json"},
                timeout=httpx.Timeout(self._settings.poll_timeout_s, connect=10.0),
            )
        )
        self._last_update = answer.headers.get("X-GitLab-Last-Update", "") or self._last_update
        return answer

    def update_job(self, job_id: int, token: str, state: str, report: dict[str, Any] | None = None) -> Answer:
        """Tell the state of a job: running, success or failed. `report`: see wire.final_body."""
        body = final_body(token, state, self._info, report or {})
        return self._send(
            lambda: self._http.build_request(
                "PUT", f"jobs/{job_id}", json=body, headers={"JOB-TOKEN": token}, timeout=self._timeout()
            )
        )

    def patch_trace(self, job_id: int, token: str, *, offset: int, data: bytes, debug: bool) -> Answer:
        """Send a piece of the log that begins at a byte offset."""
        headers = {
            "JOB-TOKEN": token,
            "Content-Type": "text/plain",
            "Content-Range": f"{offset}-{offset + len(data) - 1}",
        }
        return self._send(
            lambda: self._http.build_request(
                "PATCH",
                f"jobs/{job_id}/trace",
                params={"debug_trace": "true" if debug else "false"},
                content=data,
                headers=headers,
                timeout=self._timeout(),
            )
        )

    def upload_artifact(
        self,
        job_id: int,
        token: str,
        *,
        path: Path,
        filename: str,
        params: dict[str, str],
        check: Callable[[], None],
    ) -> Answer:
        """Send a file as an artifact, in chunks. `check` is called between them and may raise to stop."""
        boundary = f"pipeyard{secrets.token_hex(16)}"
        return self._send(
            lambda: self._http.build_request(
                "POST",
                f"jobs/{job_id}/artifacts",
                params=params,
                content=multipart_chunks(path, filename, boundary, check),
                headers={"JOB-TOKEN": token, "Content-Type": f"multipart/form-data; boundary={boundary}"},
            )
        )

    def download_artifact(
        self, job_id: int, token: str, *, target: Path, limit: int, check: Callable[[], None]
    ) -> Answer:
        """Fetch a job's artifact archive into a file. 200: it is there; 413 (ours): over `limit` bytes.

        Redirects are followed; another origin does not get the job token.
        """
        url = str(self._http.base_url.join(f"jobs/{job_id}/artifacts?direct_download=true"))
        origin = urlsplit(url)[:2]
        for _ in range(_MAX_REDIRECTS):
            headers = {"JOB-TOKEN": token} if urlsplit(url)[:2] == origin else {}
            answer = self._fetch(url, headers, target, limit, check)
            if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["Location"])
        return Answer(0, error="too many redirects")

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up when the runner shuts down."""
        self._shutdown.wait(seconds)

    def _fetch(
        self, url: str, headers: dict[str, str], target: Path, limit: int, check: Callable[[], None]
    ) -> Answer:
        for attempt in range(TRIES):
            try:
                with self._http.stream("GET", url, headers=headers) as response:
                    if not _is_retried(response.status_code) or attempt == TRIES - 1:
                        return _store(response, target, limit, check)
                    delay = self._delay(response.headers, attempt)
            except httpx.HTTPError as error:
                return Answer(0, error=_reason(error))
            self.wait(delay)
            check()
        raise AssertionError("unreachable")

    def _send(self, build: Callable[[], httpx.Request]) -> Answer:
        """The retry layer: busy and broken servers are asked again, with the same body."""
        answer = Answer(0)
        for attempt in range(TRIES):
            try:
                response = self._http.send(build())
            except httpx.HTTPError as error:
                return Answer(0, error=_reason(error))
            answer = Answer(response.status_code, response.headers, response.content)
            if not _is_retried(answer.status) or attempt == TRIES - 1 or self._shutdown.is_set():
                break
            self.wait(self._delay(answer.headers, attempt))
        return answer

    def _delay(self, headers: httpx.Headers, attempt: int) -> float:
        """Seconds until the next attempt: what the server asks for, else doubling with some jitter."""
        text = headers.get("Retry-After", "")
        if text.isascii() and text.isdigit():
            return min(float(text), self._settings.retry_max_s)
        doubled = self._settings.retry_first_s * float(2**attempt)
        return min(doubled, self._settings.retry_max_s) * _jitter()

    def _timeout(self) -> httpx.Timeout:
        """Short while shutting down: the runner has to leave within seconds."""
        limit = _SHUTDOWN_TIMEOUT_S if self._shutdown.is_set() else self._settings.request_timeout_s
        return httpx.Timeout(limit, connect=min(limit, 10.0))


def _jitter() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing


def _is_retried(status: int) -> bool:
    return status in _RETRIED or status >= 512


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _store(response: httpx.Response, target: Path, limit: int, check: Callable[[], None]) -> Answer:
    """Write a successful download to its file; keep the body of any other answer."""
    if response.status_code != 200:
        return Answer(response.status_code, response.headers, b"".join(_first(response.iter_bytes(), 4096)))
    received = 0
    with target.open("wb") as file:
        for chunk in response.iter_bytes(64 * 1024):
            check()
            received += len(chunk)
            if received > limit:
                return Answer(413, error=f"the archive is larger than {limit} bytes")
            file.write(chunk)
    return Answer(200, response.headers)


def _first(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Chunks until about `limit` bytes were seen."""
    for chunk in chunks:
        yield chunk
        limit -= len(chunk)
        if limit <= 0:
            return
