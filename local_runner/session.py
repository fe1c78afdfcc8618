"""Owns one job from the payload to the final report: sets up its parts, runs them, and cleans up."""

import platform
import threading
from dataclasses import dataclass
from urllib.parse import unquote

from local_runner import VERSION
from local_runner.artifacts import JobFiles
from local_runner.client import RunnerClient
from local_runner.control import JobControl
from local_runner.env import inherited_environment
from local_runner.errors import SystemFailure
from local_runner.executor import Executor, Outcome
from local_runner.git import split_credentials
from local_runner.job import Job, Variable
from local_runner.masking import Masker
from local_runner.report import Acknowledgement, Reporter, acknowledge
from local_runner.settings import Settings
from local_runner.trace import RED, JobLog
from local_runner.variables import Variables
from local_runner.workspace import Workspace, workspace_for


@dataclass(frozen=True)
class Runner:
    """What every job of this process shares."""

    settings: Settings
    client: RunnerClient
    system_id: str
    shutdown: threading.Event


def run_job(runner: Runner, job: Job, control: JobControl, slot: int) -> str:
    """Run a job and report it. Returns a line for the terminal."""
    answer = acknowledge(job, runner.client)
    if answer is Acknowledgement.DROP:
        return "dropped: the server no longer wants it"
    if answer is Acknowledgement.CANCEL:
        return "canceled before it began"
    try:
        workspace = workspace_for(job, runner.settings.work_dir, slot)
        workspace.prepare()
    except (SystemFailure, OSError) as error:
        return report_failure(runner, job, control, str(error))
    try:
        return _run_prepared(runner, job, control, workspace, slot)
    finally:
        workspace.clean_up()


def report_failure(runner: Runner, job: Job, control: JobControl, message: str) -> str:
    """Fail a job that cannot even begin, with the reason as its log."""
    log = JobLog(Masker([job.token]), limit=runner.settings.log_limit_bytes, sections=False)
    log.line(f"ERROR: Job failed (system failure): {message}", RED)
    log.close()
    reporter = Reporter(job, log, control, runner.client, runner.settings, debug=False)
    outcome = Outcome("failed", "runner_system_failure", text=f"(system failure): {message}")
    return _describe(outcome, reporter.finish(outcome))


def _run_prepared(runner: Runner, job: Job, control: JobControl, workspace: Workspace, slot: int) -> str:
    settings = runner.settings
    try:
        variables = _variables(job, workspace, slot)
    except (SystemFailure, OSError, ValueError) as error:
        return report_failure(runner, job, control, str(error))
    masker = Masker(_secrets(job, variables, settings), job.token_mask_prefixes)
    log = JobLog(masker, limit=settings.log_limit_bytes, sections=job.trace_sections)
    files = JobFiles(job, variables, workspace, log, control, settings)
    reporter = Reporter(job, log, control, runner.client, settings, debug=variables.flag("CI_DEBUG_TRACE"))
    reporter.start()
    _greet(log, runner, variables)
    try:
        outcome = Executor(files, runner.client).run()
    except Exception as error:  # a fault of the runner must still end the job at the server
        outcome = Outcome(
            "failed", "runner_system_failure", text=f"(runner fault): {type(error).__name__}: {error}"
        )
        log.line(f"ERROR: Job failed {outcome.text}", RED)
    log.close()
    return _describe(outcome, reporter.finish(outcome))


def _describe(outcome: Outcome, trouble: str) -> str:
    result = outcome.state if outcome.state == "success" else f"failed {outcome.text}"
    return f"{result}; {trouble}" if trouble else result


def _greet(log: JobLog, runner: Runner, variables: Variables) -> None:
    log.line(f"Running with pipeyard local-runner {VERSION}")
    log.line(f"  on {runner.settings.name}, system ID: {runner.system_id}")
    log.line(f"Running on {platform.node()}...")
    for key in variables.skipped:
        log.warning(f"variable {key!r} cannot be set in a shell and is left out")


def _variables(job: Job, workspace: Workspace, slot: int) -> Variables:
    """The job's variables: the runner's own before the server's, and the few that win over them after."""
    before = _runner_variables(job, workspace, slot)
    after = [
        Variable("CI_SHARED_ENVIRONMENT", "true"),
        Variable("CI_RUNNER_VERSION", VERSION),
        Variable("CI_RUNNER_EXECUTABLE_ARCH", f"{platform.system().lower()}/{platform.machine()}"),
        Variable("RUNNER_TEMP_PROJECT_DIR", str(workspace.temp_dir), raw=True),
    ]
    definitions = [*before, *job.variables, *after]
    return Variables(definitions, inherited=inherited_environment(), file_dir=workspace.temp_dir)


def _runner_variables(job: Job, workspace: Workspace, slot: int) -> list[Variable]:
    values = {
        "CI_BUILDS_DIR": str(workspace.builds_dir),
        "CI_PROJECT_DIR": str(workspace.project_dir),
        "CI_CONCURRENT_ID": str(slot),
        "CI_CONCURRENT_PROJECT_ID": str(slot),
        "CI_SERVER": "yes",
        "CI_JOB_STATUS": "running",
        "CI_JOB_TIMEOUT": str(job.timeout_s),
    }
    return [Variable(key, value, raw=True) for key, value in values.items()]


def _secrets(job: Job, variables: Variables, settings: Settings) -> set[str]:
    """Texts that must not appear in the job's log."""
    _, credentials = split_credentials(job.git.repo_url)
    password = credentials.rpartition("@")[0].rpartition(":")[2]
    tokens = {
        job.token,
        settings.token,
        password,
        unquote(password),
        *(item.token for item in job.dependencies),
    }
    return {secret for secret in tokens | variables.secrets() if secret}
