"""CI/CD variables: which a pipeline's rules see, and which a job gets, in order of precedence."""

from ci_core.variables.for_job import JobVariable, job_variables, repository_url
from ci_core.variables.predefined import for_rules

__all__ = ["JobVariable", "for_rules", "job_variables", "repository_url"]
