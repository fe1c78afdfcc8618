"""Ids that carry their partition: `job.id = pipeline.id << 16 | n`, and what hangs on a job `job.id << 10 | n`.

They stay below 2^53 for pipelines, stages and jobs (safe in JavaScript); needs and artifacts use the rest of a bigint.
"""

from typing import Final

IN_PIPELINE_BITS: Final = 16
ON_JOB_BITS: Final = 10
#: Rows of one kind (jobs with their retries, stages, variables) in one pipeline.
MAX_IN_PIPELINE: Final = (1 << IN_PIPELINE_BITS) - 1
#: Rows of one kind (needs, artifacts) on one job.
MAX_ON_JOB: Final = (1 << ON_JOB_BITS) - 1


def in_pipeline(pipeline_id: int, number: int) -> int:
    """Id of the `number`-th (from 1) job, stage or variable of a pipeline."""
    if not 0 < number <= MAX_IN_PIPELINE:
        raise ValueError(f"{number} is not a number in a pipeline")
    return pipeline_id << IN_PIPELINE_BITS | number


def pipeline_of(id_: int) -> int:
    """The pipeline id that a job's, stage's or variable's id carries."""
    return id_ >> IN_PIPELINE_BITS


def jobs_of(pipeline_id: int) -> tuple[int, int]:
    """The first and the last id that a job of this pipeline can have."""
    return pipeline_id << IN_PIPELINE_BITS, (pipeline_id << IN_PIPELINE_BITS) + MAX_IN_PIPELINE


def on_job(job_id: int, number: int) -> int:
    """Id of the `number`-th (from 1) need or artifact of a job."""
    if not 0 < number <= MAX_ON_JOB:
        raise ValueError(f"{number} is not a number on a job")
    return job_id << ON_JOB_BITS | number


def job_of(id_: int) -> int:
    """The job id that a need's or artifact's id carries."""
    return id_ >> ON_JOB_BITS
