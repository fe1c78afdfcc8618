"""Owns the language of `rules:if`: text in, tree, value and an account of how it was reached out.

Source: docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
"""

from __future__ import annotations

from ci_core.compiler.expressions.evaluate import ExpressionTrace, Step, evaluate
from ci_core.compiler.expressions.lexer import ExpressionError
from ci_core.compiler.expressions.parser import parse
from ci_core.compiler.expressions.syntax import Expression, to_text, variable_names

__all__ = [
    "Expression",
    "ExpressionError",
    "ExpressionTrace",
    "Step",
    "evaluate",
    "parse",
    "to_text",
    "variable_names",
]
