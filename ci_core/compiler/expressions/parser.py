"""Owns the grammar of expressions: tokens in, tree out."""

from __future__ import annotations

from ci_core.compiler.expressions.lexer import ExpressionError, Token, tokenize
from ci_core.compiler.expressions.patterns import check_pattern
from ci_core.compiler.expressions.syntax import (
    PRECEDENCE,
    Binary,
    Boolean,
    Expression,
    Not,
    Null,
    Pattern,
    Text,
    Variable,
)


def parse(
    text: str,
    *,
    max_length: int = 10_000,
    max_depth: int = 100,
    max_operators: int = 200,
    max_regex: int = 2_000,
    inputs: bool = False,
) -> Expression:
    """The tree of an expression, or ExpressionError with the character at which it goes wrong.

    `!` binds strongest, then `==`, `!=`, `=~` and `!~`, then `&&`, then `||`; equals group from the left;
    parentheses come first.
    Source: docs.gitlab.com/ci/jobs/job_rules/#join-variable-expressions-together and #negate-expressions
    """
    if len(text) > max_length:
        raise ExpressionError(
            f"it has more than the limit of {max_length} characters (expression_length)", max_length
        )
    tokens = tokenize(text, inputs)
    if not tokens:
        raise ExpressionError("it is empty", 0)
    parser = _Parser(tokens, len(text), max_depth, max_operators, max_regex)
    tree = parser.binary(1, 0)
    parser.finish()
    return tree


class _Parser:
    def __init__(
        self, tokens: list[Token], end: int, max_depth: int, max_operators: int, max_regex: int
    ) -> None:
        self._tokens = tokens
        self._end = end
        self._max_depth = max_depth
        self._max_operators = max_operators
        self._max_regex = max_regex
        self._index = 0
        self._operators = 0

    def _peek(self) -> Token | None:
        return self._tokens[self._index] if self._index < len(self._tokens) else None

    def finish(self) -> None:
        """Refuses what is left over after a whole expression."""
        token = self._peek()
        if token is None:
            return
        if token.kind == "close":
            raise ExpressionError("this ) closes nothing", token.offset)
        raise ExpressionError("an operator such as == or && is missing before this", token.offset)

    def binary(self, strength: int, depth: int) -> Expression:
        """Operands joined by operators that bind at least as strong as `strength`."""
        left = self._operand(depth)
        while True:
            token = self._peek()
            if token is None or token.kind != "operator" or PRECEDENCE[token.text] < strength:
                return left
            self._index += 1
            self._count(token)
            right = self.binary(PRECEDENCE[token.text] + 1, depth)
            left = Binary(token.text, left, right)

    def _count(self, token: Token) -> None:
        self._operators += 1
        if self._operators > self._max_operators:
            limit = self._max_operators
            raise ExpressionError(
                f"it has more than the limit of {limit} operators (expression_operators)", token.offset
            )

    def _operand(self, depth: int) -> Expression:
        token = self._peek()
        if token is None:
            raise ExpressionError("it ends where a variable or a string is expected", self._end)
        self._index += 1
        if token.kind == "open":
            return self._parentheses(token, depth + 1)
        if token.kind == "not":
            self._count(token)
            return Not(self._operand(depth))
        if token.kind == "variable":
            return Variable(token.text)
        if token.kind == "text":
            return Text(token.text)
        if token.kind == "null":
            return Null()
        if token.kind == "boolean":
            return Boolean(token.text == "true")
        if token.kind == "pattern":
            return self._pattern(token)
        raise ExpressionError(f"a variable or a string is expected here, not {token.text}", token.offset)

    def _parentheses(self, token: Token, depth: int) -> Expression:
        if depth > self._max_depth:
            limit = self._max_depth
            raise ExpressionError(
                f"parentheses are nested deeper than the limit of {limit} (expression_depth)", token.offset
            )
        inner = self.binary(1, depth)
        close = self._peek()
        if close is None:
            raise ExpressionError("this ( is never closed", token.offset)
        if close.kind != "close":
            raise ExpressionError("an operator or ) is missing before this", close.offset)
        self._index += 1
        return inner

    def _pattern(self, token: Token) -> Expression:
        before = self._tokens[self._index - 2] if self._index >= 2 else None
        if before is None or before.kind != "operator" or before.text not in ("=~", "!~"):
            raise ExpressionError("a regular expression must stand to the right of =~ or !~", token.offset)
        problem = check_pattern(token.text, token.flags, self._max_regex)
        if problem is not None:
            raise ExpressionError(problem, token.offset)
        return Pattern(token.text, token.flags)
