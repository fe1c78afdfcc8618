"""Owns the runner's own terminal output: one plain line per event, without tokens."""

import contextlib
import sys
import threading
import time
from typing import TextIO


class Console:
    """Writes lines from several threads; hides the texts it was told are secret."""

    def __init__(self, stream: TextIO | None = None, secrets: tuple[str, ...] = ()) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._secrets = tuple(secret for secret in secrets if secret)
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Write one line. Control characters (job names come from outside) become spaces."""
        for secret in self._secrets:
            text = text.replace(secret, "[MASKED]")
        plain = "".join(char if char.isprintable() else " " for char in text)
        with self._lock, contextlib.suppress(OSError):  # the terminal may be gone; jobs go on
            print(f"{time.strftime('%H:%M:%S')} {plain}", file=self._stream, flush=True)
