"""Counts SQL statements: the same however many rows there are, and as the committed baseline says.

The baseline is tests/query_counts.json. After a wanted change run the tests with UPDATE_QUERY_COUNTS=1 and review the
diff of that file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

BASELINE = Path(__file__).resolve().parents[1] / "query_counts.json"


def statements_of(call: Callable[[], Any]) -> list[str]:
    """The SQL statements that a call sends."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return [query["sql"] for query in captured.captured_queries]


def assert_baseline(name: str, statements: list[str]) -> None:
    """Compares with the committed number, or writes it when UPDATE_QUERY_COUNTS=1."""
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if os.environ.get("UPDATE_QUERY_COUNTS") == "1":
        baseline[name] = len(statements)
        BASELINE.write_text(json.dumps(dict(sorted(baseline.items())), indent=2) + "\n")
        return
    assert name in baseline, f"no baseline for {name}: run with UPDATE_QUERY_COUNTS=1"
    listed = "\n".join(statement[:300] for statement in statements)
    assert len(statements) == baseline[name], f"{name}: {len(statements)}, not {baseline[name]}:\n{listed}"


def assert_same_count(
    name: str, call: Callable[[], Any], grow: Callable[[int], Any], sizes: tuple[int, ...] = (1, 10, 30)
) -> None:
    """The call sends the same number of statements at each size, and the number is the baseline's.

    grow: brings the number of rows to a size. The call runs once before it is counted, for what is remembered.
    """
    seen: dict[int, list[str]] = {}
    for size in sizes:
        grow(size)
        call()
        seen[size] = statements_of(call)
    counts = {size: len(statements) for size, statements in seen.items()}
    listed = "\n".join(statement[:300] for statement in seen[sizes[-1]])
    assert len(set(counts.values())) == 1, f"{name}: {counts}; the last:\n{listed}"
    assert_baseline(name, seen[sizes[-1]])
