"""Owns the runner's settings: what the command line gives, and the limits and times the tests shorten."""

from dataclasses import dataclass, field
from pathlib import Path

from local_runner.errors import StopReason

MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """Everything one runner process needs to know. Sizes in bytes, times in seconds."""

    url: str
    token: str = field(repr=False)
    work_dir: Path
    name: str = "local-runner"
    concurrency: int = 1
    once: bool = False  # leave at the first answer "no job"
    max_jobs: int = 0  # 0 = no limit

    poll_pause_s: float = 1.0
    poll_timeout_s: float = 90.0  # the server may hold the request open for about a minute
    backoff_max_s: float = 10.0  # between requests to a server that does not answer
    request_timeout_s: float = 60.0
    retry_first_s: float = 0.1  # first wait of the retry layer; doubles
    retry_max_s: float = 60.0  # cap of any wait, a server's Retry-After included

    trace_interval_s: float = 1.0
    trace_request_bytes: int = MIB
    keep_alive_s: float = 30.0
    log_limit_bytes: int = 4 * MIB
    final_tries: int = 10
    final_retry_s: float = 1.0  # first wait after a failed final report; doubles
    final_pending_tries: int = 120  # how often "accepted, not completed" (202) is asked again

    after_script_s: float = 300.0
    kill_grace_s: float = 3.0  # between SIGTERM and SIGKILL
    interrupt_grace_s: float = 1.0  # the same while the runner itself is shutting down
    shutdown_s: float = 8.0  # longest wait for running jobs to be reported at shutdown

    archive_limit_bytes: int = 1024 * MIB
    extract_limit_bytes: int = 4096 * MIB
    extract_limit_entries: int = 200_000

    def kill_grace(self, reason: StopReason) -> float:
        """Seconds a process group gets between SIGTERM and SIGKILL."""
        return self.interrupt_grace_s if reason is StopReason.INTERRUPTED else self.kill_grace_s


def normalise_url(url: str) -> str:
    """The server's base URL without trailing slash and `/ci`. Raises ValueError if it is not http(s)."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"the server URL must begin with http:// or https://, not {url!r}")
    return url.rstrip("/").removesuffix("/ci")
