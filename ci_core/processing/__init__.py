"""Applies the pure decisions to a pipeline, in the transaction of the change that asked for it."""

from ci_core.processing.advance import (
    advance,
    cancel_children,
    cancel_rest,
    cancel_wanted,
    hand_over,
    mirror_again,
    start,
)

__all__ = [
    "advance",
    "cancel_children",
    "cancel_rest",
    "cancel_wanted",
    "hand_over",
    "mirror_again",
    "start",
]
