"""Owns `include`: fetching other files, and merging what they bring under what the including file says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ci_core.compiler.diagnostics import At, PlainMark
from ci_core.compiler.documents import load_text, read_body
from ci_core.compiler.explanation import Decision, IncludedFile, IncludeExplanation
from ci_core.compiler.fetching import HOME, NOWHERE, Place, Refusal
from ci_core.compiler.globs import include_matcher
from ci_core.compiler.inputs.spec import InputSpec, read_declarations
from ci_core.compiler.keywords.includes import IncludeSpec, parse_header_includes, parse_includes
from ci_core.compiler.merge import deep_merge
from ci_core.compiler.rules import decide
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map
from ci_core.compiler.variables import expand

_COMPONENT = re.compile(r"([^/@\s]+)/([^@\s]+)/([A-Za-z0-9_.-]+)@([^@\s]+)")
_ALWAYS = Decision(True, "no_rules")


class _Full(Exception):
    """A bound is reached: the finding is reported, and no further file is looked at."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file to read: where it is, its name in messages, its content, and its component if it is one."""

    place: Place
    path: str
    label: str
    content: bytes | Refusal
    component: Mapping[str, str | None] | None = None


class Includer:
    """Carries out `include` in a file and in the files that it brings.

    What is included is merged in order, the later file over the earlier one, and the including file over all.
    Source: docs.gitlab.com/ci/yaml/includes/#merge-method-for-include
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._report = session.report
        self._limits = session.limits
        self._fetcher = session.context.fetcher
        self._count = 0
        self._entries = 0
        self._bytes = 0
        self._contents: dict[tuple[Any, ...], bytes | Refusal] = {}
        self._documents: dict[tuple[str, bytes], list[Any] | None] = {}
        self._memory: dict[tuple[int, int], tuple[Map, Map, Map]] = {}
        self.explained: list[IncludeExplanation] = []

    def run(self, body: Map, at: At, place: Place = HOME) -> Map:
        """The configuration of a file with everything that it includes."""
        try:
            return self._expand(body, at, place, ())
        except _Full:
            return body

    def declared(self, value: Any, at: At) -> dict[str, InputSpec] | None:
        """The inputs that the files of the main file's `spec:include` declare; None if some cannot be read."""
        try:
            return self._declared(value, at, HOME)
        except _Full:
            return None

    def _declared(self, value: Any, at: At, place: Place) -> dict[str, InputSpec] | None:
        """Those of all the files; no two of them may declare the same.

        Source: docs.gitlab.com/ci/inputs/#override-inputs-from-an-external-file
        """
        before = self._report.error_count
        found: dict[str, InputSpec] = {}
        for written in parse_header_includes(self._session, value, at):
            spec = self._filled(written, {} if place.public else self._session.early)
            taken: list[_File] = []
            self._entries += 1
            self._within(self._entries, spec.at)
            for file in self._files(spec, place):
                documents = self._load(spec, file)
                if documents is not None:
                    taken.append(file)
                    within = At(None, "", PlainMark(file.label))
                    declared = read_declarations(self._session, documents, within)
                    for name in (name for name in declared if name in found):
                        text = f"The input {name} is declared by two files of spec:include. Take one out."
                        self._report.error(text, declared[name].at, "inputs")
                    found |= declared
            self._explain(spec, _ALWAYS, taken)
        return None if self._report.error_count > before else found

    def _expand(self, body: Map, at: At, place: Place, stack: tuple[str, ...]) -> Map:
        if "include" not in body:
            return body
        own = body.clone()
        value = own.pop("include")
        del own.marks["include"]
        if value is None:
            return own
        merged: Map | None = None
        for spec in parse_includes(self._session, value, body.at("include", at)):
            for part in self._entry(spec, place, stack):
                merged = part if merged is None else self._merge(merged, part, spec.at)
        return own if merged is None else self._merge(merged, own, at)

    def _merge(self, base: Map, over: Map, at: At) -> Map:
        self._session.spend(len(base) + len(over), at)
        return deep_merge(base, over, self._memory)

    def _entry(self, spec: IncludeSpec, place: Place, stack: tuple[str, ...]) -> Iterator[Map]:
        """What one entry brings, if its rules take it in."""
        # Nothing is told to files that come from outside.
        # Source: docs.gitlab.com/ci/yaml/#includeremote
        variables: Mapping[str, str] = {} if place.public else self._session.early
        decision = _ALWAYS
        if spec.rules is not None:
            _, decision = decide(self._session, spec.rules, "always", variables, place)
        spec = self._filled(spec, variables)
        taken: list[_File] = []
        if decision.included:
            self._entries += 1
            self._within(self._entries, spec.at)
            for file in self._files(spec, place):
                body = self._read(spec, file, stack)
                if body is not None:
                    taken.append(file)
                    yield body
        self._explain(spec, decision, taken)

    def _explain(self, spec: IncludeSpec, decision: Decision, taken: list[_File]) -> None:
        """Notes what came of an entry."""
        mark, redact = spec.at.mark, self._session.context.redact
        target = redact(spec.target)
        self.explained.append(
            IncludeExplanation(
                f"{spec.kind}: {target}",
                mark.name,
                mark.line + 1,
                decision,
                tuple(file.label for file in taken),
                spec.kind,
                tuple(IncludedFile(redact(file.path), file.place.project, file.place.sha) for file in taken),
            )
        )

    def _filled(self, spec: IncludeSpec, variables: Mapping[str, str]) -> IncludeSpec:
        """The entry with its variables.

        Source: docs.gitlab.com/ci/yaml/includes/#use-variables-with-include
        """

        def fill(text: str) -> str:
            return (
                expand(text, variables, raw=self._session.context.raw, max_length=1024)
                if "$" in text
                else text
            )

        return replace(
            spec,
            target=fill(spec.target),
            files=tuple(fill(file) for file in spec.files),
            ref=None if spec.ref is None else fill(spec.ref),
        )

    def _files(self, spec: IncludeSpec, place: Place) -> Iterator[_File]:
        if spec.kind == "local":
            yield from self._local(spec, place)
        elif spec.kind == "project":
            yield from self._project(spec, place)
        elif spec.kind == "component":
            yield from self._component(spec, place)
        elif self._has_extension(spec, spec.target):
            url = spec.target
            fetcher, remote = self._fetcher, spec.kind == "remote"
            label = url if remote else f"template:{url}"
            content = self._content(
                (spec.kind, url), lambda: fetcher.remote(url, spec.cache) if remote else fetcher.template(url)
            )
            yield _File(NOWHERE, url, self._session.context.redact(label), self._intact(spec, content))

    def _intact(self, spec: IncludeSpec, content: bytes | Refusal) -> bytes | Refusal:
        """Source: docs.gitlab.com/ci/yaml/#includeintegrity"""
        if spec.integrity is None or isinstance(content, Refusal):
            return content
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if spec.integrity == f"sha256-{digest}":
            return content
        return Refusal("failed", f"its content has the SHA-256 sum sha256-{digest}, not the one of integrity")

    def _local(self, spec: IncludeSpec, place: Place) -> Iterator[_File]:
        """Source: docs.gitlab.com/ci/yaml/#includelocal"""
        path = spec.target.lstrip("/")
        if place is NOWHERE:
            text = "include:local does not work in a remote file or a template, which is in no repository."
            self._report.error(text, spec.at, "include")
        elif not self._has_extension(spec, path):
            return
        elif "*" not in path:
            yield self._at(place, path)
        else:
            files = self._fetcher.files(place)
            if isinstance(files, Refusal):
                self._refused(spec, path, files)
                return
            matcher = include_matcher(path)
            self._session.spend(len(files) // 8, spec.at)
            found = [] if matcher is None else [name for name in files if matcher.search(name)]
            if not found:
                text = f"include: no file of the repository matches '{path}'."
                self._report.error(text, spec.at, "include")
            yield from (self._at(place, name) for name in found)

    def _project(self, spec: IncludeSpec, place: Place) -> Iterator[_File]:
        """Source: docs.gitlab.com/ci/yaml/#includeproject"""
        found = self._fetcher.locate(spec.target, spec.ref, place.public)
        if isinstance(found, Refusal):
            self._refused(spec, f"project {spec.target}", found)
            return
        for file in spec.files:
            if self._has_extension(spec, file):
                yield self._at(found, file.lstrip("/"))

    def _component(self, spec: IncludeSpec, place: Place) -> Iterator[_File]:
        """`host/project/name@version` is the file `templates/name.yml` or `templates/name/template.yml`.

        Source: docs.gitlab.com/ci/components/#directory-structure
        """
        match = _COMPONENT.fullmatch(spec.target)
        if match is None:
            text = f"include:component '{spec.target}' must be written host/project/name@version."
            self._report.error(text, spec.at, "include")
            return
        host, project, name, version = match.groups()
        found = self._fetcher.locate_component(host, project, version, place.public)
        if isinstance(found, Refusal):
            self._refused(spec, spec.target, found)
            return
        file = self._at(found, f"templates/{name}.yml")
        if isinstance(file.content, Refusal) and file.content.reason == "not_found":
            file = self._at(found, f"templates/{name}/template.yml")
        tagged = found.ref is not None and re.fullmatch(r"v?\d+\.\d+\.\d+\S*", found.ref)
        facts = {
            "name": name,
            "sha": found.sha,
            "version": found.ref.removeprefix("v") if tagged and found.ref else None,
            "reference": version,
        }
        yield replace(file, component=facts)

    def _at(self, place: Place, path: str) -> _File:
        content = self._content((place, path), lambda: self._fetcher.read(place, path))
        return _File(place, path, self._session.context.redact(place.label(path)), content)

    def _content(self, key: tuple[Any, ...], ask: Any) -> bytes | Refusal:
        if key not in self._contents:
            self._contents[key] = ask()
        return self._contents[key]

    def _has_extension(self, spec: IncludeSpec, path: str) -> bool:
        if path.split("?")[0].endswith((".yml", ".yaml")):
            return True
        text = f"include:{spec.kind} '{path}' must end in .yml or .yaml."
        self._report.error(text, spec.at, "include")
        return False

    def _refused(self, spec: IncludeSpec, what: str, refusal: Refusal) -> None:
        text = f"include:{spec.kind} '{what}' cannot be had: {refusal.detail}."
        self._report.error(text, spec.at, "include")

    def _load(self, spec: IncludeSpec, file: _File) -> list[Any] | None:
        """The YAML documents of one file, within the bounds of all of them; None if they cannot be had."""
        self._count += 1
        self._within(self._count, spec.at)
        if isinstance(file.content, Refusal):
            self._refused(spec, file.label, file.content)
            return None
        self._bytes += len(file.content)
        if self._bytes > self._limits.included_bytes:
            limit = self._limits.included_bytes
            self._report.error(
                f"The included files have more than {limit} bytes (included_bytes).", spec.at, "limit"
            )
            raise _Full
        key = (file.label, file.content)
        if key not in self._documents:
            self._documents[key] = load_text(self._session, file.content, file.label)
        return self._documents[key]

    def _read(self, spec: IncludeSpec, file: _File, stack: tuple[str, ...]) -> Map | None:
        """The configuration of one included file, with what it includes in turn."""
        step = f"{file.label} {json.dumps(spec.inputs, sort_keys=True, default=str)}"
        if step in stack:
            circle = " -> ".join(item.split(" ")[0] for item in (*stack[stack.index(step) :], step))
            self._report.error(
                f"include goes in a circle: {circle}. Take one of them out.", spec.at, "include"
            )
            raise _Full
        documents = self._load(spec, file)
        if documents is None:
            return None
        variables: Mapping[str, str] = {} if file.place.public else self._session.early
        body = read_body(
            self._session,
            file.label,
            documents,
            given=spec.inputs,
            given_at=spec.at,
            variables=variables,
            external=lambda value, at: self._declared(value, at, file.place),
            component=file.component,
        )
        if body is None:
            return None
        return self._expand(body, At(None, "", PlainMark(file.label)), file.place, (*stack, step))

    def _within(self, count: int, at: At) -> None:
        """Source: docs.gitlab.com/ci/yaml/includes/#maximum-of-150-nested-includes-are-allowed-error"""
        limit = self._limits.includes
        if count > limit:
            text = f"Maximum of {limit} nested includes are allowed! (includes) Include fewer files."
            self._report.error(text, at, "limit")
            raise _Full
