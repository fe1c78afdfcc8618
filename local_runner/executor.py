"""Owns running one job: its phases in order, and what their results mean for the job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_runner import artifacts, cache
from local_runner.artifacts import JobFiles, wanted
from local_runner.client import RunnerClient
from local_runner.errors import JobStopped, ScriptFailed, StopReason, SystemFailure
from local_runner.git import Sources, strategy
from local_runner.process import Command, CommandTimedOut, run
from local_runner.script import BASH, bash_script
from local_runner.trace import GREEN, RED

AFTER_SCRIPT = "after_script"


@dataclass(frozen=True)
class Outcome:
    """How a job ended. `reason` is a failure reason of the protocol, empty for success."""

    state: str
    reason: str = ""
    exit_code: int = 0
    text: str = ""


_STOPPED = {
    StopReason.INTERRUPTED: "runner_interrupted",
    StopReason.ABORTED: "job_canceled",
    StopReason.TIMED_OUT: "job_execution_timeout",
    StopReason.CANCELED: "job_canceled",
}


class Executor:
    """Runs one job in its workspace. The job's log and control come with `files`."""

    def __init__(self, files: JobFiles, client: RunnerClient) -> None:
        self._files = files
        self._client = client
        self._job = files.job
        self._log = files.log
        self._scripts = 0  # bash programs written so far
        self._sources_ready = False
        self._steps_begun = False

    def run(self) -> Outcome:
        """Run all phases. Never raises for what a job can do wrong."""
        outcome = self._outcome_of(self._main_phases)
        if self._ends_at_once(outcome):
            return self._conclude(outcome)
        self._files.control.begin_wind_down()
        ending = self._outcome_of(lambda: self._wind_down(outcome))
        if self._files.control.cancel_requested and not self._ends_at_once(ending):
            outcome = self._stopped(StopReason.CANCELED)
        elif outcome.state == "success" or self._ends_at_once(ending):
            outcome = ending
        return self._conclude(outcome)

    def _main_phases(self) -> None:
        self._get_sources()
        self._sources_ready = True
        self._restore_caches()
        self._download_artifacts()
        for step in self._job.steps:
            if step.name != AFTER_SCRIPT and step.script:
                self._steps_begun = True
                with self._log.section(
                    f"step_{step.name}", f'Executing "step_{step.name}" stage of the job script'
                ):
                    code = self._bash(step.script, status="running")
                if code != 0:
                    raise ScriptFailed(code)

    def _wind_down(self, outcome: Outcome) -> None:
        """after_script, caches and artifacts, as far as the job came."""
        success = outcome.state == "success"
        if self._steps_begun:
            self._after_script("canceled" if outcome.reason == "job_canceled" else outcome.state)
        if self._sources_ready:
            self._store_caches(success=success)
            self._upload_artifacts(success=success)

    def _outcome_of(self, phases: Callable[[], None]) -> Outcome:
        try:
            phases()
            return Outcome("success")
        except ScriptFailed as failure:
            return Outcome("failed", "script_failure", failure.exit_code, f"exit code {failure.exit_code}")
        except SystemFailure as failure:
            return Outcome("failed", "runner_system_failure", text=f"(system failure): {failure}")
        except OSError as error:
            return Outcome("failed", "runner_system_failure", text=f"(system failure): {error}")
        except JobStopped as stopped:
            return self._stopped(stopped.reason)

    def _stopped(self, reason: StopReason) -> Outcome:
        text = reason.value
        if reason is StopReason.TIMED_OUT:
            text = f"execution took longer than {self._job.timeout_s} seconds"
        return Outcome("failed", _STOPPED[reason], text=text)

    def _ends_at_once(self, outcome: Outcome) -> bool:
        """Whether nothing may run any more."""
        return outcome.state == "failed" and self._files.control.stop_reason() not in (
            None,
            StopReason.CANCELED,
        )

    def _conclude(self, outcome: Outcome) -> Outcome:
        if outcome.state == "success":
            self._log.line("Job succeeded", GREEN)
        else:
            self._log.line(f"ERROR: Job failed: {outcome.text}", RED)
        return outcome

    # --- phases ---

    def _get_sources(self) -> None:
        files = self._files
        with self._log.section("get_sources", "Getting source from Git repository"):
            chosen = strategy(files.variables, allow_fetch=self._job.allow_git_fetch)
            Sources(
                self._job.git, files.variables, files.workspace.project_dir, self._log, self._run_command
            ).get(chosen)

    def _restore_caches(self) -> None:
        if self._job.caches:
            with self._log.section("restore_cache", "Restoring cache"):
                for spec in self._job.caches:
                    cache.restore(self._files, spec)

    def _download_artifacts(self) -> None:
        if self._job.dependencies:
            with self._log.section("download_artifacts", "Downloading artifacts"):
                for dependency in self._job.dependencies:
                    artifacts.download(self._files, self._client, dependency)

    def _after_script(self, status: str) -> None:
        lines = tuple(line for step in self._job.steps if step.name == AFTER_SCRIPT for line in step.script)
        if not lines:
            return
        with self._log.section(AFTER_SCRIPT, "Running after_script"):
            try:
                code = self._bash(lines, status=status, limit_s=self._files.settings.after_script_s)
            except CommandTimedOut:
                self._log.warning("after_script took too long and was ended; the job goes on")
                return
            if code != 0:
                self._log.warning(f"after_script failed, but job will continue unaffected: exit code {code}")

    def _store_caches(self, *, success: bool) -> None:
        name = "archive_cache" if success else "archive_cache_on_failure"
        if self._job.caches:
            with self._log.section(name, "Saving cache"):
                for spec in self._job.caches:
                    cache.store(self._files, spec, success=success)

    def _upload_artifacts(self, *, success: bool) -> None:
        """Send every entry that applies, also when one of them fails."""
        name = "upload_artifacts_on_success" if success else "upload_artifacts_on_failure"
        specs = [
            spec
            for spec in self._job.artifacts
            if not spec.files.empty and wanted(spec.when, success=success)
        ]
        if not specs:
            return
        failures = []
        with self._log.section(name, f"Uploading artifacts for {'successful' if success else 'failed'} job"):
            for spec in specs:
                try:
                    artifacts.upload(self._files, self._client, spec)
                except SystemFailure as failure:
                    self._log.line(f"ERROR: {failure}", RED)
                    failures.append(failure)
        if failures:
            raise failures[0]

    # --- processes ---

    def _bash(self, lines: tuple[str, ...], *, status: str, limit_s: float | None = None) -> int:
        variables, workspace = self._files.variables, self._files.workspace
        self._scripts += 1
        script = workspace.temp_dir / f".script_{self._scripts}"
        script.touch(mode=0o700)
        script.write_text(
            bash_script(lines, trace=variables.flag("CI_DEBUG_TRACE")),
            encoding="utf-8",
            errors="surrogateescape",
        )
        env = variables.environment(CI_JOB_STATUS=status)
        command = Command((*BASH, str(script)), workspace.project_dir, env, limit_s)
        return self._run(command)

    def _run_command(self, argv: tuple[str, ...], cwd: Path, env: Mapping[str, str]) -> int:
        return self._run(Command(argv, cwd, env))

    def _run(self, command: Command) -> int:
        return run(
            command, sink=self._log.write, control=self._files.control, grace=self._files.settings.kill_grace
        )
