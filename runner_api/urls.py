"""The exact paths that runners, git and triggers call.

No trailing slash, since a redirect would turn a POST into a GET.
"""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern, path, re_path

from runner_api.views import artifacts, git, jobs, runners, traces, triggers

API: Final = "api/v4"

urlpatterns: list[URLPattern] = [
    path(f"{API}/runners", runners.collection),
    # Some clients do write a slash here.
    path(f"{API}/runners/", runners.collection),
    path(f"{API}/runners/verify", runners.verify),
    path(f"{API}/runners/managers", runners.managers),
    path(f"{API}/runners/reset_authentication_token", runners.reset_own_token),
    path(f"{API}/runners/<int:runner_id>/reset_authentication_token", runners.reset_token),
    path(f"{API}/jobs/request", jobs.request_job),
    path(f"{API}/jobs/<int:job_id>", jobs.job),
    path(f"{API}/jobs/<int:job_id>/trace", traces.trace),
    path(f"{API}/jobs/<int:job_id>/artifacts", artifacts.artifacts),
    re_path(rf"^{API}/projects/(?P<project>.+?)(?:/ref/(?P<ref>.+))?/trigger/pipeline$", triggers.trigger),
    path("<path:full_path>.git/info/refs", git.info_refs),
    path("<path:full_path>.git/git-upload-pack", git.git_upload_pack),
    path("<path:full_path>.git/git-receive-pack", git.git_receive_pack),
]
