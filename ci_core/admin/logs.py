"""The end of a job's log as plain lines: what is read of it, and what of it is for terminals only."""

from __future__ import annotations

import re
from typing import Final

from django.db.models import BigIntegerField, F, Func

from ci_core.models import Job, Trace, TraceChunk

#: Lines shown of a log's end.
LINES: Final = 200
#: Bytes read of a log's end.
TAIL: Final = 128 * 1024

#: Marks of folded sections: `section_start:1699000000:name[options]`, then a carriage return.
_SECTION: Final = re.compile(r"section_(?:start|end):\d+:[^\r\n]*\r")
#: Escape sequences of terminals: colours, cursor movement, window titles.
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def tail_of(job: Job) -> tuple[str, int]:
    """The last lines of a job's log, and how many bytes the whole log has."""
    trace = Trace.objects.by_ids([job.pk]).first()
    if trace is None or not trace.size:
        return "", 0
    start = max(0, trace.size - TAIL)
    end = F("start") + Func(F("data"), function="octet_length", output_field=BigIntegerField())
    chunks = list(
        TraceChunk.objects.of_jobs([job.pk])
        .annotate(end=end)
        .filter(end__gt=start)
        .order_by("start")
        .values_list("start", "data")
    )
    data = b"".join(bytes(chunk) for _, chunk in chunks)
    if chunks and chunks[0][0] < start:
        data = data[start - chunks[0][0] :]
    return last_lines(data, whole=start == 0), trace.size


def last_lines(data: bytes, *, whole: bool = True, lines: int = LINES) -> str:
    """The last lines of a log as a terminal would leave them. whole: whether `data` starts where a line does."""
    kept = data.decode("utf-8", errors="replace").split("\n")
    if not whole:
        kept = kept[1:] or kept
    if kept and not kept[-1]:
        kept.pop()
    return "\n".join(_plain(line) for line in kept[-lines:])


def _plain(line: str) -> str:
    """A line without escapes; of a line that was written over, what was written last."""
    line = _ESCAPE.sub("", _SECTION.sub("", line)).rstrip("\r")
    return _CONTROL.sub("", line.rpartition("\r")[2])
