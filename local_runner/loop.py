"""Owns the life of the runner: its slots, asking for jobs, and stopping in order."""

import contextlib
import threading
import time
from queue import Empty, SimpleQueue

from local_runner.client import Answer, RunnerClient
from local_runner.console import Console
from local_runner.control import JobControl
from local_runner.errors import PayloadError
from local_runner.job import Job, parse_job
from local_runner.session import Runner, report_failure, run_job
from local_runner.settings import Settings

EXIT_DONE, EXIT_TOKEN_REFUSED = 0, 2
_REFUSALS = 3  # in a row, before the runner gives up
_BACKOFF_FIRST_S = 0.5
_SLOTS_END_S = 0.3
_STOP, _SLOT_ENDED = "stop", "slot ended"


class Loop:
    """Runs jobs in slots (one thread each) until told to stop. One request for a job is open at a time."""

    def __init__(self, settings: Settings, system_id: str, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._shutdown = threading.Event()
        self._client = RunnerClient(settings, system_id, self._shutdown)
        self._runner = Runner(settings, self._client, system_id, self._shutdown)
        self._turn = threading.Lock()  # who may ask for a job
        self._taken = 0
        self._refused = 0
        self._failures = 0  # requests in a row without a sensible answer
        self._no_more = threading.Event()  # ask for no more jobs; those that run may finish
        self._running: dict[int, JobControl] = {}
        self._idle = threading.Condition()
        # What the main thread waits for. Unlike Event.set, SimpleQueue.put is safe in a signal handler.
        self._events: SimpleQueue[str] = SimpleQueue()

    def stop(self) -> None:
        """Stop asking for jobs and kill those that run. May be called from a signal handler."""
        self._events.put(_STOP)

    def kill(self) -> None:
        """Last resort: kill all process groups without any report."""
        for control in list(self._running.values()):
            control.kill_now()

    def run(self) -> int:
        """Run until stopped or done. Returns the exit code of the program."""
        for slot in range(self._settings.concurrency):
            threading.Thread(target=self._slot, args=(slot,), name=f"slot-{slot}", daemon=True).start()
        slots_left = self._settings.concurrency
        while slots_left > 0:
            if self._events.get() == _STOP:
                self._no_more.set()
                self._shutdown.set()
                self._await_running()
                slots_left -= self._slots_ended_soon(slots_left)
                break
            slots_left -= 1
        if slots_left == 0:  # otherwise a request for a job is still open, and ends with the process
            self._client.close()
        return EXIT_TOKEN_REFUSED if self._refused >= _REFUSALS else EXIT_DONE

    def _await_running(self) -> None:
        """Give running jobs a few seconds to be killed and reported. Open requests for jobs are dropped."""
        if self._running:
            self._console.say(f"stopping; {len(self._running)} running job(s) will be ended")
        with self._idle:
            self._idle.wait_for(lambda: not self._running, timeout=self._settings.shutdown_s)
        if self._running:
            self._console.say("some jobs could not be reported in time")
            self.kill()

    def _slots_ended_soon(self, most: int) -> int:
        """How many slots end in the next moment."""
        ended = 0
        with contextlib.suppress(Empty):
            while ended < most:
                ended += self._events.get(timeout=_SLOTS_END_S) == _SLOT_ENDED
        return ended

    def _slot(self, slot: int) -> None:
        try:
            while (job := self._next_job()) is not None:
                self._run(job, slot)
        finally:
            self._events.put(_SLOT_ENDED)

    def _run(self, job: Job, slot: int) -> None:
        title = f"job {job.id} {job.name!r} of {job.project_path or job.project_id}"
        self._console.say(f"{title}: taken")
        control = JobControl(timeout_s=job.timeout_s, interrupted=self._shutdown)
        self._running[slot] = control
        start = time.monotonic()
        try:
            result = run_job(self._runner, job, control, slot)
        except Exception as error:  # the slot must go on to the next job
            result = f"runner fault: {type(error).__name__}: {error}"
        finally:
            with self._idle:
                del self._running[slot]
                self._idle.notify_all()
        self._console.say(f"{title}: {result} after {time.monotonic() - start:.1f} s")

    def _next_job(self) -> Job | None:
        """Wait for a job. None: this slot is done."""
        with self._turn:
            while not self._no_more.is_set() and not self._enough():
                start = time.monotonic()
                answer = self._client.request_job()
                if answer.status == 201:
                    job = self._read(answer)
                    if job is not None:
                        self._taken += 1
                        return job
                elif answer.status == 204:
                    self._healthy()
                    if self._settings.once:
                        return None
                    self._client.wait(self._settings.poll_pause_s - (time.monotonic() - start))
                else:
                    self._unhealthy(answer)
        return None

    def _enough(self) -> bool:
        return 0 < self._settings.max_jobs <= self._taken

    def _read(self, answer: Answer) -> Job | None:
        """The job of an answer. One that cannot be read is failed at the server, as far as possible."""
        self._healthy()
        try:
            return parse_job(answer.json())
        except PayloadError as error:
            self._console.say(f"job {error.job_id or '?'}: cannot be read: {error}")
            if error.job_id:
                job = Job(id=error.job_id, token=error.token)
                control = JobControl(timeout_s=job.timeout_s, interrupted=self._shutdown)
                report_failure(self._runner, job, control, f"the job cannot be read: {error}")
        except ValueError as error:
            self._console.say(f"a job was handed out, but {error}")
        self._client.wait(self._settings.poll_pause_s)
        return None

    def _healthy(self) -> None:
        if self._failures:
            self._console.say("connected to the server again")
        self._failures = self._refused = 0

    def _unhealthy(self, answer: Answer) -> None:
        """Say it once, then wait before the next request; give up when the token is refused repeatedly."""
        if self._no_more.is_set():
            return
        self._refused = self._refused + 1 if answer.status == 403 else 0
        self._failures += 1
        if answer.status == 403:
            self._console.say("the server refuses the runner token (403)")
            if self._refused >= _REFUSALS:
                self._console.say("giving up: register a runner and start again with its token")
                self._no_more.set()
                return
            self._client.wait(self._settings.poll_pause_s)
            return
        if self._failures == 1:
            self._console.say(f"no job from {self._settings.url}: {answer.describe()}; trying on")
        self._client.wait(
            min(_BACKOFF_FIRST_S * 2 ** min(self._failures - 1, 10), self._settings.backoff_max_s)
        )
