"""Owns what the server hears of a job (log pieces, keep-alives, the final report) and what it says back."""

import threading
import time
from enum import Enum, auto

from local_runner.client import Answer, RunnerClient
from local_runner.control import JobControl
from local_runner.executor import Outcome
from local_runner.job import Job
from local_runner.settings import Settings
from local_runner.trace import JobLog
from local_runner.wire import known_reason

_OVER = ("canceled", "failed")  # Job-Status values that end the job
_FULL_RESENDS = 3  # how often the server may ask for the whole log again
_SHUTDOWN_TRIES = 3
_SHUTDOWN_WAIT_S = 0.2


class Sent(Enum):
    """What came of sending a piece of the log."""

    NOTHING = auto()  # all is there
    ACCEPTED = auto()
    FAILED = auto()  # worth another try later
    MISSING = auto()  # 404: worth another try while the job runs, not at its end
    OVER = auto()  # the server wants no more of this job's log


class Acknowledgement(Enum):
    """What the server says to the first PUT."""

    RUN = auto()
    CANCEL = auto()
    DROP = auto()


class Reporter:
    """The line between one job and the server. `start` it, run the job, then `finish`."""

    def __init__(
        self,
        job: Job,
        log: JobLog,
        control: JobControl,
        client: RunnerClient,
        settings: Settings,
        *,
        debug: bool,
    ) -> None:
        self._job = job
        self._log = log
        self._control = control
        self._client = client
        self._settings = settings
        self._debug = debug
        self._offset = 0  # bytes of the log the server has
        self._interval_s = settings.trace_interval_s
        self._last_heard = 0.0  # monotonic time of the last accepted PATCH or PUT
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"report-{job.id}", daemon=True)

    def start(self) -> None:
        """Begin to send the log as it grows."""
        self._last_heard = time.monotonic()
        self._thread.start()

    def finish(self, outcome: Outcome) -> str:
        """Send the rest of the log and the result. Returns what went wrong, empty if it was accepted."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=_SHUTDOWN_WAIT_S if self._control.interrupted else None)
        self._interval_s = self._settings.trace_interval_s
        if not self._thread.is_alive():
            self._flush()
        return self._report(outcome)

    # --- while the job runs ---

    def _follow(self) -> None:
        while not self._stop.wait(self._interval_s):
            sent = self._send_piece()
            while sent is Sent.ACCEPTED and not self._stop.is_set():
                sent = self._send_piece()
            if sent is Sent.NOTHING and time.monotonic() - self._last_heard >= self._settings.keep_alive_s:
                self._keep_alive()

    def _send_piece(self) -> Sent:
        data = self._log.read(self._offset, self._settings.trace_request_bytes)
        if not data:
            return Sent.NOTHING
        answer = self._client.patch_trace(
            self._job.id, self._job.token, offset=self._offset, data=data, debug=self._debug
        )
        self._listen(answer)
        if answer.status == 202:
            self._offset += len(data)
            self._last_heard = time.monotonic()
            return Sent.ACCEPTED
        if answer.status == 416:
            self._offset = min(answer.stored_bytes, self._log.size)
            return Sent.FAILED
        if answer.status == 403 or answer.job_status in _OVER:
            return Sent.OVER
        return Sent.MISSING if answer.status == 404 else Sent.FAILED

    def _keep_alive(self) -> None:
        answer = self._client.update_job(self._job.id, self._job.token, "running")
        self._listen(answer)
        if answer.status == 404:
            self._control.abort()
        if answer.status == 200:
            self._last_heard = time.monotonic()

    def _listen(self, answer: Answer) -> None:
        """What any answer may carry: a cancel, and the pace."""
        if answer.status == 403 or answer.job_status in _OVER:
            self._control.abort()
        elif answer.job_status == "canceling":
            self._control.request_cancel()
        if answer.update_interval_s is not None:
            self._interval_s = float(answer.update_interval_s)

    # --- at the end ---

    def _flush(self) -> bool:
        """Send the log to its end. False if that failed for good."""
        failures = 0
        while failures < self._tries():
            sent = self._send_piece()
            if sent in (Sent.NOTHING, Sent.MISSING, Sent.OVER):
                return sent is Sent.NOTHING
            if sent is Sent.FAILED:
                failures += 1
                self._pause(failures - 2)  # a wrong offset is corrected at once
        return False

    def _report(self, outcome: Outcome) -> str:
        report = {
            "failure_reason": known_reason(outcome.reason, self._job.failure_reasons)
            if outcome.reason
            else "",
            "exit_code": outcome.exit_code,
            "checksum": self._log.checksum(),
            "bytesize": self._log.size,
        }
        failures = pending = resends = 0
        while (
            failures < self._tries()
            and pending < self._settings.final_pending_tries
            and resends <= _FULL_RESENDS
        ):
            answer = self._client.update_job(self._job.id, self._job.token, outcome.state, report)
            if answer.status == 200 or answer.job_status in _OVER:
                return ""
            if answer.status in (403, 404):
                return f"the server no longer wants it: {answer.describe()}"
            if answer.status == 202:
                pending += 1
                self._client.wait(self._interval_s)
                self._flush()
            elif answer.status == 412:
                resends += 1
                self._offset = 0
                self._flush()
            else:
                failures += 1
                self._pause(failures - 1)
            if self._control.interrupted and pending + resends + failures >= _SHUTDOWN_TRIES:
                break
        return f"the server did not take the report: {answer.describe()}"

    def _tries(self) -> int:
        return _SHUTDOWN_TRIES if self._control.interrupted else self._settings.final_tries

    def _pause(self, doublings: int) -> None:
        """Wait before another try: not at all, then doubling (seconds)."""
        if doublings < 0:
            return
        if self._control.interrupted:
            time.sleep(_SHUTDOWN_WAIT_S)
        else:
            self._client.wait(min(self._settings.final_retry_s * 2**doublings, self._settings.retry_max_s))


def acknowledge(job: Job, client: RunnerClient) -> Acknowledgement:
    """Tell the server that the job begins, before anything is done for it."""
    answer = client.update_job(job.id, job.token, "running")
    if answer.status in (403, 404) or answer.job_status in _OVER:
        return Acknowledgement.DROP
    if answer.job_status == "canceling":
        client.update_job(job.id, job.token, "failed", {"failure_reason": "job_canceled"})
        return Acknowledgement.CANCEL
    return Acknowledgement.RUN
