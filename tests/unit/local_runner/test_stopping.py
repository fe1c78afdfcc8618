"""Owns tests of ending a job early: cancel, abort, timeout, and the runner's own end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local_runner.env import TOKEN_VARIABLE
from tests.unit.local_runner.conftest import is_alive
from tests.unit.local_runner.fake_server import RUNNER_TOKEN, Reply

ROOT = Path(__file__).parents[3]


class Sleeper:
    """A job that says it has begun and then sleeps, with a child, until something ends it."""

    def __init__(self, bench, tmp_path, **members):
        self.server, self.pid_file = bench.server, tmp_path / "pids"
        script = (f"sleep 60 & echo $! $$ > {self.pid_file}", "echo begun", "wait", "echo never")
        bench.add(*script, **members)

    def wait_until_begun(self):
        self.server.wait_for(
            lambda: 1 in self.server.records and b"\nbegun\n" in self.server.records[1].trace
        )

    def assert_gone(self):
        for pid in self.pid_file.read_text().split():
            assert not is_alive(int(pid))


@pytest.fixture(autouse=True)
def often_alive(bench):
    bench.changes = {"keep_alive_s": 0.05}


def run_beside(loop):
    runner = threading.Thread(target=loop.run)
    runner.start()
    return runner


def test_soft_cancel_ends_the_script_and_runs_what_follows(bench, server, tmp_path):
    sleeper = Sleeper(
        bench, tmp_path,
        after_script=["echo after $CI_JOB_STATUS", "touch left"],
        artifacts=[{"paths": ["left"], "when": "on_failure"}, {"paths": ["left"], "when": "on_success"}],
    )  # fmt: skip
    runner = run_beside(bench.loop())
    sleeper.wait_until_begun()

    server.job_status[1] = "canceling"  # told with the next keep-alive
    runner.join(10)

    record = server.records[1]
    assert record.final["failure_reason"] == "job_canceled"
    assert record.final["state"] == "failed"
    assert "after canceled\n" in record.text
    assert "never" not in record.text
    assert len(server.uploads) == 1
    sleeper.assert_gone()


def test_unlisted_reason_becomes_unknown_failure(bench, server, tmp_path):
    sleeper = Sleeper(bench, tmp_path, features={"failure_reasons": ["unknown_failure"]})
    runner = run_beside(bench.loop())
    sleeper.wait_until_begun()
    server.job_status[1] = "canceling"
    runner.join(10)

    assert server.records[1].final["failure_reason"] == "unknown_failure"


@pytest.mark.parametrize("way", ["status", "forbidden on PUT", "gone on PUT"])
def test_hard_cancel_kills_at_once(bench, server, tmp_path, way):
    sleeper = Sleeper(bench, tmp_path, after_script=["echo never"])
    runner = run_beside(bench.loop())
    sleeper.wait_until_begun()
    if way == "status":
        server.job_status[1] = "canceled"
    else:
        status = 403 if "forbidden" in way else 404
        server.on_put = lambda job_id, body: Reply(status, {"Job-Status": "canceled"})
    runner.join(10)

    record = server.records[1]
    assert not runner.is_alive()
    assert "never" not in record.text
    assert record.puts[-1]["state"] == "failed"
    sleeper.assert_gone()


def test_forbidden_log_kills_too(bench, server, tmp_path):
    server.on_patch = lambda job_id, start, data: Reply(403) if start else None
    bench.add("echo begun", "sleep 0.1", "echo more", "sleep 60")

    start = time.monotonic()
    bench.loop().run()

    assert time.monotonic() - start < 10
    assert server.records[1].final["state"] == "failed"


def test_timeout_kills_and_says_why(bench, server, tmp_path):
    sleeper = Sleeper(bench, tmp_path, timeout=1, after_script=["echo never"])

    bench.loop().run()

    record = server.records[1]
    assert record.final["failure_reason"] == "job_execution_timeout"
    assert "ERROR: Job failed: execution took longer than 1 seconds" in record.text
    assert "never" not in record.text
    sleeper.assert_gone()


def test_a_process_that_ignores_sigterm_is_killed(bench, server):
    bench.changes["kill_grace_s"] = 0.1
    bench.add("trap '' TERM", "echo begun", "while true; do sleep 0.05; done")
    runner = run_beside(bench.loop())
    server.wait_for(lambda: 1 in server.records and b"\nbegun\n" in server.records[1].trace)

    start = time.monotonic()
    server.job_status[1] = "canceled"
    runner.join(10)

    assert time.monotonic() - start < 5
    assert server.records[1].final["failure_reason"] == "job_canceled"


def start_program(bench, *arguments):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "local_runner",
            "--url",
            bench.server.url,
            "--work-dir",
            str(bench.work_dir),
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, TOKEN_VARIABLE: RUNNER_TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_sigterm_reports_the_running_job_and_leaves(bench, server, tmp_path):
    sleeper = Sleeper(bench, tmp_path)
    program = start_program(bench, "--concurrency", "1")
    sleeper.wait_until_begun()

    start = time.monotonic()
    program.send_signal(signal.SIGTERM)
    output, _ = program.communicate(timeout=10)

    assert time.monotonic() - start < 5
    assert program.returncode == 0
    assert server.records[1].final["state"] == "failed"
    assert server.records[1].final["failure_reason"] == "runner_interrupted"
    assert server.records[1].final["output"]["bytesize"] == len(server.records[1].trace)
    assert RUNNER_TOKEN not in output
    assert "job-token" not in output
    assert [line.split(" ", 1)[1] for line in output.splitlines()][-1] == "stopped"
    sleeper.assert_gone()


def test_sigint_leaves_although_a_request_is_held_open(bench, server):
    asked, release = threading.Event(), threading.Event()

    def hold(body):
        asked.set()
        release.wait(10)
        return Reply(204)

    server.on_request = hold
    program = start_program(bench)
    assert asked.wait(10)

    program.send_signal(signal.SIGINT)
    output, _ = program.communicate(timeout=10)
    release.set()

    assert program.returncode == 0
    assert "Traceback" not in output
