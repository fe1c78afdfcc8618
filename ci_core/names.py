"""Owns names that are made of other names, for URLs and groups of jobs, and patterns that stand for some names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import re2

_NOT_ALLOWED: Final = re.compile(r"[^a-z0-9]")
#: What `parallel` adds to names: ` 1/3`, `: [a, b]`. Source: GitLab, Gitlab::Utils::Job.
_COPY: Final = re2.compile(r"([\s:]+((\[.*\])|(\d+[\s:/\\]+\d+))){1,3}\s*$")


def slug(text: str) -> str:
    """A text in lower case, at most 63 characters, with - in place of each but a-z and 0-9, and no - at its ends.

    Source: https://docs.gitlab.com/ci/variables/predefined_variables/ (CI_COMMIT_REF_SLUG and others)
    """
    return _NOT_ALLOWED.sub("-", text.lower())[:63].strip("-")


def group_name(job_name: str) -> str:
    """The name that a job has in common with those like it, such as the copies that `parallel` makes.

    Source: https://docs.gitlab.com/ci/jobs/#group-similar-jobs-together-in-pipeline-views
    """
    short: str = _COPY.sub("", job_name).strip()
    return short or job_name


def in_scope(environment: str, scope: str) -> bool:
    """Whether a variable with this scope is one for an environment: `*` stands for whatever is in its place.

    Source: https://docs.gitlab.com/ci/environments/#limit-the-environment-scope-of-a-cicd-variable
    """
    return scope == "*" or _scope_pattern(scope).fullmatch(environment) is not None


@lru_cache(maxsize=1024)
def _scope_pattern(scope: str) -> Any:
    return re2.compile("(?s)" + ".*".join(re2.escape(part) for part in scope.split("*")))
