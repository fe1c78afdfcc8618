"""Owns hiding secrets in a stream of bytes that may be cut anywhere."""

import re
from collections.abc import Iterable

MASK = b"[MASKED]"
_TOKEN_CHARS = rb"[A-Za-z0-9_.\-]"


class ValueMasker:
    """Replaces every occurrence of any of the values by `[MASKED]`, also when it is spread over writes.

    Occurrences that overlap are hidden as one. All other bytes come out unchanged and in order. What may turn
    out to be the beginning of a value is held back until it is decided; `flush` gives it out at the end.
    """

    def __init__(self, values: Iterable[bytes]) -> None:
        self._values = sorted({value for value in values if value}, key=len, reverse=True)
        self._pending = b""
        self._hidden = 0  # leading bytes of _pending that belong to a mask already written

    def feed(self, data: bytes) -> bytes:
        """Take more input, give out what is decided."""
        if not self._values:
            return data
        buffer = self._pending + data
        cut = min(len(buffer) - _held_back(buffer, value) for value in self._values)
        output, run_end = self._hide(buffer, cut)
        self._pending = buffer[cut:]
        self._hidden = max(0, run_end - cut)
        return output

    def flush(self) -> bytes:
        """Give out what was held back; the stream ends or something else follows."""
        rest, _ = self._hide(self._pending, len(self._pending))
        self._pending, self._hidden = b"", 0
        return rest

    def _hide(self, buffer: bytes, cut: int) -> tuple[bytes, int]:
        """The output for buffer[:cut], and where the last hidden run ends (it may reach beyond the cut)."""
        output = bytearray()
        shown = run_end = self._hidden
        for start, end in self._occurrences(buffer):
            if start >= cut:  # decided together with what comes
                break
            if start < run_end:
                run_end = max(run_end, end)
            else:
                output += buffer[shown:start]
                output += MASK
                run_end = end
            shown = run_end
        if shown < cut:
            output += buffer[shown:cut]
        return bytes(output), run_end

    def _occurrences(self, buffer: bytes) -> list[tuple[int, int]]:
        found = []
        for value in self._values:
            at = buffer.find(value)
            while at >= 0:
                found.append((at, at + len(value)))
                at = buffer.find(value, at + 1)
        return sorted(found)


class PrefixMasker:
    """Hides what follows a token prefix: `glpat-abc` becomes `glpat-[MASKED]`."""

    def __init__(self, prefixes: Iterable[bytes]) -> None:
        self._prefixes = sorted({prefix for prefix in prefixes if prefix}, key=len, reverse=True)
        alternatives = b"|".join(re.escape(prefix) for prefix in self._prefixes)
        self._pattern = re.compile(b"(" + alternatives + b")" + _TOKEN_CHARS + b"+")
        self._run = re.compile(_TOKEN_CHARS + b"*")
        self._pending = b""
        self._inside = False  # the input so far ended within a token

    def feed(self, data: bytes) -> bytes:
        """Take more input, give out what is decided."""
        if not self._prefixes:
            return data
        buffer = self._pending + data
        at = 0
        if self._inside:
            match = self._run.match(buffer)
            at = match.end() if match else 0
            self._inside = at == len(buffer)
        output = bytearray()
        for match in self._pattern.finditer(buffer, at):
            output += buffer[at : match.start()] + match.group(1) + MASK
            at = match.end()
            self._inside = at == len(buffer)
        rest = buffer[at:]
        keep = max(_held_back(rest, prefix, whole=True) for prefix in self._prefixes)
        self._pending = rest[len(rest) - keep :]
        return bytes(output) + rest[: len(rest) - keep]

    def flush(self) -> bytes:
        """Give out what was held back."""
        rest, self._pending, self._inside = self._pending, b"", False
        return rest


class Masker:
    """Both kinds of hiding, one after the other."""

    def __init__(self, values: Iterable[str] = (), prefixes: Iterable[str] = ()) -> None:
        self._values = ValueMasker(value.encode() for value in values)
        self._prefixes = PrefixMasker(prefix.encode() for prefix in prefixes)

    def feed(self, data: bytes) -> bytes:
        """Take more input, give out what is decided."""
        return self._prefixes.feed(self._values.feed(data))

    def flush(self) -> bytes:
        """Give out what was held back."""
        return self._prefixes.feed(self._values.flush()) + self._prefixes.flush()


def _held_back(buffer: bytes, value: bytes, *, whole: bool = False) -> int:
    """How many bytes at the end of the buffer may be the beginning of the value (or all of it, if asked)."""
    longest = min(len(value) if whole else len(value) - 1, len(buffer))
    for size in range(longest, 0, -1):
        if buffer.endswith(value[:size]):
            return size
    return 0
