"""Owns regular expressions from users: they run on RE2, so that no pattern can take long."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from ci_core.compiler.expressions.lexer import FLAGS

_MAX_MEMORY = 8 * 1024 * 1024


@lru_cache(maxsize=2048)
def compile_pattern(source: str, flags: str = "") -> Any | None:
    """The compiled pattern, or None when it is not valid RE2.

    Source: docs.gitlab.com/ci/jobs/job_rules/#compare-a-variable-to-a-regular-expression
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    options.case_sensitive = "i" not in flags
    inline = "".join(flag for flag in "smU" if flag in flags)
    try:
        return re2.compile(f"(?{inline}){source}" if inline else source, options)
    except re2.error:
        return None


def check_pattern(source: str, flags: str, max_length: int) -> str | None:
    """What is wrong with a pattern, or None."""
    if len(source) > max_length:
        return f"the regular expression has more than the limit of {max_length} characters (regex_length)"
    if compile_pattern(source, flags) is not None:
        return None
    hint = ""
    if any(mark in source for mark in ("(?=", "(?!", "(?<=", "(?<!")):
        hint = "; RE2 has no look-ahead or look-behind, use !~ or a second comparison"
    return f"/{source}/ is not a valid RE2 regular expression{hint}"


def split_pattern(text: str) -> tuple[str, str] | None:
    """`/source/flags` from the value of a variable, or None when it is not written so."""
    if len(text) < 3 or text[0] != "/":
        return None
    end = text.rfind("/")
    flags = text[end + 1 :]
    if end < 2 or any(flag not in FLAGS for flag in flags):
        return None
    return text[1:end], flags
