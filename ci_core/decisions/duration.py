"""How long a pipeline ran: the time during which at least one of its jobs was on a runner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def busy_seconds(intervals: Iterable[tuple[datetime, datetime]]) -> int:
    """Seconds that the union of the (start, end) intervals covers, waiting time between them left out."""
    total = 0.0
    covered_to: datetime | None = None
    for start, end in sorted(intervals):
        if covered_to is None or start > covered_to:
            total += (end - start).total_seconds()
            covered_to = end
        elif end > covered_to:
            total += (end - covered_to).total_seconds()
            covered_to = end
    return round(total)
