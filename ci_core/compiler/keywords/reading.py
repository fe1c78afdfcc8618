"""Owns the small readers that all keywords share: text, numbers, lists, maps with known keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ci_core.compiler.diagnostics import At, quote_list
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq, describe, flat_items


def wrong(session: Session, at: At, keyword: str, expected: str, value: Any) -> None:
    """Reports a value of the wrong kind."""
    session.report.error(f"{keyword} must be {expected}, not {describe(value)}.", at)


def read_text(session: Session, value: Any, at: At, keyword: str, limit: int = 0) -> str | None:
    """A text that is not blank."""
    if not isinstance(value, str):
        wrong(session, at, keyword, "a text", value)
        return None
    if not value.strip():
        session.report.error(f"{keyword} must not be blank. Give it a text or take it out.", at)
        return None
    if limit and len(value) > limit:
        session.report.error(
            f"{keyword} has {len(value)} characters, more than the limit of {limit}.", at, "limit"
        )
        return None
    return value


def read_bool(session: Session, value: Any, at: At, keyword: str) -> bool | None:
    """`true` or `false`."""
    if isinstance(value, bool):
        return value
    wrong(session, at, keyword, "true or false", value)
    return None


def read_int(session: Session, value: Any, at: At, keyword: str, low: int, high: int) -> int | None:
    """A whole number within bounds."""
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    wrong(session, at, keyword, f"a whole number from {low} to {high}", value)
    return None


def read_choice(session: Session, value: Any, at: At, keyword: str, choices: Collection[str]) -> str | None:
    """One word of a fixed set."""
    if isinstance(value, str) and value in choices:
        return value
    hint = session.report.did_you_mean(value, choices) if isinstance(value, str) else ""
    session.report.error(f"{keyword} must be {quote_list(choices)}, not {describe(value)}.{hint}", at)
    return None


def read_texts(
    session: Session, value: Any, at: At, keyword: str, *, single: bool = False
) -> list[str] | None:
    """A list of texts, flattened; also one text alone where `single` allows it."""
    if single and isinstance(value, str):
        return [value]
    if not isinstance(value, Seq):
        wrong(session, at, keyword, "a text or a list of texts" if single else "a list of texts", value)
        return None
    texts: list[str] = []
    good = True
    for item, place in items(session, value, at):
        if isinstance(item, str):
            texts.append(item)
        else:
            wrong(session, place, f"Each entry of {keyword}", "a text", item)
            good = False
    return texts if good else None


def items(session: Session, value: Seq, at: At) -> Iterator[tuple[Any, At]]:
    """The items of a list and of lists inside it, with their places."""
    for item, place in flat_items(value, at, session.limits.script_depth):
        session.spend(1, place)
        yield item, place


def read_map(
    session: Session,
    value: Any,
    at: At,
    keyword: str,
    known: Collection[str],
    unsupported: Mapping[str, str] | None = None,
) -> Map | None:
    """A map whose keys are all known. Unknown keys and those not supported yet are reported."""
    if not isinstance(value, Map):
        wrong(session, at, keyword, "a map", value)
        return None
    for key in value:
        if key in known:
            continue
        if unsupported is not None and key in unsupported:
            report_unsupported(session, f"{keyword}:{key}", unsupported[key], value.at_key(key, at))
        else:
            report_unknown(session, keyword, key, known, value.at_key(key, at))
    return value


def report_unknown(session: Session, keyword: str, key: str, known: Collection[str], at: At) -> None:
    """Reports a key that does not exist."""
    hint = session.report.did_you_mean(key, known)
    if not hint and len(known) <= 12:
        hint = f" Known are {quote_list(known).replace(' or ', ' and ')}."
    session.report.error(f"{keyword} config contains unknown keys: {key}.{hint}", at, "unknown_keyword")


def report_unsupported(session: Session, keyword: str, advice: str, at: At) -> None:
    """Reports a keyword that GitLab has and this compiler does not have yet.

    Advice that begins with `~` makes it a warning: the pipeline is the same without the keyword.
    """
    if advice.startswith("~"):
        session.report.warning(f"{keyword} {advice.removeprefix('~')}", at, "unsupported")
    else:
        session.report.error(f"{keyword} is not supported here yet. {advice}", at, "unsupported")
