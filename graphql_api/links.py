"""Owns paths and URLs of pages, laid out as GitLab's are."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings

from ci_core.models import Group, Project


def absolute(path: str) -> str:
    """The full URL of a path."""
    return f"{settings.PIPEYARD_EXTERNAL_URL}{path}"


def project(row: Project) -> str:
    """A project's page."""
    return f"/{row.full_path}"


def pipeline(row: Project, pipeline_id: int) -> str:
    """A pipeline's page."""
    return f"/{row.full_path}/-/pipelines/{pipeline_id}"


def job(row: Project, job_id: int, verb: str = "") -> str:
    """A job's page, or one of the verbs below it: play, retry, cancel, unschedule."""
    path = f"/{row.full_path}/-/jobs/{job_id}"
    return f"{path}/{verb}" if verb else path


def artifacts(row: Project, job_id: int, verb: str, file_type: str = "") -> str:
    """A job's artifacts. verb: browse or download."""
    query = f"?file_type={quote(file_type)}" if file_type else ""
    return f"/{row.full_path}/-/jobs/{job_id}/artifacts/{verb}{query}"


def commit(row: Project, sha: str) -> str:
    """A commit's page."""
    return f"/{row.full_path}/-/commit/{sha}"


def ref(row: Project, name: str) -> str:
    """The commits of a branch or tag."""
    return f"/{row.full_path}/-/commits/{quote(name)}"


def tag(row: Project, name: str) -> str:
    """A tag's page."""
    return f"/{row.full_path}/-/tags/{quote(name)}"


def environment(row: Project, environment_id: int) -> str:
    """An environment's page."""
    return f"/{row.full_path}/-/environments/{environment_id}"


def schedule(row: Project, schedule_id: int) -> str:
    """The page on which a schedule is changed."""
    return f"/{row.full_path}/-/pipeline_schedules/{schedule_id}/edit"


def group(row: Group) -> str:
    """A group's page."""
    return f"/groups/{row.full_path}"


def group_settings(row: Group) -> str:
    """The page where a group's variables and runners are set."""
    return f"/groups/{row.full_path}/-/settings/ci_cd"


def runner(owner: Project | Group, runner_id: int, verb: str = "") -> str:
    """A runner's page in a project or group, or the one that changes it (verb: edit)."""
    page = group(owner) if isinstance(owner, Group) else project(owner)
    return f"{page}/-/runners/{runner_id}" + (f"/{verb}" if verb else "")


def runner_admin(runner_id: int, verb: str = "") -> str:
    """A runner's page in the admin area."""
    return f"/admin/runners/{runner_id}" + (f"/{verb}" if verb else "")


def user(username: str) -> str:
    """A user's page."""
    return f"/{username}"
