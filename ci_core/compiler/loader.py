"""Owns reading YAML: text in, maps and lists with places out, within bounds of size, depth and aliases."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml._yaml import CParser

from ci_core.compiler.diagnostics import At, Mark, PlainMark, Report
from ci_core.compiler.limits import Limits
from ci_core.compiler.scalars import is_date, resolve_plain, symbol_text
from ci_core.compiler.tree import Map, Reference, Seq

_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"!", f"{_CORE}str"})
_PLAIN_TAGS = frozenset(_CORE + name for name in ("int", "float", "bool", "null"))
_MERGE = "<<"
# Stands in the memory of plain scalars for those that are dates.
_DATE: Final = object()


class _Stop(Exception):
    """Ends the reading of one document; the finding is already reported."""


class _Source(io.BytesIO):
    """Bytes with a name: the C parser copies the name into every mark."""

    name: str = ""


@dataclass(slots=True)
class _Frame:
    """A map or list that is still open. merged: keys that `<<` brought, and nothing else since."""

    node: Map | Seq
    mark: Mark
    anchor: str | None
    is_map: bool
    reference: bool = False
    key: str | None = None
    key_mark: Mark | None = None
    size: int = 1
    merged: set[str] | None = None


def decode(source: str | bytes, file: str, report: Report, limits: Limits) -> str | None:
    """The text of a file, or None when it is too large or not UTF-8."""
    at = At(None, "", PlainMark(file))
    size = len(source) if isinstance(source, bytes) else len(source.encode("utf-8", "surrogatepass"))
    if size > limits.file_bytes:
        report.error(
            f"The file has {size} bytes, more than the limit of {limits.file_bytes} (file_bytes).",
            at,
            "limit",
        )
        return None
    try:
        text = source.decode("utf-8-sig") if isinstance(source, bytes) else source.removeprefix("\ufeff")
        text.encode("utf-8")
    except UnicodeError as error:
        report.error(
            f"The file is not valid UTF-8 (at byte {getattr(error, 'start', 0)}). Save it as UTF-8.",
            at,
            "yaml",
        )
        return None
    return text


def load_documents(text: str, file: str, report: Report, limits: Limits) -> list[Any]:
    """All documents of a YAML file; an empty list when it cannot be read."""
    stream = _Source(text.encode())
    stream.name = file
    try:
        return _Reader(CParser(stream), file, report, limits).read()
    except _Stop:
        return []
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or PlainMark(file)
        if "nesting depth" in str(error.problem):  # libyaml's own limit, met while it looks ahead
            report.error(_too_deep(limits), At(None, "", mark), "limit")
            return []
        words = " ".join(part for part in (error.context, error.problem) if part)
        report.error(
            f"The YAML cannot be read: {words}. Check indentation, quotes and colons here.",
            At(None, "", mark),
            "yaml",
        )
        return []
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", None) or str(error).splitlines()[0]
        report.error(f"The YAML cannot be read: {reason}.", At(None, "", PlainMark(file)), "yaml")
        return []


class _Reader:
    """Builds nodes from the parser's events without recursion; an alias costs what it stands for."""

    def __init__(self, parser: Any, file: str, report: Report, limits: Limits) -> None:
        self._next = parser.get_event
        self._file = file
        self._report = report
        self._limits = limits
        self._plain: dict[str, Any] = {}
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: list[_Frame] = []
        self._root: Any = None
        self._nodes = 0
        self._aliases = 0

    def read(self) -> list[Any]:
        """Reads to the end of the stream."""
        documents: list[Any] = []
        next_event, read_scalar = self._next, self._scalar
        while True:
            event = next_event()
            kind = event.__class__
            if kind is ScalarEvent:
                read_scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._start(event, kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._end()
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._root, self._anchors = None, {}
            elif kind is yaml.DocumentEndEvent:
                documents.append(self._root)
            elif kind is yaml.StreamEndEvent:
                return documents

    def _fail(self, message: str, mark: Mark, code: str = "yaml") -> _Stop:
        self._report.error(message, self._at(mark), code)
        return _Stop()

    def _at(self, mark: Mark) -> At:
        at = At(None, "", mark)
        for frame in self._open:
            if frame.key is not None:
                at = at.down(frame.key, mark)
            elif isinstance(frame.node, Seq):
                at = at.down(len(frame.node), mark)
        return at

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        mark = event.start_mark
        if "\0" in text:
            text = self._without_nul(text, mark)
        frame = self._open[-1] if self._open else None
        if frame is not None and frame.is_map and frame.key is None:
            if text[:1] == ":" and event.implicit[0]:
                text = symbol_text(text)
            if event.anchor is not None:
                self._anchors[event.anchor] = (text, 1)
            self._key(frame, text, mark)
            return
        value = self._value(event, text)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._count(mark)
        if frame is None or frame.key == _MERGE:
            self._place(value, mark, 1)
            return
        # What `_place` does with a scalar, of which a file has thousands; the size is checked where the frame ends.
        frame.size += 1
        node, key, key_mark = frame.node, frame.key, frame.key_mark
        if key is None or key_mark is None:
            node.append(value)  # type: ignore[union-attr]
            node.marks.append(mark)  # type: ignore[union-attr]
            return
        frame.key = None
        node[key] = value  # type: ignore[call-overload]
        node.marks[key] = (key_mark, mark)  # type: ignore[call-overload]
        if frame.merged:
            frame.merged.discard(key)

    def _value(self, event: Any, text: str) -> Any:
        """What a scalar means, by its tag or, in plain style, by its text."""
        tag = event.tag
        if event.implicit[0] or tag in _PLAIN_TAGS:
            if text not in self._plain:
                self._plain[text] = _DATE if is_date(text) else resolve_plain(text)
            value = self._plain[text]
            return value if value is not _DATE else self._date(text, event.start_mark)
        if tag is None or tag in _TEXT_TAGS:
            return text
        raise self._fail(_unknown_tag(tag), event.start_mark)

    def _date(self, text: str, mark: Mark) -> str:
        self._report.error(
            f"'{text[:60]}' is read as a date, which a configuration cannot hold. Put it in quotes.",
            self._at(mark),
            "yaml",
        )
        return text

    def _without_nul(self, text: str, mark: Mark) -> str:
        r"""The text with signs in place of NUL (written "\0"), which no job and no database can hold."""
        self._report.error("The text holds the character NUL. Take it out.", self._at(mark), "invalid")
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}")

    def _key(self, frame: _Frame, text: str, mark: Mark) -> None:
        node = frame.node
        if text in node and (frame.merged is None or text not in frame.merged):
            self._report.warning(
                f"The key '{text}' is written twice in this map; this later one wins. Remove one of them.",
                self._at(mark).down(text, mark),
                "yaml",
            )
        frame.key, frame.key_mark = text, mark

    def _start(self, event: Any, is_map: bool) -> None:
        mark = event.start_mark
        if len(self._open) >= self._limits.yaml_depth:
            raise self._fail(_too_deep(self._limits), mark, "limit")
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.is_map and parent.key is None:
            raise self._fail("A key must be plain text, not a list or a map.", mark)
        tag = event.tag
        reference = tag == "!reference"
        if reference and is_map:
            raise self._fail(
                "!reference must be followed by a list, such as !reference [.setup, script].", mark
            )
        if tag is not None and not reference and tag not in (f"{_CORE}map", f"{_CORE}seq", "!"):
            raise self._fail(_unknown_tag(tag), mark)
        self._count(mark)
        node: Map | Seq = Map(mark) if is_map else Seq(mark)
        self._open.append(_Frame(node, mark, event.anchor, is_map, reference))

    def _end(self) -> None:
        frame = self._open.pop()
        if frame.size > self._limits.expanded_nodes:
            raise self._too_large(frame.mark)
        value: Any = frame.node
        if frame.reference:
            value = self._reference(frame)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (value, frame.size)
        self._place(value, frame.mark, frame.size)

    def _reference(self, frame: _Frame) -> Reference:
        if not frame.node or any(
            not isinstance(key, str | int) or isinstance(key, bool) for key in frame.node
        ):
            raise self._fail(
                "!reference needs a list of keys that leads to a value, such as !reference [.setup, script].",
                frame.mark,
            )
        return Reference(tuple(str(key) for key in frame.node), frame.mark)

    def _alias(self, event: Any) -> None:
        mark = event.start_mark
        self._aliases += 1
        if self._aliases > self._limits.yaml_aliases:
            limit = self._limits.yaml_aliases
            raise self._fail(
                f"The YAML uses more aliases than the limit of {limit} (yaml_aliases).", mark, "limit"
            )
        found = self._anchors.get(event.anchor)
        frame = self._open[-1] if self._open else None
        if found is None:
            raise self._fail(
                f"The alias *{event.anchor} has no anchor &{event.anchor} before it in this file. "
                "Anchors do not reach across files or into themselves; use extends or !reference for that.",
                mark,
            )
        value, size = found
        if frame is not None and frame.is_map and frame.key is None:
            if not isinstance(value, str):
                raise self._fail(
                    "A key must be plain text, not a list, a map or a number behind an alias.", mark
                )
            self._key(frame, value, mark)
            return
        self._place(value, mark, size)

    def _count(self, mark: Mark) -> None:
        self._nodes += 1
        limit = self._limits.yaml_nodes
        if self._nodes > limit:
            text = f"The YAML has more values than the limit of {limit} (yaml_nodes)."
            raise self._fail(text, mark, "limit")

    def _place(self, value: Any, mark: Mark, size: int) -> None:
        """Puts a finished value into its parent."""
        if not self._open:
            self._root = value
            return
        frame = self._open[-1]
        frame.size += size
        node, key, key_mark = frame.node, frame.key, frame.key_mark
        if frame.size > self._limits.expanded_nodes:
            raise self._too_large(mark)
        if isinstance(node, Seq):
            node.add(value, mark)
            return
        assert key is not None and key_mark is not None
        frame.key = None
        if key == _MERGE:
            self._merge(frame, node, value, mark)
        else:
            node.put(key, value, (key_mark, mark))
            if frame.merged:
                frame.merged.discard(key)

    def _too_large(self, mark: Mark) -> _Stop:
        limit = self._limits.expanded_nodes
        return self._fail(
            f"With its aliases written out, the YAML has more values than the limit of {limit} (expanded_nodes).",
            mark,
            "limit",
        )

    def _merge(self, frame: _Frame, node: Map, value: Any, mark: Mark) -> None:
        """`<<: *base`. As in GitLab, what it brings replaces keys written above it in the same map.

        Source: docs.gitlab.com/ci/yaml/yaml_optimization/#anchors
        """
        if frame.merged is None:
            frame.merged = set()
        parts = value[::-1] if isinstance(value, Seq) else [value]
        for part in parts:
            if not isinstance(part, Map):
                raise self._fail("The merge key << needs a map or a list of maps, such as <<: *base.", mark)
            for key, item in part.items():
                if key in node and key not in frame.merged and node[key] is not item:
                    self._report.warning(
                        f"The merge key << replaces '{key}', which stands above it in this map. "
                        "Put << first if the map's own value should win.",
                        self._at(mark).down(key, mark),
                        "yaml",
                    )
                node.put(key, item, part.marks[key])
                frame.merged.add(key)


def _too_deep(limits: Limits) -> str:
    return f"The YAML is nested deeper than the limit of {limits.yaml_depth} levels (yaml_depth)."


def _unknown_tag(tag: str) -> str:
    if tag == "!reference":
        return "!reference must be followed by a list, such as !reference [.setup, script]."
    name = tag.removeprefix(_CORE)
    return f"The YAML tag {name} is not known here. Only !reference is; put other text in quotes."
