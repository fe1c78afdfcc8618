"""Owns one file on its way to a tree: read as YAML, its header taken off, its inputs put in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_core.compiler.diagnostics import At, PlainMark
from ci_core.compiler.inputs.interpolation import Interpolator, Known
from ci_core.compiler.inputs.spec import External, Header, read_header
from ci_core.compiler.inputs.values import Values
from ci_core.compiler.loader import decode, load_documents
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, describe


def read_body(
    session: Session,
    file: str,
    documents: list[Any],
    *,
    given: Mapping[str, Any],
    given_at: At | None,
    variables: Mapping[str, str],
    external: External,
    component: Mapping[str, str | None] | None = None,
) -> Map | None:
    """The map of keywords and jobs of a file, with its inputs; None when there is none (which is reported).

    given_at: where the inputs were given; None when they come from outside, as texts. external: brings the inputs of
    `spec:include`.
    """
    report = session.report
    at = At(None, "", PlainMark(file))
    header, body = _split(session, documents, at, external if component is None else None)
    if body is None:
        what = "configuration" if given_at is None else "included file"
        report.error(f"The {what} is empty. Write at least one job with a script.", given_at or at)
        return None
    if not isinstance(body, Map):
        text = f"The configuration must be a map of keywords and jobs, not {describe(body)}."
        report.error(text, at)
        return None
    if header is None:
        if given:
            text = "Inputs are given, but the file has no spec:inputs in a header."
            report.error(text, given_at or at, "inputs")
        if "spec" in body:
            text = "spec belongs into a header: put a line with --- after it."
            report.error(text, body.at_key("spec", at))
        return body
    if not header.complete:
        return None  # its body may use inputs that are not known
    errors = report.error_count
    if given_at is None:
        session.inputs = tuple(header.inputs.values())
    values = Values(session, header, given, given_at or at, given_at is not None).run()
    if report.error_count > errors:
        return None  # a body with holes would bring errors that are none
    known = Known(
        values,
        frozenset(header.inputs),
        {} if component is None else {key: component.get(key) for key in header.component},
        variables,
    )
    return Interpolator(session, known).run(body, at)


def _split(
    session: Session, documents: list[Any], at: At, external: External | None
) -> tuple[Header | None, Any]:
    """The header, if there is one, and the body."""
    if len(documents) < 2:
        return None, documents[-1] if documents else None
    first = documents[0]
    if len(documents) == 2 and isinstance(first, Map) and "spec" in first:
        return read_header(session, first, at, external), documents[1]
    session.report.error("The file has several YAML documents. Only a spec header may stand first.", at)
    return None, documents[-1]


def load_text(session: Session, source: str | bytes, file: str) -> list[Any] | None:
    """All documents of a file; None when it cannot be read, which is reported."""
    text = decode(source, file, session.report, session.limits)
    if text is None:
        return None
    session.sources[file] = text
    before = session.report.error_count
    documents = load_documents(text, file, session.report, session.limits)
    return None if session.report.error_count > before else documents
