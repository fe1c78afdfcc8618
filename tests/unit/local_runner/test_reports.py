"""Owns tests of the line to the server: offsets, lost pieces, retries, the final report, job requests."""

import threading
import time

import pytest

from local_runner.loop import EXIT_TOKEN_REFUSED
from tests.unit.local_runner.fake_server import Reply


def once_each(*replies: Reply | None):
    """A hook that gives these replies in turn, and the usual ones afterwards."""
    left = list(replies)
    return lambda *_: left.pop(0) if left else None


def test_pieces_follow_each_other_and_end_at_the_last_byte(bench):
    bench.changes = {"trace_request_bytes": 100}

    record = bench.run("for i in $(seq 40); do echo line $i of the log; done")

    position = 0
    for content_range, status in record.patches:
        start, end = map(int, content_range.split("-"))
        assert (start, status) == (position, 202)
        assert end - start < 100
        position = end + 1
    assert position == len(record.trace)
    assert len(record.patches) > 5


def test_log_grows_while_the_job_runs(bench, server, tmp_path):
    bench.add("echo early", f"until test -e {tmp_path}/go; do sleep 0.01; done")
    runner = threading.Thread(target=bench.loop().run)
    runner.start()

    server.wait_for(lambda: 1 in server.records and b"\nearly\n" in server.records[1].trace)
    (tmp_path / "go").touch()
    runner.join()

    assert server.records[1].final["state"] == "success"


def test_wrong_offset_is_corrected_from_the_range_header(bench, server):
    """The server stores a part of a piece and then says so, as after a crash."""

    def lose_the_tail(job_id, start, data):
        if start == 0:
            server.records[job_id].trace[:] = data[:10]
            return Reply(416, {"Range": "0-10"})
        return None

    server.on_patch = lose_the_tail
    record = bench.run("echo hello")

    assert record.text.endswith("Job succeeded\x1b[0;m\n")
    assert [item for item in record.patches if item[1] == 416] == [record.patches[0]]
    assert record.final["output"]["bytesize"] == len(record.trace)


def test_a_job_that_is_gone_is_not_reported_for_long(bench, server):
    server.on_patch = lambda *_: Reply(404)
    server.on_put = once_each(None, Reply(404))

    record = bench.run("true")

    assert [put["state"] for put in record.puts] == ["running", "success"]
    assert "the server no longer wants it: status 404" in bench.output.getvalue()


@pytest.mark.parametrize("status", [500, 503, 429, 200])
def test_failed_pieces_are_sent_again(bench, server, status):
    server.on_patch = once_each(*[Reply(status)] * 3)

    record = bench.run("echo hello")

    assert record.text.endswith("Job succeeded\x1b[0;m\n")
    assert record.final["output"]["bytesize"] == len(record.trace)


def test_retry_after_is_respected(bench, server):
    server.on_put = once_each(None, Reply(503, {"Retry-After": "1"}))
    start = time.monotonic()

    record = bench.run("true")

    assert time.monotonic() - start >= 1
    assert [put["state"] for put in record.puts] == ["running", "success", "success"]


def test_final_report_waits_while_it_is_only_accepted(bench, server):
    server.on_put = once_each(None, Reply(202), Reply(202))

    record = bench.run("true")

    assert [put["state"] for put in record.puts] == ["running", "success", "success", "success"]


def test_whole_log_is_sent_again_when_the_checksum_does_not_fit(bench, server):
    def forget(job_id, body):
        if body["state"] == "success" and server.records[job_id].puts.count(body) == 1:
            server.records[job_id].trace.clear()
            return Reply(412)
        return None

    server.on_put = forget
    record = bench.run("echo hello")

    assert [put["state"] for put in record.puts] == ["running", "success", "success"]
    assert "hello\n" in record.text
    assert record.final["output"]["bytesize"] == len(record.trace)


def test_final_report_gives_up_in_the_end(bench, server):
    bench.changes = {"final_tries": 3}
    server.on_put = lambda job_id, body: Reply(400) if body["state"] == "success" else None

    record = bench.run("true")

    assert len(record.puts) == 4
    assert "the server did not take the report: status 400" in bench.output.getvalue()


def test_silent_job_is_kept_alive(bench, server):
    bench.changes = {"keep_alive_s": 0.05}

    record = bench.run("sleep 0.3")

    assert [put["state"] for put in record.puts].count("running") >= 2


def test_log_has_a_limit(bench):
    bench.changes = {"log_limit_bytes": 2000}

    record = bench.run("head -c 100000 /dev/zero | tr '\\0' x")

    assert record.final["state"] == "success"
    assert len(record.trace) < 2300
    assert record.text.count("Job's log exceeded limit of 2000 bytes.") == 1
    assert record.final["output"]["bytesize"] == len(record.trace)


def test_the_server_sets_the_pace(bench, server):
    server.update_interval = "600"
    start = time.monotonic()

    record = bench.run("sleep 0.2; echo done")

    assert record.final["state"] == "success"
    assert time.monotonic() - start < 5  # the end does not wait for the next turn
    assert len(record.patches) <= 3


@pytest.mark.parametrize(
    ("reply", "puts"),
    [
        (Reply(403), ["running"]),
        (Reply(404), ["running"]),
        (Reply(200, {"Job-Status": "canceled"}), ["running"]),
        (Reply(200, {"Job-Status": "canceling"}), ["running", "failed"]),
    ],
)
def test_a_job_that_is_over_before_it_begins_is_left(bench, server, reply, puts):
    server.on_put = once_each(reply)

    record = bench.run("echo never")

    assert [put["state"] for put in record.puts] == puts
    assert record.patches == []
    if len(puts) == 2:
        assert record.final["failure_reason"] == "job_canceled"


def test_last_update_is_echoed(bench, server):
    bench.add("true")
    loop = bench.loop(once=False, max_jobs=2)
    runner = threading.Thread(target=loop.run)
    runner.start()
    server.wait_for(lambda: len(server.requests) >= 4)
    bench.add("true", job_id=2)
    runner.join()

    assert "last_update" not in server.requests[0]
    assert server.requests[-1]["last_update"] == "queue-1"


def test_refused_token_ends_the_runner_after_three_answers(bench, server):
    code = bench.loop(token="glrt-wrong", once=False, concurrency=2).run()

    assert code == EXIT_TOKEN_REFUSED
    assert len(server.requests) == 3
    assert "refuses the runner token (403)" in bench.output.getvalue()
    assert "glrt-" not in bench.output.getvalue()


def test_an_unreachable_server_is_said_once_and_waited_for(bench, server):
    bench.changes = {"url": "http://127.0.0.1:9", "backoff_max_s": 0.01}
    loop = bench.loop(once=False)
    runner = threading.Thread(target=loop.run)
    runner.start()
    time.sleep(0.2)
    loop.stop()
    runner.join()

    assert bench.output.getvalue().count("trying on") == 1


def test_broken_answers_do_not_stop_the_runner(bench, server):
    server.on_request = once_each(
        Reply(500), Reply(409), Reply(201, {"Content-Type": "text/html"}, b"<p>"),
        Reply(201, {"Content-Type": "application/json"}, b'{"id": 5}'),
    )  # fmt: skip
    bench.changes = {"backoff_max_s": 0.01}

    assert bench.run("true").final["state"] == "success"
