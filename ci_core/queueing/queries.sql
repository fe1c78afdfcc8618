-- next_job: The next job for a runner, its queue row locked. Projects with fewer running jobs come first, then older jobs.
-- Not the ORM: SKIP LOCKED on one table of a join, and array containment with the runner's tags on the right.
SELECT queued.job_id, queued.pipeline_id
FROM ci_core_pendingjob AS queued
LEFT JOIN (
    SELECT project_id, count(*) AS jobs FROM ci_core_runningjob GROUP BY project_id
) AS running ON running.project_id = queued.project_id
WHERE queued.tags <@ %(tags)s::varchar[]
  AND (%(run_untagged)s OR cardinality(queued.tags) > 0)
  AND (NOT %(protected_only)s OR queued.protected)
  AND (%(project_ids)s::bigint[] IS NULL OR queued.project_id = ANY(%(project_ids)s::bigint[]))
  AND (%(group_id)s::bigint IS NULL OR EXISTS (
      SELECT FROM ci_core_project AS project JOIN ci_core_group AS own ON own.id = project.group_id
      WHERE project.id = queued.project_id AND own.traversal_ids @> ARRAY[%(group_id)s::bigint]
  ))
ORDER BY coalesce(running.jobs, 0), queued.job_id
LIMIT 1
FOR UPDATE OF queued SKIP LOCKED
