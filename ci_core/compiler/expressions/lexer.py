"""Owns cutting the text of an expression into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

FLAGS = "ismU"

_SPACE = re.compile(r"\s*")
_TOKENS = re.compile(
    r"""
    (?P<variable>\$(?:\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<bare>[A-Za-z_][A-Za-z0-9_]*)))
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<pattern>/(?:[^/\\]|\\.)+/(?P<flags>[A-Za-z]*))
    | (?P<operator>==|!=|=~|!~|&&|\|\|)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<null>null\b)
    | (?P<boolean>(?:true|false)\b)
    | (?P<not>!)
    """,
    re.VERBOSE | re.DOTALL,
)
_INPUT = re.compile(r"\$\[\[\s*inputs\.([A-Za-z0-9_-]+)\s*\]\]", re.ASCII)
_WORD = re.compile(r"[^\s()'\"=!&|]+")


class ExpressionError(Exception):
    """An expression that cannot be read: what is wrong, and at which character (from 0)."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Token:
    """One token and the character it begins at."""

    kind: str
    text: str
    offset: int
    flags: str = ""


def tokenize(text: str, inputs: bool = False) -> list[Token]:
    """All tokens of an expression; raises ExpressionError at the first character that fits nothing.

    inputs: the language of `spec:inputs:rules`, with `$[[ inputs.name ]]`.
    """
    tokens: list[Token] = []
    offset = _skip(text, 0)
    while offset < len(text):
        given = _INPUT.match(text, offset) if inputs else None
        if given is not None:
            tokens.append(Token("variable", given[1], offset))
            offset = _skip(text, given.end())
            continue
        match = _TOKENS.match(text, offset)
        if match is None:
            raise ExpressionError(_complaint(text, offset), offset)
        tokens.append(_token(match, offset))
        offset = _skip(text, match.end())
    return tokens


def _skip(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found else offset


def _token(match: re.Match[str], offset: int) -> Token:
    kind = str(match.lastgroup)
    if match["variable"]:
        return Token("variable", match["braced"] or match["bare"], offset)
    if match["pattern"]:
        flags = match["flags"]
        for index, flag in enumerate(flags):
            if flag not in FLAGS:
                at = match.start("flags") + index
                raise ExpressionError(
                    f"the regular expression flag '{flag}' is not known; use i, s, m or U", at
                )
        source = match["pattern"][1 : len(match["pattern"]) - 1 - len(flags)]
        return Token("pattern", source, offset, flags)
    if match["text"]:
        return Token("text", match["text"][1:-1], offset)
    return Token(kind, match.group(), offset)


def _complaint(text: str, offset: int) -> str:
    char = text[offset]
    if char in "'\"":
        return f"the string that begins with {char} has no closing {char}"
    if char == "/":
        return "the regular expression has no closing /"
    if char == "$":
        return "a $ must be followed by the name of a variable, such as $CI_COMMIT_BRANCH"
    if char in "&|":
        return f"a single {char} is no operator; write {char}{char}"
    if char == "=":
        return "a single = is no operator; write == to compare"
    found = _WORD.match(text, offset)
    word = found.group() if found else char
    return f"'{word[:40]}' is neither a variable nor a string; write ${word[:40]} or \"{word[:40]}\""
