"""Applies the pure decisions to a pipeline, in the transaction of the change that asked for it."""

from ci_core.processing.advance import advance, hand_over, start

__all__ = ["advance", "hand_over", "start"]
