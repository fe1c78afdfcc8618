"""Which job a runner gets."""

from ci_core.queueing.claim import claim_job

__all__ = ["claim_job"]
