"""Owns path patterns: those of `changes` and `exists`, and the simpler ones of `include:local`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ci_core.compiler.expressions.patterns import compile_pattern

_SPECIAL = re.compile(r"[*?\[{\\]")
_LONGEST = 1024


def is_glob(path: str) -> bool:
    """Whether a path has wildcards in it."""
    return _SPECIAL.search(path) is not None


@lru_cache(maxsize=2048)
def path_matcher(pattern: str) -> Any | None:
    """A matcher for a pattern as Ruby's File.fnmatch reads it with PATHNAME, DOTMATCH and EXTGLOB; None if unusable.

    `*` and `?` stop at a slash, `**/` stands for any number of folders, `{a,b}` for one of several.
    Source: docs.gitlab.com/ci/yaml/#ruleschanges
    """
    if len(pattern) > _LONGEST:
        return None
    return compile_pattern(rf"\A(?:{_Translation(pattern).run()})\z")


@lru_cache(maxsize=512)
def include_matcher(pattern: str) -> Any | None:
    """A matcher for `include:local`: `**` crosses slashes, `*` does not; nothing else is special.

    Source: docs.gitlab.com/ci/yaml/includes/#use-includelocal-with-wildcard-file-paths
    """
    if len(pattern) > _LONGEST:
        return None
    parts = re.split(r"(\*\*|\*)", pattern)
    words = {"**": ".*", "*": "[^/]*"}
    return compile_pattern(rf"(?s)\A{''.join(words.get(part) or re.escape(part) for part in parts)}\z")


class _Translation:
    """Turns one pattern into a regular expression."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._index = 0
        self._braces = 0

    def run(self) -> str:
        parts: list[str] = []
        starts = [True]
        begins = True
        while self._index < len(self._text):
            char = self._text[self._index]
            piece = self._piece(char, begins)
            if char == "{" and piece == "(?:":
                starts.append(begins)
            elif char == "," and piece == "|":
                begins = starts[-1]
                parts.append(piece)
                continue
            elif char == "}" and piece == ")":
                starts.pop()
            if piece != "(?:":
                begins = piece.endswith("/") or piece == _FOLDERS
            parts.append(piece)
        return "".join(parts)

    def _piece(self, char: str, begins: bool) -> str:
        text = self._text
        at = self._index
        self._index += 1
        if char == "*":
            if begins and text.startswith("**/", at):
                while text.startswith("**/", self._index - 1):
                    self._index += 3
                self._index -= 1
                return _FOLDERS
            while text.startswith("*", self._index):
                self._index += 1
            return "[^/]*"
        if char == "?":
            return "[^/]"
        if char == "[":
            return self._set()
        if char == "\\" and at + 1 < len(text):
            self._index += 1
            return re.escape(text[at + 1])
        if char == "{" and "}" in text[at:]:
            self._braces += 1
            return "(?:"
        if char == "," and self._braces:
            return "|"
        if char == "}" and self._braces:
            self._braces -= 1
            return ")"
        return char if char == "/" else re.escape(char)

    def _set(self) -> str:
        """`[abc]`, `[a-z]` or `[^a]`; a bracket without an end is a plain one."""
        end = self._text.find("]", self._index + 1)
        if end < 0:
            return r"\["
        body = self._text[self._index : end]
        negated = body[:1] in ("^", "!")
        chars = (body[1:] if negated else body).replace("\\", "\\\\").replace("[", r"\[").replace("^", r"\^")
        if not chars or "/" in chars:
            return r"\["
        self._index = end + 1
        return f"[^/{chars}]" if negated else f"[{chars}]"


_FOLDERS = "(?:[^/]+/)*"
