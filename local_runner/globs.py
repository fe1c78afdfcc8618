"""Owns finding the files that artifacts and caches name: `*`, `?`, `[...]`, `{a,b}` and `**`."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_MAGIC = re.compile(r"[*?\[{]")


def find(root: Path, pattern: str) -> set[str]:
    """Relative paths (files and symlinks) that a pattern selects; a directory selects all in it.

    Nothing outside the root is ever selected, and symlinks to directories are not entered. An absolute
    pattern must lie in the root.
    """
    relative = _relative_pattern(root, pattern)
    if relative is None:
        return set()
    parts = relative.split("/") if relative else []
    fixed = []
    for part in parts:
        if _MAGIC.search(part):
            break
        fixed.append(part)
    start = "/".join(fixed)
    if _leaves_through_link(root, fixed):
        return set()
    if len(fixed) == len(parts):
        return set(_tree(root, start))
    matcher = _compiled(relative, r"(?:/.*)?")
    return {path for path in _tree(root, start) if matcher.fullmatch(path)}


def excluded(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a relative path itself (not only a directory above it) matches one of the patterns."""
    return any(_compiled(pattern.removeprefix("./")).fullmatch(path) for pattern in patterns)


def translate(pattern: str) -> str:
    """A glob as a regular expression over a relative path."""
    out, at, depth = "", 0, 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
            continue
        if pattern.startswith("**", at):
            out, at = out + ".*", at + 2
            continue
        if char == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out, at = out + "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]", end + 1
            continue
        if char == "\\" and at + 1 < len(pattern):
            at, char = at + 1, re.escape(pattern[at + 1])
        elif char == "{" and "}" in pattern[at:]:
            char, depth = "(?:", depth + 1
        elif char in ",}" and depth:
            char, depth = ("|", depth) if char == "," else (")", depth - 1)
        else:
            char = {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        out, at = out + char, at + 1
    return out + ")" * depth


def _compiled(pattern: str, tail: str = "") -> re.Pattern[str]:
    """A glob ready for matching; one that makes no sense, such as `[z-a]`, matches nothing."""
    try:
        return re.compile(translate(pattern) + tail, re.DOTALL)
    except re.error:
        return re.compile(r"(?!)")


def _relative_pattern(root: Path, pattern: str) -> str | None:
    """The pattern relative to the root, without `.` parts; None if it points elsewhere."""
    if pattern.startswith("/"):
        prefix = f"{root}/"
        if pattern.rstrip("/") != str(root) and not pattern.startswith(prefix):
            return None
        pattern = pattern[len(prefix) :]
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)


def _leaves_through_link(root: Path, parts: list[str]) -> bool:
    """Whether one of the directories on the way is a symlink (its target may be anywhere)."""
    return any((root / "/".join(parts[:count])).is_symlink() for count in range(1, len(parts)))


def _tree(root: Path, start: str) -> Iterator[str]:
    """All files and symlinks at or below a relative path; git's own data is left out unless asked for."""
    top = root / start
    if top.is_symlink() or top.is_file():
        yield start
        return
    for folder, names, files in os.walk(top):
        relative = Path(folder).relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        names[:] = [name for name in names if name not in links and prefix + name != ".git"]
        for name in (*files, *links):
            yield prefix + name
