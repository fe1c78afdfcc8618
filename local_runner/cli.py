"""Owns the command line: arguments, the work directory, signals, exit codes."""

import argparse
import os
import platform
import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from local_runner import VERSION
from local_runner.console import Console
from local_runner.env import TOKEN_VARIABLE, runner_token
from local_runner.loop import Loop
from local_runner.settings import Settings, normalise_url
from local_runner.workspace import lock, system_id

EXIT_USAGE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the runner. Exit codes: 0 done or stopped, 1 cannot start, 2 token refused or bad arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    token = options.token or runner_token()
    if not token:
        parser.error(f"a runner token is needed: --token, or the variable {TOKEN_VARIABLE}")
    try:
        url = normalise_url(options.url)
    except ValueError as error:
        parser.error(str(error))
    settings = Settings(
        url=url,
        token=token,
        work_dir=Path(options.work_dir).resolve(),
        name=options.name,
        concurrency=options.concurrency,
        once=options.once,
        max_jobs=options.max_jobs,
    )
    return serve(settings, Console(secrets=(token,)))


def serve(settings: Settings, console: Console) -> int:
    """Run with these settings until done or until SIGTERM or SIGINT."""
    try:
        settings.work_dir.mkdir(parents=True, exist_ok=True)
        guard = lock(settings.work_dir)
        if guard is None:
            console.say(f"another runner works in {settings.work_dir}; give this one a --work-dir of its own")
            return EXIT_USAGE
        identity = system_id(settings.work_dir)
    except OSError as error:
        console.say(f"the work directory cannot be used: {error}")
        return EXIT_USAGE
    with guard:
        loop = Loop(settings, identity, console)
        _stop_on_signals(loop)
        console.say(
            f"{settings.name} ({identity}) asks {settings.url} for jobs, {settings.concurrency} at a time"
        )
        code = loop.run()
        console.say("stopped")
        return code


def _stop_on_signals(loop: Loop) -> None:
    """The first signal stops in order, the second at once."""
    seen: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        loop.stop()
        if len(seen) > 1:
            loop.kill()
            os._exit(128 + number)

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_runner",
        description="A small CI runner: takes jobs from a server and runs them with bash.",
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server (default %(default)s)")
    parser.add_argument("--token", default="", help=f"runner token; better given in {TOKEN_VARIABLE}")
    parser.add_argument(
        "--name", default=f"local-runner on {platform.node()}", help="how the runner calls itself"
    )
    parser.add_argument(
        "--concurrency", type=_positive, default=2, metavar="N", help="jobs side by side (default 2)"
    )
    parser.add_argument(
        "--work-dir",
        default=".pipeyard/runner",
        metavar="DIR",
        help="builds, caches, identity (default %(default)s)",
    )
    parser.add_argument("--once", action="store_true", help="run the jobs that wait now, then leave")
    parser.add_argument("--max-jobs", type=_positive, default=0, metavar="N", help="leave after N jobs")
    parser.add_argument("--version", action="version", version=VERSION)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
