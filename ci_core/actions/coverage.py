"""Reads the test coverage of a job from its log."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ci_core.compiler.expressions.patterns import compile_pattern
from ci_core.models import Job, TraceChunk

#: Bytes of the end of a log in which the coverage is looked for.
SEARCHED: Final = 16 * 1024 * 1024
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


def coverage_of(job: Job) -> float | None:
    """The percentage that the job's `coverage` finds in its log; None where it finds none.

    The last line that matches counts, the last match in it, and the first number in that
    (https://docs.gitlab.com/ci/yaml/#coverage).
    """
    pattern = compile_pattern(job.coverage_pattern[1:-1]) if job.coverage_pattern else None
    if pattern is None:
        return None
    for line in _lines_backwards(_chunks_backwards(job)):
        found = _in_line(pattern, line)
        if found is not None:
            return found
    return None


def _chunks_backwards(job: Job) -> Iterator[bytes]:
    chunks = TraceChunk.objects.of_jobs([job.pk]).order_by("-start").values_list("data", flat=True)
    left = SEARCHED
    for data in chunks.iterator(chunk_size=8):
        yield bytes(data)[-left:]
        left -= len(data)
        if left <= 0:
            return


def _lines_backwards(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of pieces that come last first; a line may go over several of them."""
    pieces: list[bytes] = []
    for chunk in chunks:
        first, *more = chunk.split(b"\n")
        if more:
            yield _text(more[-1], *reversed(pieces))
            yield from (_text(line) for line in reversed(more[:-1]))
            pieces = []
        pieces.append(first)
    yield _text(*reversed(pieces))


def _text(*pieces: bytes) -> str:
    return b"".join(pieces).decode("utf-8", "replace").rstrip("\r")


def _in_line(pattern: Any, line: str) -> float | None:
    matches = pattern.findall(line)
    if not matches:
        return None
    last = matches[-1]
    number = _NUMBER.search((last[-1] if isinstance(last, tuple) else last) or "")
    value = float(number[0]) if number else None
    return value if value is None or math.isfinite(value) else None
