"""Owns regular expressions on paths: `regexp` of `changes` and `exists`, which GitLab reads as Ruby does, on RE2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from ci_core.compiler.expressions.patterns import compile_pattern

#: Characters of such an expression, also after its variables are put in.
LONGEST = 255
# What Ruby writes otherwise: a hexadecimal digit, and the end before a last line break.
_RUBY = {r"\h": "[0-9a-fA-F]", r"\H": "[^0-9a-fA-F]", r"\Z": r"(?:\n?\z)"}
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_LOOK = re.compile(r"\(\?<?[=!]")


@dataclass(frozen=True, slots=True)
class _Branch:
    """One alternative: where it begins, what must follow there and what must not, and what it matches."""

    start: str
    looks: tuple[tuple[bool, Any], ...]
    rest: Any

    def matches(self, path: str) -> bool:
        if not self.start:
            return self.rest.search(path) is not None
        # To Ruby ^ is the beginning of any line, and a path may have several.
        places = [0] if self.start == r"\A" else [0, *(match.end() for match in re.finditer("\n", path))]
        return any(self._matches_from(path[place:]) for place in places)

    def _matches_from(self, text: str) -> bool:
        return self.rest.search(text) is not None and all(
            (look.search(text) is not None) == wanted for wanted, look in self.looks
        )


PathRegexp: TypeAlias = "tuple[_Branch, ...]"


@lru_cache(maxsize=512)
def compile_path_regexp(source: str) -> PathRegexp | str:
    """The alternatives of an expression, or what is wrong with it.

    RE2 has no look-ahead. One that stands at the beginning, after `\\A` or `^`, is a second expression to match there,
    and so is carried out; others are refused.
    Source: docs.gitlab.com/ci/yaml/#ruleschangesregexp
    """
    if len(source) > LONGEST:
        return f"has {len(source)} characters with its variables, more than the limit of {LONGEST}"
    branches = _alternatives(source) if _LOOK.search(source) else [source]
    found = [_branch(branch) for branch in branches]
    good = tuple(branch for branch in found if branch is not None)
    if len(good) == len(found):
        return good
    if _LOOK.search(source):
        return (
            "is not understood. Of look-ahead and look-behind only (?!...) and (?=...) right after \\A or ^ are "
            "known here, at the beginning of the expression or of an alternative that is not in parentheses"
        )
    return "is not a valid regular expression"


def path_matches(regexp: PathRegexp, path: str) -> bool:
    """Whether any alternative matches anywhere in a path.

    Source: docs.gitlab.com/ci/yaml/#ruleschangesregexp
    """
    return any(branch.matches(path) for branch in regexp)


def _branch(source: str) -> _Branch | None:
    start = next((mark for mark in (r"\A", "^") if source.startswith(mark)), "")
    at = len(start)
    looks: list[tuple[bool, Any]] = []
    while start and source.startswith(("(?!", "(?="), at):
        end = _closing(source, at)
        if end < 0:
            return None
        looks.append((source[at + 2] == "=", _compiled(source[at + 3 : end], anchored=True)))
        at = end + 1
    rest = _compiled(source[at:], anchored=True) if looks else _compiled(source)
    if rest is None or any(look is None for _, look in looks):
        return None
    return _Branch(start if looks else "", tuple(looks), rest)


def _compiled(source: str, *, anchored: bool = False) -> Any | None:
    text = _ESCAPE.sub(lambda match: _RUBY.get(match[0], match[0]), source)
    return compile_pattern(rf"\A(?:{text})" if anchored else text, "m")


def _alternatives(source: str) -> list[str]:
    """The parts between the `|` that are in no parentheses."""
    parts, begin = [], 0
    for index, char, depth in _walk(source):
        if char == "|" and depth == 0:
            parts.append(source[begin:index])
            begin = index + 1
    return [*parts, source[begin:]]


def _closing(source: str, start: int) -> int:
    """Where the parenthesis that opens at `start` closes; -1 if nowhere."""
    return next((start + at for at, char, depth in _walk(source[start:]) if char == ")" and depth == 0), -1)


def _walk(source: str) -> list[tuple[int, str, int]]:
    """The characters that are neither escaped nor in brackets, with the depth of parentheses they leave."""
    found: list[tuple[int, str, int]] = []
    depth = index = 0
    while index < len(source):
        char = source[index]
        if char == "\\":
            index += 2
            continue
        if char == "[":
            index = _end_of_set(source, index)
            continue
        depth += (char == "(") - (char == ")")
        found.append((index, char, depth))
        index += 1
    return found


def _end_of_set(source: str, start: int) -> int:
    """The place after `[...]`, in which a bracket at the very beginning is a plain one."""
    index = start + 1
    index += source.startswith("^", index)
    index += source.startswith("]", index)
    while index < len(source) and source[index] != "]":
        index += 2 if source[index] == "\\" else 1
    return index + 1
