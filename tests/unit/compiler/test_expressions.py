"""Owns the tests of `rules:if` expressions: the docs' examples, nulls, precedence, errors, and printing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_core.compiler.expressions import ExpressionError, evaluate, parse, to_text, variable_names
from ci_core.compiler.expressions.syntax import (
    Binary,
    Boolean,
    Expression,
    Not,
    Null,
    Pattern,
    Text,
    Variable,
)

VARIABLES = {
    "VARIABLE": "content-1",
    "VARIABLE1": "content-a",
    "VARIABLE2": "some thing",
    "VARIABLE3": "x",
    "SAME": "content-1",
    "EMPTY": "",
    "BLANK": "  ",
    "pattern": "/^ab.*/",
    "insensitive": "/^AB/i",
    "teststring": "abcde",
    "other": "fghij",
    "part": "23",
    "whole": "1234",
    "multi": "one\ntwo",
    "slash": "a/b",
}


def value(text: str) -> bool:
    tree = parse(text)
    return evaluate(tree, text, VARIABLES.get, variable_names(tree)).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
        ('$VARIABLE == "content-1"', True),
        ("$VARIABLE == 'content-1'", True),
        ('$VARIABLE != "content-1"', False),
        ("$VARIABLE == $SAME", True),
        ("$VARIABLE != $SAME", False),
        ("${VARIABLE} == $SAME", True),
        ("$VARIABLE == null", False),
        ("$MISSING == null", True),
        ("$MISSING != null", False),
        ("$EMPTY == null", False),
        ('$EMPTY == ""', True),
        ('$MISSING == ""', False),
        ('$EMPTY != ""', False),
        ("$VARIABLE", True),
        ("$EMPTY", False),
        ("$BLANK", False),
        ("$MISSING", False),
        ("null", False),
        ('"text"', True),
        ('""', False),
        ("$MISSING == $MISSING_TOO", True),
        # docs.gitlab.com/ci/jobs/job_rules/#negate-expressions
        ("!$VARIABLE", False),
        ("!$EMPTY", True),
        ("! $MISSING", True),
        ("!!$VARIABLE", True),
        ('!($VARIABLE == "my variable")', True),
        ("$VARIABLE && !$MISSING", True),
        ("$VARIABLE && !$VARIABLE1 || $MISSING", False),
        ("!($VARIABLE || $MISSING)", False),
        ("!($VARIABLE && $MISSING)", True),
        ('!"false"', False),
        ('!"0"', False),
        ('!""', True),
        # GitLab, Lexeme::Not.precedence and Lexeme::LogicalOperator#compare_with_coercion
        ('!$VARIABLE == "content-1"', False),
        ('!$VARIABLE == "false"', True),
        ('"false" == !$VARIABLE', True),
        ("true", True),
        ("false || $MISSING", False),
        ("($VARIABLE) == true", False),
        ('"true" == true', True),
        ("null == false", False),
        ("($MISSING || $VARIABLE) == $SAME", True),
        ("$VARIABLE =~ !$MISSING", False),
        # docs.gitlab.com/ci/jobs/job_rules/#compare-a-variable-to-a-regular-expression
        ("$VARIABLE =~ /^content.*/", True),
        ("$VARIABLE !~ /^content.*/", False),
        ("$VARIABLE =~ /CONTENT/", False),
        ("$VARIABLE =~ /CONTENT/i", True),
        ("$MISSING =~ /x/", False),
        ("$MISSING !~ /x/", True),
        ("$multi =~ /^two/", False),
        ("$multi =~ /^two/m", True),
        ("$multi =~ /one.two/", False),
        ("$multi =~ /one.two/s", True),
        (r"$slash =~ /a\/b/", True),
        # docs.gitlab.com/ci/jobs/job_rules/#store-a-regular-expression-in-a-variable
        ("$teststring =~ $pattern", True),
        ("$other =~ $pattern", False),
        ("$other !~ $pattern", True),
        ("$teststring =~ $insensitive", True),
        ("$teststring =~ $MISSING", False),
        ("$teststring !~ $MISSING", True),
        # docs.gitlab.com/ci/jobs/job_rules/#unexpected-behavior-from-regular-expression-matching-with-
        ('$part =~ "1234"', True),
        ("$whole =~ /1234/", True),
        ('"23" =~ /1234/', False),
        # docs.gitlab.com/ci/jobs/job_rules/#join-variable-expressions-together
        ('$VARIABLE1 =~ /^content.*/ && $VARIABLE2 == "something"', False),
        ("$VARIABLE1 =~ /^content.*/ && $VARIABLE2 =~ /thing$/ && $VARIABLE3", True),
        ("$VARIABLE1 =~ /^content.*/ || $VARIABLE2 =~ /thing$/ && $VARIABLE3", True),
        ("$VARIABLE3 || $MISSING && $MISSING", True),
        ("($VARIABLE3 || $MISSING) && $MISSING", False),
        ("$EMPTY || $VARIABLE3", True),
        ("$EMPTY && $VARIABLE3", False),
        ("($VARIABLE1 =~ /^content.*/ || $VARIABLE2) && ($VARIABLE3 =~ /thing$/ || $VARIABLE4)", False),
        (
            '$VARIABLE == "content-1" || (($VARIABLE1 == "thing" || $VARIABLE2 == "thing") && $VARIABLE3)',
            True,
        ),
    ],
)
def test_value(text: str, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("", 0, "empty"),
        ('$A = "b"', 3, "single ="),
        ('$A == "b', 6, "no closing"),
        ("$A =~ /b", 6, "no closing /"),
        ("$A =~ /b/x", 9, "flag 'x'"),
        ("$A & $B", 3, "write &&"),
        ("$A | $B", 3, "write ||"),
        ("!", 1, "ends where"),
        ("$A ! $B", 3, "operator"),
        ("!/b/", 1, "right of =~"),
        ("!" * 201 + "$A", 200, "limit of 200 operators"),
        ("$", 0, "name of a variable"),
        ("branch == $A", 0, '$branch or "branch"'),
        ("$A ==", 5, "ends where"),
        ("== $A", 0, "not =="),
        ("$A $B", 3, "operator"),
        ("($A", 0, "never closed"),
        ("($A $B)", 4, "operator or )"),
        ("$A)", 2, "closes nothing"),
        ("()", 1, "not )"),
        ("$A == /b/", 6, "right of =~"),
        ("/b/ =~ $A", 0, "right of =~"),
        ("$A =~ /(/", 6, "not a valid RE2"),
        ("$A =~ /a(?=b)/", 6, "no look-ahead"),
        ("$A && 42", 6, "'42'"),
    ],
)
def test_error_points_at_the_character(text: str, offset: int, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert words in caught.value.message
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("$A" + " " * 20_000, "expression_length"),
        ("(" * 101 + "$A" + ")" * 101, "expression_depth"),
        (" && ".join(["$A"] * 300), "expression_operators"),
        ("$A =~ /" + "a" * 3_000 + "/", "regex_length"),
    ],
)
def test_limits_are_named(text: str, limit: str) -> None:
    with pytest.raises(ExpressionError, match=limit):
        parse(text)


def test_trace_tells_values_and_what_was_not_needed() -> None:
    text = '$A == "x" || $B == "y" && $C'
    tree = parse(text)
    trace = evaluate(tree, text, {"A": "x", "B": "secret"}.get, variable_names(tree), frozenset({"B"}))
    assert trace.to_json() == {
        "text": text,
        "value": True,
        "variables": {"A": "x", "B": "[MASKED]", "C": None},
        "steps": [
            {"text": '$A == "x"', "value": True},
            {"text": '$B == "y" && $C', "value": None},
            {"text": text, "value": True},
        ],
    }


def test_trace_tells_the_beginning_of_a_long_value() -> None:
    tree = parse("$A =~ /b$/")
    trace = evaluate(tree, "", {"A": "a" * 2_000 + "b"}.get, variable_names(tree))
    assert trace.value
    assert dict(trace.variables) == {"A": "a" * 1_000 + "..."}


_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_texts = st.text(st.characters(exclude_characters="'", exclude_categories=["Cs"]), max_size=8)
_operands = st.one_of(st.just(Null()), st.booleans().map(Boolean), _names.map(Variable), _texts.map(Text))
_patterns = st.builds(
    Pattern, st.from_regex(r"[a-z0-9.*]{1,6}", fullmatch=True).filter(lambda s: "*" not in s)
)


def _binary(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Binary, st.sampled_from(["==", "!=", "&&", "||"]), children, children),
        st.builds(Binary, st.sampled_from(["=~", "!~"]), children, _patterns),
        st.builds(Not, children),
    )


@settings(max_examples=150, deadline=None)
@given(st.recursive(_operands, _binary, max_leaves=12))
def test_parsing_what_is_printed_gives_the_same_tree(tree: Expression) -> None:
    assert parse(to_text(tree)) == tree


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="$ABab_{}()\"'=!~&|/\\ in.*[^null", max_size=30))
def test_any_text_parses_or_points_at_a_character(text: str) -> None:
    try:
        tree = parse(text)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)
        return
    assert parse(to_text(tree)) == tree
    evaluate(tree, text, VARIABLES.get, variable_names(tree))
