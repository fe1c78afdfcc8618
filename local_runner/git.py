"""Owns fetching a job's sources with git. The job token is in git's environment, never on a command line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from local_runner.errors import SystemFailure
from local_runner.job import GitInfo
from local_runner.trace import GREEN, JobLog
from local_runner.variables import Variables
from local_runner.workspace import remove_tree

STRATEGIES = ("fetch", "clone", "none", "empty")
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "credential.helper=", "-c", "init.defaultBranch=main")

RunGit = Callable[[tuple[str, ...], Path, Mapping[str, str]], int]
"""Runs a command (arguments, directory, environment) with its output in the log; returns the exit code."""


def strategy(variables: Variables, *, allow_fetch: bool) -> str:
    """How the sources are got. Raises SystemFailure for an unknown GIT_STRATEGY."""
    chosen = variables.get("GIT_STRATEGY", "fetch" if allow_fetch else "clone")
    if chosen not in STRATEGIES:
        raise SystemFailure(f"GIT_STRATEGY {chosen!r} is not known; use one of {', '.join(STRATEGIES)}")
    return chosen


class Sources:
    """The project directory of one job, as git sees it."""

    def __init__(
        self, git: GitInfo, variables: Variables, project_dir: Path, log: JobLog, run: RunGit
    ) -> None:
        self._git = git
        self._variables = variables
        self._dir = project_dir
        self._log = log
        self._run = run
        self._url, credentials = split_credentials(git.repo_url)
        self._env = git_environment(variables, credentials, project_dir)

    def get(self, chosen: str) -> None:
        """Make the project directory hold the job's commit. Raises SystemFailure."""
        if chosen in ("none", "empty"):
            if chosen == "empty":
                remove_tree(self._dir)
            self._dir.mkdir(parents=True, exist_ok=True)
            self._log.line("Skipping Git repository setup")
            return
        if not self._git.repo_url or not self._git.sha:
            raise SystemFailure("the job has no repository; GIT_STRATEGY none would run it without")
        tries = _attempts(self._variables)
        for attempt in range(tries):
            if chosen == "clone" or attempt > 0:
                remove_tree(self._dir)
            try:
                self._fetch()
                self._checkout()
                return
            except SystemFailure as failure:
                if attempt == tries - 1:
                    raise
                self._log.warning(f"{failure}; trying again with a fresh directory")

    def _fetch(self) -> None:
        depth = self._git.depth
        self._log.line(
            f"Fetching changes with git depth set to {depth}..." if depth > 0 else "Fetching changes...",
            GREEN,
        )
        self._forget_settings()
        for leftover in (*self._dir.glob(".git/*.lock"), *self._dir.glob(".git/refs/**/*.lock")):
            leftover.unlink()
        self._git_command("init", "-q")
        if self._run((*_GIT, "config", "remote.origin.url", self._url), self._dir, self._env) != 0:
            raise SystemFailure("getting the sources failed: git config")
        options = self._variables.get("GIT_FETCH_EXTRA_FLAGS", "--prune --quiet").split()
        options.append("--no-recurse-submodules")
        if depth > 0:
            options.append(f"--depth={depth}")
        elif (self._dir / ".git/shallow").exists():
            options.append("--unshallow")
        refspecs = self._git.refspecs or ("+refs/heads/*:refs/remotes/origin/*",)
        self._git_command("fetch", *options, "--", "origin", *refspecs)

    def _forget_settings(self) -> None:
        """Drop what an earlier job may have left to lead git elsewhere: links, and settings."""
        if self._dir.is_symlink():
            self._dir.unlink()
        self._dir.mkdir(parents=True, exist_ok=True)
        data = self._dir / ".git"
        if data.is_symlink() or data.is_file():
            data.unlink()
        (data / "config").unlink(missing_ok=True)

    def _checkout(self) -> None:
        if self._variables.get("GIT_CHECKOUT", "true").lower() == "false":
            self._log.line("Skipping Git checkout")
        else:
            self._log.line(
                f"Checking out {self._git.sha[:8]} as detached HEAD (ref is {self._git.ref})...", GREEN
            )
            self._git_command("checkout", "-f", "-q", self._git.sha)
        clean = self._variables.get("GIT_CLEAN_FLAGS", "-ffdx").split()
        if clean != ["none"]:
            self._git_command("clean", "-q", *clean)
        if self._variables.get("GIT_SUBMODULE_STRATEGY", "none") != "none":
            self._log.warning("this runner does not fetch submodules")

    def _git_command(self, *arguments: str) -> None:
        code = self._run((*_GIT, *arguments), self._dir, self._env)
        if code != 0:
            raise SystemFailure(f"getting the sources failed: git {arguments[0]} ended with exit code {code}")


def split_credentials(url: str) -> tuple[str, str]:
    """A repository URL without its credentials, and the prefix that carries them (empty if there are none).

    `http://user:pass@host/a.git` gives `http://host/a.git` and `http://user:pass@host/`.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or not user:
        return url, ""
    return urlunsplit(parts._replace(netloc=host)), f"{parts.scheme}://{parts.netloc}/"


def git_environment(variables: Variables, credentials: str, project_dir: Path) -> dict[str, str]:
    """What git runs with: the job's variables, no prompts, no repository further up, the credentials."""
    env = variables.environment(
        GIT_TERMINAL_PROMPT="0",
        GIT_CEILING_DIRECTORIES=str(project_dir.parent),
        GIT_ALLOW_PROTOCOL="http:https:ssh:git:file",
    )
    if credentials:
        clean, _ = split_credentials(credentials)
        env |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{credentials}.insteadOf",
            "GIT_CONFIG_VALUE_0": clean,
        }
    return env


def _attempts(variables: Variables) -> int:
    """GET_SOURCES_ATTEMPTS, 1 to 10."""
    text = variables.get("GET_SOURCES_ATTEMPTS", "1")
    return min(max(int(text), 1), 10) if text.isascii() and text.isdigit() else 1
