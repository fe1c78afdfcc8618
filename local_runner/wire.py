"""Owns the bodies of the protocol that are not tied to one call: runner info, reports, multipart."""

import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local_runner import VERSION

_CHUNK = 64 * 1024
_FEATURES = (
    "variables", "raw_variables", "masking", "shared", "refspecs", "multi_build_steps", "return_exit_code",
    "artifacts", "artifacts_exclude", "upload_multiple_artifacts", "upload_raw_artifacts",
    "cache", "fallback_cache_keys", "cancelable", "cancel_gracefully",
    "trace_reset", "trace_checksum", "trace_size", "two_phase_job_commit",
)  # fmt: skip
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# Failure reasons every server knows, and what a reason becomes where the server did not list it.
_ALWAYS_KNOWN = {"script_failure", "runner_system_failure", "job_execution_timeout"}
_UNKNOWN = "unknown_failure"


def runner_info(name: str) -> dict[str, Any]:
    """What the runner says about itself. Only features it really has."""
    machine = platform.machine()
    return {
        "name": name,
        "version": VERSION,
        "platform": sys.platform,
        "architecture": _ARCHITECTURES.get(machine, machine),
        "executor": "shell",
        "shell": "bash",
        "features": dict.fromkeys(_FEATURES, True),
        "config": {"gpus": ""},
    }


def final_body(token: str, state: str, info: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """The body of PUT /jobs/:id. `report` may hold failure_reason, exit_code, checksum and bytesize."""
    body: dict[str, Any] = {"token": token, "state": state, "info": info}
    if report.get("failure_reason"):
        body["failure_reason"] = report["failure_reason"]
    if report.get("exit_code"):
        body["exit_code"] = report["exit_code"]
    body["output"] = {key: report[key] for key in ("checksum", "bytesize") if key in report}
    return body


def known_reason(reason: str, listed: tuple[str, ...]) -> str:
    """The failure reason as this server understands it."""
    return reason if reason in _ALWAYS_KNOWN or reason in listed else _UNKNOWN


def multipart_chunks(path: Path, filename: str, boundary: str, check: Callable[[], None]) -> Iterator[bytes]:
    """A multipart/form-data body with one part named `file`, read from disk as it is sent."""
    quoted = filename.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
    yield (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            check()
            yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()
