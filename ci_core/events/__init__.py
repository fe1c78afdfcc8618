"""The event log and its bell: what changed, and the hint that something did."""

from ci_core.events.log import Change, record, record_created, since

__all__ = ["Change", "record", "record_created", "since"]
