"""The one seam for time: everything in the domain asks here what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, in UTC. Tests replace this function to move time."""
    return datetime.now(UTC)
