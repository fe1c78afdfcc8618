"""Tells which files a pipeline's commit changed, for `rules:changes`."""

from __future__ import annotations

from collections.abc import Sequence

from ci_core.compiler import Refusal
from ci_core.repositories.reading import Repository


class CommitChanges:
    """Changes of a commit, against the commit before the push or against a ref.

    before_sha: what the branch pointed to before the push; None when there was no push or the branch is new, so that
    nothing can tell (https://docs.gitlab.com/ci/yaml/#ruleschanges).
    """

    def __init__(self, repository: Repository, sha: str, before_sha: str | None) -> None:
        self._repository = repository
        self._sha = sha
        self._before = before_sha

    def changed(self, compare_to: str | None) -> Sequence[str] | Refusal | None:
        """With a ref: what changed since the histories parted (https://docs.gitlab.com/ci/yaml/#ruleschangescompare_to)."""
        if compare_to is None:
            return None if self._before is None else self._repository.changed(self._before, self._sha)
        other = self._repository.find(compare_to)
        if other is None:
            return Refusal("not_found", "it is no branch, tag or commit of the repository")
        base = self._repository.merge_base(other.sha, self._sha)
        return self._repository.changed(base or other.sha, self._sha)
