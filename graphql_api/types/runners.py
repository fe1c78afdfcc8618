"""Owns runners and the machines that serve them."""

from __future__ import annotations

import strawberry

from graphql_api.fields import batched, leaf
from graphql_api.loaders import runners
from graphql_api.node_ids import CiRunnerID, CiRunnerManagerID, GlobalIds
from graphql_api.scalars import Time
from graphql_api.types import group_relations
from graphql_api.types import references as refs
from graphql_api.types import runner_relations as relations
from graphql_api.types.enums_things import (
    CiRunnerAccessLevel,
    CiRunnerCreationMethod,
    CiRunnerCreationState,
    CiRunnerJobExecutionStatus,
    CiRunnerStatus,
    CiRunnerType,
)


@strawberry.type(name="RunnerPermissions", description="What the caller may do with a runner.")
class RunnerPermissions:
    """Its parent is a RunnerRights."""

    read_runner = leaf(bool, "See it: always true for a runner that is shown.", lambda row: True)
    update_runner = leaf(bool, "Change it.", "update")
    delete_runner = leaf(bool, "Remove it.", "delete")
    assign_runner = leaf(bool, "Assign it to further projects.", "assign")


@strawberry.type(
    name="CiRunnerQueue", description="Extension of Pipeyard: the jobs that wait and that a runner may take."
)
class RunnerQueue:
    """Its parent is a ci_core.waiting.Queue."""

    waiting_jobs = leaf(int, "How many jobs wait; other runners may take them, too.", "jobs")
    oldest_wait = leaf(
        int | None, "Seconds that the job queued first has waited; null for an empty queue.", "waited"
    )


@strawberry.type(name="CiRunner", description="A runner: what executes jobs, on one or more machines.")
class Runner:
    """Its parent is a row of Runner."""

    id = leaf(CiRunnerID, "ID of the runner.", GlobalIds("Ci::Runner"))
    description = leaf(str | None, "What its owner calls it.")
    short_sha = leaf(str | None, "First characters of its token, to recognise it by.", "token_prefix")
    runner_type = leaf(CiRunnerType, "Whose jobs it takes.")
    access_level = leaf(CiRunnerAccessLevel, "Which refs' jobs it takes.")
    status = leaf(
        CiRunnerStatus,
        "Whether it can be reached.",
        lambda row: runners.status(row.contacted_at, row.created_at),
    )
    paused = leaf(bool, "Whether it takes no new jobs.")
    active = leaf(bool, "Whether it takes new jobs.", lambda row: not row.paused, deprecated="Use paused.")
    locked = leaf(bool | None, "Whether it cannot be assigned to further projects.")
    run_untagged = leaf(bool, "Whether it takes jobs without tags.")
    tag_list = leaf(list[str] | None, "Its tags: it takes jobs whose tags are all among them.", "tags")
    maximum_timeout = leaf(int | None, "Seconds that a job may run on it.")
    maintenance_note = batched(
        str | None, relations.notes, "What is noted about it; only told to those who may change it."
    )
    maintenance_note_html = batched(
        str | None,
        relations.notes_html,
        "The same as HTML: escaped, in paragraphs, without Markdown; only told to those who may change it.",
    )
    created_at = leaf(Time | None, "When it was made.")
    created_by = batched(refs.USER | None, relations.creators, "Who made it.")
    contacted_at = leaf(Time | None, "When it last called.")
    token_expires_at = leaf(Time | None, "Always null: tokens of runners do not expire.", lambda row: None)
    creation_method = leaf(
        CiRunnerCreationMethod | None,
        "How it came to be.",
        lambda row: "authenticated_user" if row.creator_id else "registration_token",
    )
    creation_state = leaf(
        CiRunnerCreationState | None,
        "How far its making has come.",
        lambda row: "finished" if row.contacted_at else "started",
    )
    job_execution_status = batched(
        CiRunnerJobExecutionStatus | None, relations.execution_status, "Whether it runs a job."
    )
    queue = batched(
        RunnerQueue | None,
        relations.queues,
        "Extension of Pipeyard: the jobs that wait and that it may take, by the rules that hand them out, whether or "
        "not it is paused or offline; null for those who may not change it.",
    )
    managers = batched(
        refs.RUNNER_MANAGERS, relations.managers, "The machines that serve it. All of them by default."
    )
    owner_project = batched(
        refs.PROJECT | None,
        relations.owners,
        "The first project it was assigned to; null if the caller may not see it.",
    )
    project_count = batched(int | None, relations.project_counts, "How many projects it is assigned to.")
    admin_url = batched(
        str | None, relations.admin_paths(""), "URL of its page; only told to administrators."
    )
    edit_admin_url = batched(
        str | None,
        relations.admin_paths("edit"),
        "URL of the page that changes it; only told to administrators.",
    )
    register_admin_url = leaf(
        str | None, "Always null: there is no page for registering it.", lambda row: None
    )
    ephemeral_register_url = leaf(
        str | None, "Always null: there is no page for registering it.", lambda row: None
    )
    ephemeral_authentication_token = leaf(
        str | None,
        "Its token, in the answer to runnerCreate only: it is stored as a digest and never shown again.",
        lambda row: getattr(row, "shown_token", None),
    )
    jobs = batched(
        refs.JOBS,
        relations.jobs,
        "The jobs it took, newest first, of projects that the caller may see; null for those who may not change it.",
    )
    job_count = batched(
        int | None,
        relations.job_counts,
        f"How many jobs it took; stops at {relations.JOB_COUNT_LIMIT + 1}. Null for those who may not see it.",
    )
    groups = batched(
        refs.PROJECT_GROUPS,
        group_relations.of_runners,
        "The group that it belongs to, if the caller may see it; null for runners of other types.",
    )
    projects = batched(
        refs.PROJECTS,
        relations.projects,
        "The projects it is assigned to, as far as the caller may see them; null for runners of other types.",
    )
    user_permissions = batched(
        RunnerPermissions, relations.runner_permissions, "What the caller may do with it."
    )


@strawberry.type(name="CiRunnerManager", description="A machine that runs a runner's jobs.")
class RunnerManager:
    """Its parent is a row of RunnerManager."""

    id = leaf(CiRunnerManagerID, "ID of the machine's entry.", GlobalIds("Ci::RunnerManager"))
    system_id = leaf(str, "What the machine calls itself.")
    status = leaf(CiRunnerStatus, "Whether it can be reached.", relations.manager_status)
    version = leaf(str | None, "Version of its program.", lambda row: row.version or None)
    revision = leaf(str | None, "Revision of its program.", lambda row: row.revision or None)
    platform_name = leaf(str | None, "Operating system.", lambda row: row.platform or None)
    architecture_name = leaf(str | None, "Processor architecture.", lambda row: row.architecture or None)
    executor_name = leaf(str | None, "How it runs jobs, such as `docker`.", lambda row: row.executor or None)
    ip_address = batched(str | None, relations.addresses, "Its address; only told to administrators.")
    created_at = leaf(Time | None, "When it first called.")
    contacted_at = leaf(Time | None, "When it last called.")
    job_execution_status = batched(
        CiRunnerJobExecutionStatus | None, relations.manager_execution, "Whether it runs a job."
    )
    runner = batched(refs.RUNNER | None, relations.runners_of, "The runner that it serves.")
