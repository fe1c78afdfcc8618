"""Owns the documents of the peers, which have lists where the API has connections."""

DOCUMENTS = {
    "graph": """query($pipeline: ID!) { pipeline(id: $pipeline) { id iid status createdAt
      stages { id name status
        jobs { id name status allowFailure createdAt queuedAt startedAt finishedAt needs { id name } } } } }""",
    "pipelines": """query($project: ID!) { pipelines(project: $project) {
      id iid status ref sha createdAt stages { id name status } } }""",
    "jobs": """query($project: ID!) { jobs(project: $project) { id name status createdAt
      runner { id description } artifacts { id filename size } pipeline { id iid status } } }""",
    "environments": """query($project: ID!) { environments(project: $project) { id name state tier createdAt
      lastDeployments { id iid status createdAt } } }""",
}
