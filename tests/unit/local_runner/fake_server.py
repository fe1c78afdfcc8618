"""Owns a small real server of the runner API: jobs out, reports in, and hooks to misbehave."""

import json
import re
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

RUNNER_TOKEN = "glrt-test-token"


@dataclass
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Upload:
    job_id: int
    filename: str
    params: dict[str, str]
    content: bytes
    chunked: bool


@dataclass
class JobRecord:
    """What the server has heard of one job."""

    trace: bytearray = field(default_factory=bytearray)
    patches: list[tuple[str, int]] = field(default_factory=list)  # Content-Range, status
    puts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def final(self) -> dict[str, Any]:
        return self.puts[-1]

    @property
    def text(self) -> str:
        return self.trace.decode()


class FakeServer:
    """Hooks may return a Reply, which then replaces the usual answer; None lets the usual things happen."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.records: dict[int, JobRecord] = {}
        self.uploads: list[Upload] = []
        self.archives: dict[int, bytes] = {}
        self.artifact_tokens: list[str] = []  # as sent with each artifact request
        self.requests: list[dict[str, Any]] = []
        self.job_status: dict[int, str] = {}
        self.update_interval = ""
        self.on_request: Callable[[dict[str, Any]], Reply | None] = lambda body: None
        self.on_patch: Callable[[int, int, bytes], Reply | None] = lambda job_id, start, data: None
        self.on_put: Callable[[int, dict[str, Any]], Reply | None] = lambda job_id, body: None
        self.on_artifacts: Callable[[str, int], Reply | None] = lambda method, job_id: None
        self.changed = threading.Condition()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout=seconds), "the server waited in vain"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *args: Any) -> None:
                pass

            def _answer(self) -> None:
                body = self._body()
                with fake.changed:
                    reply = fake.respond(self.command, self.path, dict(self.headers.items()), body)
                    fake.changed.notify_all()
                self.send_response(reply.status)
                for key, value in reply.headers.items():
                    self.send_header(key, value)
                if reply.status != 204:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = _answer

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    data = b""
                    while size := int(self.rfile.readline(), 16):
                        data += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return data
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        return Handler

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        url = urlsplit(path)
        if url.path == "/api/v4/jobs/request":
            return self._request(json.loads(body), headers)
        match = re.fullmatch(r"/api/v4/jobs/(\d+)(/trace|/artifacts)?", url.path)
        assert match, path
        job_id = int(match[1])
        if method == "PUT":
            return self._put(job_id, json.loads(body), headers)
        if method == "PATCH":
            return self._patch(job_id, headers, body)
        self.artifact_tokens.append(headers.get("JOB-TOKEN", ""))
        reply = self.on_artifacts(method, job_id)
        if reply is not None:
            return reply
        if method == "POST":
            return self._upload(job_id, dict(parse_qsl(url.query)), headers, body)
        assert headers["JOB-TOKEN"] == f"job-token-{job_id}"
        archive = self.archives.get(job_id)
        return Reply(404) if archive is None else Reply(200, {}, archive)

    def _request(self, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        self.requests.append(body)
        reply = self.on_request(body)
        if reply is not None:
            return reply
        if body["token"] != RUNNER_TOKEN or headers["RUNNER-TOKEN"] != RUNNER_TOKEN:
            return Reply(403)
        if not self.jobs:
            return Reply(204, {"X-GitLab-Last-Update": "queue-1"})
        job = self.jobs.pop(0)
        self.records[job["id"]] = JobRecord()
        return Reply(201, {"Content-Type": "application/json"}, json.dumps(job).encode())

    def _put(self, job_id: int, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        record = self.records[job_id]
        record.puts.append(body)
        assert headers["JOB-TOKEN"] == body["token"] == f"job-token-{job_id}"
        return self.on_put(job_id, body) or Reply(200, self._job_headers(job_id))

    def _patch(self, job_id: int, headers: dict[str, str], body: bytes) -> Reply:
        record = self.records[job_id]
        start = int(headers["Content-Range"].split("-")[0])
        reply = self.on_patch(job_id, start, body)
        if reply is None:
            size = len(record.trace)
            if start != size:
                reply = Reply(416, {"Range": f"0-{size}"})
            else:
                record.trace += body
                reply = Reply(202, {"Range": f"0-{len(record.trace)}", **self._job_headers(job_id)})
        record.patches.append((headers["Content-Range"], reply.status))
        return reply

    def _upload(self, job_id: int, params: dict[str, str], headers: dict[str, str], body: bytes) -> Reply:
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        (part,) = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        content = part.get_payload(decode=True)
        chunked = headers.get("Transfer-Encoding") == "chunked"
        self.uploads.append(Upload(job_id, part.get_filename(), params, content, chunked))
        return Reply(201, self._job_headers(job_id))

    def _job_headers(self, job_id: int) -> dict[str, str]:
        headers = {"Job-Status": self.job_status.get(job_id, "running")}
        if self.update_interval:
            headers["X-GitLab-Trace-Update-Interval"] = self.update_interval
        return headers
