"""Processes are forked only where that is safe; tests/e2e/test_web_processes.py shows them at work."""

from __future__ import annotations

import threading

import pytest

from config.web.processes import Processes


def test_nothing_is_forked_where_there_are_threads() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="one more")
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="one more"):
            Processes(2, work=lambda number, end: None, died=lambda number: None).run()
    finally:
        done.set()
        thread.join()
