"""Reads a working tree for the compiler: files for includes, changed files, and the variables of its ref.

Knows no Django and no database, so that a configuration can be compiled without a server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ci_core.compiler import Place, Refusal
from ci_core.names import slug

_HEAD = re.compile(r"ref: refs/heads/(\S+)")
_MISSING = Refusal("not_found", "the file does not exist")


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """A folder as a Fetcher, with folders of other projects and of templates.

    prefixes: where remote files may come from.
    """

    root: Path
    projects: Mapping[str, Path]
    prefixes: Sequence[str] = ()
    templates: str | None = None

    def _folder(self, place: Place) -> Path:
        return self.root if place.project is None else self.projects[place.project]

    def read(self, place: Place, path: str) -> bytes | Refusal:
        """A file below the folder."""
        return _read(self._folder(place), path)

    def files(self, place: Place) -> Sequence[str] | Refusal:
        """All files below the folder that git does not ignore, sorted."""
        folder = self._folder(place)
        ignored = _ignored(folder)
        found: list[str] = []
        for current, folders, names in os.walk(folder):
            inside = Path(current).relative_to(folder).as_posix()
            prefix = "" if inside == "." else f"{inside}/"
            folders[:] = [name for name in folders if name != ".git" and not ignored(f"{prefix}{name}/")]
            found += [prefix + name for name in names if not ignored(prefix + name)]
        return sorted(found)

    def locate(self, project: str, ref: str | None, public: bool) -> Place | Refusal:
        """A folder given for another project, whatever the ref."""
        if project.strip("/") in self.projects:
            return Place(project.strip("/"), None, ref, public)
        return Refusal("not_found", f"no folder is given for it: use --project {project}=FOLDER")

    def locate_component(self, host: str, project: str, version: str, public: bool) -> Place | Refusal:
        """A folder given for the component's project, whatever the version."""
        return self.locate(project, version, public)

    def remote(self, url: str, keep: int = 0) -> bytes | Refusal:
        """A file of another server, from under --allow-url; always the one that is there now."""
        if not self.prefixes:
            return Refusal("not_allowed", "remote files are read with --allow-url PREFIX only")
        from ci_core.repositories.remote import fetch

        return fetch(url, self.prefixes)

    def template(self, name: str) -> bytes | Refusal:
        """A file of the folder of templates."""
        if self.templates is None:
            return Refusal("not_allowed", "no folder of templates is given: use --templates FOLDER")
        return _read(Path(self.templates), name)


def _read(folder: Path, path: str) -> bytes | Refusal:
    try:
        file = (folder.resolve() / path).resolve()
        if not file.is_relative_to(folder.resolve()):
            return Refusal("not_allowed", "it lies outside the folder")
        return file.read_bytes()
    except (OSError, ValueError):
        return _MISSING


def _ignored(folder: Path) -> Callable[[str], bool]:
    """What git ignores in a folder; nothing where there is no repository."""
    if not (folder / ".git").exists():
        return lambda path: False
    import pygit2

    return pygit2.Repository(str(folder)).path_is_ignored


@dataclass(frozen=True, slots=True)
class TreeChanges:
    """Files that are said to have changed; against a ref, those that differ from it in the working tree.

    pushed: None when nothing was pushed.
    """

    root: Path
    pushed: Sequence[str] | None

    def changed(self, compare_to: str | None) -> Sequence[str] | Refusal | None:
        """The changed files; those that were given count for every comparison."""
        if compare_to is None or self.pushed is not None:
            return self.pushed
        if not (self.root / ".git").exists():
            return Refusal("not_found", "the folder is no git repository; name files with --changed")
        import pygit2

        repository = pygit2.Repository(str(self.root))
        try:
            other = repository.revparse_single(compare_to).peel(pygit2.Commit)
            base = repository.merge_base(other.id, repository.head.target) or other.id
        except (KeyError, ValueError, pygit2.GitError):
            return Refusal("not_found", "it is no branch, tag or commit of the repository")
        flags = pygit2.enums.DiffOption.INCLUDE_UNTRACKED | pygit2.enums.DiffOption.RECURSE_UNTRACKED_DIRS
        delta = repository.diff(str(base), flags=flags)
        return sorted({file.path for item in delta.deltas for file in (item.old_file, item.new_file)})


def current_branch(root: Path) -> str | None:
    """The branch that is checked out, read without git."""
    try:
        head = (root / ".git" / "HEAD").read_text(encoding="utf-8")
    except OSError:
        return None
    match = _HEAD.match(head)
    return match[1] if match else None


def variables_of(
    root: Path, file: str, *, ref: str, tag: bool, source: str, default_branch: str, target: str
) -> dict[str, str]:
    """The predefined variables that can be known without a server. target: where a merge request would go.

    Source: https://docs.gitlab.com/ci/variables/predefined_variables/
    """
    name = root.resolve().name or "project"
    project = f"local/{name}"
    return {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_SERVER_NAME": "Pipeyard",
        "CI_SERVER_HOST": "localhost",
        "CI_SERVER_FQDN": "localhost",
        "CI_SERVER_URL": "http://localhost",
        "CI_API_V4_URL": "http://localhost/api/v4",
        "CI_PROJECT_NAME": name,
        "CI_PROJECT_TITLE": name,
        "CI_PROJECT_NAMESPACE": "local",
        "CI_PROJECT_NAMESPACE_SLUG": "local",
        "CI_PROJECT_ROOT_NAMESPACE": "local",
        "CI_PROJECT_ROOT_NAMESPACE_SLUG": "local",
        "CI_PROJECT_PATH": project,
        "CI_PROJECT_PATH_SLUG": slug(project),
        "CI_CONFIG_PATH": file,
        "CI_DEFAULT_BRANCH": default_branch,
        "CI_DEFAULT_BRANCH_SLUG": slug(default_branch),
        "CI_PIPELINE_SOURCE": source,
        "CI_COMMIT_REF_NAME": ref,
        "CI_COMMIT_REF_SLUG": slug(ref),
        "CI_COMMIT_REF_PROTECTED": "true" if ref == default_branch and not tag else "false",
        **_of_ref(ref, tag, source, target, project),
        **({"CI_PIPELINE_TRIGGERED": "true"} if source == "trigger" else {}),
    }


def _of_ref(ref: str, tag: bool, source: str, target: str, project: str) -> dict[str, str]:
    if tag:
        return {"CI_COMMIT_TAG": ref}
    if source != "merge_request_event":
        return {"CI_COMMIT_BRANCH": ref}
    return {
        "CI_MERGE_REQUEST_ID": "1",
        "CI_MERGE_REQUEST_IID": "1",
        "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
        "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/1/head",
        "CI_MERGE_REQUEST_PROJECT_PATH": project,
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": project,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": ref,
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": target,
        "CI_OPEN_MERGE_REQUESTS": f"{project}!1",
    }
