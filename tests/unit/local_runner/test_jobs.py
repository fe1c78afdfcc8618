"""Owns tests of running a job: script, result, environment, sources."""

import zlib

import pytest

from tests.unit.local_runner.conftest import is_alive


def test_success_reports_log_checksum_and_size(bench, server):
    record = bench.run("echo hello from $CI_JOB_STATUS", "cat <<EOF\nmore\nEOF")

    assert [put["state"] for put in record.puts] == ["running", "success"]
    assert record.final["output"] == {
        "checksum": f"crc32:{zlib.crc32(record.trace):08x}",
        "bytesize": len(record.trace),
    }
    assert "exit_code" not in record.final
    assert "\x1b[32;1m$ echo hello from $CI_JOB_STATUS\x1b[0;m\nhello from running\n" in record.text
    assert "$ cat <<EOF # collapsed multi-line command" in record.text
    assert record.text.endswith("Job succeeded\x1b[0;m\n")
    assert "job-token" not in record.text
    assert "job 1 'job-1' of 7: success" in bench.output.getvalue()


def test_request_says_who_asks(bench, server):
    bench.loop().run()

    body = server.requests[0]
    assert body["system_id"] == "r_abcdefghijkl"
    assert body["info"]["executor"] == "shell"
    assert body["info"]["features"]["cancel_gracefully"] is True


def test_failure_stops_at_first_command_and_has_exit_code(bench):
    record = bench.run("echo one", "false | true", "(exit 7)", "echo never")

    assert record.final["state"] == "failed"
    assert record.final["failure_reason"] == "script_failure"
    assert record.final["exit_code"] == 1  # pipefail
    assert "ERROR: Job failed: exit code 1" in record.text
    assert "never" not in record.text


def test_exit_code_is_passed_on_and_after_script_knows(bench):
    record = bench.run("exit 7", after_script=["echo after $CI_JOB_STATUS", "exit 3"])

    assert record.final["exit_code"] == 7
    assert "after failed\n" in record.text
    assert "after_script failed, but job will continue unaffected: exit code 3" in record.text


def test_after_script_has_a_limit(bench):
    bench.changes = {"after_script_s": 0.1}

    record = bench.run("true", after_script=["sleep 30"])

    assert record.final["state"] == "success"
    assert "after_script took too long" in record.text


def test_sections_are_marked_when_the_server_wants_them(bench):
    record = bench.run("true", features={"trace_sections": True})

    assert "section_start:" in record.text
    for name in ("get_sources", "step_script"):
        assert record.text.count(f":{name}\r\x1b[0K") == 2


def test_environment_has_variables_and_nothing_of_the_runner(bench, monkeypatch):
    monkeypatch.setenv("PIPEYARD_RUNNER_TOKEN", "secret")
    monkeypatch.setenv("PIPEYARD_HOME", "/somewhere")
    monkeypatch.setenv("DATABASE_URL", "postgres://")

    record = bench.run("env", 'test -n "$HOME" -a -n "$PATH"', env={"WHO": "me", "GREETING": "hi $WHO"})

    lines = record.text.splitlines()
    assert "GREETING=hi me" in lines
    assert f"CI_PROJECT_DIR={bench.project_dir()}" in lines
    assert {"CI_SERVER=yes", "CI_JOB_TIMEOUT=30", "CI_CONCURRENT_ID=0"} <= set(lines)
    assert "PIPEYARD_" not in record.text
    assert "DATABASE_URL" not in record.text


def test_file_variables_are_private_and_gone_afterwards(bench):
    variables = [{"key": "CONF", "value": "a: 1\n", "file": True}]

    record = bench.run('cat "$CONF"', 'stat -c "mode %a" "$CONF"', variables=variables)

    assert "a: 1\nmode" not in record.text.split("$ stat")[0]
    assert "a: 1\n" in record.text
    assert "mode 600" in record.text
    assert not bench.project_dir().with_name("project-7.tmp").exists()


def test_masked_values_do_not_reach_the_log(bench):
    variables = [{"key": "SECRET", "value": "s3cr3t-value", "masked": True}]
    record = bench.run(
        'printf "%s" "${SECRET:0:6}"; sleep 0.1; echo "${SECRET:6}."',
        "echo glpat-abcdef $CI_JOB_TOKEN",
        variables=[*variables, {"key": "CI_JOB_TOKEN", "value": "job-token-1"}],
        features={"token_mask_prefixes": ["glpat-"]},
    )

    assert "[MASKED].\n" in record.text
    assert "s3cr3t" not in record.text
    assert "glpat-[MASKED] [MASKED]" in record.text


