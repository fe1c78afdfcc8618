"""Owns the predefined variables of merge request pipelines.

Source: https://docs.gitlab.com/ci/variables/predefined_variables/#predefined-variables-for-merge-request-pipelines
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.conf import settings

from ci_core.models import Project

#: `CI_PIPELINE_SOURCE` of pipelines for merge requests, merge trains included.
MERGE_REQUEST_EVENT: Final = "merge_request_event"
#: Characters of a description that its variable holds.
MOST_OF_DESCRIPTION: Final = 2700
#: How the title of a draft begins. Source: https://docs.gitlab.com/user/project/merge_requests/drafts/
_DRAFT: Final = re.compile(r"\[draft\]|\(draft\)|draft:", re.IGNORECASE)


class MergeRequestEvent(StrEnum):
    """What a merge request pipeline runs for: the source branch, its merge into the target, or a car of a train."""

    DETACHED = "detached"
    MERGED_RESULT = "merged_result"
    MERGE_TRAIN = "merge_train"


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """What a pipeline is told of the merge request that it runs for; both branches are in one project.

    source_sha and target_sha: newest commits of the branches. base_sha: where they parted.
    """

    source_branch: str
    target_branch: str
    source_sha: str
    target_sha: str
    base_sha: str
    id: int = 1
    iid: int = 1
    event: MergeRequestEvent = MergeRequestEvent.DETACHED
    title: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    milestone: str = ""
    approved: bool = False
    squash: bool = False


def of_merge_request(project: Project, request: MergeRequest) -> dict[str, str]:
    """Variables that tell about a merge request. Those without a value are left out, as GitLab does."""
    url = f"{settings.PIPEYARD_EXTERNAL_URL}/{project.full_path}"
    merged = request.event != MergeRequestEvent.DETACHED
    found = {
        "CI_MERGE_REQUEST_ID": str(request.id),
        "CI_MERGE_REQUEST_IID": str(request.iid),
        "CI_MERGE_REQUEST_REF_PATH": ref_path(request),
        "CI_MERGE_REQUEST_EVENT_TYPE": request.event.value,
        "CI_MERGE_REQUEST_TITLE": request.title,
        "CI_MERGE_REQUEST_DRAFT": _word(_DRAFT.match(request.title) is not None),
        "CI_MERGE_REQUEST_DESCRIPTION": request.description[:MOST_OF_DESCRIPTION],
        "CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED": _word(len(request.description) > MOST_OF_DESCRIPTION),
        "CI_MERGE_REQUEST_LABELS": ",".join(request.labels),
        "CI_MERGE_REQUEST_ASSIGNEES": ",".join(request.assignees),
        "CI_MERGE_REQUEST_MILESTONE": request.milestone,
        "CI_MERGE_REQUEST_APPROVED": "true" if request.approved else "",
        "CI_MERGE_REQUEST_SQUASH_ON_MERGE": _word(request.squash),
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": request.base_sha,
        "CI_MERGE_REQUEST_PROJECT_ID": str(project.pk),
        "CI_MERGE_REQUEST_PROJECT_PATH": project.full_path,
        "CI_MERGE_REQUEST_PROJECT_URL": url,
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(project.pk),
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": project.full_path,
        "CI_MERGE_REQUEST_SOURCE_PROJECT_URL": url,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": request.source_branch,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_PROTECTED": _word(request.source_branch == project.default_branch),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": request.target_branch,
        "CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED": _word(request.target_branch == project.default_branch),
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": request.source_sha if merged else "",
        "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": request.target_sha if merged else "",
        "CI_OPEN_MERGE_REQUESTS": f"{project.full_path}!{request.iid}",
    }
    return {key: value for key, value in found.items() if value}


def ref_path(request: MergeRequest) -> str:
    """The ref that the pipeline runs for."""
    kind = {MergeRequestEvent.DETACHED: "head", MergeRequestEvent.MERGED_RESULT: "merge"}
    return f"refs/merge-requests/{request.iid}/{kind.get(request.event, 'train')}"


def _word(value: bool) -> str:
    return "true" if value else "false"
