"""Owns the job log: masked, limited, with sections, readable from any byte offset by the sender."""

import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from local_runner.masking import Masker

GREEN, RED, YELLOW, CYAN, RESET = "\x1b[32;1m", "\x1b[31;1m", "\x1b[0;33m", "\x1b[36;1m", "\x1b[0;m"
_CLEAR_LINE = "\r\x1b[0K"


class JobLog:
    """The whole log of one job, kept in memory (it is limited) so that any part can be sent again.

    The job's thread writes, the sender's thread reads. `limit` in bytes.
    """

    def __init__(self, masker: Masker, *, limit: int, sections: bool) -> None:
        self._masker = masker
        self._limit = limit
        self._sections = sections
        self._data = bytearray()
        self._full = False
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Append bytes as a process wrote them."""
        self._append(self._masker.feed(data))

    def line(self, text: str, colour: str = "") -> None:
        """Append a line of the runner's own."""
        self.write((f"{colour}{text}{RESET}\n" if colour else f"{text}\n").encode(errors="replace"))

    def warning(self, text: str) -> None:
        """Append a warning of the runner's own."""
        self.line(f"WARNING: {text}", YELLOW)

    @contextmanager
    def section(self, name: str, title: str) -> Iterator[None]:
        """A phase of the job, which a log viewer can fold."""
        if self._sections:
            self.write(f"section_start:{int(time.time())}:{name}{_CLEAR_LINE}".encode())
        self.line(title, CYAN)
        try:
            yield
        finally:
            if self._sections:
                self.write(f"section_end:{int(time.time())}:{name}{_CLEAR_LINE}".encode())

    def close(self) -> None:
        """Give out what the masker held back. Nothing may be written afterwards."""
        self._append(self._masker.flush())

    @property
    def size(self) -> int:
        """Bytes so far."""
        with self._lock:
            return len(self._data)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from a byte offset."""
        with self._lock:
            return bytes(self._data[offset : offset + size])

    def checksum(self) -> str:
        """CRC-32 of the whole log, as the protocol writes it."""
        with self._lock:
            return f"crc32:{zlib.crc32(self._data):08x}"

    def _append(self, data: bytes) -> None:
        with self._lock:
            if self._full or not data:
                return
            room = self._limit - len(self._data)
            self._data += data[:room]
            if len(data) > room:
                self._full = True
                self._data += (
                    f"\n{YELLOW}Job's log exceeded limit of {self._limit} bytes.\n"
                    f"Job execution will continue but no more output will be collected.{RESET}\n"
                ).encode()
