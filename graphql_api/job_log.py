"""Owns turning the end of a job's log into HTML: escaped, coloured, without the runner's marks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

#: The runner's mark before each line: time, stream, O(ut) or E(rror), and + where the line goes on.
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z [0-9a-f]{2}[OE]([ +])")
#: A section begins or ends; what follows on the line is its title.
_SECTION: Final = re.compile(r"section_(?:start|end):\d+:[^\r\n\[]*(?:\[[^\]\r\n]*\])?\r(?:\x1b\[0K)?")
#: A control sequence; group 1 has the numbers of one that sets the looks of text.
_CONTROL: Final = re.compile(
    r"\x1b\[(?:([\d;]*)m|[\d;?]*[ -/]*[@-ln-~])|\x1b[@-Z\\^_]|[\x00-\x08\x0b-\x1f\x7f]"
)
_COLOURS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_STYLES: Final = {1: "term-bold", 3: "term-italic", 4: "term-underline", 9: "term-cross"}


def html_of_tail(data: bytes, last_lines: int, *, whole: bool) -> str:
    """The last lines of a log whose end is `data`; a first line that may be cut is left out."""
    text = data.decode(errors="replace")
    return html_summary(text if whole else text.partition("\n")[2], last_lines)


def html_summary(text: str, last_lines: int) -> str:
    """The last lines as HTML: a `<br/>` between lines, `<span class="term-fg-red">` for colours."""
    lines = list(_lines(text))
    while lines and not lines[-1].strip():
        lines.pop()
    rendered: list[str] = []
    classes: list[str] = []
    kept = lines[-last_lines:] if last_lines > 0 else []
    for line in kept:
        rendered.append(_render(line, classes))
    return "<br/>".join(rendered)


def _lines(text: str) -> Iterator[str]:
    """The lines as a terminal shows them, without the runner's marks."""
    pending: str | None = None
    for raw in text.split("\n"):
        stamp = _STAMP.match(raw)
        line = raw[stamp.end() :] if stamp else raw
        if pending is not None and stamp and stamp[1] == "+":
            pending += line
            continue
        if pending is not None:
            yield _shown(pending)
        pending = line
    if pending is not None:
        yield _shown(pending)


def _shown(line: str) -> str:
    """A line without section marks, and with what stands after its last carriage return."""
    line = _SECTION.sub("", line).rstrip("\r")
    return line.rpartition("\r")[2]


def _render(line: str, classes: list[str]) -> str:
    """One line as HTML. classes: the looks that are on, carried from line to line."""
    parts: list[str] = []
    place = 0
    for control in _CONTROL.finditer(line):
        parts.append(_span(line[place : control.start()], classes))
        place = control.end()
        if control[1] is not None:
            _apply(control[1], classes)
    parts.append(_span(line[place:], classes))
    return "".join(parts)


def _span(text: str, classes: list[str]) -> str:
    if not text:
        return ""
    escaped = html.escape(text)
    return f'<span class="{" ".join(classes)}">{escaped}</span>' if classes else f"<span>{escaped}</span>"


def _apply(numbers: str, classes: list[str]) -> None:
    """Takes up an SGR sequence: 0 resets, 30-37 and 90-97 colour text, 40-47 its ground."""
    codes = [int(number[:4] or 0) for number in numbers.split(";")]
    while codes:
        code = codes.pop(0)
        if code in (38, 48):
            # 256 colours and true colour are not shown; their parameters are skipped.
            del codes[: 2 if codes[:1] == [5] else 4]
        elif code == 0:
            classes.clear()
        elif code in _STYLES:
            _set(classes, _STYLES[code], _STYLES[code])
        elif code in (22, 23, 24, 29):
            gone = {22: 1, 23: 3, 24: 4, 29: 9}[code]
            _set(classes, _STYLES[gone], None)
        else:
            _colour(code, classes)


def _colour(code: int, classes: list[str]) -> None:
    for first, ground, light in ((30, "fg", ""), (40, "bg", ""), (90, "fg", "l-"), (100, "bg", "l-")):
        if first <= code < first + 8:
            _set(classes, f"term-{ground}", f"term-{ground}-{light}{_COLOURS[code - first]}")
    if code == 39:
        _set(classes, "term-fg", None)
    if code == 49:
        _set(classes, "term-bg", None)


def _set(classes: list[str], prefix: str, name: str | None) -> None:
    """Replaces the looks that begin with `prefix`."""
    classes[:] = [other for other in classes if not other.startswith(prefix)]
    if name is not None:
        classes.append(name)
