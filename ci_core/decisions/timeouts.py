"""How long a job may run (https://docs.gitlab.com/ci/runners/configure_runners/#set-the-maximum-job-timeout)."""


def job_timeout(of_job: int | None, of_project: int, of_runner: int | None) -> int:
    """Seconds: the job's own timeout, else its project's; the runner's maximum if that is smaller.

    A job's own may be longer than its project's (https://docs.gitlab.com/ci/yaml/#timeout).
    """
    wanted = of_job or of_project
    return min(wanted, of_runner) if of_runner else wanted
