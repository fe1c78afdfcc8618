"""Owns the talk of a peer with the benchmark: a question comes as a line of JSON, and its time goes back as one."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from documents import DOCUMENTS


def serve(execute: Callable[[str, dict[str, Any]], bytes]) -> None:
    """Answers until the input ends. execute: a document and its variables to JSON."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        document = DOCUMENTS[question["kind"]]
        started = time.perf_counter()
        answer = execute(document, question["parameters"])
        elapsed = (time.perf_counter() - started) * 1000
        print(json.dumps({"ms": elapsed, "bytes": len(answer), "ids": answer.count(b'"id"')}), flush=True)