def test_two_jobs_run_side_by_side_in_their_own_directories(bench, server, tmp_path):
    """Each waits for the other's mark, so that they can only end together."""
    for job_id, other in ((1, 2), (2, 1)):
        bench.add(
            f"touch {tmp_path}/mark-{job_id}",
            f"for _ in $(seq 500); do test -e {tmp_path}/mark-{other} && break; sleep 0.01; done",
            f"test -e {tmp_path}/mark-{other}",
            "echo in $PWD",
            job_id=job_id,
        )

    assert bench.loop(concurrency=2).run() == 0

    assert [server.records[job_id].final["state"] for job_id in (1, 2)] == ["success", "success"]
    places = {
        line
        for job_id in (1, 2)
        for line in server.records[job_id].text.splitlines()
        if line.startswith("in ")
    }
    assert places == {f"in {bench.project_dir(0)}", f"in {bench.project_dir(1)}"}


def test_max_jobs_leaves_the_rest(bench, server):
    for job_id in (1, 2, 3):
        bench.add("true", job_id=job_id)

    assert bench.loop(once=False, max_jobs=2).run() == 0

    assert [job["id"] for job in server.jobs] == [3]


def test_background_processes_do_not_outlive_the_script(bench, tmp_path):
    record = bench.run(f"sleep 60 & echo $! > {tmp_path}/pid")

    assert record.final["state"] == "success"
    assert not is_alive(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("value", [5, "half a pair: \ud800"])
def test_a_job_that_cannot_be_read_is_failed(bench, server, value):
    record = bench.run("true", variables=[{"key": "A", "value": value}])

    assert record.final["failure_reason"] == "runner_system_failure"
    assert "value is not a text" in record.text


@pytest.mark.parametrize("depth", [0, 1])
def test_sources_are_fetched_then_updated(bench, server, repository, depth):
    repository.commit(note="first")
    first = repository.commit(note="second")

    record = bench.run("cat note", "git rev-list --count HEAD", git_info=repository.git_info(first, depth))
    assert record.final["state"] == "success"
    assert "second" in record.text
    assert f"$ git rev-list --count HEAD\x1b[0;m\n{depth or 2}\n" in record.text

    second = repository.commit(note="third", extra="x")
    (bench.project_dir() / "leftover").touch()
    record = bench.run("cat note", "ls", job_id=2, git_info=repository.git_info(second, 0))
    assert "third" in record.text
    assert "leftover" not in record.text
    assert f"Checking out {second[:8]} as detached HEAD (ref is main)..." in record.text


def test_settings_left_by_a_job_do_not_reach_the_next_fetch(bench, repository):
    sha = repository.commit(note="x")
    info = repository.git_info(sha)
    bench.run(
        'git config url."file:///nowhere/".insteadOf file:///',
        "printf '#!/bin/sh\\ntouch hooked\\n' > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout",
        git_info=info,
    )

    record = bench.run("test ! -e hooked", job_id=2, git_info=info, env={"GIT_CLEAN_FLAGS": "none"})

    assert record.final["state"] == "success"


def test_clone_strategy_begins_afresh(bench, repository):
    sha = repository.commit(note="x")
    bench.run("touch .git/mark", git_info=repository.git_info(sha))

    record = bench.run(
        "test ! -e .git/mark", git_info=repository.git_info(sha), env={"GIT_STRATEGY": "clone"}
    )

    assert record.final["state"] == "success"


def test_empty_strategy_leaves_the_checkout_alone(bench, repository):
    sha = repository.commit(note="x")
    bench.run("true", git_info=repository.git_info(sha))

    record = bench.run("touch new", "ls -A", git_info=repository.git_info(sha), env={"GIT_STRATEGY": "empty"})

    assert record.final["state"] == "success"
    assert (bench.project_dir() / "note").exists()
    assert not (bench.project_dir() / "new").exists()


def test_failing_sources_are_a_system_failure_without_the_token(bench, server):
    git = {
        "repo_url": "http://gitlab-ci-token:job-token-1@127.0.0.1:9/group/demo.git",
        "ref": "main",
        "sha": "a" * 40,
    }

    record = bench.run("echo never", git_info=git, after_script=["echo never"])

    assert record.final["failure_reason"] == "runner_system_failure"
    assert "getting the sources failed: git fetch" in record.text
    assert "job-token" not in record.text
    assert "never" not in record.text
    config = bench.work_dir / "builds/0/group/demo/.git/config"
    assert "job-token" not in config.read_text()


def test_a_repository_path_that_leads_out_is_refused(bench, server):
    git = {"repo_url": "http://host/../../etc.git", "ref": "main", "sha": "a" * 40}

    record = bench.run("true", git_info=git)

    assert record.final["failure_reason"] == "runner_system_failure"
    assert "cannot be used as a directory" in record.text
