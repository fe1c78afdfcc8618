"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random
from typing import Final

#: Seconds before the first attempt; each pause is twice as long as the one before, up to LONGEST.
SHORTEST: Final = 0.5
LONGEST: Final = 15.0


class Pauses:
    """Ever longer pauses, each shortened at random so that many processes do not come back at the same moment."""

    def __init__(self) -> None:
        self._pause = SHORTEST

    def next(self) -> float:
        """The next pause in seconds."""
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST)
        return pause * random.uniform(0.5, 1)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Starts over, since there was a connection."""
        self._pause = SHORTEST
